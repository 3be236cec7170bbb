"""The project's own settings, the clock of the data, and the address of the floor."""

from benchmarks.clock import set_to_the_data
from topmate.settings import *  # noqa: F403
from topmate.settings import AUTHENTICATION_BACKENDS, BASE_DIR, INSTALLED_APPS, TEMPLATES

INSTALLED_APPS.append("benchmarks")
ROOT_URLCONF = "benchmarks.urls"
TEMPLATES[0]["DIRS"].append(BASE_DIR / "benchmarks" / "templates")
DJANGOS_BACKEND = "django.contrib.auth.backends.ModelBackend"
AUTHENTICATION_BACKENDS.append(DJANGOS_BACKEND)  # the floor is what Django does by itself

set_to_the_data()
