-- Background workers.

CREATE FUNCTION stash.worker_status(
    OUT kind text,
    OUT database text,
    OUT state text,
    OUT pid integer,
    OUT started_at timestamptz,
    OUT last_active timestamptz,
    OUT tasks_run bigint,
    OUT lag interval,
    OUT failures bigint,
    OUT last_error text,
    OUT last_error_at timestamptz)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'stash_worker_status'
LANGUAGE C VOLATILE STRICT PARALLEL SAFE COST 100 ROWS 4;

COMMENT ON FUNCTION stash.worker_status() IS
'The launcher and the worker of every database that has the extension: state, process, number of task runs, how late the most overdue task is, failures and the last error';
