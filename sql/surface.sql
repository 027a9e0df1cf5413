-- What a function takes and returns, and how the planner may treat it: a change here is a change for
-- everybody who calls it.
\pset format unaligned
\pset tuples_only on
SELECT p.proname || '(' || pg_get_function_arguments(p.oid) || ') → ' || pg_get_function_result(p.oid)
FROM pg_proc AS p WHERE p.pronamespace = 'stash'::regnamespace ORDER BY p.proname COLLATE "C";
\pset format aligned
\pset tuples_only off
SELECT p.proname, p.provolatile AS v, p.proparallel AS p, p.proisstrict AS strict, p.prosecdef AS definer
FROM pg_proc AS p WHERE p.pronamespace = 'stash'::regnamespace ORDER BY p.proname COLLATE "C";
SELECT relname, relkind FROM pg_class WHERE relnamespace = 'stash'::regnamespace ORDER BY relname COLLATE "C";
\d stash.cache_namespace
SELECT attname, atttypid::regtype FROM pg_attribute
WHERE attrelid = 'stash.stat_cache'::regclass ORDER BY attnum;
SELECT name, unit, vartype, context, boot_val FROM pg_settings WHERE name LIKE 'stash.%' ORDER BY name;
