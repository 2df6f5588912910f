"""The feed: an ordered log read by position, as batch and as lines, with long poll and filters."""

import json
import threading
import time

import pytest
from support.daemon import PATIENCE
from support.feed import FeedReader, assert_contiguous, position, read_feed
from support.payloads import body, call_event, documented, message


def fill(daemon, calls=20):
    for number in range(1, calls + 1):
        daemon.deliver(body(call_event("call.new", number)))
        daemon.deliver(body(call_event("call.completed" if number % 2 else "call.missed", number)))
    daemon.deliver(body(message()))
    daemon.settle()


def test_the_batch_has_its_media_type_and_is_empty_at_the_end(daemon):
    answer = daemon.api("/v1/events?lastEventId=0&timeout=0")
    assert answer.status == 200 and answer.json() == []
    assert answer.header("Content-Type").startswith("application/cloudevents-batch+json")
    fill(daemon, 2)
    events = read_feed(daemon)
    assert_contiguous(events)
    assert daemon.api(f"/v1/events?lastEventId={events[-1]['id']}&timeout=0").json() == []


def test_reading_in_pages_gives_what_reading_at_once_gives(daemon):
    fill(daemon)
    whole = read_feed(daemon)
    assert_contiguous(whole)
    paged = FeedReader(daemon)
    while paged.read(limit=7):
        assert len(paged.seen) <= len(whole)
    assert paged.seen == whole
    assert len(daemon.api("/v1/events?lastEventId=0&limit=3").json()) == 3


def test_a_reader_that_starts_anywhere_gets_everything_behind_it(daemon):
    fill(daemon, 5)
    whole = read_feed(daemon)
    for start in (0, 3, len(whole) - 1):
        assert read_feed(daemon, whole[start]["id"]) == whole[start + 1 :]


def test_lines_are_the_same_events(daemon):
    fill(daemon, 5)
    answer = daemon.api("/v1/events?lastEventId=0&limit=1000", {"Accept": "application/x-ndjson"})
    assert answer.status == 200 and answer.header("Content-Type").startswith("application/x-ndjson")
    assert [json.loads(line) for line in answer.body.splitlines()] == read_feed(daemon)
    assert answer.body.endswith(b"\n")


def waiting_reader(daemon, path):
    result = {}

    def read():
        begun = time.monotonic()
        result["answer"] = daemon.api(path, timeout=60)
        result["at"] = time.monotonic()
        result["took"] = result["at"] - begun

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return thread, result


def test_a_long_poll_is_woken_by_the_event(daemon):
    daemon.deliver(documented()["call.new"])
    daemon.settle()
    thread, result = waiting_reader(daemon, "/v1/events?lastEventId=$&timeout=20000")
    time.sleep(0.7)
    assert thread.is_alive(), "there is nothing to answer yet"
    daemon.deliver(documented()["call.completed"])
    sent = time.monotonic()
    thread.join(20 * PATIENCE)
    assert [e["type"] for e in result["answer"].json()][:1] == ["call.completed"]
    assert result["at"] - sent < 5 * PATIENCE


def test_a_long_poll_without_an_event_ends_with_an_empty_batch(daemon):
    begun = time.monotonic()
    answer = daemon.api("/v1/events?lastEventId=$&timeout=700")
    assert answer.status == 200 and answer.json() == []
    assert 0.6 < time.monotonic() - begun < 8 * PATIENCE


def test_a_filtered_long_poll_is_not_ended_by_what_it_did_not_ask_for(daemon):
    thread, result = waiting_reader(daemon, "/v1/events?lastEventId=$&timeout=20000&type=call.completed")
    time.sleep(0.3)
    daemon.deliver(documented()["call.new"])
    daemon.settle()
    time.sleep(0.5)
    assert thread.is_alive()
    daemon.deliver(documented()["call.completed"])
    thread.join(20 * PATIENCE)
    assert [e["type"] for e in result["answer"].json()] == ["call.completed"]


def test_many_readers_wait_at_once(daemon):
    waiting = [waiting_reader(daemon, "/v1/events?lastEventId=$&timeout=20000") for _ in range(50)]
    time.sleep(1)
    daemon.deliver(documented()["call.new"])
    sent = time.monotonic()
    for thread, result in waiting:
        thread.join(20 * PATIENCE)
        assert result["answer"].json()[0]["type"] == "call.new"
        assert result["at"] - sent < 2 * PATIENCE


