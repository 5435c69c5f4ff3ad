-- Roles and database of Davy. Run once for a cluster, by a superuser, with psql; running it again changes nothing:
--   psql -X -v ON_ERROR_STOP=1 -h 127.0.0.1 -p 54330 -U postgres -d postgres -f deploy/postgres/bootstrap.sql
--
-- Three roles, none of them a superuser. davy_owner owns the schema and runs `davy migrate`; davy_writer is what the
-- running process uses; davy_read is for the console's history and for outside judges. The private cluster of
-- `make run` listens on loopback only and trusts it (pg_hba: trust), so the roles have no passwords there. Anywhere
-- else give them some (ALTER ROLE .. PASSWORD ..), use scram-sha-256 in pg_hba.conf and name them in davy.toml.

SELECT format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE', role)
FROM unnest(ARRAY['davy_owner', 'davy_writer', 'davy_read']) AS role
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role)
\gexec

SELECT 'CREATE DATABASE davy OWNER davy_owner ENCODING ''UTF8'' TEMPLATE template0'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'davy')
\gexec

REVOKE ALL ON DATABASE davy FROM PUBLIC;
GRANT CONNECT ON DATABASE davy TO davy_owner, davy_writer, davy_read;
ALTER DATABASE davy SET timezone = 'UTC';

\connect davy

-- Nobody but the owner makes things in `public`, so that a SECURITY DEFINER function can trust what it finds there.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT CREATE, USAGE ON SCHEMA public TO davy_owner;
GRANT USAGE ON SCHEMA public TO davy_writer, davy_read;

-- TimescaleDB where it is installed *and* preloaded: without the preload CREATE EXTENSION ends the session.
SELECT 'CREATE EXTENSION IF NOT EXISTS timescaledb'
WHERE EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb')
  AND current_setting('shared_preload_libraries') LIKE '%timescaledb%'
\gexec
