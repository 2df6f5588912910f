"""Named consumers: callhook remembers how far each has acknowledged, through crashes of either side."""

import json
import time
import urllib.parse

import pytest
from support.daemon import PATIENCE, wait_until
from support.event_stream import EventStream
from support.feed import assert_contiguous, position, read_feed
from support.http import request
from support.metrics import metric
from support.payloads import body, call_event


class Consumer:
    def __init__(self, daemon, name="crm"):
        self.daemon = daemon
        self.name = name

    def ask(self, method, what="", content=None, headers=None, **query):
        target = f"/v1/consumers/{self.name}{what}" + ("?" + urllib.parse.urlencode(query) if query else "")
        if content is not None and not isinstance(content, (bytes, str)):
            content = json.dumps(content)
        return request(self.daemon.api_port, method, target, content, headers)

    def put(self, expected=201, **wish):
        answer = self.ask("PUT", "", wish or None)
        assert answer.status == expected, answer
        return answer.json()

    def get(self):
        answer = self.ask("GET")
        assert answer.status == 200, answer
        return answer.json()

    def events(self, headers=None, **query):
        answer = self.ask("GET", "/events", headers=headers, **query)
        assert answer.status == 200, answer
        return answer

    def ack(self, at, expected=200):
        answer = self.ask("POST", "/ack", {"position": at})
        assert answer.status == expected, answer
        return answer.json()

    def reset(self, at, expected=200):
        answer = self.ask("POST", "/reset", {"position": at})
        assert answer.status == expected, answer
        return answer.json()


def fill(daemon, calls=10, first=1):
    for number in range(first, first + calls):
        daemon.deliver(body(call_event("call.new", number)))
        daemon.deliver(body(call_event("call.completed" if number % 2 else "call.missed", number)))
    daemon.settle()


def test_a_consumer_reads_acknowledges_and_goes_on(daemon):
    fill(daemon)
    whole = read_feed(daemon)
    crm = Consumer(daemon)
    made = crm.put()
    assert made["kind"] == "reader" and made["acked_at"] is None and position(made["position"]) == 0
    assert made["lag_events"] == len(whole)
    first = crm.events(limit=6)
    assert first.json() == whole[:6]
    assert crm.events(limit=6).json() == whole[:6], "reading acknowledges nothing"
    acked = crm.ack(first.header("Last-Event-ID"))
    assert acked["lag_events"] == len(whole) - 6 and acked["acked_at"]
    assert crm.events().json() == whole[6:]
    assert crm.ack(whole[2]["id"])["position"] == whole[5]["id"], "never back"
    level = crm.ack(whole[-1]["id"])
    assert level["lag_events"] == level["lag_seconds"] == 0
    assert crm.events().json() == []
    lines = crm.reset("0") and crm.events({"Accept": "application/x-ndjson"}, limit=2)
    assert [json.loads(line) for line in lines.body.splitlines()] == whole[:2]


def test_each_is_independent_with_a_filter_and_a_beginning_of_its_own(daemon):
    fill(daemon)
    whole = read_feed(daemon)
    missed, late, some = Consumer(daemon, "missed"), Consumer(daemon, "late"), Consumer(daemon, "some-1_a")
    missed.put(types=["call.missed"], sources=["/callhook/demo"], widgets=[3])
    late.put(start="$")
    some.put(start=whole[4]["id"], subjects=["calls/5", "calls/6"])
    answer = missed.events(limit=3)
    assert answer.json() == [e for e in whole if e["type"] == "call.missed"][:3]
    missed.ack(answer.header("Last-Event-ID"))
    assert late.events().json() == []
    assert some.events().json() == [e for e in whole if e["subject"] in ("calls/5", "calls/6")]
    assert [c["name"] for c in daemon.api("/v1/consumers").json()["consumers"]] == ["late", "missed", "some-1_a"]
    rest = missed.events()
    assert rest.json() == [e for e in whole if e["type"] == "call.missed"][3:]
    assert rest.header("Last-Event-ID") == whole[-1]["id"], "what the filter left out is read, too"
    assert missed.ack(rest.header("Last-Event-ID"))["lag_events"] == 0
    changed = missed.put(200, types=["call.new"], start="nonsense is not looked at".replace(" ", "-"))
    assert changed["types"] == ["call.new"] and changed["sources"] == [] and changed["position"] == whole[-1]["id"]
    fill(daemon, 1, first=90)
    assert [e["type"] for e in missed.events().json()] == ["call.new"]


def test_a_long_poll_of_a_consumer(daemon):
    crm = Consumer(daemon)
    crm.put(start="$")
    begun = time.monotonic()
    assert crm.events(timeout=300).json() == []
    assert 0.25 < time.monotonic() - begun < 8 * PATIENCE