def test_filters_choose_and_the_answer_tells_how_far_the_log_was_read(make_daemon):
    daemon = make_daemon(sources=("demo", "other")).start()
    fill(daemon, 10)
    daemon.deliver(body(call_event("call.new", 1)), source="other")
    daemon.settle()
    whole = read_feed(daemon)
    head = whole[-1]["id"]

    def filtered(query):
        answer = daemon.api(f"/v1/events?lastEventId=0&limit=1000&{query}")
        assert answer.header("Last-Event-ID") == head
        return answer.json()

    assert filtered("type=call.missed") == [e for e in whole if e["type"] == "call.missed"] != []
    assert filtered("subject=calls/3") == [e for e in whole if e["subject"] == "calls/3"] != []
    assert filtered("source=/callhook/other") == [e for e in whole if e["source"] == "/callhook/other"] != []
    assert filtered("type=call.cancelled") == []
    assert filtered("type=call.new&subject=calls/3&source=/callhook/demo") == [
        e for e in whole if (e["type"], e["subject"], e["source"]) == ("call.new", "calls/3", "/callhook/demo")
    ]


def test_a_filtered_reader_sees_each_match_once(daemon):
    fill(daemon)
    whole = read_feed(daemon)
    reader = FeedReader(daemon, type="call.completed")
    for _ in range(200):
        reader.read(limit=2)
        if reader.cursor == whole[-1]["id"]:
            break
    assert reader.seen == [e for e in whole if e["type"] == "call.completed"]


@pytest.mark.parametrize("bad", ["x", "1", "-1", "zzzzzzzz.00000000000000000001", "%00", "'; DROP"])
def test_what_is_no_id_is_refused(daemon, bad):
    answer = daemon.api("/v1/events?lastEventId=" + bad.replace(" ", "%20"))
    assert answer.status == 400 and answer.header("Content-Type") == "application/problem+json"


def test_an_id_of_another_epoch_is_gone_and_one_above_the_head_is_a_conflict(daemon):
    fill(daemon, 2)
    last = read_feed(daemon)[-1]["id"]
    epoch, _, digits = last.partition(".")
    other = f"{int(epoch, 16) ^ 1:08x}"
    for cursor, status in ((f"{other}.{digits}", 410), (f"{epoch}.{position(last) + 1:020d}", 409)):
        answer = daemon.api(f"/v1/events?lastEventId={cursor}")
        assert answer.status == status, answer
        problem = answer.json()
        assert problem["status"] == status and problem["detail"]


def test_an_id_below_the_retained_floor_is_gone(daemon, database):
    fill(daemon, 3)
    events = read_feed(daemon)
    database.execute("UPDATE callhook.feed_head SET floor = 3")
    database.execute("DELETE FROM callhook.events WHERE position <= 3")
    assert daemon.stop() == 0
    daemon.start()
    assert daemon.api(f"/v1/events?lastEventId={events[1]['id']}").status == 410
    assert read_feed(daemon, events[2]["id"]) == events[3:]


@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "limit=x", "timeout=-1", "timeout=x"])
def test_a_bad_parameter_is_refused(daemon, query):
    assert daemon.api(f"/v1/events?lastEventId=0&{query}").status == 400


def test_the_feed_survives_a_restart_unchanged(daemon):
    fill(daemon, 5)
    before = read_feed(daemon)
    assert daemon.stop() == 0
    daemon.start()
    assert read_feed(daemon) == before


def test_a_call_without_an_outcome_becomes_overdue_once(make_daemon):
    daemon = make_daemon({"pipeline": {"outcome_deadline": "1s"}}).start()
    import datetime
    import zoneinfo

    now = datetime.datetime.now(zoneinfo.ZoneInfo("Europe/Warsaw")).strftime("%Y-%m-%d %H:%M:%S")
    daemon.deliver(body(call_event("call.new", 1, created_at=now)))
    daemon.deliver(body(call_event("call.new", 2, created_at=now)))
    daemon.deliver(body(call_event("call.completed", 2, created_at=now)))
    reader = FeedReader(daemon, type="call.overdue")
    deadline = time.monotonic() + 15 * PATIENCE
    while not reader.seen and time.monotonic() < deadline:
        reader.read(timeout=1000)
    assert [e["subject"] for e in reader.seen] == ["calls/1"]
    time.sleep(2)
    reader.read()
    assert len(reader.seen) == 1
    assert_contiguous(read_feed(daemon))
    assert daemon.audit()[0] == 0
