-- What the site's own role may do: read and write rows. The tables, their triggers and their functions
-- belong to topmate_owner, as which only `manage.py migrate` runs.
-- Run by the server's superuser in the site's database, after each migration.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO topmate;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO topmate;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO topmate;
