"""What docs/upgrade.md promises: daemons at work bear the next version's migration, a migration waits for nobody's webhooks, and
a binary that is too old says so. scripts/upgrade-test tries two real versions beside each other."""

import os
import subprocess
import time

import pytest
from support.daemon import PATIENCE, Daemon, wait_until
from support.feed import FeedReader, assert_contiguous, read_feed
from support.payloads import body, call_event, documented
from support.stream import Stream

CONFIGURATION = 78
PREVIOUS = os.environ.get("CALLHOOKD_PREVIOUS")
FUTURE = "INSERT INTO callhook.schema_migrations (number, name, checksum) VALUES (9999, 'future', 'x')"


def tables(database):
    query = "SELECT c.oid::regclass::text FROM pg_class c WHERE relnamespace = 'callhook'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition"
    return [row[0] for row in database.rows(query)]


def told_of_new(events):
    return sum(event["type"] == "call.new" for event in events)


def test_daemons_at_work_bear_what_a_migration_may_add(make_daemon, database):
    """A column in every table, a table, an index and a function, as the lint of migrations allows, under two daemons with a
    steady stream: statements that they have prepared must go on to work."""
    first, second = make_daemon().start(), make_daemon().start()
    assert first.api("/v1/consumers/crm", method="PUT").status in (200, 201)
    reader = FeedReader(second)
    with Stream(first, 1) as one, Stream(second, 100_000) as two:
        time.sleep(0.5)
        for table in tables(database):
            database.execute(f"ALTER TABLE {table} ADD COLUMN from_the_future text NOT NULL DEFAULT 'later'")
        database.execute("CREATE TABLE callhook.from_the_future (id bigint PRIMARY KEY)")
        database.execute(FUTURE)
        told = len(one.kept)
        wait_until(lambda: len(one.kept) > told + 50 and len(two.kept) > 50, 30, "webhooks after the migration")
        reader.read()
    first.settle()
    # Whoever leads dies, and the other one, of the same version, takes over on the newer schema.
    first.kill()
    second.deliver(body(call_event("call.new", 999_999)))
    wait_until(lambda: any(event["subject"] == "calls/999999" for event in FeedReader(second, "0", subject="calls/999999").read()), 20, "the takeover")
    second.settle()
    events = read_feed(second)
    assert_contiguous(events)
    assert told_of_new(events) == len(one.kept) + len(two.kept) + 1
    assert second.api("/v1/consumers/crm/events").status == 200 and second.call(1)["call"]["id"] == 1
    assert second.stop() == 0


REFUSED = [
    ["serve"],
    ["serve", "--migrate"],
    ["migrate"],
    ["migrate", "--status"],
    ["audit"],
    ["rebuild"],
    ["erase", "--phone", "+48600100200"],
    ["expire"],
    ["quarantine", "retry", "--all"],
]


@pytest.mark.parametrize("command", REFUSED, ids=" ".join)
def test_a_binary_that_is_too_old_says_so(make_daemon, database, command):
    daemon = make_daemon()
    before = database.value("SELECT epoch FROM callhook.feed_head")
    database.execute(FUTURE)
    code, out, err = daemon.run(*command, timeout=30)
    assert code == CONFIGURATION and "newer than this binary" in out + err and "9999 (future)" in out + err, out + err
    assert database.value("SELECT epoch FROM callhook.feed_head") == before


def test_what_only_looks_works_on_a_newer_schema(make_daemon, database):
    """Nobody should be blind in the middle of an upgrade."""
    daemon = make_daemon().start()
    daemon.deliver(documented()["call.new"])
    daemon.settle()
    database.execute(FUTURE)
    for command in (["calls", "show", "demo/3419"], ["quarantine", "list"], ["jobs", "list"], ["epoch"], ["spool"]):
        code, _, err = daemon.run(*command, timeout=30)
        assert code == 0, err
    assert daemon.stop() == 0


def test_a_migration_waits_for_a_reader_and_nobody_for_the_migration(make_daemon, database):
    daemon = make_daemon({"log": {"level": "info"}}).start()
    daemon.deliver(documented()["call.new"])
    # The last migration, as if it were still to come; daemons at work do without it.
    database.execute(
        "ALTER TABLE callhook.feed_head DROP COLUMN place; DROP FUNCTION callhook.feed_place();"
        "DELETE FROM callhook.schema_migrations WHERE name = 'feed_place'"
    )
    reader = database.connect(autocommit=False)  # a dump
    reader.cursor().execute("SELECT count(*) FROM callhook.feed_head")
    migration = subprocess.Popen([daemon.binary, "migrate", "--config", str(daemon.config)], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        until = time.monotonic() + 4
        slowest = 0.0
        with Stream(daemon, 1) as stream:
            while time.monotonic() < until:
                before = time.monotonic()
                position = database.value("SELECT position FROM callhook.feed_head")
                wait_until(lambda: database.value("SELECT position FROM callhook.feed_head") > position, 10, "the feed going on")
                slowest = max(slowest, time.monotonic() - before)
        assert migration.poll() is None, "it waits"
        assert slowest < 3 * PATIENCE and len(stream.kept) > 20
    finally:
        reader.close()
    _, err = migration.communicate(timeout=30 * PATIENCE)
    assert migration.returncode == 0 and "a migration waits for a table that is in use" in err, err
    daemon.settle()
    code, report = daemon.audit()
    assert code == 0, report
    assert daemon.stop() == 0


# Two real versions ----------------------------------------------------------------------------------------------------------


def leads(daemon):
    return daemon.running() and "callhook_pipeline_leader 1" in daemon.api("/metrics").body.decode()


@pytest.mark.skipif(not PREVIOUS, reason="scripts/upgrade-test builds a previous version")
def test_the_previous_version_and_this_one_share_a_database(make_daemon, empty_database, tmp_path):
    old = Daemon(PREVIOUS, tmp_path / "previous", empty_database)
    if old.run("check-config")[0] != 0:
        old.settings.pop("spool")  # from before there was one
    new = make_daemon(on=empty_database)
    try:
        old.start("--migrate")
        with Stream(old, 1) as to_old:
            wait_until(lambda: to_old.next > 50, 20, "the previous version at work")
            code, _, err = new.run("migrate")
            assert code == 0, err
            migrated = to_old.next
            wait_until(lambda: to_old.next > migrated + 50, 20, "the previous version on the newer schema")
            assert leads(old)
            new.start()
            with Stream(new, 100_000) as to_new:
                wait_until(lambda: to_new.next > 100_050, 20, "both at work")
        assert old.stop() == 0
        wait_until(lambda: leads(new), 20, "the takeover")
        new.deliver(body(call_event("call.new", 999_999)))
        new.settle()
        events = read_feed(new)
        assert_contiguous(events)
        assert told_of_new(events) == len(to_old.kept) + len(to_new.kept) + 1
        code, report = new.audit()
        assert code == 0, report
        code, out, err = new.run("rebuild", "--json")
        assert code == 0 and '"calls_changed":0' in out, out + err
        if new.run("migrate", "--status")[1] != old.run("migrate", "--status")[1]:
            code, out, err = old.run("serve", timeout=30)
            assert code == CONFIGURATION and "newer than this binary" in out + err
    finally:
        for one in (old, new):
            if one.running():
                one.kill()
