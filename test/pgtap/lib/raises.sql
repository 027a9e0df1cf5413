-- raises(statement, SQLSTATE, pattern of the hint, what): pgTAP's throws_ok does not look at hints.
CREATE FUNCTION raises(statement text, state text, hint_like text, description text)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    got_state text;
    got_message text;
    got_hint text;
BEGIN
    BEGIN
        EXECUTE statement;
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS got_state = RETURNED_SQLSTATE, got_message = MESSAGE_TEXT,
            got_hint = PG_EXCEPTION_HINT;
    END;
    RETURN ok(coalesce(got_state, '') = state AND coalesce(got_hint, '') LIKE hint_like, description)
        || CASE WHEN coalesce(got_state, '') = state AND coalesce(got_hint, '') LIKE hint_like
           THEN '' ELSE E'\n' || diag(format('%s: %s, hint: %s', coalesce(got_state, 'no error'),
               coalesce(got_message, ''), coalesce(nullif(got_hint, ''), 'none'))) END;
END $$;
