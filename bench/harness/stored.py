"""A database with as many stored events as one wants: a few hundred calls that callhook itself took in and sequenced, copied by SQL
under other ids, numbers, positions and times over the last two months, with the indexes and partitions there are."""

import concurrent.futures
import shutil

from harness import wrk
from harness.world import hook_url, until_level

AT_ONCE = 100  # copies in one transaction
MOST_BYTES = 40 << 30
TO_SPARE = 5 << 30  # of the disk

# What callhook wrote, each row with its place among its kind and what is to be replaced in its texts.
TEMPLATE = """
CREATE SCHEMA bench;
CREATE TABLE bench.calls AS SELECT row_number() OVER (ORDER BY id) AS n, id AS call, c.* FROM callhook.calls c
    WHERE due_at IS NULL AND (SELECT count(*) FROM callhook.outcomes o WHERE o.source = c.source AND o.call_id = c.id) = 2;
CREATE TABLE bench.outcomes AS SELECT row_number() OVER (ORDER BY o.seq) AS n, c.call, c.phone, o.*
    FROM callhook.outcomes o JOIN bench.calls c ON o.source = c.source AND o.call_id = c.call;
CREATE TABLE bench.deliveries AS SELECT o.n, o.call, o.phone, d.* FROM callhook.deliveries d JOIN bench.outcomes o ON o.delivery_id = d.id;
CREATE TABLE bench.events AS SELECT row_number() OVER (ORDER BY e.position) AS n, o.n AS delivery, o.call, o.phone, e.*
    FROM callhook.events e JOIN bench.outcomes o USING (delivery_id);
CREATE FUNCTION bench.moved(id uuid, at timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || substr(replace(id::text, '-', ''), 13))::uuid
$$;
TRUNCATE callhook.calls, callhook.outcomes, callhook.deliveries, callhook.events;
"""

PAST_PARTITIONS = """
DO $do$
DECLARE
    month timestamptz;
    until timestamptz;
BEGIN
    SET LOCAL ROLE callhook;
    SET LOCAL search_path = callhook, pg_catalog;
    SET LOCAL timezone = 'UTC';
    FOR i IN 1 .. 3 LOOP
        month := date_trunc('month', now()) - make_interval(months => i);
        until := month + interval '1 month';
        EXECUTE format('CREATE TABLE %I PARTITION OF deliveries FOR VALUES FROM (%L) TO (%L)',
                       'deliveries_' || to_char(month, '"y"YYYY"m"MM'), uuid_floor(month), uuid_floor(until));
        EXECUTE format('CREATE TABLE %I PARTITION OF outcomes FOR VALUES FROM (%L) TO (%L)',
                       'outcomes_' || to_char(month, '"y"YYYY"m"MM'), uuid_floor(month), uuid_floor(until));
        EXECUTE format('CREATE TABLE %I PARTITION OF events FOR VALUES FROM (%L) TO (%L)',
                       'events_' || to_char(month, '"y"YYYY"m"MM'), month, until);
    END LOOP;
END $do$
"""

CALL = "(t.call + k.copy * 1000)"
PHONE = f"('+485' || lpad(({CALL} %% 100000000 * 7919 %% 100000000)::text, 8, '0'))"


def _text(column):
    return f"replace(replace(t.{column}, t.call::text, {CALL}::text), t.phone, {PHONE})"


def _at(place):
    """When a row came in that is the so-maniest of its copy: {first} and {step} are filled in."""
    return f"('{{first}}'::timestamptz + k.copy * interval '{{step}} s' + t.{place} * interval '1 ms')"


CHANGED = {
    "calls": {
        "id": CALL,
        "phone": PHONE,
        "created_at": _at("n"),
        "at": _at("n"),
        **{name: _text(name) for name in ("record", "facts", "provenance")},
    },
    "outcomes": {"delivery_id": f"bench.moved(t.delivery_id, {_at('n')})", "seq": "k.copy * {outcomes} + t.n", "call_id": CALL},
    "deliveries": {
        "id": f"bench.moved(t.id, {_at('n')})",
        "batch": f"bench.moved(t.id, {_at('n')})",
        "received_at": _at("n"),
        "body": f"convert_to(replace(replace(convert_from(t.body, 'UTF8'), t.call::text, {CALL}::text), t.phone, {PHONE}), 'UTF8')",
    },
    "events": {
        "position": "k.copy * {events} + t.n",
        "recorded_at": _at("delivery"),
        "delivery_id": f"bench.moved(t.delivery_id, {_at('delivery')})",
        "subject": _text("subject"),
        "event": _text("event"),
    },
}
LANES = (("events",), ("deliveries", "outcomes"), ("calls",))
DAYS = 60


