"""What stands between the ORM and the database because it is asked in every request.

Each file says in its first lines what it does instead of Django, what that gains, and how to take
it out again.
"""
