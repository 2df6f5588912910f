"""The feed as Server-Sent Events: whole, resumable, filtered, alive, and told when the daemon stops."""

import json
import threading
import time

import pytest
from support.daemon import PATIENCE, wait_until
from support.event_stream import EventStream
from support.feed import assert_contiguous, position, read_feed
from support.http import request
from support.metrics import metric
from support.payloads import body, call_event, message


def fill(daemon, calls=20, first=1):
    for number in range(first, first + calls):
        daemon.deliver(body(call_event("call.new", number)))
        daemon.deliver(body(call_event("call.completed" if number % 2 else "call.missed", number)))
    daemon.settle()


def stream(daemon, path="/v1/events/stream", headers=None, **query):
    return EventStream(daemon.api_port, path, headers, **query).open()


def test_a_stream_tells_what_the_batch_tells_and_goes_on(daemon):
    fill(daemon)
    whole = read_feed(daemon)
    with stream(daemon) as one:
        assert one.status == 200
        assert one.header("Content-Type") == "text/event-stream"
        assert one.header("Cache-Control") == "no-cache"
        assert one.header("X-Accel-Buffering") == "no"
        assert one.read(len(whole)) == whole
        assert [e_id for e_id, _ in one.parser.events] == [e["id"] for e in whole]
        daemon.deliver(body(message()))
        events = one.read(len(whole) + 1)
        assert events[-1]["type"] == "new.message"
        assert_contiguous(events)


def test_the_same_by_accept(daemon):
    fill(daemon, 3)
    whole = read_feed(daemon)
    with stream(daemon, "/v1/events") as one:
        assert one.read(len(whole)) == whole
    assert daemon.api("/v1/events?lastEventId=0").json() == whole


def test_it_resumes_where_the_client_says_and_the_header_outweighs_the_url(daemon):
    fill(daemon, 5)
    whole = read_feed(daemon)
    with stream(daemon, lastEventId=whole[3]["id"]) as one:
        assert one.parser.places[0] == whole[3]["id"], "told at once, so that a cut before the first event costs nothing"
        assert one.read(len(whole) - 4) == whole[4:]
    with stream(daemon, headers={"Last-Event-ID": whole[6]["id"]}, lastEventId=whole[3]["id"]) as one:
        assert one.read(len(whole) - 7) == whole[7:]
    with stream(daemon, lastEventId="$") as one:
        assert one.last_id == whole[-1]["id"]
        daemon.deliver(body(call_event("call.new", 99)))
        assert one.read(1)[0]["subject"] == "calls/99"


def test_filters(daemon):
    fill(daemon, 6)
    whole = read_feed(daemon)
    missed = [e for e in whole if e["type"] == "call.missed"]
    with stream(daemon, type="call.missed") as one:
        assert one.read(len(missed)) == missed
    third = [e for e in whole if e["subject"] == "calls/3"]
    with stream(daemon, subject="calls/3", source="demo", widget=3) as one:
        assert one.read(len(third)) == third
        fill(daemon, 1, first=50)
        daemon.deliver(body(call_event("data.added", 3)))
        assert one.read(len(third) + 1)[-1]["type"] == "data.added"


def test_a_stream_that_has_nothing_to_say_shows_that_it_lives_and_how_far_it_has_got(make_daemon):
    daemon = make_daemon({"feed": {"heartbeat_interval": "200ms"}}).start()
    with stream(daemon, type="call.cancelled") as one:
        beginning = one.last_id
        assert one.read_comment() == "heartbeat"
        fill(daemon, 3)
        head = read_feed(daemon)[-1]["id"]
        begun = time.monotonic()
        while one.last_id != head:
            assert one.read_comment() == "heartbeat"
            assert time.monotonic() - begun < 5 * PATIENCE
        assert beginning != head and one.parser.events == []
        assert one.parser.places == sorted(set(one.parser.places)), "a place is told once"
        # Whoever comes back with it is not made to look through the same stretch again.
        assert position(head) == position(read_feed(daemon)[-1]["id"])
    assert daemon.stop() == 0


