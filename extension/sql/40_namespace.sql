-- Namespaces: named caches with a budget, a default ttl and the roles that may use them. The SQL
-- functions change the table; a C function tells the store at commit.

CREATE FUNCTION stash.namespace_changed(name text, dropped boolean) RETURNS void
AS 'MODULE_PATHNAME', 'stash_namespace_changed' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION stash.namespace_changed(text, boolean) IS
'Internal: the configuration of a namespace changes with this transaction';

CREATE FUNCTION stash.namespace_known(namespace text) RETURNS boolean
AS 'MODULE_PATHNAME', 'stash_namespace_known' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION stash.namespace_known(text) IS
'True; error 42704 for an unknown namespace, 42501 for one that the present role may not use';

CREATE FUNCTION stash.namespace_check(
    name text, max_bytes bigint, default_ttl double precision, roles text[])
RETURNS void LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    missing text;
BEGIN
    IF name IS NULL THEN
        RAISE EXCEPTION 'name must not be null' USING ERRCODE = '22004',
            HINT = 'A namespace''s name has 1 to 63 bytes.';
    END IF;
    IF octet_length(name) NOT BETWEEN 1 AND 63 THEN
        RAISE EXCEPTION 'a namespace''s name must have 1 to 63 bytes' USING ERRCODE = '22023';
    END IF;
    IF name LIKE '(%' THEN
        RAISE EXCEPTION 'a namespace''s name must not begin with a parenthesis'
            USING ERRCODE = '22023', HINT = 'Such names are pg_stash''s own.';
    END IF;
    IF max_bytes < 1024 THEN
        RAISE EXCEPTION 'max_bytes must be at least 1024' USING ERRCODE = '22023',
            HINT = 'NULL stands for no budget of its own.';
    END IF;
    IF default_ttl <= 0 OR default_ttl = 'NaN' THEN
        RAISE EXCEPTION 'default_ttl must be a positive number of seconds' USING ERRCODE = '22023',
            HINT = 'NULL stands for stash.default_ttl, ''infinity'' for never.';
    END IF;
    IF cardinality(roles) > 16 THEN
        RAISE EXCEPTION 'a namespace can name at most 16 roles' USING ERRCODE = '54000',
            HINT = 'Grant a role of their own to the others.';
    END IF;
    IF array_position(roles, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'roles must not contain null' USING ERRCODE = '22004',
            HINT = 'NULL instead of the array stands for whoever may execute the functions.';
    END IF;
    SELECT r INTO missing FROM unnest(roles) AS r
        WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r) LIMIT 1;
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION 'role "%" does not exist', missing USING ERRCODE = '42704',
            HINT = 'Names are taken as they are, without quotes and in their case.';
    END IF;
END $$;
COMMENT ON FUNCTION stash.namespace_check(text, bigint, double precision, text[]) IS
'Internal: raises an error for a namespace''s bad configuration';

CREATE FUNCTION stash.cache_namespace_create(
    name text, max_bytes bigint DEFAULT NULL, default_ttl double precision DEFAULT NULL,
    strict boolean DEFAULT false, roles text[] DEFAULT NULL)
RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM stash.namespace_check(name, max_bytes, default_ttl, roles);
    IF name = 'default' THEN
        RAISE unique_violation;
    END IF;
    INSERT INTO stash.cache_namespace
        VALUES (name, max_bytes, default_ttl, coalesce(strict, false), roles);
    PERFORM stash.namespace_changed(name, false);
EXCEPTION WHEN unique_violation THEN
    RAISE EXCEPTION 'cache namespace "%" already exists', name USING ERRCODE = '42710',
        HINT = 'Change it with stash.cache_namespace_alter.';
END $$;
COMMENT ON FUNCTION stash.cache_namespace_create(text, bigint, double precision, boolean, text[]) IS
'Makes a namespace. max_bytes: its budget, NULL for none of its own. default_ttl in seconds. strict: refuse every blind set. roles: who may use it, NULL for whoever may execute the functions. Errors: 42710 exists; 42704 unknown role; 22023 bad value.';

CREATE FUNCTION stash.cache_namespace_alter(
    name text, max_bytes bigint DEFAULT NULL, default_ttl double precision DEFAULT NULL,
    strict boolean DEFAULT NULL, roles text[] DEFAULT NULL)
RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM stash.namespace_check(name, nullif(max_bytes, 0), nullif(default_ttl, 0), roles);
    IF name = 'default' THEN
        INSERT INTO stash.cache_namespace AS n (name) VALUES ('default') ON CONFLICT DO NOTHING;
    END IF;
    UPDATE stash.cache_namespace AS n SET
        max_bytes = CASE WHEN $2 = 0 THEN NULL ELSE coalesce($2, n.max_bytes) END,
        default_ttl = CASE WHEN $3 = 0 THEN NULL ELSE coalesce($3, n.default_ttl) END,
        strict = coalesce($4, n.strict),
        roles = CASE WHEN cardinality($5) = 0 THEN NULL ELSE coalesce($5, n.roles) END
        WHERE n.name = $1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'cache namespace "%" does not exist', name USING ERRCODE = '42704',
            HINT = 'Create it with stash.cache_namespace_create.';
    END IF;
    PERFORM stash.namespace_changed(name, false);
END $$;
COMMENT ON FUNCTION stash.cache_namespace_alter(text, bigint, double precision, boolean, text[]) IS
'Changes a namespace when the transaction commits; NULL leaves a property as it is, 0 (or an empty array of roles) takes it away. Error 42704: unknown namespace.';

CREATE FUNCTION stash.cache_namespace_drop(name text)
RETURNS boolean LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF name IS NULL THEN
        RAISE EXCEPTION 'name must not be null' USING ERRCODE = '22004',
            HINT = 'A namespace''s name has 1 to 63 bytes.';
    END IF;
    IF name = 'default' THEN
        RAISE EXCEPTION 'the namespace "default" cannot be dropped' USING ERRCODE = '55006',
            HINT = 'Empty it with stash.cache_clear.';
    END IF;
    DELETE FROM stash.cache_namespace AS n WHERE n.name = $1;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM stash.namespace_changed(name, true);
    RETURN true;
END $$;
COMMENT ON FUNCTION stash.cache_namespace_drop(text) IS
'Drops a namespace and all its entries when the transaction commits. Returns whether there was one.';

CREATE FUNCTION stash.cache_namespace_list(
    OUT name text, OUT max_bytes bigint, OUT default_ttl double precision, OUT strict boolean,
    OUT roles text[])
RETURNS SETOF record LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT n.name, n.max_bytes, nullif(n.default_ttl, 'infinity'), n.strict, n.roles
    FROM (SELECT * FROM stash.cache_namespace
          UNION ALL
          SELECT 'default', NULL, NULL, false, NULL
          WHERE NOT EXISTS (SELECT FROM stash.cache_namespace AS d WHERE d.name = 'default')) AS n
    ORDER BY n.name COLLATE "C";
END;
COMMENT ON FUNCTION stash.cache_namespace_list() IS
'The namespaces of this database and their configuration. max_bytes NULL: no budget of its own; default_ttl NULL: stash.default_ttl, or never when it was set to infinity; roles NULL: whoever may execute the functions.';
