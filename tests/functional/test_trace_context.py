"""The trace that a webhook is part of: into the feed, to receivers and into the log, whatever a stranger puts into the field."""

import pytest
from support.daemon import wait_until
from support.feed import read_feed
from support.payloads import body, call_event, message
from support.subscriptions import OUTBOUND, subscribe

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


def traces(daemon):
    """[(subject, its trace)] of the feed, in order, but for what the clock brought about."""
    daemon.settle()
    return [(event["subject"], event.get("traceparent")) for event in read_feed(daemon) if event["origin"] != "clock"]


def test_an_event_has_the_trace_of_the_delivery_that_brought_it_about(daemon):
    other = PARENT.replace(TRACE, TRACE[::-1])
    daemon.deliver(body(call_event("call.new", 1)), headers={"traceparent": PARENT})
    daemon.deliver(body(call_event("call.missed", 1)), headers={"traceparent": other})
    daemon.deliver(body(call_event("call.new", 2)))
    daemon.deliver(body(message()), headers={"traceparent": PARENT})
    told = traces(daemon)
    assert told[:3] == [("calls/1", PARENT), ("calls/1", other), ("calls/2", None)]
    assert told[3][0].startswith("messages/") and told[3][1] == PARENT
    # A repeat tells nothing, whatever its trace.
    daemon.deliver(body(call_event("call.new", 1)), headers={"traceparent": other})
    assert traces(daemon) == told
    code, report = daemon.audit()
    assert code == 0, report
    code, _, err = daemon.run("rebuild")
    assert code == 0, err
    assert traces(daemon) == told


@pytest.mark.parametrize(
    "field",
    ["", "nonsense", PARENT.upper(), PARENT + "-00", "00-" + "0" * 32 + PARENT[35:], "ff" + PARENT[2:], PARENT[:-1], 'x"\\' * 20],
    ids=lambda field: field[:8] or "empty",
)
def test_what_is_no_trace_costs_no_webhook(daemon, field):
    daemon.deliver(body(call_event("call.new", 1)), headers={"traceparent": field})
    assert traces(daemon) == [("calls/1", None)]
    assert not any("trace_id" in line for line in daemon.log_lines())


@pytest.mark.parametrize("mode", ["structured", "binary"])
def test_a_receiver_gets_it_as_a_field(make_daemon, receiver, mode):
    there = receiver()
    daemon = make_daemon({"outbound": OUTBOUND}).start()
    subscribe(daemon, "crm", there.url(), mode=mode, types=["call.new"])
    daemon.deliver(body(call_event("call.new", 1)), headers={"traceparent": PARENT})
    daemon.deliver(body(call_event("call.new", 2)))
    there.wait_for(2)
    by_subject = {}
    for request in there.requests:
        subject = request.headers.get("ce-subject") or request.json()["subject"]
        by_subject[subject] = request.headers.get("traceparent")
    assert by_subject == {"calls/1": PARENT, "calls/2": None}


def test_on_its_way_through_the_spool_a_delivery_loses_its_trace_and_nothing_else(make_daemon, postgres):
    daemon = make_daemon().start()
    postgres.kill()
    wait_until(lambda: daemon.status() != "ok", 20, "the outage")
    daemon.deliver(body(call_event("call.new", 1)), headers={"traceparent": PARENT})
    postgres.start()
    wait_until(daemon.is_ready, 30, "readiness")
    assert wait_until(lambda: traces(daemon), 20, "the event") == [("calls/1", None)]


def test_an_erased_person_leaves_no_trace(daemon):
    daemon.deliver(body(call_event("call.new", 1, to="+48600100200")), headers={"traceparent": PARENT})
    daemon.settle()
    code, _, err = daemon.run("erase", "--phone", "+48600100200")
    assert code == 0, err
    assert daemon.database.value("SELECT count(*) FROM callhook.deliveries WHERE traceparent IS NOT NULL") == 0
    code, report = daemon.audit()
    assert code == 0, report
