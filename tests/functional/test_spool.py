"""Webhooks are kept while PostgreSQL is away, refuses or hangs, and reach it afterwards: each once, none missing."""

import os
import pathlib
import sqlite3
import subprocess
import threading
import time

import pytest
from support.daemon import NO_SPOOL, PATIENCE, wait_until
from support.feed import assert_contiguous, read_feed
from support.metrics import metric
from support.payloads import body, call_event

QUIET = {"log": {"level": "info"}}
# Enough free space on any machine that runs tests.
ROOMY = {"keep_free": "1MiB"}


def spooling(**more):
    return {**QUIET, "spool": {"directory": "spool", "after": "500ms", **ROOMY}, **more}


def news(first, count):
    return [body(call_event("call.new", number)) for number in range(first, first + count)]


def spool_file(daemon):
    return daemon.directory / "spool" / "spool.db"


def waiting(daemon):
    return int(metric(daemon, "callhook_spool_deliveries") or 0)


def assert_each_once(daemon, database, kept, calls):
    """Every accepted delivery has one outcome and every call one event, and the ledger balances."""
    wait_until(lambda: daemon.status() == "ok", 60, "the end of the outage")
    daemon.settle(60)
    outcomes = [row[0] for row in database.rows("SELECT delivery_id::text FROM callhook.outcomes")]
    assert not set(kept) - set(outcomes), "accepted deliveries are missing"
    assert len(outcomes) == len(set(outcomes))
    events = read_feed(daemon)
    assert_contiguous(events)
    told = [event["subject"] for event in events if event["type"] == "call.new"]
    assert sorted(told) == sorted(f"calls/{number}" for number in calls)
    code, report = daemon.audit()
    assert code == 0, report


def away(daemon):
    wait_until(lambda: daemon.part("inbox") != "ok", 30, "the daemon knowing of the outage")


# The database is away -------------------------------------------------------------------------------------------------


def test_a_database_that_is_away_costs_no_webhook(make_daemon, database, postgres):
    daemon = make_daemon(spooling()).start()
    kept = [daemon.deliver(payload) for payload in news(1, 20)]
    postgres.kill()
    kept += [daemon.deliver(payload) for payload in news(21, 80)]
    away(daemon)
    kept += [daemon.deliver(payload) for payload in news(101, 100)]

    ready = daemon.api("/readyz?verbose")
    assert ready.status == 200 and ready.json()["status"] == "degraded"
    assert ready.json()["parts"]["intake"] == "ok" and "wait for the database" in ready.json()["parts"]["spool"]
    assert 100 <= waiting(daemon) <= 180
    assert metric(daemon, "callhook_spool_bytes") > 0
    assert abs(metric(daemon, "callhook_spool_oldest_timestamp_seconds") - time.time()) < 300 * PATIENCE
    spooled = metric(daemon, "callhook_spooled_total")

    postgres.start()
    assert_each_once(daemon, database, kept, range(1, 201))
    assert waiting(daemon) == 0 and metric(daemon, "callhook_spool_oldest_timestamp_seconds") == 0
    assert metric(daemon, "callhook_spool_replayed_total") == spooled
    assert metric(daemon, "callhook_spool_damaged_total") == 0
    said = [line["message"] for line in daemon.log_lines()]
    assert said.count("events go to the spool") == 1 and said.count("the spool is empty again") == 1
    assert daemon.stop() == 0


def test_a_database_that_hangs_costs_no_webhook_and_little_time(make_daemon, database, postgres):
    daemon = make_daemon(spooling(hooks={"answer_timeout": "60s"})).start()
    kept = [daemon.deliver(payload) for payload in news(1, 5)]
    postgres.pause()
    try:
        begun = time.monotonic()
        kept.append(daemon.deliver(news(6, 1)[0]))
        assert time.monotonic() - begun < 5 * PATIENCE, "not hooks.answer_timeout, but spool.after"
        away(daemon)
        kept += [daemon.deliver(payload) for payload in news(7, 50)]
        assert daemon.status() == "degraded"
    finally:
        postgres.resume()
    assert_each_once(daemon, database, kept, range(1, 57))
    assert daemon.stop() == 0


def test_a_daemon_that_starts_before_its_database_takes_webhooks_at_once(make_daemon, database, postgres):
    postgres.stop()
    daemon = make_daemon(spooling()).start(ready=False)
    wait_until(lambda: daemon.api("/readyz").status == 200, 20, "readiness")
    kept = [daemon.deliver(payload) for payload in news(1, 30)]
    assert daemon.status() == "degraded" and waiting(daemon) == 30
    assert daemon.part("feed") != "ok"
    postgres.start()
    assert_each_once(daemon, database, kept, range(1, 31))
    assert daemon.stop() == 0


