-- What the service keeps: deliveries in the shape of callhook's, with the key that makes storing idempotent, and for
-- MODE=upsert the call as it is now and an event log.
CREATE TABLE deliveries (
    id           bigint      NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source       text        NOT NULL,
    received_at  timestamptz NOT NULL DEFAULT now(),
    remote_addr  inet,
    content_type text,
    event        text        NOT NULL,
    call_id      bigint      NOT NULL,
    body         bytea       NOT NULL,
    UNIQUE (source, event, call_id)
);

CREATE TABLE calls (
    source     text        NOT NULL,
    id         bigint      NOT NULL,
    phone      text,
    updated_at timestamptz NOT NULL DEFAULT now(),
    record     jsonb       NOT NULL,
    PRIMARY KEY (source, id)
);
CREATE INDEX calls_by_phone ON calls (phone);

CREATE TABLE events (
    position    bigserial   PRIMARY KEY,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    type        text        NOT NULL,
    source      text        NOT NULL,
    call_id     bigint      NOT NULL,
    data        jsonb       NOT NULL
);