def test_a_stream_of_a_consumer_begins_at_its_place_or_where_the_client_has_got_to(daemon):
    fill(daemon)
    whole = read_feed(daemon)
    crm = Consumer(daemon)
    crm.put()
    crm.ack(whole[3]["id"])
    path = "/v1/consumers/crm/events"
    with EventStream(daemon.api_port, path) as one:
        assert one.read(len(whole) - 4) == whole[4:]
    with EventStream(daemon.api_port, path, {"Last-Event-ID": whole[9]["id"]}) as one:
        assert one.read(len(whole) - 10) == whole[10:]
    with EventStream(daemon.api_port, path, {"Last-Event-ID": whole[1]["id"]}) as one:
        assert one.read(1)[0] == whole[4], "what is acknowledged is not told again"


def test_one_that_crashes_between_reading_and_acknowledging_gets_it_again(make_daemon):
    """The consumer crashes after each second page, the daemon after each third; nothing is lost, and order holds."""
    daemon = make_daemon().start()
    fill(daemon, 30)
    Consumer(daemon).put(types=["call.new", "call.completed"])
    safe, told = [], 0
    for turn in range(1, 200):
        answer = Consumer(daemon).events(limit=5)
        told += len(answer.json())
        if turn % 2:
            continue  # crashed: it has kept nothing
        safe += answer.json()
        Consumer(daemon).ack(answer.header("Last-Event-ID"))
        if turn % 3 == 0:
            daemon.kill()
            daemon.start()
        if not answer.json():
            break
    assert safe == [e for e in read_feed(daemon) if e["type"] in ("call.new", "call.completed")]
    assert told > len(safe)
    assert daemon.stop() == 0


def test_places_survive_a_restart(make_daemon):
    daemon = make_daemon().start()
    fill(daemon)
    whole = read_feed(daemon)
    for number in range(5):
        Consumer(daemon, f"c{number}").put(types=["call.new"] if number % 2 else [])
        Consumer(daemon, f"c{number}").ack(whole[number]["id"])
    before = daemon.api("/v1/consumers").json()["consumers"]
    assert daemon.stop() == 0
    daemon.start()
    after = daemon.api("/v1/consumers").json()["consumers"]
    for one in before + after:
        del one["lag_seconds"]
    assert after == before and [position(one["position"]) for one in after] == [1, 2, 3, 4, 5]
    assert daemon.stop() == 0


def test_reset_replays_and_skips_and_delete_forgets(daemon):
    fill(daemon)
    whole = read_feed(daemon)
    crm = Consumer(daemon)
    crm.put()
    crm.ack(whole[-1]["id"])
    assert position(crm.reset("0")["position"]) == 0
    assert crm.events(limit=1000).json() == whole
    assert crm.reset(whole[7]["id"])["lag_events"] == len(whole) - 8
    assert crm.events().json() == whole[8:]
    assert crm.reset("$")["lag_events"] == 0
    assert crm.ask("DELETE").status == 204
    for method, what, content in (("GET", "", None), ("GET", "/events", None), ("DELETE", "", None)):
        assert crm.ask(method, what, content).status == 404
    for what in ("/ack", "/reset"):
        assert crm.ask("POST", what, {"position": whole[0]["id"]}).status == 404
    assert position(crm.put()["position"]) == 0


def test_what_is_not_in_the_feed_is_refused(daemon):
    fill(daemon, 2)
    last = read_feed(daemon)[-1]["id"]
    epoch, _, digits = last.partition(".")
    elsewhere, ahead = f"{int(epoch, 16) ^ 1:08x}.{digits}", f"{epoch}.{position(last) + 1:020d}"
    crm = Consumer(daemon)
    assert crm.ask("PUT", "", {"start": elsewhere}).status == 410
    assert crm.ask("PUT", "", {"start": ahead}).status == 409
    assert crm.ask("PUT", "", {"start": "soon"}).status == 400
    crm.put()
    crm.ack(elsewhere, 410)
    crm.ack(ahead, 409)
    for what in ("soon", "0", "$", ""):
        crm.ack(what, 400)
    crm.reset(elsewhere, 410)
    crm.reset(ahead, 409)
    crm.reset("soon", 400)
    assert position(crm.get()["position"]) == 0


def test_a_history_that_was_rewritten_is_told_and_a_reset_goes_on(daemon, database):
    fill(daemon, 3)
    whole = read_feed(daemon)
    crm = Consumer(daemon)
    crm.put()
    crm.ack(whole[4]["id"])
    database.execute("UPDATE callhook.feed_head SET epoch = '00c0ffee'")
    answer = crm.ask("GET", "/events")
    assert answer.status == 410 and "reset" in answer.json()["detail"]
    assert crm.ask("GET", "/events", headers={"Accept": "text/event-stream"}).status == 410
    new = f"00c0ffee.{whole[-1]['sequence']}"
    crm.ack(new, 410)
    assert crm.get()["lag_events"] == len(whole), "all of it is new to it"
    crm.reset(new)
    assert crm.get()["lag_events"] == 0
    crm.ack(new)