def test_refusals_come_before_the_stream_begins(daemon):
    fill(daemon, 2)
    last = read_feed(daemon)[-1]["id"]
    epoch, _, digits = last.partition(".")
    cases = [
        ({"lastEventId": "nonsense"}, 400),
        ({"lastEventId": f"{int(epoch, 16) ^ 1:08x}.{digits}"}, 410),
        ({"lastEventId": f"{epoch}.{position(last) + 1:020d}"}, 409),
        ({"lasteventid": last}, 400),
        ({"widget": "three"}, 400),
        ({"limit": 5}, 400),
    ]
    for query, status in cases:
        with EventStream(daemon.api_port, **query) as one:
            assert one.body()["status"] == status == one.status
            assert one.header("Content-Type") == "application/problem+json"


def test_head_says_what_a_stream_would_be(daemon):
    for path, headers in (("/v1/events/stream", {}), ("/v1/events", {"Accept": "text/event-stream"})):
        answer = daemon.api(path, headers, method="HEAD")
        assert answer.status == 200 and answer.body == b""
        assert answer.header("Content-Type") == "text/event-stream"


def test_a_stop_ends_streams_in_order_and_says_when_to_come_back(make_daemon):
    daemon = make_daemon().start()
    fill(daemon, 2)
    streams = [stream(daemon) for _ in range(5)]
    for one in streams:
        one.read(4)
    begun = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - begun < 8 * PATIENCE, "nothing waits for a stream's client"
    hints = set()
    for one in streams:
        one.read_to_end()
        assert one.ended and not one.broken, "the last chunk came"
        first, last = one.parser.retries
        assert first == 1000 and 500 <= last <= 3000
        hints.add(last)
        one.close()
    assert len(hints) > 1, "they do not all come back at the same moment"


def test_kills_in_the_middle_and_no_event_is_lost_or_told_twice(make_daemon):
    """A browser's way of coming back: with the last id that it has."""
    daemon = make_daemon().start()
    seen, last = [], ""
    for turn in range(4):
        one = EventStream(daemon.api_port, headers={"Last-Event-ID": last} if last else None).open()
        writer = threading.Thread(target=fill, args=(daemon, 10, 1 + turn * 10))
        writer.start()
        goal = 7 + 3 * turn
        one.read(goal)
        writer.join(30)
        daemon.kill()
        try:
            one.read_to_end()
        except (ConnectionError, TimeoutError):
            pass
        seen += one.events()
        last = one.last_id
        one.close()
        daemon.start()
    whole = read_feed(daemon)
    with EventStream(daemon.api_port, headers={"Last-Event-ID": last}).open() as one:
        seen += one.read(len(whole) - len(seen))
    assert seen == whole and len(whole) >= 80
    assert_contiguous(seen)
    assert daemon.stop() == 0


def test_a_history_that_is_rewritten_ends_the_stream(daemon, database):
    fill(daemon, 2)
    whole = read_feed(daemon)
    with stream(daemon) as one:
        one.read(len(whole))
        database.execute("UPDATE callhook.feed_head SET epoch = '00c0ffee', position = 3")
        database.execute("DELETE FROM callhook.events WHERE position > 3")
        assert one.read_to_end() == whole and one.ended
        again = daemon.api("/v1/events/stream", {"Last-Event-ID": one.last_id})
        assert again.status == 410


def test_a_database_that_is_away_for_a_while_does_not_end_a_stream(make_daemon, postgres):
    daemon = make_daemon({"feed": {"heartbeat_interval": "300ms"}}).start()
    fill(daemon, 2)
    whole = read_feed(daemon)
    with stream(daemon) as one:
        one.read(len(whole))
        postgres.kill()
        one.read_comment()
        assert daemon.api("/v1/events/stream").status == 503
        postgres.start()
        wait_until(lambda: daemon.post(body(call_event("call.new", 77))).status == 200, 20, "a delivery")
        assert one.read(len(whole) + 1, timeout=20 * PATIENCE)[len(whole)]["subject"] == "calls/77"
    assert daemon.stop() == 0


