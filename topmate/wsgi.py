"""The web server's way in."""

from __future__ import annotations

import gc
import os

from django.core.wsgi import get_wsgi_application
from django.urls import reverse

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "topmate.settings")

application = get_wsgi_application()

# What is loaded by now stays for the life of the process, and the collector need not walk it
# again and again: that was a quarter of a millisecond of a list, and a pause of 50 now and then.
reverse("home")
gc.collect()
gc.freeze()
