-- Less to write for each webhook. Runs in one transaction with search_path set to the schema.

-- It follows from `facts`, and was twice as long as the record: who asks for one call has it worked out. A daemon of the
-- version before, which may still run, finds what it can read.
ALTER TABLE calls ALTER COLUMN provenance SET DEFAULT '{}';

COMMENT ON COLUMN calls.provenance IS 'Not written any more; a later version drops it.';

-- Half of what a call cost was the compression of its row by pglz. A server that was built without lz4 keeps that.
DO $$
DECLARE
    part regclass;
BEGIN
    ALTER TABLE calls ALTER COLUMN record SET COMPRESSION lz4, ALTER COLUMN facts SET COMPRESSION lz4;
    FOR part IN SELECT 'events'::regclass UNION ALL SELECT inhrelid FROM pg_inherits WHERE inhparent = 'events'::regclass LOOP
        EXECUTE format('ALTER TABLE %s ALTER COLUMN event SET COMPRESSION lz4', part);
    END LOOP;
    FOR part IN SELECT 'deliveries'::regclass UNION ALL SELECT inhrelid FROM pg_inherits WHERE inhparent = 'deliveries'::regclass LOOP
        EXECUTE format('ALTER TABLE %s ALTER COLUMN body SET COMPRESSION lz4', part);
    END LOOP;
EXCEPTION WHEN feature_not_supported THEN
    NULL;
END
$$;
