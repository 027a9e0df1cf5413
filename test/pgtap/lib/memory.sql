-- What the tests of memory snapshots share.
\ir raises.sql
CREATE FUNCTION put(agent text, content jsonb, key text DEFAULT 'default') RETURNS uuid LANGUAGE sql AS
    $$SELECT (stash.memory_snapshot_create(agent, content, key)).id$$;
CREATE FUNCTION content_of(id uuid) RETURNS jsonb LANGUAGE sql AS
    $$SELECT content FROM stash.memory_snapshot_get(content_of.id)$$;
-- Byte for byte: the binary form of jsonb, compared by its hash and its size too.
CREATE FUNCTION kept(document jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    got jsonb := content_of(put('kept', document, 'k' || md5(document::text)));
BEGIN
    RETURN got::text = document::text AND got = document AND jsonb_send(got) = jsonb_send(document)
        AND pg_column_size(got || '{}'::jsonb) = pg_column_size(document || '{}'::jsonb)
        AND jsonb_hash_extended(got, 7) = jsonb_hash_extended(document, 7);
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN got::text = document::text AND got = document AND jsonb_send(got) = jsonb_send(document);
END $$;
-- Everything is as it should be, before and after a collection. The worker may be collecting too: what
-- it has taken (started, by another transaction) is its own until ours ends, what it is taking is soon.
CREATE FUNCTION sound(description text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    waiting text := 'SELECT * FROM stash.memory_discard WHERE NOT started OR xmin = pg_current_xact_id()::xid';
    found integer;
BEGIN
    RETURN NEXT is_empty('SELECT * FROM stash.memory_check()', description || ': sound');
    PERFORM stash.memory_collect();
    RETURN NEXT is_empty('SELECT * FROM stash.memory_check()', description || ': sound after a collection');
    FOR i IN 1..100 LOOP
        EXECUTE waiting;
        GET DIAGNOSTICS found = ROW_COUNT;
        EXIT WHEN found = 0;
        PERFORM pg_sleep(0.1);
    END LOOP;
    RETURN NEXT is_empty(waiting, description || ': nothing waits for the collector');
END $$;
-- A document at random, as deep as it may get.
CREATE FUNCTION random_document(depth integer) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    kind integer := floor(random() * CASE WHEN depth > 0 THEN 10 ELSE 6 END);
    result jsonb;
BEGIN
    IF kind <= 1 THEN
        RETURN to_jsonb(repeat(md5(random()::text), floor(random() * random() * 30)::integer));
    ELSIF kind = 2 THEN
        RETURN to_jsonb((random() * 1e6)::numeric(20, 5));
    ELSIF kind = 3 THEN
        RETURN to_jsonb(floor(random() * 4)::integer);
    ELSIF kind = 4 THEN
        RETURN to_jsonb(random() < 0.5);
    ELSIF kind = 5 THEN
        RETURN 'null';
    ELSIF kind <= 7 THEN
        SELECT coalesce(jsonb_agg(random_document(depth - 1)), '[]') INTO result
            FROM generate_series(1, floor(random() * random() * 40)::integer);
    ELSE
        SELECT coalesce(jsonb_object_agg(left(md5(random()::text), 1 + floor(random() * 4)::integer) || '/~'::char(1), random_document(depth - 1)), '{}')
            INTO result FROM generate_series(1, floor(random() * random() * 40)::integer);
    END IF;
    RETURN result;
END $$;
-- A random change somewhere in a document.
CREATE FUNCTION changed_document(document jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    place text;
BEGIN
    IF random() < 0.1 THEN
        RETURN random_document(2);
    ELSIF jsonb_typeof(document) = 'array' AND jsonb_array_length(document) > 0 THEN
        place := floor(random() * jsonb_array_length(document))::text;
        RETURN CASE floor(random() * 5)::integer
            WHEN 0 THEN document - place::integer
            WHEN 1 THEN jsonb_insert(document, ARRAY[place], random_document(1))
            WHEN 2 THEN document || jsonb_build_array(random_document(2))
            WHEN 3 THEN jsonb_build_array(random_document(1)) || document
            ELSE jsonb_set(document, ARRAY[place], changed_document(document->place::integer)) END;
    ELSIF jsonb_typeof(document) = 'object' AND document <> '{}' THEN
        SELECT k INTO place FROM jsonb_object_keys(document) AS k ORDER BY random() LIMIT 1;
        RETURN CASE floor(random() * 4)::integer
            WHEN 0 THEN document - place
            WHEN 1 THEN document || jsonb_build_object(left(md5(random()::text), 3), random_document(2))
            ELSE jsonb_set(document, ARRAY[place], changed_document(document->place)) END;
    END IF;
    RETURN random_document(2);
END $$;
-- Whether the differences of two snapshots, applied to the one, give the other.
CREATE FUNCTION differs_rightly(a uuid, b uuid) RETURNS boolean LANGUAGE sql AS $$
    SELECT stash.memory_patched(content_of(a), (SELECT coalesce(jsonb_agg(
        jsonb_build_object('op', op, 'path', path) || CASE WHEN op = 'remove' THEN '{}' ELSE jsonb_build_object('value', new) END ORDER BY n), '[]')
        FROM stash.memory_snapshot_diff(a, b) WITH ORDINALITY AS d (path, op, old, new, n)))::text = content_of(b)::text$$;
-- What the checker says after a statement, which is undone. places: and whether it names a part or a
-- snapshot.
CREATE FUNCTION problems(statement text, places boolean DEFAULT false) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    found text;
BEGIN
    BEGIN
        EXECUTE statement;
        SELECT string_agg(DISTINCT problem || CASE WHEN places AND part IS NOT NULL THEN ' (part)' ELSE '' END
            || CASE WHEN places AND snapshot IS NOT NULL THEN ' (snapshot)' ELSE '' END, ', ') INTO found FROM stash.memory_check();
        RAISE EXCEPTION 'back';
    EXCEPTION WHEN raise_exception THEN
        RETURN coalesce(found, 'none');
    END;
END $$;
