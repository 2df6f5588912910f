"""Partitions for the months ahead are made by the leader, and never at the cost of a webhook."""

import time

from support.daemon import PATIENCE, wait_until
from support.payloads import call_event

TABLES = ("deliveries", "outcomes", "events")


def drop_furthest_month(database):
    """As on the day when a new month begins; the month's suffix."""
    names = database.rows("SELECT relname FROM pg_class WHERE relkind = 'r' AND starts_with(relname, 'deliveries_y') ORDER BY 1 DESC LIMIT 1")
    suffix = names[0][0].removeprefix("deliveries_")
    for table in TABLES:
        database.execute(f"DROP TABLE callhook.{table}_{suffix}")
    return suffix


def exists(database, suffix):
    return all(database.value(f"SELECT to_regclass('callhook.{table}_{suffix}') IS NOT NULL") for table in TABLES)


def test_a_start_makes_what_is_missing_however_short_the_machine_has_been_up(make_daemon):
    daemon = make_daemon()
    suffix = drop_furthest_month(daemon.database)
    daemon.start()
    wait_until(lambda: exists(daemon.database, suffix), 5, "the partitions")
    assert daemon.stop() == 0


def test_a_long_read_delays_partitions_and_no_webhook(make_daemon):
    daemon = make_daemon()
    suffix = drop_furthest_month(daemon.database)
    reader = daemon.database.connect(autocommit=False)  # a dump, or an audit
    try:
        reader.cursor().execute("SELECT count(*) FROM callhook.deliveries, callhook.outcomes, callhook.events")
        daemon.start()
        until = time.monotonic() + 3
        number = 0
        while time.monotonic() < until:
            number += 1
            started = time.monotonic()
            daemon.deliver(call_event("call.new", number))
            assert time.monotonic() - started < 5 * PATIENCE
        daemon.settle()
        assert "partitions for the months ahead must wait: a table is in use" in daemon.log_text()
        assert not exists(daemon.database, suffix)
    finally:
        reader.close()
    assert daemon.stop() == 0
