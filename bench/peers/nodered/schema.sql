CREATE TABLE deliveries (
    id          bigint      NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source      text        NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    event       text        NOT NULL,
    call_id     bigint      NOT NULL,
    body        jsonb       NOT NULL,
    UNIQUE (source, event, call_id)
);