def test_what_has_expired_is_told(daemon, database):
    fill(daemon, 3)
    whole = read_feed(daemon)
    crm = Consumer(daemon)
    crm.put()
    database.execute("UPDATE callhook.feed_head SET floor = 3")
    database.execute("DELETE FROM callhook.events WHERE position <= 3")
    assert crm.ask("GET", "/events").status == 410
    assert crm.ack(whole[1]["id"])["position"] == whole[1]["id"], "who has read it may say so"
    assert position(crm.reset("0")["position"]) == 3
    assert crm.events().json() == whole[3:]


def test_a_publisher_is_shown_and_reset_and_nothing_else(daemon, database):
    fill(daemon, 2)
    whole = read_feed(daemon)
    database.execute("INSERT INTO callhook.consumers (name, kind, epoch, position) VALUES ('nats', 'publisher', %s, 2)", whole[0]["id"][:8])
    nats = Consumer(daemon, "nats")
    assert nats.get()["kind"] == "publisher"
    nats.ack(whole[3]["id"], 409)
    assert nats.ask("DELETE").status == 409 and nats.ask("PUT").status == 409
    assert position(nats.reset("0")["position"]) == 0


@pytest.mark.parametrize(
    "wish",
    [
        "no JSON",
        "[]",
        "null",
        '{"colour": 1}',
        '{"types": "call.new"}',
        '{"types": [1]}',
        '{"types": [""]}',
        '{"types": ["a\\u0000b"]}',
        '{"widgets": ["3"]}',
        '{"widgets": [1.5]}',
        '{"start": 0}',
        json.dumps({"subjects": ["calls/1"] * 101}),
        json.dumps({"sources": ["x" * 257]}),
        '{"types": []} x',
    ],
)
def test_a_body_that_is_not_as_described_is_refused(daemon, wish):
    answer = Consumer(daemon).ask("PUT", "", wish)
    assert answer.status == 400 and answer.header("Content-Type") == "application/problem+json", answer
    assert answer.json()["detail"]
    assert Consumer(daemon).ask("GET").status == 404


@pytest.mark.parametrize("name", ["-crm", "CRM", "c%20m", "c.m", "x" * 65, "_x", "%C3%B3"])
def test_a_name_that_is_none_is_refused(daemon, name):
    assert Consumer(daemon, name).ask("PUT").status == 400
    assert Consumer(daemon, name).ask("GET").status == 404


def test_positions_are_parsed_strictly(daemon):
    Consumer(daemon).put()
    for content in ("", "{}", "1", '{"position": 1}', '{"position": "0", "more": 1}', '{"position": null}'):
        for what in ("/ack", "/reset"):
            assert Consumer(daemon).ask("POST", what, content).status == 400, content
    assert Consumer(daemon).ask("GET", "/events", lastEventId="0").status == 400, "the place is the consumer's"
    assert Consumer(daemon).ask("POST", "/ack", {"position": "0"}, nonsense=1).status == 400


def test_the_metrics_tell_the_lag_and_forget_who_is_gone(make_daemon):
    """Both daemons tell it, whoever was asked."""
    daemon, other = make_daemon().start(), make_daemon().start()
    fill(daemon, 2)
    crm = Consumer(daemon)
    crm.put()

    def lags(of):
        return tuple(metric(of, f"callhook_feed_consumer_lag_{what}", consumer="crm") for what in ("events", "seconds"))

    behind = len(read_feed(daemon))
    for one in (daemon, other):
        wait_until(lambda: (lags(one)[0] == behind and lags(one)[1] > 0), 10, "the lag")
    crm.ack(read_feed(daemon)[-1]["id"])
    for one in (daemon, other):
        wait_until(lambda: lags(one) == (0, 0), 10, "being level")
    crm.ask("DELETE")
    for one in (daemon, other):
        wait_until(lambda: lags(one) == (None, None), 10, "the end of the series")
    assert daemon.stop() == other.stop() == 0


def test_two_daemons_share_a_consumer(make_daemon):
    daemon, other = make_daemon().start(), make_daemon().start()
    fill(daemon, 5)
    Consumer(daemon).put()
    seen = []
    for turn in range(20):
        one = Consumer((daemon, other)[turn % 2])
        answer = one.events(limit=3)
        seen += answer.json()
        one.ack(answer.header("Last-Event-ID"))
    assert seen == read_feed(other)
    assert_contiguous(seen)
    assert daemon.stop() == other.stop() == 0
