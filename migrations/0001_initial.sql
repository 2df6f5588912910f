-- The inbox, the records, and the event log. Runs in one transaction, with the schema `callhook` already made and search_path
-- set to it. Times are timestamptz; ids of deliveries and messages are UUIDs of version 7, whose order is the order of receipt.

-- What was received ---------------------------------------------------------------------------------------------------

CREATE TABLE deliveries (
    id           uuid        NOT NULL PRIMARY KEY,
    batch        uuid        NOT NULL,
    source       text        NOT NULL,
    origin       text        NOT NULL,
    received_at  timestamptz NOT NULL,
    remote_addr  inet,
    content_type text,
    body         bytea       NOT NULL
) PARTITION BY RANGE (id);

COMMENT ON TABLE deliveries IS
    'Every authentic delivery, exactly as it came: written before the sender is answered, never changed. Partitioned by month through the time in the id.';
COMMENT ON COLUMN deliveries.id IS 'UUIDv7 made at receipt. The primary key serves the sequencer''s range reads, the timeline and `quarantine show`; its values rise, so inserting stays cheap.';
COMMENT ON COLUMN deliveries.batch IS 'The group commit that stored it: the id of that group''s first delivery.';
COMMENT ON COLUMN deliveries.origin IS '`webhook`, or `backfill` for what was asked for.';
COMMENT ON COLUMN deliveries.remote_addr IS 'The sender''s address as far as it is trusted: behind a trusted proxy the right-most untrusted hop.';
COMMENT ON COLUMN deliveries.body IS 'The exact bytes. Not jsonb: that loses key order and cannot hold every JSON text; not text: it may not be UTF-8.';

CREATE TABLE deliveries_default PARTITION OF deliveries DEFAULT;
COMMENT ON TABLE deliveries_default IS 'Catches what no month has been made for (a clock far off), so that nothing is refused.';

CREATE TABLE pending (
    seq        bigint  NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    batch      uuid    NOT NULL,
    first_id   uuid    NOT NULL,
    last_id    uuid    NOT NULL,
    deliveries integer NOT NULL CHECK (deliveries > 0),
    bytes      bigint  NOT NULL DEFAULT 0
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500,
        autovacuum_vacuum_cost_delay = 0);

COMMENT ON TABLE pending IS
    'Deliveries that the sequencer has not taken yet: one row a group commit, deleted in the sequencer''s own transaction. The primary key serves its read in order.';
COMMENT ON COLUMN pending.bytes IS 'The size of their bodies, so that the sequencer takes no more than it can hold.';
COMMENT ON COLUMN pending.deliveries IS 'How many deliveries of the batch lie between first_id and last_id.';

CREATE TABLE outcomes (
    delivery_id uuid   NOT NULL PRIMARY KEY,
    seq         bigint NOT NULL,
    result      text   NOT NULL CHECK (result IN ('applied', 'duplicate', 'quarantined')),
    source      text   NOT NULL,
    event       text,
    call_id     bigint,
    message_id  uuid,
    reason      text
) PARTITION BY RANGE (delivery_id);

COMMENT ON TABLE outcomes IS 'What became of each delivery, once: the ledger. deliveries = outcomes + pending, always.';
COMMENT ON COLUMN outcomes.seq IS 'The order in which outcomes were decided, over all daemons: the order in which `rebuild` takes them again.';
COMMENT ON COLUMN outcomes.result IS '`applied`: it gave rise to at least one event. `duplicate`: it told nothing new. `quarantined`: it cannot be read; `reason` says where.';
COMMENT ON COLUMN outcomes.reason IS 'Names the place in the payload, never a value from it.';

CREATE TABLE outcomes_default PARTITION OF outcomes DEFAULT;

-- Serves the timeline of one call, and `rebuild`, which takes call after call in the order of decision.
CREATE INDEX outcomes_by_call ON outcomes (source, call_id, seq) WHERE call_id IS NOT NULL;
-- Serves the repeats of one message, and `rebuild`.
CREATE INDEX outcomes_by_message ON outcomes (source, message_id, seq) WHERE message_id IS NOT NULL;
-- Serves GET /v1/quarantine and `quarantine list`, newest first, and the gauge that counts them.
CREATE INDEX outcomes_quarantined ON outcomes (delivery_id) WHERE result = 'quarantined';

