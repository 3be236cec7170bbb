"""The project: settings, addresses, workers. The product itself is in bookings/."""

from topmate.celery import app as celery_app

__all__ = ("celery_app",)