def test_a_database_that_refuses_costs_no_webhook(make_daemon, database):
    """One that answers, and takes nothing: a standby, a full disk."""
    daemon = make_daemon(spooling()).start()
    kept = [daemon.deliver(payload) for payload in news(1, 5)]
    database.execute(
        "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = 'disk_full'; END$$"
    )
    database.execute("CREATE TRIGGER refuse BEFORE INSERT ON callhook.pending FOR EACH ROW EXECUTE FUNCTION public.refuse()")
    kept += [daemon.deliver(payload) for payload in news(6, 20)]
    assert daemon.status() == "degraded" and waiting(daemon) == 20
    database.execute("DROP TRIGGER refuse ON callhook.pending")
    assert_each_once(daemon, database, kept, range(1, 26))
    assert daemon.stop() == 0


def test_what_was_committed_without_an_answer_is_not_doubled(make_daemon, database, postgres):
    """The database is frozen in the middle of commits: some of them are made, and nobody learns of it."""
    daemon = make_daemon(spooling()).start()
    kept, lock = [], threading.Lock()
    numbers = iter(range(1, 100_000))
    stopping = threading.Event()

    def write():
        while not stopping.is_set():
            with lock:
                number = next(numbers)
            delivery = daemon.deliver(body(call_event("call.new", number)), timeout=60)
            with lock:
                kept.append((delivery, number))

    writers = [threading.Thread(target=write, daemon=True) for _ in range(8)]
    for writer in writers:
        writer.start()
    for _ in range(5):
        before = len(kept)
        wait_until(lambda: len(kept) >= before + 200, 30, "webhooks going on")  # noqa: B023
        postgres.pause()
        time.sleep(1)  # longer than spool.after: those in the commit go to the spool too
        postgres.resume()
    stopping.set()
    for writer in writers:
        writer.join(60)
    assert_each_once(daemon, database, [delivery for delivery, _ in kept], [number for _, number in kept])
    assert metric(daemon, "callhook_spool_replayed_total", result="known") > 0, "no commit was in doubt: nothing was shown"
    assert daemon.stop() == 0


def test_connections_that_break_under_load_cost_no_webhook(make_daemon, database):
    daemon = make_daemon(spooling()).start()
    kept = []
    ending = threading.Event()

    def cut():
        while not ending.is_set():
            database.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            time.sleep(0.05)

    cutter = threading.Thread(target=cut, daemon=True)
    cutter.start()
    try:
        for first in range(1, 1001, 100):
            kept += [delivery for delivery, _ in daemon.deliver_all(news(first, 100))]
    finally:
        ending.set()
        cutter.join(30)
    assert_each_once(daemon, database, kept, range(1, 1001))
    assert daemon.stop() == 0


# The daemon dies ------------------------------------------------------------------------------------------------------


def test_kills_while_spooling_and_while_draining_lose_nothing_and_double_nothing(make_daemon, database, postgres):
    daemon = make_daemon(spooling()).start()
    postgres.stop()
    away(daemon)
    kept = []
    for first in range(1, 3001, 1000):
        kept += [delivery for delivery, _ in daemon.deliver_all(news(first, 1000))]
        daemon.kill()
        daemon.start(ready=False)
        wait_until(lambda: daemon.api("/readyz").status == 200, 20, "taking webhooks again")
    assert waiting(daemon) == 3000
    postgres.start()
    for _ in range(5):
        wait_until(lambda: database.value("SELECT count(*) FROM callhook.deliveries") > 0, 30, "the drain")
        daemon.kill()
        daemon.start(ready=False)
    assert_each_once(daemon, database, kept, range(1, 3001))
    assert daemon.stop() == 0


def test_an_orderly_stop_keeps_what_waits(make_daemon, database, postgres):
    daemon = make_daemon(spooling()).start()
    postgres.stop()
    kept = [daemon.deliver(payload) for payload in news(1, 40)]
    assert daemon.stop() == 0
    code, out, err = daemon.run("spool", "--json")
    assert code == 0 and '"deliveries":40' in out and '"oldest":"20' in out, out + err
    postgres.start()
    daemon.start()
    assert_each_once(daemon, database, kept, range(1, 41))
    assert daemon.stop() == 0


# One bad apple --------------------------------------------------------------------------------------------------------