-- What is known -------------------------------------------------------------------------------------------------------

CREATE TABLE calls (
    source     text        NOT NULL,
    id         bigint      NOT NULL,
    phase      text        NOT NULL,
    phone      text,
    widget_id  bigint,
    created_at timestamptz,
    at         timestamptz NOT NULL,
    due_at     timestamptz,
    overdue_at timestamptz,
    record     text        NOT NULL,
    provenance text        NOT NULL,
    facts      text        NOT NULL,
    PRIMARY KEY (source, id)
) WITH (fillfactor = 85);

COMMENT ON TABLE calls IS 'One row a call. `facts` is the state; everything else follows from it and is kept for reading.';
COMMENT ON COLUMN calls.phone IS 'E.164.';
COMMENT ON COLUMN calls.created_at IS 'When the visitor asked, as the vendor says; null where it does not.';
COMMENT ON COLUMN calls.at IS 'What lists are ordered by: created_at, else when the first fact was observed.';
COMMENT ON COLUMN calls.due_at IS 'When a call that has no outcome yet becomes overdue; null where that cannot happen (any more).';
COMMENT ON COLUMN calls.overdue_at IS 'The due_at for which a call.overdue event was written.';
COMMENT ON COLUMN calls.record IS 'The record as JSON: depends on the set of facts alone, never on their order.';
COMMENT ON COLUMN calls.provenance IS 'Which delivery each field came from, as JSON: tells of arrival, so it is kept beside the record.';
COMMENT ON COLUMN calls.facts IS 'The distinct facts received, as JSON.';

