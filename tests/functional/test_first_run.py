"""The main way through: documented webhooks in, one call record and an ordered feed out."""

import itertools
import random

import pytest
from support.daemon import wait_until
from support.feed import FeedReader, assert_contiguous, read_feed
from support.payloads import body, call_event, documented, message


def test_the_six_documented_payloads_make_a_completed_call_with_feedback_and_a_message(daemon):
    for payload in documented().values():
        answer = daemon.post(payload)
        assert (answer.status, answer.json()["status"]) == (200, "accepted"), answer
        assert answer.header("Content-Type") == "application/json"
    daemon.settle()

    shown = daemon.call(3419)
    call = shown["call"]
    assert (call["source"], call["id"], call["phase"], call["has_feedback"]) == ("demo", 3419, "completed", True)
    assert call["to"] == "+48888888769" and call["widget_id"] == 3
    assert call["created_at"] == "2016-09-08T13:32:54+02:00" and call["created_at_raw"] == "2016-09-08 13:32:54"
    assert call["clocks"]["talk_seconds"] in (240, 248)
    assert call["anomalies"], "missed and completed at once is a contradiction to be kept"
    assert {"delivery", "origin", "observed_at"} <= set(shown["provenance"]["to"])
    assert len(shown["timeline"]) == 5

    [left] = daemon.api("/v1/messages").json()["messages"]
    assert left["source"] == "demo" and left["email"] == "happy@customer.com"

    events = read_feed(daemon)
    assert_contiguous(events)
    assert {"call.scheduled", "call.new", "call.missed", "call.completed", "data.added", "new.message"} <= {e["type"] for e in events}
    assert daemon.audit()[0] == 0


def test_an_event_is_a_cloudevent_with_the_whole_record(daemon):
    delivery = daemon.deliver(documented()["call.completed"])
    daemon.settle()
    event = next(e for e in read_feed(daemon) if e["type"] == "call.completed")
    assert event["specversion"] == "1.0"
    assert event["source"] == "/callhook/demo" and event["subject"] == "calls/3419"
    assert event["origin"] == "webhook" and event["deliveryid"] == delivery
    assert event["datacontenttype"] == "application/json"
    assert event["id"].endswith("." + event["sequence"])
    assert event["data"]["id"] == 3419 and event["data"]["phase"] == "completed"
    assert event["data"]["clocks"]["seconds_to_answer"] == 31
    assert event["time"].startswith("2016-09-08T") and event["recordedtime"] > "2020"


def sampled_orders(count):
    rng = random.Random(20160908)
    names = sorted(documented())
    orders = rng.sample(list(itertools.permutations(names)), count)
    # Some of each come again, anywhere after the first.
    for order in orders:
        again = list(order)
        for name in rng.sample(names, rng.randint(0, 3)):
            again.insert(rng.randint(again.index(name) + 1, len(again)), name)
        yield again


def test_every_order_and_repetition_ends_in_the_same_record(make_daemon):
    orders = list(sampled_orders(20))
    daemon = make_daemon(sources=[f"order{i}" for i in range(len(orders))]).start()
    payloads = documented()
    for number, order in enumerate(orders):
        for name in order:
            daemon.deliver(payloads[name], source=f"order{number}")
    daemon.settle()
    records = []
    for number, order in enumerate(orders):
        record = daemon.call(3419, f"order{number}")["call"]
        assert record.pop("source") == f"order{number}"
        records.append(record)
        assert record == records[0], f"{order} differs from {orders[0]}"
    assert records[0]["phase"] == "completed" and records[0]["has_feedback"]
    assert_contiguous(read_feed(daemon))
    assert daemon.audit()[0] == 0
    assert daemon.stop() == 0


def test_an_outcome_that_comes_first_makes_the_call_and_a_late_start_does_not_move_it_back(daemon):
    daemon.deliver(body(call_event("call.completed", 77)))
    daemon.settle()
    assert daemon.call(77)["call"]["phase"] == "completed"
    daemon.deliver(body(call_event("call.new", 77)))
    daemon.deliver(body(call_event("call.missed", 77)))
    daemon.settle()
    assert daemon.call(77)["call"]["phase"] == "completed"


def test_an_exact_repeat_is_counted_and_changes_nothing(daemon, database):
    payload = documented()["call.completed"]
    first = daemon.deliver(payload)
    daemon.settle()
    before, events = daemon.call(3419)["call"], read_feed(daemon)
    again = [daemon.deliver(payload) for _ in range(5)]
    assert len({first, *again}) == 6, "each delivery has an id of its own"
    daemon.settle()
    assert daemon.call(3419)["call"] == before
    assert read_feed(daemon) == events
    results = dict(database.rows("SELECT result, count(*) FROM callhook.outcomes GROUP BY result"))
    assert results == {"applied": 1, "duplicate": 5}
    assert daemon.audit()[0] == 0


def test_a_richer_resend_is_an_update_and_not_a_second_completion(daemon):
    poor = call_event("call.completed", 9)
    del poor["call_attempt"], poor["call"]
    daemon.deliver(body(poor))
    daemon.settle()
    daemon.deliver(body(call_event("call.completed", 9)))
    daemon.settle()
    types = [e["type"] for e in read_feed(daemon, subject="calls/9")]
    assert types.count("call.completed") == 1 and "call.updated" in types


@pytest.mark.parametrize(
    "changes, tied",
    [
        ({"link": "https://core.callpage.io/calls/500"}, True),
        ({"link": None, "number": "+48 888 888 769", "widget": "3"}, True),
        ({"link": None, "number": "+48 500 500 500", "widget": "3"}, False),
    ],
    ids=["by its link", "by phone and widget", "not at all"],
)
def test_a_message_is_tied_to_its_call(daemon, database, changes, tied):
    import datetime

    now = datetime.datetime.now().strftime("%Y-%m-%d %H:%M:%S")
    daemon.deliver(body(call_event("call.new", 500, created_at=now)))
    daemon.deliver(body(message(**changes)))
    daemon.settle()
    assert database.rows("SELECT call_id FROM callhook.messages") == [(500 if tied else None,)]
    assert len(daemon.call(500)["messages"]) == (1 if tied else 0)


def test_the_feed_shows_a_delivery_soon(daemon):
    reader = FeedReader(daemon)
    daemon.deliver(documented()["call.new"])
    assert wait_until(reader.read, 5, "the event")[0]["type"] == "call.new"
