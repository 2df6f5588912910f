"""What is old expires by whole months: the ledger balances, records stay, and nobody is led past what is gone."""

import json
import random
import signal
import subprocess
import time

import pytest
from support.ageing import make_month, make_older
from support.daemon import PATIENCE, wait_until
from support.event_stream import EventStream
from support.feed import assert_contiguous, position, read_feed
from support.http import request
from support.metrics import metric
from support.nats import NatsServer
from support.payloads import body, call_event, documented, message
from support.subscriptions import OUTBOUND, act, ask, subscribe, subscription, wait_level

FINE, UNAVAILABLE, CONFIGURATION = 0, 69, 78
LATER = 1  # a call that gets another webhook once its first has expired


def expire(daemon, *arguments):
    """(exit code, the report)"""
    code, out, err = daemon.run("expire", "--json", *arguments)
    return code, json.loads(out) if out else err


def outcomes(report, table):
    return [part["outcome"] for part in report["parts"] if part["table"] == table]


def exists(database, name):
    return database.value(f"SELECT to_regclass('callhook.{name}') IS NOT NULL")


def everything(database):
    """All that expiry could change, as text."""
    queries = {
        "deliveries": "SELECT id FROM callhook.deliveries ORDER BY id",
        "outcomes": "SELECT delivery_id, seq FROM callhook.outcomes ORDER BY 1",
        "events": "SELECT position, event FROM callhook.events ORDER BY 1",
        "calls": "SELECT source, id, record, facts, provenance, final_at FROM callhook.calls ORDER BY 1, 2",
        "messages": "SELECT id, record, fact, final_at FROM callhook.messages ORDER BY 1",
        "head": "SELECT * FROM callhook.feed_head",
        "tables": "SELECT relname FROM pg_class WHERE relnamespace = 'callhook'::regnamespace ORDER BY 1",
    }
    return {name: database.rows(query) for name, query in queries.items()}


def pause(daemon, name):
    """Pauses a subscription and waits for the end of its worker, who writes how far he is."""
    act(daemon, name, "pause")
    held = "SELECT count(*) FROM callhook.leases WHERE name LIKE 'subscription/%' AND leased_until > clock_timestamp()"
    wait_until(lambda: daemon.database.value(held) == 0, 30, "its worker's end")


def balanced(daemon):
    code, report = daemon.audit()
    assert code == 0, [check for check in report["checks"] if not check["ok"]]
    return True


@pytest.fixture
def old(make_daemon):
    """A daemon that runs, on what came in so many days ago; (daemon, suffix of the month)."""

    def make(days, settings=None, month=True, **how):
        daemon = make_daemon(settings, **how).start()
        # Its first run is over, and the next one is a day away.
        oldest = "callhook_retention_oldest_timestamp_seconds"
        wait_until(lambda: metric(daemon, oldest, table="events") is not None, 30, "the first run")
        for number in (LATER, 2, 3):
            daemon.deliver(body(call_event("call.new", number, created_at="2016-09-08 13:32:54")))
            daemon.deliver(body(call_event("call.missed", number)))
        daemon.deliver(body(message()))
        daemon.deliver(b"not json")
        daemon.settle()
        suffix = make_month(daemon.database, days) if month else None
        make_older(daemon, days)
        balanced(daemon)
        return daemon, suffix

    return make


