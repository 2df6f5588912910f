"""The JSON Schema at /schemas/events.json: every event that the simulator's stream makes fits it, and no broken one does."""

import base64
import copy
import datetime
import uuid
import zoneinfo

import pytest
from callpage_simulator import Options, plan
from support.backfill import FAST, QUICK, hours_ago, joined, settle_all
from support.daemon import wait_until
from support.feed import read_feed
from support.payloads import CALL, body, call_event, documented, message
from support.schemas import event_schema, faults

def types_of(schema):
    return [one["$ref"].rpartition("/")[2] for one in schema["oneOf"]]


def test_every_event_of_a_stream_with_backfill_fits(make_daemon, vendor, receiver):
    made = plan(
        Options(
            calls=250, seed=5, never=0.15, twice=0.1, late=0.2, shuffle=0.2, message_share=0.2, cancelled=0.3, failed=0.1,
            start=hours_ago(6),
        )
    )
    away = vendor(made.visitors.values())
    unwilling = receiver(lambda request: 410)
    told = {
        "outbound": {"allow": ["127.0.0.0/8"], "allow_http": True},
        "subscriptions.crm": {"url": unwilling.url(), "secret_files": ["crm.secret"], "start": "0"},
    }
    daemon = make_daemon(joined(QUICK, {"pipeline": {"outcome_deadline": "2s"}}, told, away.settings(**FAST)))
    daemon.secret_file("crm.secret", "whsec_" + base64.b64encode(bytes(32)).decode())
    daemon.start()
    daemon.deliver_all(d.body for d in made.deliveries)
    now = datetime.datetime.now(zoneinfo.ZoneInfo("Europe/Warsaw")).strftime("%Y-%m-%d %H:%M:%S")
    # A message that comes before the call it belongs to, a call without an outcome, and what the vendor never documented.
    daemon.deliver(body(message(number="+48 600 100 200", widget="9", link=None)))
    daemon.settle()
    daemon.deliver(body(call_event("call.new", 1, to="+48600100200", widget_id=9, created_at=now)))
    daemon.deliver(body(call_event("call.completed", 2, colour={"of": ["hope", 7]}, tags=[], to="nobody knows", created_at="yesterday")))
    daemon.deliver(body(call_event("call.completed", 3, call={**CALL, "billing_time": "-7", "ended_at_b": "2016-09-08 12:00:00"})))
    daemon.deliver(body(call_event("call.missed", 3, status="user-failed", to="+48600100201")))
    settle_all(daemon)
    for about in ({"type": "call.overdue", "subject": "calls/1"}, {"type": "subscription.paused"}):
        wait_until(lambda: read_feed(daemon, **about), 20, str(about))

    code, _, err = daemon.run("erase", "--phone", "+48600100201")
    assert code == 0, err
    wait_until(lambda: read_feed(daemon, type="subject.erased"), 20, "the erasure's event")

    schema = event_schema(daemon)
    events = read_feed(daemon)
    wrong = [(event, found) for event in events if (found := faults(schema, event))]
    assert not wrong, (len(wrong), wrong[:2])
    counts = {kind: sum(event["type"] == kind for event in events) for kind in types_of(schema)}
    print(f"\n{len(events)} events fit: {counts}")
    assert min(counts.values()) > 0
    assert {event["type"] for event in events} <= set(counts)


@pytest.fixture
def told(daemon):
    """One event of each of the vendor's six types, and the schema."""
    for payload in documented().values():
        daemon.deliver(payload)
    daemon.settle()
    return {event["type"]: event for event in read_feed(daemon)}, event_schema(daemon)


def broken(event, path, value):
    """A copy with another value at a dotted path, or without it where the value is Ellipsis."""
    event = copy.deepcopy(event)
    *way, last = path.split(".")
    at = event
    for step in way:
        at = at[step]
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return event


BREAKS = [
    ("call.completed", "data.billing_time", "248"),
    ("call.completed", "data.billing_time", 248.5),
    ("call.completed", "data.clocks.talk_seconds", None),
    ("call.completed", "data.created_at", "2016-09-08 13:32:54"),
    ("call.completed", "data.created_at_raw", ...),
    ("call.completed", "data.to", "48 888 888 769"),
    ("call.completed", "data.phase", "done"),
    ("call.completed", "data.anomalies", ["arithmetic"]),
    ("call.completed", "data.events", ["call.answered"]),
    ("call.completed", "data.colour", "red"),
    ("call.completed", "data.changed", ["to"]),
    ("call.completed", "data.id", ...),
    ("call.completed", "data", {}),
    ("call.completed", "type", "call.answered"),
    ("call.completed", "type", "new.message"),
    ("call.completed", "type", "call.updated"),
    ("call.completed", "origin", "clock"),
    ("call.completed", "deliveryid", ...),
    ("call.completed", "subject", ...),
    ("call.completed", "subject", "messages/" + str(uuid.UUID(int=1))),
    ("call.completed", "source", "/elsewhere/demo"),
    ("call.completed", "id", "17"),
    ("call.completed", "sequence", 17),
    ("call.completed", "time", ...),
    ("call.completed", "recordedtime", "now"),
    ("call.completed", "specversion", "0.3"),
    ("call.completed", "colour", "red"),
    ("new.message", "data.received_at", ...),
    ("new.message", "data.widget_id", "1"),
    ("new.message", "data.call", {"id": 1, "tied_by": "hope"}),
    ("new.message", "data.phase", "new"),
    ("new.message", "data.id", "1"),
]


def test_no_broken_event_fits(told):
    events, schema = told
    assert events.keys() >= documented().keys()
    assert [kind for kind, event in events.items() if faults(schema, event)] == []
    assert [case for case in BREAKS if not faults(schema, broken(events[case[0]], *case[1:]))] == []


def test_each_type_has_a_definition_that_tells_it_from_the_others(told):
    _, schema = told
    assert len(set(types_of(schema))) == len(types_of(schema))
    for kind in types_of(schema):
        assert schema["$defs"][kind]["properties"]["type"] == {"const": kind}
        assert schema["$defs"][kind]["description"].endswith(".")
