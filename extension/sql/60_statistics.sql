-- Figures, versions, health.

CREATE FUNCTION stash.version() RETURNS text
AS 'MODULE_PATHNAME', 'stash_version' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION stash.version() IS
'The version of the library. Error 55000 when the SQL objects are of another version.';

CREATE FUNCTION stash.preloaded() RETURNS boolean
AS 'MODULE_PATHNAME', 'stash_preloaded' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION stash.preloaded() IS
'Whether the library was preloaded, so that the cache and the workers are there';

CREATE FUNCTION stash.cache_statistics(
    OUT namespace text, OUT entries bigint, OUT bytes_used bigint, OUT bytes_capped bigint,
    OUT strict boolean, OUT hits bigint, OUT misses bigint, OUT sets bigint, OUT deletions bigint,
    OUT invalidations bigint, OUT evictions bigint, OUT expirations bigint,
    OUT refused_in_flux bigint, OUT refused_changed bigint, OUT refused_blind bigint,
    OUT refused_strict bigint, OUT refused_lease bigint, OUT refused_clock bigint,
    OUT refused_condition bigint, OUT refused_no_room bigint)
RETURNS SETOF record AS 'MODULE_PATHNAME', 'stash_cache_statistics'
LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 10;
COMMENT ON FUNCTION stash.cache_statistics() IS
'Figures of every namespace of this database that has been used since the start; the view stash.stat_cache shows them';

CREATE FUNCTION stash.cache_usage(
    OUT entries bigint, OUT bytes_used bigint, OUT bytes_capped bigint, OUT memory bigint,
    OUT partitions integer)
RETURNS SETOF record AS 'MODULE_PATHNAME', 'stash_cache_usage'
LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 1;
COMMENT ON FUNCTION stash.cache_usage() IS
'The whole store, of all databases: entries, bytes in use and usable, and the setting stash.memory in bytes';

CREATE VIEW stash.stat_cache AS SELECT * FROM stash.cache_statistics();
COMMENT ON VIEW stash.stat_cache IS
'One row for every cache namespace of this database that has been used: entries, bytes, hits, misses, sets, refused sets by reason, deletions, invalidations, evictions and expirations since the start or stash.stat_reset()';

CREATE FUNCTION stash.stat_reset() RETURNS void
AS 'MODULE_PATHNAME', 'stash_stat_reset' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION stash.stat_reset() IS
'Sets the counters of this database''s namespaces to zero; entries and bytes stay.';

CREATE FUNCTION stash.cache_info(namespace text DEFAULT NULL)
RETURNS jsonb LANGUAGE plpgsql VOLATILE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    info jsonb;
BEGIN
    IF namespace IS NOT NULL THEN
        PERFORM stash.namespace_known(namespace);
    END IF;
    WITH figures AS (
        SELECT s.*, s.hits + s.misses AS looks FROM stash.cache_statistics() AS s
        WHERE $1 IS NULL OR s.namespace = $1
    ), each AS (
        SELECT f.namespace AS name, jsonb_build_object(
            'entries', f.entries, 'bytes_used', f.bytes_used, 'bytes_capped', f.bytes_capped,
            'strict', f.strict, 'hits', f.hits, 'misses', f.misses,
            'hit_rate', round(f.hits::numeric / nullif(f.looks, 0), 4), 'sets', f.sets,
            'deletions', f.deletions, 'invalidations', f.invalidations,
            'evictions', f.evictions, 'expirations', f.expirations,
            'refused', jsonb_build_object(
                'in_flux', f.refused_in_flux, 'changed', f.refused_changed,
                'blind', f.refused_blind, 'strict', f.refused_strict, 'lease', f.refused_lease,
                'clock', f.refused_clock, 'condition', f.refused_condition,
                'no_room', f.refused_no_room)) AS info
        FROM figures AS f
    )
    SELECT CASE WHEN $1 IS NOT NULL
        THEN (SELECT e.info || jsonb_build_object('namespace', e.name) FROM each AS e)
        ELSE (SELECT jsonb_build_object(
            'entries', u.entries, 'bytes_used', u.bytes_used, 'bytes_capped', u.bytes_capped,
            'memory', u.memory, 'partitions', u.partitions,
            'hits', coalesce(sum(f.hits), 0), 'misses', coalesce(sum(f.misses), 0),
            'hit_rate', round(sum(f.hits) / nullif(sum(f.looks), 0), 4),
            'sets', coalesce(sum(f.sets), 0), 'deletions', coalesce(sum(f.deletions), 0),
            'invalidations', coalesce(sum(f.invalidations), 0),
            'evictions', coalesce(sum(f.evictions), 0),
            'expirations', coalesce(sum(f.expirations), 0),
            'refused', jsonb_build_object(
                'in_flux', coalesce(sum(f.refused_in_flux), 0),
                'changed', coalesce(sum(f.refused_changed), 0),
                'blind', coalesce(sum(f.refused_blind), 0),
                'strict', coalesce(sum(f.refused_strict), 0),
                'lease', coalesce(sum(f.refused_lease), 0),
                'clock', coalesce(sum(f.refused_clock), 0),
                'condition', coalesce(sum(f.refused_condition), 0),
                'no_room', coalesce(sum(f.refused_no_room), 0)),
            'namespaces', coalesce((SELECT jsonb_object_agg(e.name, e.info) FROM each AS e), '{}'))
            FROM stash.cache_usage() AS u LEFT JOIN figures AS f ON true
            GROUP BY u.entries, u.bytes_used, u.bytes_capped, u.memory, u.partitions)
        END INTO info;
    RETURN info;
END $$;
COMMENT ON FUNCTION stash.cache_info(text) IS
'Figures of one namespace, or (NULL) of the whole store and of every namespace of this database: entries, bytes used and capped, hits, misses, sets, refused sets by reason, evictions, expirations, invalidations. Counted since the start or stash.stat_reset().';

CREATE FUNCTION stash.health_check()
RETURNS jsonb LANGUAGE plpgsql VOLATILE PARALLEL RESTRICTED SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    problems text[] := '{}';
    usage record;
    workers jsonb;
BEGIN
    IF NOT stash.preloaded() THEN
        RETURN jsonb_build_object('status', 'unhealthy', 'preloaded', false, 'problems',
            jsonb_build_array('pg_stash is not in shared_preload_libraries'));
    END IF;
    SELECT * INTO usage FROM stash.cache_usage();
    SELECT coalesce(jsonb_agg(to_jsonb(w)), '[]') INTO workers FROM stash.worker_status() AS w
        WHERE w.database IS NULL OR w.database = current_database();
    IF NOT pg_is_in_recovery() AND current_setting('stash.max_workers')::int = 0 THEN
        problems := problems || 'stash.max_workers is 0: nothing reclaims expired entries'::text;
    END IF;
    IF pg_is_in_recovery() THEN
        problems := problems || 'in recovery: the cache keeps to its TTLs only'::text;
    END IF;
    RETURN jsonb_build_object(
        'status', CASE WHEN problems = '{}' THEN 'healthy' ELSE 'degraded' END,
        'preloaded', true, 'version', stash.version(), 'in_recovery', pg_is_in_recovery(),
        'cache', to_jsonb(usage), 'workers', workers, 'problems', to_jsonb(problems));
END $$;
COMMENT ON FUNCTION stash.health_check() IS
'Whether the extension does all its work here: status healthy, degraded or unhealthy, the problems, the store''s size and the workers';