def test_a_delivery_that_the_database_refuses_holds_up_no_other(make_daemon, database, postgres):
    daemon = make_daemon(spooling()).start()
    database.execute("ALTER TABLE callhook.deliveries ADD CONSTRAINT no_poison CHECK (position('poison'::bytea IN body) = 0)")
    kept = [delivery for delivery, _ in daemon.deliver_all([*news(1, 30), b'{"poison":1}', *news(31, 30)])]
    wait_until(lambda: waiting(daemon) == 0, 30, "an empty spool")
    assert metric(daemon, "callhook_spool_damaged_total") == 1
    stored = {row[0] for row in database.rows("SELECT id::text FROM callhook.deliveries")}
    assert len(set(kept) - stored) == 1 and len(stored) == 60
    (refused,) = set(kept) - stored
    lines = [line for line in daemon.log_lines() if line["message"] == "a delivery in the spool was set aside"]
    assert [line["delivery"] for line in lines] == [refused] and "poison" not in daemon.log_text()
    assert "set aside" in daemon.part("spool") and daemon.api("/readyz").status == 200
    code, out, _ = daemon.run("spool")
    assert code == 0 and "damaged" in out
    assert daemon.stop() == 0


def test_a_row_that_changed_on_the_disk_is_set_aside(make_daemon, database, postgres):
    daemon = make_daemon(spooling()).start()
    postgres.stop()
    away(daemon)
    kept = [daemon.deliver(payload) for payload in news(1, 10)]
    daemon.kill()
    with sqlite3.connect(spool_file(daemon)) as file:
        file.execute("UPDATE deliveries SET body = replace(body, 'call', 'cell') WHERE number = 5")
    postgres.start()
    daemon.start(ready=False)
    wait_until(lambda: daemon.status() == "ok", 30, "an empty spool")
    daemon.settle()
    stored = {row[0] for row in database.rows("SELECT id::text FROM callhook.deliveries")}
    assert stored == set(kept) - {kept[4]}
    assert metric(daemon, "callhook_spool_damaged_total") == 1
    assert daemon.audit()[0] == 0
    assert daemon.stop() == 0


def test_a_corrupt_file_is_set_aside_and_read_as_far_as_it_goes(make_daemon, database, postgres):
    daemon = make_daemon(spooling()).start()
    postgres.stop()
    away(daemon)
    kept = [daemon.deliver(payload) for payload in news(1, 300)]
    assert daemon.stop() == 0
    file = spool_file(daemon)
    content = bytearray(file.read_bytes())
    page = len(content) // 4096 // 2 * 4096
    content[page : page + 4096] = os.urandom(4096)
    file.write_bytes(content)
    daemon.start(ready=False)
    wait_until(lambda: daemon.api("/readyz").status == 200, 20, "taking webhooks again")
    kept_after = [daemon.deliver(payload) for payload in news(301, 20)]
    postgres.start()
    wait_until(lambda: daemon.status() == "ok", 60, "an empty spool")
    daemon.settle()
    stored = {row[0] for row in database.rows("SELECT id::text FROM callhook.deliveries")}
    assert set(kept_after) <= stored
    assert 280 <= len(stored & set(kept)) < 300, "a page holds some rows"
    assert metric(daemon, "callhook_spool_corrupt_files_total") == 1
    assert len(list(file.parent.glob("spool.db.corrupt-*"))) == 1
    assert "set aside" in daemon.part("spool")
    assert daemon.audit()[0] == 0
    assert daemon.stop() == 0


@pytest.mark.parametrize("garbage", [b"", b"not a database at all, but long enough to look at " * 200])
def test_what_is_no_database_is_not_fatal(make_daemon, database, postgres, garbage):
    daemon = make_daemon(spooling())
    spool_file(daemon).parent.mkdir(mode=0o700)
    spool_file(daemon).write_bytes(garbage)
    postgres.stop()
    daemon.start(ready=False)
    wait_until(lambda: daemon.api("/readyz").status == 200, 20, "taking webhooks")
    kept = [daemon.deliver(payload) for payload in news(1, 10)]
    postgres.start()
    assert_each_once(daemon, database, kept, range(1, 11))
    assert metric(daemon, "callhook_spool_corrupt_files_total") == (1 if garbage else 0)
    assert daemon.stop() == 0


# Bounds, and both unusable --------------------------------------------------------------------------------------------


def test_when_neither_takes_it_503_says_when_to_come_again(make_daemon, database, postgres):
    daemon = make_daemon(spooling(spool={"directory": "spool", "max_bytes": "1MiB", **ROOMY})).start()
    postgres.stop()
    away(daemon)
    large = b'{"data": {"event": "call.new", "id": 1, "text": "' + b"x" * 200_000 + b'"}}'
    kept = []
    for _ in range(10):
        answer = daemon.post(large)
        if answer.status not in (200, 202):
            break
        kept.append(answer.json()["delivery"])
    assert answer.status == 503 and int(answer.header("Retry-After")) >= 1
    assert 2 <= len(kept) <= 5 and spool_file(daemon).stat().st_size <= 1024 * 1024
    while (answer := daemon.post(body(call_event("call.new", 7)))).status == 200:
        kept.append(answer.json()["delivery"])
    wait_until(lambda: daemon.status() == "not ready", 20, "not ready")
    assert "neither the database nor the spool" in daemon.part("intake")
    postgres.start()
    wait_until(lambda: daemon.status() == "ok", 60, "the end of the outage")
    kept.append(daemon.deliver(body(call_event("call.new", 8))))
    daemon.settle()
    outcomes = {row[0] for row in database.rows("SELECT delivery_id::text FROM callhook.outcomes")}
    assert set(kept) <= outcomes
    wait_until(lambda: spool_file(daemon).stat().st_size < 128 * 1024, 30, "the room given back")
    assert daemon.audit()[0] == 0
    assert daemon.stop() == 0


