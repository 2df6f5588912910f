-- What asking the vendor's API needs: how far each source has been compared, jobs, gap reports, widgets. Runs in one
-- transaction with search_path set to the schema.

-- Calls -----------------------------------------------------------------------------------------------------------------

-- A column and not an expression in an index: its value hardly ever changes, so updates of `facts` stay cheap (HOT).
-- Facts are JSON as the sequencer writes it, without spaces; in a value from outside the quotes would be escaped.
ALTER TABLE calls ADD COLUMN by_webhook boolean NOT NULL
    GENERATED ALWAYS AS (strpos(facts, '"from":"webhook"') > 0) STORED;

COMMENT ON COLUMN calls.by_webhook IS 'Whether a webhook told of it; else it is known from the vendor''s API alone.';

-- Serves the search for the first and the latest calls of a source that webhooks told of.
CREATE INDEX calls_by_webhook ON calls (source, created_at) WHERE by_webhook AND created_at IS NOT NULL;

-- How far ---------------------------------------------------------------------------------------------------------------

CREATE TABLE source_states (
    source          text        NOT NULL PRIMARY KEY,
    known_since     timestamptz NOT NULL DEFAULT now(),
    swept_until     timestamptz,
    swept_at        timestamptz,
    identity        text        NOT NULL DEFAULT 'unknown' CHECK (identity IN ('unknown', 'confirmed', 'mismatch')),
    identity_call   bigint,
    zone_error      integer,
    zone_checked_at timestamptz
);

COMMENT ON TABLE source_states IS 'What backfill knows of each source: one row, made when the source is first served with an API key.';
COMMENT ON COLUMN source_states.known_since IS 'Calls from before this moment, and from before the first call that a webhook told of, are history: their missing webhooks are no gap.';
COMMENT ON COLUMN source_states.swept_until IS 'Calls up to here have been compared with the vendor''s history.';
COMMENT ON COLUMN source_states.swept_at IS 'When the last sweep ended well.';
COMMENT ON COLUMN source_states.identity IS 'Whether the id in webhooks and the id in the API name the same call: checked at the first outcome; on a mismatch nothing is merged.';
COMMENT ON COLUMN source_states.identity_call IS 'The call that confirmed or contradicted it.';
COMMENT ON COLUMN source_states.zone_error IS 'By how many seconds the configured time zone is off, as far as the API''s own time filter tells; null where it has not told.';

CREATE TABLE backfill_cursor (
    only_row boolean NOT NULL PRIMARY KEY DEFAULT true CHECK (only_row),
    position bigint  NOT NULL
) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

COMMENT ON TABLE backfill_cursor IS 'How far the event log has been read for calls worth asking about. Its row lock keeps two daemons from reading the same stretch.';

-- Calls that ended before there was backfill are the first sweep's business.
INSERT INTO backfill_cursor (position) SELECT position FROM feed_head;

CREATE TABLE backfill_runs (
    source     text        NOT NULL,
    from_at    timestamptz NOT NULL,
    to_at      timestamptz NOT NULL,
    done_until timestamptz NOT NULL,
    calls      bigint      NOT NULL DEFAULT 0,
    appended   bigint      NOT NULL DEFAULT 0,
    begun_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, from_at, to_at)
);

COMMENT ON TABLE backfill_runs IS '`callhookd backfill` over a given range: how far it came, so that it goes on after an interruption. Deleted when it is through.';

-- Jobs ------------------------------------------------------------------------------------------------------------------

