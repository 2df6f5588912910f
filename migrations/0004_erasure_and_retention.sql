-- Erasing a person, and what expires. Runs in one transaction with search_path set to the schema.

-- Erasure -------------------------------------------------------------------------------------------------------------

ALTER TABLE outcomes DROP CONSTRAINT outcomes_result_check;
ALTER TABLE outcomes ADD CONSTRAINT outcomes_result_check
    CHECK (result IN ('applied', 'duplicate', 'quarantined', 'erased')) NOT VALID;

COMMENT ON COLUMN outcomes.result IS '`applied`: it gave rise to at least one event. `duplicate`: it told nothing new. `quarantined`: it cannot be read; `reason` says where. `erased`: it was of a person who has been erased; its body is empty.';
COMMENT ON COLUMN events.event IS 'The CloudEvent as JSON without its id and sequence, which follow from epoch and position. Empty, with the type `erased`, where its person was erased: the row keeps its position and is told to nobody.';
COMMENT ON TABLE deliveries IS 'Every authentic delivery, exactly as it came: written before the sender is answered, never changed, but for an erasure, which empties it. Partitioned by month through the time in the id.';

CREATE TABLE erasures (
    id              uuid        NOT NULL PRIMARY KEY,
    kind            text        NOT NULL CHECK (kind IN ('phone', 'email')),
    identifier_hash bytea       NOT NULL,
    erased_at       timestamptz NOT NULL,
    counts          text        NOT NULL
);

COMMENT ON TABLE erasures IS 'The receipts: who was erased, by a keyed hash, when, and how much it was.';
COMMENT ON COLUMN erasures.identifier_hash IS 'HMAC-SHA256, under erasure_key, of the number in E.164 or the address in lower case. Without the key the few possible numbers could simply be tried.';
COMMENT ON COLUMN erasures.counts IS 'What was removed, as a JSON object: a count for each kind.';

-- Serves the sequencer's question whether a delivery is of somebody who was erased.
CREATE INDEX erasures_by_identifier ON erasures (identifier_hash, erased_at);

CREATE TABLE erased_calls (
    source  text   NOT NULL,
    call_id bigint NOT NULL,
    erasure uuid   NOT NULL REFERENCES erasures (id) DEFERRABLE INITIALLY DEFERRED,
    PRIMARY KEY (source, call_id)
);

COMMENT ON TABLE erased_calls IS 'Calls that must not come back, by a late webhook, a spool that is emptied later, or the vendor''s API.';

CREATE TABLE erasure_key (
    only_row boolean NOT NULL PRIMARY KEY DEFAULT true CHECK (only_row),
    key      bytea   NOT NULL
);

COMMENT ON TABLE erasure_key IS 'The key of identifier hashes, made with the schema. Who has both it and a number can tell whether that number was erased.';

INSERT INTO erasure_key (key) SELECT sha256((gen_random_uuid()::text || gen_random_uuid()::text)::bytea);

ALTER TABLE feed_head ADD COLUMN erasures bigint NOT NULL DEFAULT 0;

COMMENT ON COLUMN feed_head.erasures IS 'How many erasures there have been: read with the lock, so that the sequencer asks for them only where there are any.';

-- Retention -----------------------------------------------------------------------------------------------------------

ALTER TABLE calls ADD COLUMN final_at timestamptz;
ALTER TABLE messages ADD COLUMN final_at timestamptz;

COMMENT ON COLUMN calls.final_at IS 'When the first of its deliveries expired: from then on `facts` is the only source of the record, and `rebuild` leaves it as it is; null while all are there.';
COMMENT ON COLUMN messages.final_at IS 'When its delivery expired: `rebuild` leaves it as it is; null while it is there.';

ALTER TABLE feed_head ADD COLUMN outcomes_floor bigint NOT NULL DEFAULT 0;
ALTER TABLE feed_head ADD COLUMN deliveries_floor uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000';

COMMENT ON COLUMN feed_head.outcomes_floor IS 'The events of outcomes up to this seq have expired: outcomes and positions are handed out in one order.';
COMMENT ON COLUMN feed_head.deliveries_floor IS 'Deliveries of ids up to this one may have expired, with their outcomes.';

CREATE FUNCTION partitions_of(parent regclass)
RETURNS TABLE (partition regclass, from_bound text, to_bound text, bytes bigint, estimate bigint)
LANGUAGE sql STABLE SET timezone = 'UTC' AS $$
    SELECT c.oid::regclass, b.bounds[1], b.bounds[2], pg_total_relation_size(c.oid), greatest(c.reltuples, 0)::bigint
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid,
    LATERAL regexp_match(pg_get_expr(c.relpartbound, c.oid), $re$FROM \('([^']+)'\) TO \('([^']+)'\)$re$) AS b (bounds)
    WHERE i.inhparent = parent AND b.bounds IS NOT NULL
$$;
COMMENT ON FUNCTION partitions_of IS 'The partitions of a table that have bounds, so not its default, with those bounds as text.';

CREATE FUNCTION drop_deliveries(deliveries_part regclass, outcomes_part regclass) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = callhook, pg_catalog AS $$
DECLARE
    lowest  uuid;
    beyond  uuid;
BEGIN
    SELECT d.from_bound::uuid, d.to_bound::uuid INTO lowest, beyond
    FROM partitions_of('deliveries') d JOIN partitions_of('outcomes') o USING (from_bound, to_bound)
    WHERE d.partition = deliveries_part AND o.partition = outcomes_part;
    IF lowest IS NULL THEN
        RAISE EXCEPTION 'these are not the deliveries and the outcomes of one month' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- The tables first: who is on his way to a partition has them already. From here on no webhook comes in, so this is
    -- all that may still be done.
    LOCK TABLE ONLY deliveries, ONLY outcomes IN ACCESS EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM pending WHERE first_id < beyond AND last_id >= lowest) THEN
        RETURN false;
    END IF;
    EXECUTE format('DROP TABLE %s, %s', deliveries_part, outcomes_part);
    UPDATE feed_head SET deliveries_floor = greatest(deliveries_floor, beyond);
    RETURN true;
END
$$;
COMMENT ON FUNCTION drop_deliveries IS 'Drops a month of deliveries with their outcomes; false where some still wait for the sequencer. Call it with the head locked, its calls and messages final, and a short lock_timeout: webhooks wait while it waits.';

CREATE FUNCTION drop_events(part regclass) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = callhook, pg_catalog AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM partitions_of('events') WHERE partition = part) THEN
        RAISE EXCEPTION 'this is not a month of events' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    EXECUTE format('DROP TABLE %s', part);
END
$$;
COMMENT ON FUNCTION drop_events IS 'Drops a month of events. Call it with the head locked and its floor raised, and a short lock_timeout.';
