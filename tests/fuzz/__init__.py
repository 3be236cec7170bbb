"""Requests nobody means, many of them, to every address of the site: none may be answered by a 5xx.

    python -m tests.fuzz                          20,000 requests to a site of its own, on SQLite
    python -m tests.fuzz --postgres --seed 7      on PostgreSQL, with other requests
    python -m tests.fuzz --requests 500 --keep    a short look; the log and the database are kept

Each request is an address from the URLconf with genuine or broken ids, tokens and values, a form
of a page that was seen before with some of its values changed, a method, a content type and
headers, in the name of a visitor, an expert or staff.
"""
