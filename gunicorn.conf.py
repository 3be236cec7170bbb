"""Read by gunicorn where it is started in this folder; the command line decides the rest."""

logger_class = "topmate.logs_of_gunicorn.MaskedLogger"


def post_worker_init(worker: object) -> None:
    """A web process that nobody visits looks at the site, too."""
    from topmate import watch

    watch.begin()


def on_starting(server: object) -> None:
    """What processes of before have counted is told by nobody any more."""
    from bookings import metrics

    metrics.forget_ended()
