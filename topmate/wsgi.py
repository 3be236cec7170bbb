"""The web server's way in."""

from __future__ import annotations

import gc
import os
from typing import Any

import django
from django.core.handlers.wsgi import WSGIHandler
from django.urls import reverse

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "topmate.settings")
django.setup(set_prefix=False)

from topmate import watch  # noqa: E402  they need the settings
from topmate.middleware import Request  # noqa: E402


class Application(WSGIHandler):
    """Django's own, with requests that can be made whatever their headers are. The first one makes
    this process look at the site by itself, where gunicorn.conf.py has not done so before."""

    request_class = Request

    def __call__(self, environ: Any, start_response: Any) -> Any:
        watch.begin()
        return super().__call__(environ, start_response)


application = Application()

# What is loaded by now stays for the life of the process, and the collector need not walk it
# again and again: that was a quarter of a millisecond of a list, and a pause of 50 now and then.
reverse("home")
gc.collect()
gc.freeze()
