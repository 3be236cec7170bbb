"""The site's settings for the processes that are going to be killed."""

from topmate.settings import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "tests.chaos"]  # noqa: F405
globals().update(services.Mail("django.core.mail.backends.dummy.EmailBackend").settings())  # noqa: F405
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
PROVIDER_TIMEOUT = timedelta(seconds=0.5)  # noqa: F405
BREAKER_LEAST = 1_000_000