CREATE TABLE jobs (
    id           bigint      NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source       text        NOT NULL,
    kind         text        NOT NULL CHECK (kind IN ('sweep', 'call', 'widgets')),
    call_id      bigint      NOT NULL DEFAULT 0,
    reason       text        NOT NULL,
    due_at       timestamptz NOT NULL,
    generation   bigint      NOT NULL DEFAULT 1,
    looks        integer     NOT NULL DEFAULT 0,
    attempts     integer     NOT NULL DEFAULT 0,
    leased_by    uuid,
    leased_until timestamptz,
    dead_at      timestamptz,
    last_error   text,
    created_at   timestamptz NOT NULL DEFAULT now(),
    UNIQUE (source, kind, call_id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);

COMMENT ON TABLE jobs IS 'What is to be asked of the vendor''s API. A daemon leases a job, and whoever finds the lease expired takes it over; a job done for good is deleted, one that used up its attempts is dead until somebody retries it.';
COMMENT ON COLUMN jobs.call_id IS 'The call to ask for; 0 for a job that is not about one call. The unique key makes asking for the same thing twice one job.';
COMMENT ON COLUMN jobs.generation IS 'Grows whenever the job is asked for anew: what was asked for while it was under way is not forgotten when it ends.';
COMMENT ON COLUMN jobs.looks IS 'How often the API has answered it.';
COMMENT ON COLUMN jobs.attempts IS 'Failures in a row.';
COMMENT ON COLUMN jobs.last_error IS 'Why the last attempt failed, without personal data.';

-- Serves the lease: of each source what stands before what is about one call, the longest due first.
CREATE INDEX jobs_due ON jobs (source, (kind = 'call'), due_at, id) WHERE dead_at IS NULL;

CREATE TABLE api_paces (
    key     text        NOT NULL PRIMARY KEY,
    next_at timestamptz NOT NULL
) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

COMMENT ON TABLE api_paces IS 'When the next request under each API key may go out, so that all daemons and commands together keep its rate limit.';
COMMENT ON COLUMN api_paces.key IS 'A hash that tells keys apart and does not reveal them.';

-- Gaps ------------------------------------------------------------------------------------------------------------------

CREATE TABLE gaps (
    id       uuid        NOT NULL PRIMARY KEY,
    source   text        NOT NULL,
    found_at timestamptz NOT NULL,
    found_by text        NOT NULL,
    from_at  timestamptz NOT NULL,
    to_at    timestamptz NOT NULL,
    calls    integer     NOT NULL CHECK (calls > 0),
    position bigint
);

COMMENT ON TABLE gaps IS 'Reports of webhooks that never came. The primary key, a UUIDv7, serves GET /v1/gaps, newest first.';
COMMENT ON COLUMN gaps.found_by IS '`sweep`, `call` (asked for by id) or `command`.';
COMMENT ON COLUMN gaps.from_at IS 'The stretch of calls that was compared.';
COMMENT ON COLUMN gaps.position IS 'The feed position of its gap.found event; null until the sequencer has written it.';

-- Serves the sequencer's search for reports to tell.
CREATE INDEX gaps_untold ON gaps (id) WHERE position IS NULL;

CREATE TABLE gap_calls (
    source  text   NOT NULL,
    call_id bigint NOT NULL,
    event   text   NOT NULL,
    gap     uuid   NOT NULL REFERENCES gaps (id),
    PRIMARY KEY (source, call_id, event)
);

COMMENT ON TABLE gap_calls IS 'Which webhook of which call never came, each reported once, however many sweeps see it.';

-- Serves the calls of one report.
CREATE INDEX gap_calls_by_gap ON gap_calls (gap, call_id);

-- Widgets ---------------------------------------------------------------------------------------------------------------

CREATE TABLE widgets (
    source           text        NOT NULL,
    id               bigint      NOT NULL,
    name             text        NOT NULL,
    url              text        NOT NULL,
    enabled          boolean     NOT NULL,
    listed_at        timestamptz NOT NULL,
    first_webhook_at timestamptz,
    PRIMARY KEY (source, id)
);

COMMENT ON TABLE widgets IS 'The widgets that the vendor''s API lists. A webhook is set up for each by hand, so one without any webhook may be a forgotten one.';
COMMENT ON COLUMN widgets.listed_at IS 'When the API last listed it.';
COMMENT ON COLUMN widgets.first_webhook_at IS 'When it was first seen that a webhook of this widget had come; null while none has.';