def test_deliveries_expire_and_their_records_stay(old):
    daemon, suffix = old(200)
    database = daemon.database
    calls = {number: daemon.call(number) for number in (LATER, 2)}
    code, report = expire(daemon)
    assert code == FINE, report
    month = next(part for part in report["parts"] if part["table"] == "deliveries")
    assert month["partition"] == f"deliveries_{suffix}" and month["outcome"] == "gone" and month["rows"] == 8
    assert report["calls_final"] == 3 and report["messages_final"] == 1
    assert not exists(database, f"deliveries_{suffix}") and not exists(database, f"outcomes_{suffix}")
    assert exists(database, f"events_{suffix}"), "events are kept for longer"
    balanced(daemon)
    for number, before in calls.items():
        after = daemon.call(number)
        assert after["call"] == before["call"] and after["provenance"] == before["provenance"]
        assert after["timeline"] == [] and before["final_at"] is None and after["final_at"]
    # A webhook that comes later still adds to what is known.
    daemon.deliver(body(call_event("call.completed", LATER)))
    daemon.deliver(body(call_event("call.new", 4)))
    daemon.settle()
    late = daemon.call(LATER)
    assert late["call"]["phase"] == "completed" and late["call"]["created_at"] == calls[LATER]["call"]["created_at"]
    assert [entry["event"] for entry in late["timeline"]] == ["call.completed"] and late["final_at"]
    assert "missed" in json.dumps(late["call"]["anomalies"]) or late["call"]["anomalies"], "both outcomes are known"
    before = everything(database)
    code, out, err = daemon.run("rebuild", "--json")
    rebuilt = json.loads(out)
    assert code == 0, err
    assert (rebuilt["calls"], rebuilt["calls_changed"], rebuilt["calls_final"], rebuilt["messages_final"]) == (1, 0, 3, 1)
    assert everything(database) == before
    code, out, _ = daemon.run("rebuild")
    assert "3 calls and 1 messages are final" in out
    code, out, _ = daemon.run("calls", "show", f"demo/{LATER}")
    assert code == 0 and "earlier deliveries have expired" in out
    balanced(daemon)
    assert expire(daemon)[1]["parts"] == [], "nothing is left to do"


def test_events_expire_with_the_floor_of_the_log(old):
    daemon, suffix = old(500)
    events = read_feed(daemon)
    assert_contiguous(events)
    last, early = events[-1]["id"], events[0]["id"]
    code, report = expire(daemon)
    assert code == FINE and outcomes(report, "events") == ["gone"], report
    assert not exists(daemon.database, f"events_{suffix}")
    assert daemon.database.value("SELECT floor FROM callhook.feed_head") == position(last)
    balanced(daemon)
    for headers in ({}, {"Accept": "application/x-ndjson"}, {"Accept": "text/event-stream"}):
        answer = daemon.api(f"/v1/events?lastEventId={early}", headers)
        assert answer.status == 410 and answer.header("Content-Type") == "application/problem+json", answer
        assert "start over from the beginning, 0" in answer.json()["detail"]
    assert daemon.api(f"/v1/events/stream?lastEventId={early}").status == 410
    assert daemon.api(f"/v1/events?lastEventId={last}").json() == [], "the last id is still a place"
    daemon.deliver(body(call_event("call.completed", 9)))
    daemon.settle()
    for start in ("0", last):
        rest = read_feed(daemon, start)
        assert_contiguous(rest, position(last) + 1)
    balanced(daemon)


def test_a_dry_run_says_what_would_go_and_changes_nothing(old):
    daemon, suffix = old(500)
    before = everything(daemon.database)
    code, report = expire(daemon, "--dry-run")
    assert code == FINE and report["dry_run"]
    assert everything(daemon.database) == before
    assert outcomes(report, "deliveries") == outcomes(report, "events") == ["due"]
    for part in report["parts"]:
        assert part["partition"].endswith(suffix) and part["rows"] > 0 and part["bytes"] > 0
        assert part["from"] < part["until"]
    assert report["calls_final"] == 3 and report["messages_final"] == 1
    code, out, _ = daemon.run("expire", "--dry-run")
    assert code == FINE and f"deliveries_{suffix}" in out and "3 calls and 1 messages would become final" in out
    done = expire(daemon)[1]
    assert [(p["partition"], p["rows"]) for p in done["parts"]] == [(p["partition"], p["rows"]) for p in report["parts"]]
    assert (done["calls_final"], done["messages_final"]) == (3, 1), "as it was said"


def test_rows_of_no_month_are_deleted(old):
    daemon, _ = old(500, month=False)
    last = read_feed(daemon)[-1]["id"]
    assert daemon.database.value("SELECT count(*) FROM callhook.deliveries_default") == 8
    code, report = expire(daemon)
    assert code == FINE and outcomes(report, "deliveries") == outcomes(report, "events") == ["gone"], report
    for table in ("deliveries_default", "outcomes_default", "events_default"):
        assert daemon.database.value(f"SELECT count(*) FROM callhook.{table}") == 0
    assert daemon.database.value("SELECT floor FROM callhook.feed_head") == position(last)
    assert report["calls_final"] == 3 and report["messages_final"] == 1
    balanced(daemon)


