-- Nobody but the extension's owner may do anything until grant_usage says so.

CREATE FUNCTION stash.module_functions(modules text[])
RETURNS SETOF regprocedure LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    unknown text;
BEGIN
    SELECT m INTO unknown FROM unnest(modules) AS m
        WHERE m IS NULL OR m <> ALL (ARRAY['cache', 'session', 'memory', 'vector', 'monitor', 'admin']) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'unknown module "%"', coalesce(unknown, 'NULL') USING ERRCODE = '22023',
            HINT = 'Modules are cache, session, memory, vector, monitor and admin.';
    END IF;
    RETURN QUERY
        SELECT p.oid::regprocedure FROM pg_proc AS p
        WHERE p.pronamespace = 'stash'::regnamespace AND CASE
            WHEN p.proname IN ('cache_namespace_create', 'cache_namespace_alter',
                               'cache_namespace_drop', 'stat_reset') THEN 'admin'
            WHEN p.proname IN ('version', 'preloaded', 'health_check', 'worker_status',
                               'cache_info', 'cache_statistics', 'cache_usage',
                               'cache_namespace_list', 'namespace_known') THEN 'monitor'
            WHEN p.proname LIKE 'cache\_%' THEN 'cache'
            -- Triggers and what is for the functions themselves are nobody's to call.
            WHEN p.proname IN ('session_freshest', 'session_lives')
                OR p.prorettype = 'trigger'::regtype AND p.proname LIKE 'session\_%' THEN NULL
            WHEN p.proname LIKE 'session\_%' THEN 'session'
            WHEN p.proname LIKE 'memory\_snapshot\_sync\_%' THEN 'admin'
            WHEN p.proname LIKE 'memory\_snapshot\_%' THEN 'memory'
            WHEN p.proname LIKE 'memory\_retention\_%'
                OR p.proname IN ('memory_search_configure', 'memory_search_reset', 'memory_search_rebuild') THEN 'admin'
            WHEN p.proname IN ('memory_check', 'memory_collect', 'memory_search_status') THEN 'monitor'
            WHEN p.proname IN ('vector_distance', 'vector_search_local') THEN 'vector'
            -- Those that change something need the table's owner besides.
            WHEN p.proname IN ('vector_search', 'vector_wait', 'vector_dead_letters', 'vector_retry',
                               'vector_sync_enable', 'vector_sync_disable', 'vector_sync_pause',
                               'vector_sync_resume', 'vector_backfill', 'vector_reconcile') THEN 'vector'
            WHEN p.proname IN ('vector_sync_status', 'weaviate_health', 'weaviate_nodes') THEN 'monitor'
            WHEN p.proname = 'weaviate_set_key' THEN 'admin'
            END = ANY (modules)
        OR p.pronamespace = 'stash'::regnamespace AND modules && ARRAY['session', 'memory', 'vector']
            AND p.proname IN ('version', 'preloaded')
        OR p.pronamespace = 'stash'::regnamespace AND 'vector' = ANY (modules)
            AND p.proname = 'vector_sync_status'
        OR p.pronamespace = 'stash'::regnamespace AND 'cache' = ANY (modules)
            AND p.proname IN ('version', 'preloaded', 'cache_info', 'cache_statistics',
                              'cache_usage', 'cache_namespace_list', 'namespace_known');
END $$;
COMMENT ON FUNCTION stash.module_functions(text[]) IS
'The functions that grant_usage grants for some modules';

CREATE FUNCTION stash.grant_usage(role regrole, modules text[] DEFAULT ARRAY['cache'])
RETURNS void LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    each regprocedure;
BEGIN
    IF role IS NULL OR modules IS NULL THEN
        RAISE EXCEPTION 'role and modules must not be null' USING ERRCODE = '22004';
    END IF;
    FOR each IN SELECT stash.module_functions(modules) LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %s', each, role);
    END LOOP;
    EXECUTE format('GRANT USAGE ON SCHEMA stash TO %s', role);
    IF modules && ARRAY['cache', 'monitor'] THEN
        EXECUTE format('GRANT SELECT ON stash.stat_cache TO %s', role);
    END IF;
END $$;
COMMENT ON FUNCTION stash.grant_usage(regrole, text[]) IS
'Lets a role use modules: cache, session, memory, vector (all that an application needs of each), monitor (figures and health), admin (namespaces, retention, stat_reset). Error 22023 for an unknown module.';

CREATE FUNCTION stash.revoke_usage(role regrole, modules text[] DEFAULT ARRAY['cache', 'session', 'memory', 'vector', 'monitor', 'admin'])
RETURNS void LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    each regprocedure;
BEGIN
    IF role IS NULL OR modules IS NULL THEN
        RAISE EXCEPTION 'role and modules must not be null' USING ERRCODE = '22004';
    END IF;
    FOR each IN SELECT stash.module_functions(modules) LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM %s', each, role);
    END LOOP;
    IF modules && ARRAY['cache', 'monitor'] THEN
        EXECUTE format('REVOKE SELECT ON stash.stat_cache FROM %s', role);
    END IF;
    IF modules @> ARRAY['cache', 'session', 'memory', 'vector', 'monitor', 'admin'] THEN
        EXECUTE format('REVOKE USAGE ON SCHEMA stash FROM %s', role);
    END IF;
END $$;
COMMENT ON FUNCTION stash.revoke_usage(regrole, text[]) IS
'Takes back what grant_usage gave. Error 22023 for an unknown module.';

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA stash FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA stash FROM PUBLIC;