def test_an_unusable_directory_is_no_reason_not_to_serve(make_daemon, database, postgres, tmp_path):
    blocked = tmp_path / "a-file"
    blocked.write_text("in the way")
    daemon = make_daemon({**QUIET, "spool": {"directory": str(blocked / "spool")}}).start(ready=False)
    wait_until(lambda: daemon.part("inbox") == "ok" and daemon.part("feed") == "ok", 20, "the database")
    assert daemon.status() == "degraded" and "cannot be made" in daemon.part("spool")
    kept = [daemon.deliver(payload) for payload in news(1, 5)]
    assert [line for line in daemon.log_lines() if line["level"] == "error" and "spool" in line["message"]]
    blocked.unlink()
    wait_until(lambda: daemon.status() == "ok", 20, "a directory that is put right being used")
    postgres.stop()
    away(daemon)
    kept += [daemon.deliver(payload) for payload in news(6, 5)]
    postgres.start()
    assert_each_once(daemon, database, kept, range(1, 11))
    assert daemon.stop() == 0


def test_two_daemons_do_not_share_a_directory(make_daemon, database, tmp_path):
    shared = {**QUIET, "spool": {"directory": str(tmp_path / "shared"), **ROOMY}}
    first = make_daemon(shared, name="first").start()
    second = make_daemon(shared, name="second").start(ready=False)
    wait_until(lambda: second.status() == "degraded" and second.part("inbox") == "ok", 20, "the second serving")
    assert "another daemon has the spool directory" in second.part("spool")
    second.deliver(news(1, 1)[0])
    assert first.stop() == 0
    wait_until(lambda: second.status() == "ok", 20, "the second taking it over")
    assert second.stop() == 0


def test_the_files_are_private(make_daemon):
    daemon = make_daemon(spooling()).start()
    directory = spool_file(daemon).parent
    assert directory.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o077 for path in directory.iterdir()} == {0}
    assert daemon.stop() == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system")
def test_a_full_disk_refuses_and_comes_back(make_daemon, database, postgres, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=10m", "tmpfs", str(small)], check=False, capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("cannot mount here")
    try:
        daemon = make_daemon({**QUIET, "spool": {"directory": str(small / "spool"), "keep_free": 0}}).start()
        postgres.stop()
        away(daemon)
        large = b'{"data": {"event": "call.new", "id": 1, "text": "' + b"x" * 100_000 + b'"}}'
        answers = [daemon.post(large) for _ in range(100)]
        kept = [answer.json()["delivery"] for answer in answers if answer.status in (200, 202)]
        assert 0 < len(kept) < 100 and {a.status for a in answers} <= {200, 202, 503}
        postgres.start()
        wait_until(lambda: daemon.status() == "ok", 60, "the end of the outage")
        daemon.settle()
        outcomes = {row[0] for row in database.rows("SELECT delivery_id::text FROM callhook.outcomes")}
        assert set(kept) <= outcomes
        postgres.stop()
        away(daemon)
        assert daemon.post(large).status in (200, 202), "there is room again"
        daemon.kill()
    finally:
        subprocess.run(["umount", "-l", str(small)], check=False)


# While it drains ------------------------------------------------------------------------------------------------------


def test_new_webhooks_do_not_wait_for_the_drain(make_daemon, database, postgres):
    daemon = make_daemon(spooling()).start()
    postgres.stop()
    away(daemon)
    kept = [delivery for delivery, _ in daemon.deliver_all(news(1, 4000))]
    postgres.start()
    direct = 0
    number = 4001
    while waiting(daemon) > 0 or number == 4001:
        kept.append(daemon.deliver(body(call_event("call.new", number))))
        direct += waiting(daemon) > 0 and database.value(
            "SELECT count(*) FROM callhook.deliveries WHERE id = %s", kept[-1]
        )
        number += 1
    assert_each_once(daemon, database, kept, range(1, number))
    assert daemon.stop() == 0


def test_the_command_needs_no_daemon_and_no_spool(make_daemon):
    daemon = make_daemon(spooling())
    code, out, _ = daemon.run("spool")
    assert code == 0 and "nothing" in out
    code, out, _ = make_daemon(NO_SPOOL).run("spool")
    assert code == 0 and "off" in out
    assert pathlib.Path(daemon.directory / "spool").exists() is False
