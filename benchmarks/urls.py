"""The product's addresses and the floor's."""

from __future__ import annotations

from django.urls import path

from benchmarks.floor import minimal
from topmate.urls import handler400, handler403, handler404, handler500
from topmate.urls import urlpatterns as of_the_product

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]

urlpatterns = [path("benchmarks/minimal/", minimal, name="minimal"), *of_the_product]