-- Serves GET /v1/calls without a filter, and with since.
CREATE INDEX calls_by_time ON calls (at, source, id);
-- Serves GET /v1/calls?status=.
CREATE INDEX calls_by_phase ON calls (phase, at, source, id);
-- Serves GET /v1/calls?widget=.
CREATE INDEX calls_by_widget ON calls (widget_id, at, source, id) WHERE widget_id IS NOT NULL;
-- Serves GET /v1/calls?phone=, and tying a message to the call of the same visitor.
CREATE INDEX calls_by_phone ON calls (phone, at, source, id) WHERE phone IS NOT NULL;
-- Serves the sequencer's search for calls that have become overdue.
CREATE INDEX calls_due ON calls (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE messages (
    id           uuid        NOT NULL PRIMARY KEY,
    source       text        NOT NULL,
    content_hash bytea       NOT NULL,
    received_at  timestamptz NOT NULL,
    phone        text,
    widget_id    bigint,
    linked_call  bigint,
    call_id      bigint,
    fact         text        NOT NULL,
    record       text        NOT NULL
);

COMMENT ON TABLE messages IS 'Messages that visitors left. They come without an id and a time of their own. The primary key also serves GET /v1/messages, since ids rise with time.';
COMMENT ON COLUMN messages.id IS 'The id of the delivery that brought it first.';
COMMENT ON COLUMN messages.content_hash IS 'SHA-256 of the fact: the same text within the window is a repeat.';
COMMENT ON COLUMN messages.linked_call IS 'The call named by the message''s own link.';
COMMENT ON COLUMN messages.call_id IS 'The call it is tied to: linked_call, else the nearest call of the same phone number and widget within the window, else null.';

-- Serves the search for an earlier copy.
CREATE INDEX messages_by_content ON messages (source, content_hash, received_at);
-- Serves the messages of one call.
CREATE INDEX messages_by_call ON messages (source, call_id) WHERE call_id IS NOT NULL;
-- Serves tying messages to a call that came after them.
CREATE INDEX messages_by_visitor ON messages (source, phone, widget_id) WHERE phone IS NOT NULL AND linked_call IS NULL;

-- The event log -------------------------------------------------------------------------------------------------------

CREATE TABLE feed_head (
    only_row          boolean     NOT NULL PRIMARY KEY DEFAULT true CHECK (only_row),
    epoch             text        NOT NULL CHECK (epoch ~ '^[0-9a-f]{8}$'),
    position          bigint      NOT NULL DEFAULT 0,
    floor             bigint      NOT NULL DEFAULT 0,
    outcomes          bigint      NOT NULL DEFAULT 0,
    recorded_at       timestamptz NOT NULL DEFAULT '-infinity',
    system_identifier text        NOT NULL,
    timeline          bigint      NOT NULL
) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

COMMENT ON TABLE feed_head IS 'One row: the end of the event log. Its row lock is the mutex of the sequencer; positions come from it, so a rollback returns them.';
COMMENT ON COLUMN feed_head.epoch IS 'Changes whenever history may have been rewritten (a restore, a promoted standby): cursors of another epoch are refused.';
COMMENT ON COLUMN feed_head.position IS 'The last position handed out; positions are contiguous from 1.';
COMMENT ON COLUMN feed_head.floor IS 'Events up to this position have expired.';
COMMENT ON COLUMN feed_head.outcomes IS 'The last outcomes.seq handed out.';
COMMENT ON COLUMN feed_head.system_identifier IS 'The cluster in which the epoch began; another one means that this is a restored copy.';
COMMENT ON COLUMN feed_head.timeline IS 'The timeline in which the epoch began; another one means a promotion or a point-in-time recovery.';

INSERT INTO feed_head (epoch, system_identifier, timeline)
SELECT substr(replace(gen_random_uuid()::text, '-', ''), 1, 8), s.system_identifier::text, c.timeline_id
FROM pg_control_system() s, pg_control_checkpoint() c;

CREATE TABLE events (
    position    bigint      NOT NULL,
    recorded_at timestamptz NOT NULL,
    type        text        NOT NULL,
    source      text        NOT NULL,
    subject     text        NOT NULL,
    delivery_id uuid,
    event       text        NOT NULL,
    PRIMARY KEY (position, recorded_at)
) PARTITION BY RANGE (recorded_at);

COMMENT ON TABLE events IS 'The feed: an ordered log without holes. Partitioned by month of recording, so that expiry is a dropped partition. The primary key serves the one query readers need: position > cursor, in order.';
COMMENT ON COLUMN events.source IS 'The configured source''s name.';
COMMENT ON COLUMN events.delivery_id IS 'The delivery that it came from; null for what a clock brought about.';
COMMENT ON COLUMN events.event IS 'The CloudEvent as JSON without its id and sequence, which follow from epoch and position.';

CREATE TABLE events_default PARTITION OF events DEFAULT;

-- Partitions ----------------------------------------------------------------------------------------------------------

CREATE FUNCTION uuid_floor(at timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '00000000000000000000')::uuid
$$;
COMMENT ON FUNCTION uuid_floor IS 'The smallest UUID whose version 7 time is the given moment: the bound of a partition.';

CREATE FUNCTION ensure_partitions(months_ahead integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = callhook, pg_catalog SET timezone = 'UTC' AS $$
DECLARE
    month    timestamptz;
    until    timestamptz;
    suffix   text;
    made     integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('callhook.ensure_partitions'));
    FOR i IN 0 .. months_ahead LOOP
        month := date_trunc('month', now()) + make_interval(months => i);
        until := month + interval '1 month';
        suffix := to_char(month, '"y"YYYY"m"MM');
        CONTINUE WHEN to_regclass('callhook.deliveries_' || suffix) IS NOT NULL;
        BEGIN
            EXECUTE format('CREATE TABLE %I PARTITION OF deliveries FOR VALUES FROM (%L) TO (%L)',
                           'deliveries_' || suffix, uuid_floor(month), uuid_floor(until));
            EXECUTE format('CREATE TABLE %I PARTITION OF outcomes FOR VALUES FROM (%L) TO (%L)',
                           'outcomes_' || suffix, uuid_floor(month), uuid_floor(until));
            EXECUTE format('CREATE TABLE %I PARTITION OF events FOR VALUES FROM (%L) TO (%L)',
                           'events_' || suffix, month, until);
            made := made + 1;
        EXCEPTION WHEN check_violation THEN
            -- Rows of that month already wait in a default partition; they are safe there, and so are those to
            -- come. The months after it are made all the same.
            NULL;
        END;
    END LOOP;
    RETURN made;
END
$$;
COMMENT ON FUNCTION ensure_partitions IS 'Makes the partitions of this month and those ahead; returns how many months it made. Run by the leading daemon at start and daily.';

SELECT ensure_partitions(3);
