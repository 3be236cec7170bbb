"""The project's own settings, the clock of the data, and the address of the floor."""

from benchmarks.clock import set_to_the_data
from topmate.settings import *  # noqa: F403
from topmate.settings import BASE_DIR, TEMPLATES

ROOT_URLCONF = "benchmarks.urls"
TEMPLATES[0]["DIRS"].append(BASE_DIR / "benchmarks" / "templates")

set_to_the_data()
