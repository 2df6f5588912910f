-- Where the event log is, so that a copy of it in the same cluster is known as one. Runs in one transaction with search_path set
-- to the schema.

CREATE FUNCTION feed_place() RETURNS text LANGUAGE sql STABLE SET search_path = callhook, pg_catalog AS $$
    SELECT d.oid || '/' || to_regclass('callhook.feed_head')::oid FROM pg_database d WHERE d.datname = current_database()
$$;
COMMENT ON FUNCTION feed_place IS 'Names the database and the table in which feed_head is: a dump that is restored, and a copied database, have others.';

ALTER TABLE feed_head ADD COLUMN place text NOT NULL DEFAULT '';
UPDATE feed_head SET place = feed_place();

COMMENT ON COLUMN feed_head.place IS 'feed_place() when the epoch began; another one means that this was restored from a dump, or is a copy.';