class Maker:
    """Fills a migrated, empty database with at least so many events."""

    def __init__(self, world, database, wanted):
        self.world, self.database = world, database
        self._take_in()
        database.execute(TEMPLATE)
        database.execute(PAST_PARTITIONS)
        self.events, self.outcomes = (database.value(f"SELECT count(*) FROM bench.{name}") for name in ("events", "outcomes"))
        if not self.events:
            raise RuntimeError("the run that is to be copied gave no events")
        self.copies = -(-wanted // self.events)
        self.first = database.value(f"SELECT (now() - interval '{DAYS} days')::text")
        self.step = DAYS * 86_400 / self.copies
        self.statements = {table: self._statement(table) for table in CHANGED}

    def _take_in(self):
        with self.world.callhook(on=self.database) as daemon:
            wrk.run(hook_url(daemon), wrk.Plan(8, 2, "lifecycle", 300, 100))
            until_level(self.database)

    def _statement(self, table):
        names = [
            name
            for (name,) in self.database.rows(
                "SELECT column_name FROM information_schema.columns WHERE table_schema = 'callhook' AND table_name = %s"
                " AND is_generated = 'NEVER' ORDER BY ordinal_position",
                table,
            )
        ]
        filled = {"first": self.first, "step": self.step, "events": self.events, "outcomes": self.outcomes}
        values = [CHANGED[table][name].format(**filled) if name in CHANGED[table] else f"t.{name}" for name in names]
        return (
            f"INSERT INTO callhook.{table} ({', '.join(names)}) SELECT {', '.join(values)} FROM generate_series(%s, %s) AS k (copy),"
            f" LATERAL (SELECT * FROM bench.{table} ORDER BY n) t"
        )

    def make(self):
        """How many events there are now."""
        self._copy_all(0, min(AT_ONCE, self.copies))
        if self.copies > AT_ONCE:
            self._refuse_what_does_not_fit()
            with concurrent.futures.ThreadPoolExecutor(len(LANES)) as lanes:
                for done in [lanes.submit(self._copy, lane, AT_ONCE, self.copies) for lane in LANES]:
                    done.result()
        total = self.copies * self.events
        self.database.execute(
            "UPDATE callhook.feed_head SET position = %s, outcomes = %s, recorded_at = (SELECT max(recorded_at) FROM callhook.events)",
            total,
            self.copies * self.outcomes,
        )
        self.database.execute("UPDATE callhook.backfill_cursor SET position = %s", total)
        self.database.execute("DROP SCHEMA bench CASCADE")
        self.database.execute("VACUUM ANALYZE")
        self.database.execute("CHECKPOINT")
        return total

    def _copy_all(self, begin, end):
        for lane in LANES:
            self._copy(lane, begin, end)

    def _copy(self, tables, begin, end):
        connection = self.database.connect()
        with connection.cursor() as cursor:
            # What is made here can be made again; a checkpoint follows.
            cursor.execute("SET synchronous_commit = off")
            for at in range(begin, end, AT_ONCE):
                for table in tables:
                    cursor.execute(self.statements[table], (at, min(at + AT_ONCE, end) - 1))
                if at // AT_ONCE % 10 == 0 and end > AT_ONCE:
                    self.world.say(f"  {' and '.join(tables)}: {at / self.copies:.0%}")
        connection.close()

    def _refuse_what_does_not_fit(self):
        size = self.database.value("SELECT pg_database_size(current_database()) - (SELECT pg_database_size('template1'))")
        needed = size / AT_ONCE * self.copies
        free = shutil.disk_usage(self.database.cluster.directory).free
        if needed > MOST_BYTES or needed + TO_SPARE > free:
            raise RuntimeError(f"so many events need {needed / 2**30:.0f} GiB; {free / 2**30:.0f} GiB are free, and 40 GiB are the most")
        self.world.say(f"  {self.copies * self.events:,} events in {needed / 2**30:.0f} GiB")
