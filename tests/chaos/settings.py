"""The site's settings for the processes that are going to be killed."""

from topmate.settings import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "tests.chaos"]  # noqa: F405
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
PROVIDER_TIMEOUT = timedelta(seconds=0.5)  # noqa: F405
BREAKER_LEAST = 1_000_000
