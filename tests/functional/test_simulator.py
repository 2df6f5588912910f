"""The CallPage simulator: the same seed sends the same, its odds are kept, and what it says of its calls is true."""

import json
import pathlib
import subprocess
import sys

import pytest
from callpage_simulator import Options, main, plan, send
from support.daemon import wait_until
from support.expected import comparable, expected_record
from support.feed import assert_contiguous, read_feed
from support.payloads import FIELDS, call_event, message

PROGRAM = pathlib.Path(__file__).resolve().parents[1] / "simulator" / "callpage_simulator.py"


def test_the_same_seed_plans_the_same():
    one, two = plan(Options(calls=200, seed=7)), plan(Options(calls=200, seed=7))
    assert [(d.at, d.body) for d in one.deliveries] == [(d.at, d.body) for d in two.deliveries]
    assert one.truths == two.truths
    assert [d.body for d in plan(Options(calls=200, seed=8)).deliveries] != [d.body for d in one.deliveries]


def test_its_payloads_have_exactly_the_documented_keys():
    seen = set()
    for delivery in plan(Options(calls=300, message_share=0.5)).deliveries:
        data = json.loads(delivery.body)["data"]
        seen.add(delivery.event)
        documented = message() if delivery.event == "new.message" else call_event(delivery.event)
        assert list(data) == list(documented), delivery.event
        if data.get("call"):
            assert list(data["call"]) == list(documented["call"])
            assert list(data["call_attempt"]["manager"]) == list(documented["call_attempt"]["manager"])
        if data.get("fields"):
            assert [list(f) for f in data["fields"]] == [list(f) for f in FIELDS]
    assert len(seen) == 6


@pytest.mark.parametrize("odds", [{"never": 1.0}, {"twice": 1.0, "never": 0.0}, {"twice": 0.0, "never": 0.0}])
def test_odds_at_their_ends_are_kept(odds):
    made = plan(Options(calls=50, **odds))
    facts = sum(len(t.events) for t in made.truths.values()) + len(made.messages)
    assert len(made.deliveries) == facts * (1 - odds["never"]) * (1 + odds.get("twice", 0))


def test_calls_come_in_the_vendors_order_unless_told_otherwise():
    def in_order(options):
        first = {}
        for delivery in plan(options).deliveries:
            first.setdefault((delivery.call_id, delivery.event), len(first))
        return all(
            sorted((e for e in t.events), key=lambda e: first[(t.call_id, e)]) == t.events for t in plan(options).truths.values()
        )

    assert in_order(Options(calls=200, late=0, twice=0, shuffle=0))
    assert not in_order(Options(calls=200, late=0, twice=0, shuffle=1))


@pytest.mark.parametrize("url", ["http://192.0.2.1/hooks/demo/x", "http://hooks.example/", "https://127.0.0.1/", "ftp://127.0.0.1/"])
def test_it_refuses_what_is_not_on_this_machine(url, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--url", url, "--calls", "1"])
    assert ended.value.code == 2 and capsys.readouterr().err


def test_the_program_sends_its_stream(daemon):
    url = f"http://127.0.0.1:{daemon.hooks_port}{daemon.hook_path()}"
    command = [sys.executable, PROGRAM, "--url", url, "--calls", "40", "--seed", "3", "--rate", "200", "--late-seconds", "0.5"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "40 calls" in done.stdout
    daemon.settle()
    planned = plan(Options(calls=40, seed=3, rate=200, late_seconds=0.5))
    assert daemon.database.value("SELECT count(*) FROM callhook.deliveries") == len(planned.deliveries)


def test_what_the_daemon_makes_of_a_disorderly_stream_is_the_truth(daemon):
    planned = plan(Options(calls=150, seed=11, late=0.3, twice=0.3, shuffle=0.5, message_share=0.3))
    url = f"http://127.0.0.1:{daemon.hooks_port}{daemon.hook_path()}"
    result = send(url, planned.deliveries, workers=8, paced=False)
    assert result.by_status == {200: len(planned.deliveries)}
    daemon.settle()
    for call_id, truth in planned.truths.items():
        call = daemon.call(call_id)["call"]
        assert (call["phase"], call["has_feedback"], call["to"], call["widget_id"], call["status"], call["anomalies"]) == (
            truth.phase,
            truth.has_feedback,
            truth.to,
            truth.widget_id,
            truth.status,
            [],
        ), call_id
    events = read_feed(daemon)
    assert_contiguous(events)
    for event in ("call.new", "call.scheduled", "call.missed", "call.completed", "data.added"):
        wanted = {f"calls/{t.call_id}" for t in planned.truths.values() if event in t.events}
        got = [e["subject"] for e in events if e["type"] == event]
        assert len(got) == len(set(got)) and set(got) == wanted, event
    assert len([e for e in events if e["type"] == "new.message"]) == len(planned.messages)
    wait_until(lambda: daemon.audit()[0] == 0, 5, "a balanced ledger")


def test_what_the_daemon_shows_of_calls_half_told_is_what_the_vendors_words_say(daemon):
    planned = plan(Options(calls=150, seed=12, late=0.3, twice=0.3, never=0.3, shuffle=0.5, cancelled=0.3, failed=0.1))
    daemon.deliver_all(d.body for d in planned.deliveries)
    daemon.settle()
    for call_id, visitor in planned.visitors.items():
        wanted = expected_record(visitor, planned.truths[call_id].sent, asked=False)
        if wanted is None:
            assert daemon.api(f"/v1/calls/demo/{call_id}").status == 404
        else:
            assert comparable(daemon.call(call_id)["call"]) == wanted
