"""Read by gunicorn where it is started in this folder; the command line decides the rest."""

logger_class = "topmate.logs_of_gunicorn.MaskedLogger"