def test_events_may_expire_before_their_deliveries(old):
    daemon, suffix = old(200, {"retention": {"deliveries": "0s", "events": "100d"}})
    code, report = expire(daemon)
    assert code == FINE and outcomes(report, "events") == ["gone"] and outcomes(report, "deliveries") == []
    assert exists(daemon.database, f"deliveries_{suffix}") and not exists(daemon.database, f"events_{suffix}")
    balanced(daemon)
    daemon.deliver(body(call_event("call.completed", 2)))
    daemon.settle()
    balanced(daemon)
    # The floor tells of what has expired alone.
    daemon.database.execute("DELETE FROM callhook.events WHERE delivery_id IS NOT NULL")
    assert daemon.audit()[0] == 1


def test_zero_keeps_all_of_it(old):
    daemon, suffix = old(500, {"retention": {"deliveries": "0s", "events": "0s", "dead_letters": "0s"}})
    assert expire(daemon) == (FINE, {"dry_run": False, "busy": False, "parts": [], "calls_final": 0, "messages_final": 0})
    assert exists(daemon.database, f"deliveries_{suffix}") and exists(daemon.database, f"events_{suffix}")


def test_less_than_a_day_is_refused(make_daemon):
    daemon = make_daemon({"retention": {"deliveries": "23h", "events": "1ms", "dead_letters": "1d"}})
    code, out, err = daemon.run("check-config")
    assert code == CONFIGURATION
    assert "retention.deliveries" in out + err and "retention.events" in out + err and "less than a day" in out + err
    assert "retention.dead_letters" not in out + err


def test_the_leading_daemon_does_it_by_itself(old, make_daemon):
    """Two daemons: one drops, and the other's readers hear of it."""
    first, suffix = old(500)
    early = read_feed(first)[0]["id"]
    second = make_daemon(name="second").start()
    follower = EventStream(second.api_port, lastEventId="$").open()
    assert read_feed(second, "0"), "the second has read what is to expire"
    assert first.stop() == 0
    first.start()
    one = (first, second)
    wait_until(lambda: not exists(first.database, f"deliveries_{suffix}"), 30, "the months dropped")
    wait_until(lambda: not exists(first.database, f"events_{suffix}"), 30, "the months dropped")
    told = "a partition has expired"
    wait_until(lambda: sum(d.log_text().count(told) for d in one) == 2, 20, "a line for each partition")
    for daemon in one:
        wait_until(lambda daemon=daemon: daemon.api(f"/v1/events?lastEventId={early}").status == 410, 20, "410")
    leader = next(d for d in one if told in d.log_text())
    wait_until(lambda: metric(leader, "callhook_retention_dropped_partitions_total", table="events") == 1, 20, "the metric")
    assert metric(leader, "callhook_retention_dropped_partitions_total", table="deliveries") == 1
    first.deliver(body(call_event("call.completed", 77)))
    follower.read(1)
    follower.close()
    wait_until(lambda: read_feed(first), 20, "the new event")
    balanced(first)
    assert first.stop() == 0 and second.stop() == 0


def test_a_month_with_waiting_deliveries_stays(old):
    daemon, suffix = old(200)
    database = daemon.database
    assert daemon.stop() == 0
    row = database.rows(f"SELECT batch, id FROM callhook.deliveries_{suffix} ORDER BY id LIMIT 1")[0]
    database.execute("DELETE FROM callhook.outcomes WHERE delivery_id = %s", row[1])
    database.execute("INSERT INTO callhook.pending (batch, first_id, last_id, deliveries) VALUES (%s, %s, %s, 1)", *row, row[1])
    before = everything(database)
    code, report = expire(daemon)
    assert code == UNAVAILABLE and outcomes(report, "deliveries") == ["pending"], report
    assert everything(database) == before
    assert "deliveries" in daemon.run("expire")[1]
    daemon.start()
    daemon.settle()
    wait_until(lambda: expire(daemon)[0] == FINE, 20, "the month dropped")
    assert not exists(database, f"deliveries_{suffix}")


