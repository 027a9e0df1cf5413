-- What the application needs in its database; run it once, as a superuser.
CREATE EXTENSION IF NOT EXISTS pg_stash;

CREATE ROLE app LOGIN;
SELECT stash.grant_usage('app', ARRAY['session']);
-- Tokens are parameters of statements: keep them out of the server's log.
ALTER ROLE app SET log_parameter_max_length = 0;
ALTER ROLE app SET log_parameter_max_length_on_error = 0;

CREATE TABLE account (name text PRIMARY KEY, password_hash text NOT NULL);
GRANT SELECT, INSERT, UPDATE ON account TO app;