@pytest.mark.resources
def test_a_client_that_takes_nothing_is_cut_and_slows_nobody(make_daemon, database):
    """It waits with one piece at most: what it was sent is what fits the sockets' buffers."""
    daemon = make_daemon({"api": {"write_timeout": "1500ms"}}).start()
    big = "x" * 20_000
    database.execute(
        "INSERT INTO callhook.events (position, recorded_at, type, source, subject, event) SELECT n, now(), 'call.new', 'demo', "
        "'calls/1', '{\"type\":\"call.new\",\"pad\":\"%s\"}' FROM generate_series(1, 1000) n" % big
    )
    database.execute("UPDATE callhook.feed_head SET position = 1000")
    wait_until(lambda: daemon.api("/v1/events?lastEventId=$").header("Last-Event-ID", "").endswith("1000"), 10, "the head")
    with stream(daemon, lastEventId="0") as first:
        assert len(first.read(1000)) == 1000  # what reading the log takes is not the slow ones'
    wait_until(lambda: gauge(daemon) == 0, 3, "its end")
    slow = [EventStream(daemon.api_port, receive_buffer=4096) for _ in range(20)]
    time.sleep(0.3)
    assert gauge(daemon) == 20
    before = daemon.rss()
    begun = time.monotonic()
    with stream(daemon, lastEventId="0") as quick:
        assert len(quick.read(1000)) == 1000
        took = time.monotonic() - begun
        assert took < 5 * PATIENCE, took
        assert daemon.rss() - before < 32 << 20
        wait_until(lambda: gauge(daemon) == 1, 10, "cutting those who take nothing")
    wait_until(lambda: gauge(daemon) == 0, 3, "noticing that the client has gone, long before a heartbeat")
    for one in slow:
        one.close()
    assert daemon.stop() == 0


def gauge(daemon):
    return metric(daemon, "callhook_feed_streams")


@pytest.mark.parametrize("path", ["/v1/events", "/v1/events/stream", "/v1/consumers/crm/events"])
def test_scripts_of_listed_origins_may_read(make_daemon, path):
    daemon = make_daemon({"api": {"allowed_origins": ["https://crm.example", "http://localhost:3000"]}}).start()
    assert request(daemon.api_port, "PUT", "/v1/consumers/crm").status == 201
    for origin, allowed in (("https://crm.example", True), ("http://localhost:3000", True), ("https://evil.example", False), (None, False)):
        for query in ("", "?nonsense=1"):
            answer = daemon.api(path + query, {"Origin": origin} if origin else {}, method="HEAD")
            assert answer.header("Access-Control-Allow-Origin") == (origin if allowed else None)
            assert answer.header("Access-Control-Expose-Headers") == ("Last-Event-ID" if allowed else None)
            assert answer.header("Vary") == "Origin"
    for origin, allowed in (("https://crm.example", "GET, HEAD"), ("https://evil.example", None)):
        asked = {"Origin": origin, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
        answer = daemon.api(path, asked, method="OPTIONS")
        assert answer.status == 204 and answer.header("Access-Control-Allow-Methods") == allowed
        assert answer.header("Access-Control-Allow-Headers") == (allowed and "Authorization, Last-Event-ID")
    assert daemon.api("/v1/calls", {"Origin": "https://crm.example"}).header("Access-Control-Allow-Origin") is None
    assert daemon.stop() == 0


def test_without_listed_origins_nothing_is_said_of_them(daemon):
    answer = daemon.api("/v1/events", {"Origin": "https://crm.example"})
    assert answer.header("Access-Control-Allow-Origin") is None and answer.header("Vary") is None
    assert daemon.api("/v1/events", {"Origin": "https://crm.example"}, method="OPTIONS").status == 405


def test_data_is_one_line_whatever_is_in_the_event(daemon):
    text = "first\nsecond\r\nid: 1\n\ndata: \u2028 zażółć 🙂"
    daemon.deliver(body(message(message_from_client=text)))
    daemon.settle()
    with stream(daemon) as one:
        event = one.read(1)[0]
    assert event == read_feed(daemon)[0]
    assert "second" in json.dumps(event["data"])