def test_a_long_reader_delays_expiry_and_neither_webhooks_nor_the_pipeline(old):
    daemon, suffix = old(500)
    reader = daemon.database.connect(autocommit=False)  # a dump, or an audit
    try:
        reader.cursor().execute("SELECT count(*) FROM callhook.deliveries, callhook.outcomes, callhook.events")
        running = subprocess.Popen(
            ["bash", "-c", f"for i in 1 2 3 4 5 6; do {daemon.binary} expire --config {daemon.config}; done"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        number = 1000
        while running.poll() is None:
            number += 1
            started = time.monotonic()
            daemon.deliver(body(call_event("call.new", number)))
            daemon.settle()
            assert time.monotonic() - started < 20 * PATIENCE
        told = running.communicate()[0]
        assert number > 1000 and told.count("some of it must wait") == 6 and "in use" in told, told
        assert exists(daemon.database, f"deliveries_{suffix}") and exists(daemon.database, f"events_{suffix}")
        balanced(daemon)
    finally:
        reader.close()
    assert expire(daemon)[0] == FINE
    assert not exists(daemon.database, f"deliveries_{suffix}") and not exists(daemon.database, f"events_{suffix}")
    balanced(daemon)


def test_killed_at_any_moment_it_leaves_a_ledger_that_balances(old):
    daemon, suffix = old(500)
    dice = random.Random(20261125)
    daemon.write_config()
    started = time.monotonic()
    assert daemon.run("expire", "--dry-run")[0] == FINE
    usual = time.monotonic() - started
    for _ in range(12):
        running = subprocess.Popen(
            [daemon.binary, "expire", "--config", str(daemon.config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            running.wait(dice.uniform(0, usual * 1.5))
        except subprocess.TimeoutExpired:
            running.send_signal(signal.SIGKILL)
            running.wait()
        balanced(daemon)
        before = everything(daemon.database)["calls"]
        assert daemon.run("rebuild")[0] == 0
        assert everything(daemon.database)["calls"] == before
    # A killed command's session may still be at its last statement.
    wait_until(lambda: expire(daemon)[0] == FINE, 20, "the end of it")
    assert not exists(daemon.database, f"deliveries_{suffix}") and not exists(daemon.database, f"events_{suffix}")
    balanced(daemon)


def test_a_consumer_behind_the_floor_is_told_so_until_its_reset(old):
    daemon, _ = old(500)
    port = daemon.api_port
    headers = {"Content-Type": "application/json"}
    assert request(port, "PUT", "/v1/consumers/crm", b'{"start": "0"}', headers).status == 201
    last = read_feed(daemon)[-1]["id"]
    assert expire(daemon)[0] == FINE
    answer = daemon.api("/v1/consumers/crm/events")
    assert answer.status == 410 and "reset" in answer.json()["detail"]
    assert position(daemon.api("/v1/consumers/crm").json()["position"]) == 0, "not moved by itself"
    assert request(port, "POST", "/v1/consumers/crm/reset", b'{"position": "0"}', headers).status == 200
    daemon.deliver(body(call_event("call.completed", 5)))
    daemon.settle()
    assert [position(e["id"]) for e in daemon.api("/v1/consumers/crm/events").json()][:1] == [position(last) + 1]


def test_a_subscription_behind_the_floor_is_paused_until_its_reset(old, receiver):
    to = receiver()
    daemon, _ = old(500, {"outbound": OUTBOUND})
    subscribe(daemon, "crm", to.url())
    wait_level(daemon, "crm")
    pause(daemon, "crm")
    daemon.database.execute("UPDATE callhook.subscriptions SET position = 0")
    assert expire(daemon)[0] == FINE
    act(daemon, "crm", "resume")
    wait_until(lambda: subscription(daemon, "crm")["reason"] == "history", 30, "the pause")
    assert subscription(daemon, "crm")["state"] == "paused"
    told = wait_until(lambda: [e for e in read_feed(daemon) if e["type"] == "subscription.paused"], 20, "the event")
    assert told[0]["data"]["reason"] == "history"
    place = subscription(daemon, "crm")["position"]
    assert position(place) == 0, "not moved by itself"
    act(daemon, "crm", "reset", {"position": "0"})
    act(daemon, "crm", "resume")
    daemon.deliver(body(call_event("call.completed", 5)))
    wait_level(daemon, "crm")
    assert subscription(daemon, "crm")["state"] == "active"


def test_what_waits_for_an_expired_event_is_dead_and_dead_letters_expire(old, receiver):
    to = receiver(lambda _: 500)
    daemon, _ = old(500, {"outbound": OUTBOUND})
    subscribe(daemon, "crm", to.url())
    waits = "SELECT count(*) FROM callhook.outbound_messages WHERE dead_at IS NULL"
    wait_until(lambda: daemon.database.value(waits) > 0, 30, "a message that waits")
    pause(daemon, "crm")
    assert expire(daemon)[0] == FINE
    assert daemon.database.value(waits) == 0
    letters = ask(daemon, "GET", "/crm/dead").json()
    assert any(one["error"] == "the event has expired from the log" for one in letters["dead"]), letters
    count = daemon.database.value("SELECT count(*) FROM callhook.outbound_messages")
    daemon.database.execute("UPDATE callhook.outbound_messages SET dead_at = dead_at - interval '89 days'")
    assert expire(daemon)[1]["parts"] == []
    daemon.database.execute("UPDATE callhook.outbound_messages SET dead_at = dead_at - interval '2 days'")
    daemon.database.execute(
        "INSERT INTO callhook.jobs (source, kind, call_id, reason, due_at, dead_at) VALUES "
        "('demo', 'call', 1, 'outcome', now(), now() - interval '91 days'), ('demo', 'call', 2, 'outcome', now(), now()), "
        "('demo', 'sweep', 0, 'schedule', now(), now() - interval '91 days')"
    )
    assert [(p["table"], p["rows"]) for p in expire(daemon, "--dry-run")[1]["parts"]] == [("outbound_messages", count), ("jobs", 1)]
    assert [(p["table"], p["rows"]) for p in expire(daemon)[1]["parts"]] == [("outbound_messages", count), ("jobs", 1)]
    assert daemon.database.value("SELECT count(*) FROM callhook.outbound_messages") == 0
    assert daemon.database.value("SELECT count(*) FROM callhook.jobs") == 2


def test_publishing_to_nats_stops_at_the_floor_until_somebody_decides(old, tmp_path):
    server = NatsServer(tmp_path / "nats").start()
    try:
        daemon, _ = old(500)
        last = position(read_feed(daemon)[-1]["id"])
        assert daemon.stop() == 0
        daemon.settings["nats"] = {"servers": [server.url], "timeout": "1s", "create_stream": True}
        daemon.settings["retention"] = {"events": "0s"}
        daemon.start()
        wait_until(lambda: daemon.database.rows("SELECT 1 FROM callhook.consumers WHERE name = 'nats' AND position >= %s", last), 30, "all published")
        assert daemon.stop() == 0
        daemon.database.execute("UPDATE callhook.consumers SET position = 1 WHERE name = 'nats'")
        daemon.settings["retention"] = {"events": "400d"}
        assert expire(daemon)[0] == FINE
        daemon.start()
        parts = lambda: daemon.api("/readyz?verbose").json()["parts"]  # noqa: E731
        wait_until(lambda: "expired before they were published" in parts()["nats"], 30, "the trouble told")
        assert daemon.database.value("SELECT position FROM callhook.consumers WHERE name = 'nats'") == 1
        answer = request(daemon.api_port, "POST", "/v1/consumers/nats/reset", b'{"position": "0"}', {"Content-Type": "application/json"})
        assert answer.status == 200
        wait_until(lambda: parts()["nats"] == "ok", 30, "publishing again")
        assert daemon.stop() == 0
    finally:
        server.stop()
