-- What the site's own role may do: read and write rows, where the guards of the tables let it. The
-- tables, triggers and functions belong to topmate_owner, as which only `manage.py migrate` runs; so
-- whoever takes over a web process can neither empty a table nor switch a guard off.
-- Run by the server's superuser in the site's database, after each migration.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO topmate;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM topmate;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO topmate;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO topmate;

-- Which migrations have run is the owner's to say.
REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM topmate;
-- Kept for good.
REVOKE DELETE ON bookings_booking, bookings_payment, bookings_refund, bookings_timelineevent,
    bookings_noshowreport, bookings_contest, bookings_historyhead, bookings_staffact FROM topmate;
-- Of what was written down, only words may go, with the person they name.
REVOKE UPDATE ON bookings_timelineevent, bookings_staffact FROM topmate;
GRANT UPDATE (note, note_salt, note_digest) ON bookings_timelineevent TO topmate;
GRANT UPDATE (reason, about, changes) ON bookings_staffact TO topmate;
