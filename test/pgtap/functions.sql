-- Properties that every function of the schema has.
SELECT plan(13);

CREATE VIEW ours AS
    SELECT p.oid::regprocedure AS signature, p.* FROM pg_proc AS p
    WHERE p.pronamespace = 'stash'::regnamespace;

SELECT cmp_ok((SELECT count(*) FROM ours), '>=', 40::bigint, 'the functions are there');
SELECT is_empty(
    $$SELECT signature FROM ours WHERE obj_description(oid, 'pg_proc') IS NULL$$,
    'every function has a comment');
SELECT is_empty(
    $$SELECT c.oid::regclass FROM pg_class AS c WHERE relnamespace = 'stash'::regnamespace
      AND relkind IN ('r', 'v') AND obj_description(c.oid, 'pg_class') IS NULL$$,
    'every table and view has a comment');
SELECT is_empty(
    $$SELECT o.signature FROM ours AS o,
      aclexplode(coalesce(o.proacl, acldefault('f', o.proowner))) AS a WHERE a.grantee = 0$$,
    'PUBLIC may execute none of them');
SELECT is_empty(
    $$SELECT c.oid::regclass FROM pg_class AS c,
      aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) AS a
      WHERE c.relnamespace = 'stash'::regnamespace AND c.relkind <> 'i' AND a.grantee = 0$$,
    'PUBLIC may use none of the tables and views');
SELECT is_empty(
    $$SELECT n.nspname FROM pg_namespace AS n,
      aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) AS a
      WHERE n.nspname = 'stash' AND a.grantee = 0$$,
    'PUBLIC may not use the schema');
SELECT is_empty(
    $$SELECT o.signature, name FROM ours AS o, unnest(o.proargnames) AS name
      WHERE quote_ident(name) <> name$$,
    'no parameter needs quotes');
SELECT is_empty(
    $$SELECT signature FROM ours WHERE pronargs > 0 AND proargnames IS NULL$$,
    'every parameter has a name');
SELECT is_empty(
    $$SELECT proname FROM ours GROUP BY proname HAVING count(*) > 1$$,
    'no function is overloaded');
SELECT set_eq(
    $$SELECT proname FROM ours WHERE proname LIKE 'cache\_%' AND prorettype <> 'trigger'::regtype
      AND proname NOT LIKE 'cache\_namespace\_%'
      AND proargnames[pronargs] IS DISTINCT FROM 'namespace'$$,
    ARRAY['cache_invalidate_off', 'cache_statistics', 'cache_usage'],
    'every cache function takes the namespace last, but for those about no single namespace');
SELECT is_empty(
    $$SELECT o.signature FROM ours AS o JOIN pg_language AS l ON l.oid = o.prolang
      WHERE l.lanname IN ('sql', 'plpgsql') AND o.prosqlbody IS NULL
      AND 'search_path=pg_catalog, pg_temp' <> ALL (coalesce(o.proconfig, '{}'))$$,
    'every function whose body is read when it runs pins its search_path');
SELECT is_empty(
    $$SELECT signature FROM ours WHERE prosecdef
      AND proname NOT IN ('cache_namespace_create', 'cache_namespace_alter', 'cache_namespace_drop',
                          'cache_namespace_list', 'health_check', 'session_update',
                          'session_extend', 'session_rotate_token', 'session_delete',
                          'session_revoke_others', 'session_bulk_delete',
                          'session_cleanup_inactive', 'session_list', 'session_get_active_count',
                          'session_history', 'session_analytics',
                          'memory_check', 'memory_collect', 'memory_language_changed',
                          'memory_retention_list', 'memory_retention_set',
                          'memory_retention_unset', 'memory_search_configure',
                          'memory_search_rebuild', 'memory_search_reset', 'memory_search_status',
                          'memory_snapshot_cleanup', 'memory_snapshot_create',
                          'memory_snapshot_delete', 'memory_snapshot_diff',
                          'memory_snapshot_export', 'memory_snapshot_fork', 'memory_snapshot_get',
                          'memory_snapshot_get_at', 'memory_snapshot_history',
                          'memory_snapshot_import', 'memory_snapshot_list', 'memory_snapshot_pin',
                          'memory_snapshot_restore', 'memory_snapshot_search',
                          'memory_snapshot_stats', 'memory_snapshot_sync_disable',
                          'memory_snapshot_sync_enable', 'memory_text_deleted',
                          'memory_versions_deleted', 'memory_versions_truncated',
                          'vector_dead_letters', 'vector_sync_status',
                          'weaviate_health', 'weaviate_nodes', 'weaviate_set_key')$$,
    'nothing but the configuration and the private tables of the modules is touched with the owner''s rights');
SELECT alike(stash.version(), (SELECT extversion || '%' FROM pg_extension WHERE extname = 'pg_stash'),
    'version() is the extension''s');

SELECT * FROM finish();
