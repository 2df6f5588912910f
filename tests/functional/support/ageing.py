"""Makes what a database holds old, as if it had come in long ago: what is kept for months cannot be waited for."""

SHIFT = """
CREATE OR REPLACE FUNCTION pg_temp.older(id uuid, days integer) RETURNS uuid LANGUAGE sql AS $$
    SELECT (lpad(to_hex(('x' || lpad(substr(replace(id::text, '-', ''), 1, 12), 16, '0'))::bit(64)::bigint
                        - days * 86400000::bigint), 12, '0') || substr(replace(id::text, '-', ''), 13))::uuid
$$
"""

# What came in within the last day; what has been made old already stays where it is.
RECENT = "received_at > now() - interval '1 day'"


def month_of(database, days):
    """The suffix of the partitions that hold what came in so many days ago."""
    return database.value(f"SELECT to_char(date_trunc('month', now() AT TIME ZONE 'UTC' - interval '{days} days'), '\"y\"YYYY\"m\"MM')")


def make_month(database, days):
    """The partitions for what came in so many days ago, as the daemon made them then; their suffix."""
    suffix = month_of(database, days)
    month = f"date_trunc('month', now() AT TIME ZONE 'UTC' - interval '{days} days') AT TIME ZONE 'UTC'"
    until = f"(date_trunc('month', now() AT TIME ZONE 'UTC' - interval '{days} days') + interval '1 month') AT TIME ZONE 'UTC'"
    if database.value(f"SELECT to_regclass('callhook.deliveries_{suffix}')") is not None:
        return suffix
    for table in ("deliveries", "outcomes"):
        low, high = database.rows(f"SELECT callhook.uuid_floor({month}), callhook.uuid_floor({until})")[0]
        database.execute(f"CREATE TABLE callhook.{table}_{suffix} PARTITION OF callhook.{table} FOR VALUES FROM ('{low}') TO ('{high}')")
        database.execute(f"ALTER TABLE callhook.{table}_{suffix} OWNER TO callhook")
    low, high = database.rows(f"SELECT {month}, {until}")[0]
    database.execute(f"CREATE TABLE callhook.events_{suffix} PARTITION OF callhook.events FOR VALUES FROM ('{low}') TO ('{high}')")
    database.execute(f"ALTER TABLE callhook.events_{suffix} OWNER TO callhook")
    return suffix


def make_older(daemon, days):
    """All that came in within the last day, and was worked on, came in `days` days earlier. Records name their
    deliveries, so they are rebuilt."""
    database = daemon.database
    connection = database.connect(autocommit=False)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL search_path = callhook")
            cursor.execute("SELECT 1 FROM feed_head FOR UPDATE")
            cursor.execute(SHIFT)
            cursor.execute(f"CREATE TEMP TABLE moved ON COMMIT DROP AS SELECT id, pg_temp.older(id, {days}) AS older FROM deliveries WHERE {RECENT}")
            back = f"interval '{days} days'"
            cursor.execute("UPDATE outcomes o SET delivery_id = older FROM moved WHERE o.delivery_id = id")
            cursor.execute("UPDATE outcomes o SET message_id = older FROM moved WHERE o.message_id = id")
            cursor.execute(f"UPDATE messages m SET id = older, received_at = received_at - {back} FROM moved WHERE m.id = moved.id")
            cursor.execute("UPDATE events e SET delivery_id = older FROM moved WHERE e.delivery_id = moved.id")
            cursor.execute(f"UPDATE events SET recorded_at = recorded_at - {back} WHERE recorded_at > now() - interval '1 day'")
            cursor.execute(
                f"UPDATE deliveries d SET id = older, batch = pg_temp.older(batch, {days}), received_at = received_at - {back} "
                "FROM moved WHERE d.id = moved.id"
            )
        connection.commit()
    finally:
        connection.close()
    code, out, err = daemon.run("rebuild", timeout=300)
    assert code == 0, out + err
