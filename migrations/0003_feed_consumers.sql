-- What telling downstream systems needs: named consumers, subscriptions and their deliveries, leases, announcements. Runs
-- in one transaction with search_path set to the schema.

-- The event log -------------------------------------------------------------------------------------------------------

ALTER TABLE events ADD COLUMN widget_id bigint;

COMMENT ON COLUMN events.widget_id IS 'The widget of the call or message, for filters; null where there is none, and in events written before this column was there.';

-- Leases --------------------------------------------------------------------------------------------------------------

CREATE TABLE leases (
    name         text        NOT NULL PRIMARY KEY,
    owner        uuid        NOT NULL,
    leased_until timestamptz NOT NULL
) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

COMMENT ON TABLE leases IS 'Which daemon does what only one may do at a time: `subscription/NAME`, `nats`. By the database''s clock, so that the daemons'' own may differ.';

-- Consumers -----------------------------------------------------------------------------------------------------------

CREATE TABLE consumers (
    name            text        NOT NULL PRIMARY KEY CHECK (name ~ '^[a-z0-9][a-z0-9_-]{0,63}$'),
    kind            text        NOT NULL DEFAULT 'reader' CHECK (kind IN ('reader', 'publisher')),
    types           text[]      NOT NULL DEFAULT '{}',
    sources         text[]      NOT NULL DEFAULT '{}',
    subjects        text[]      NOT NULL DEFAULT '{}',
    widgets         bigint[]    NOT NULL DEFAULT '{}',
    epoch           text        NOT NULL,
    position        bigint      NOT NULL,
    stream_sequence bigint,
    created_at      timestamptz NOT NULL DEFAULT now(),
    acked_at        timestamptz
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

COMMENT ON TABLE consumers IS 'Followers of the feed whose place callhook remembers.';
COMMENT ON COLUMN consumers.kind IS '`reader`: made by a client, who acknowledges; `publisher`: callhook''s own, such as NATS.';
COMMENT ON COLUMN consumers.types IS 'The filter: an empty list takes all.';
COMMENT ON COLUMN consumers.position IS 'Everything up to here, within the epoch, is acknowledged.';
COMMENT ON COLUMN consumers.stream_sequence IS 'A publisher''s: the last sequence of its stream when the position was acknowledged; null where it has not been looked at, or after a reset.';

-- Subscriptions -------------------------------------------------------------------------------------------------------

CREATE TABLE subscriptions (
    name          text        NOT NULL PRIMARY KEY CHECK (name ~ '^[a-z0-9][a-z0-9_-]{0,63}$'),
    origin        text        NOT NULL CHECK (origin IN ('api', 'config')),
    url           text        NOT NULL,
    mode          text        NOT NULL DEFAULT 'structured' CHECK (mode IN ('structured', 'binary')),
    types         text[]      NOT NULL DEFAULT '{}',
    sources       text[]      NOT NULL DEFAULT '{}',
    subjects      text[]      NOT NULL DEFAULT '{}',
    widgets       bigint[]    NOT NULL DEFAULT '{}',
    timeout_ms    bigint,
    schedule_ms   bigint[],
    pause_after_ms bigint,
    state         text        NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused', 'disabled')),
    state_reason  text        NOT NULL DEFAULT '',
    state_at      timestamptz NOT NULL DEFAULT now(),
    failing_since timestamptz,
    epoch         text        NOT NULL,
    position      bigint      NOT NULL,
    generation    bigint      NOT NULL DEFAULT 1,
    created_at    timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

COMMENT ON TABLE subscriptions IS 'Outbound webhooks: who is told of which events, and how far.';
COMMENT ON COLUMN subscriptions.origin IS '`config`: from the configuration file, which also has its secrets; `api`: made by a client, secrets in subscription_secrets.';
COMMENT ON COLUMN subscriptions.timeout_ms IS 'Null, like schedule_ms and pause_after_ms: what [outbound] says.';
COMMENT ON COLUMN subscriptions.state IS '`paused`: by hand or after failing for too long, goes on when resumed; `disabled`: the receiver answered 410.';
COMMENT ON COLUMN subscriptions.failing_since IS 'When the first of the failures began after which nothing has got through; null while things do.';
COMMENT ON COLUMN subscriptions.position IS 'Every event up to here is delivered or stands in outbound_messages.';
COMMENT ON COLUMN subscriptions.generation IS 'Grows with every change by an operator, so that the daemon at work on it notices.';

CREATE TABLE subscription_secrets (
    subscription text        NOT NULL REFERENCES subscriptions (name) ON DELETE CASCADE,
    secret       text        NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz,
    PRIMARY KEY (subscription, secret)
);

COMMENT ON TABLE subscription_secrets IS 'Signing secrets (whsec_…) of subscriptions made through the API. They are needed as they are: who reads this table can sign as callhook.';
COMMENT ON COLUMN subscription_secrets.expires_at IS 'Set by a rotation: until then both the old and the new one sign.';

CREATE TABLE outbound_messages (
    subscription text        NOT NULL REFERENCES subscriptions (name) ON DELETE CASCADE,
    position     bigint      NOT NULL,
    source       text        NOT NULL,
    subject      text        NOT NULL,
    attempts     integer     NOT NULL DEFAULT 0,
    due_at       timestamptz NOT NULL,
    dead_at      timestamptz,
    last_error   text        NOT NULL DEFAULT '',
    PRIMARY KEY (subscription, position)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);

COMMENT ON TABLE outbound_messages IS 'Events that a subscription has passed and that its receiver has not taken: to be tried again at due_at, or dead once the schedule is used up. Deleted when delivered.';
COMMENT ON COLUMN outbound_messages.subject IS 'With source: what is delivered in order; a later event of the same subject waits for an earlier one, until that is dead.';

-- Serves the dispatcher's search for what is due, and the reading of dead letters.
CREATE INDEX outbound_messages_due ON outbound_messages (subscription, due_at) WHERE dead_at IS NULL;
CREATE INDEX outbound_messages_dead ON outbound_messages (subscription, position) WHERE dead_at IS NOT NULL;

CREATE TABLE outbound_attempts (
    id           bigint      NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscription text        NOT NULL REFERENCES subscriptions (name) ON DELETE CASCADE,
    position     bigint      NOT NULL,
    attempt      integer     NOT NULL,
    at           timestamptz NOT NULL,
    duration_ms  integer     NOT NULL,
    status       integer,
    error        text        NOT NULL DEFAULT '',
    response     bytea       NOT NULL DEFAULT ''
);

COMMENT ON TABLE outbound_attempts IS 'What receivers answered, for outbound.keep_attempts.';
COMMENT ON COLUMN outbound_attempts.status IS 'Null where there was no answer; error says why.';
COMMENT ON COLUMN outbound_attempts.response IS 'The beginning of the answer''s body.';

-- Serves GET /v1/subscriptions/{name}/attempts, with and without a position, and expiry.
CREATE INDEX outbound_attempts_by_subscription ON outbound_attempts (subscription, id);
CREATE INDEX outbound_attempts_by_position ON outbound_attempts (subscription, position, id);
CREATE INDEX outbound_attempts_by_time ON outbound_attempts (at);

-- Announcements -------------------------------------------------------------------------------------------------------

CREATE TABLE announcements (
    id          uuid        NOT NULL PRIMARY KEY,
    type        text        NOT NULL,
    source      text        NOT NULL,
    subject     text        NOT NULL,
    happened_at timestamptz NOT NULL,
    data        text        NOT NULL
);

COMMENT ON TABLE announcements IS 'Events about callhook itself that wait for the sequencer to give them a position, such as subscription.paused. Deleted when they have one.';
COMMENT ON COLUMN announcements.source IS 'A source''s name, or empty for what concerns no source.';
COMMENT ON COLUMN announcements.data IS 'The event''s data: a JSON object.';
