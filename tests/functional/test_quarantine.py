"""Authentic but unreadable: stored whole, visible, re-processable; never a crash, never a loss."""

import json

import pytest
from support.daemon import wait_until
from support.feed import read_feed
from support.payloads import body, call_event, documented

UNREADABLE = {
    "not JSON": b"hello",
    "nothing": b"",
    "cut off": documented()["call.new"][:-9],
    "an array": b"[1,2]",
    "no data": b'{"dat":{}}',
    "data that is no object": b'{"data":[1]}',
    "an unknown event": body(call_event("call.exploded")),
    "an event of another type": body(call_event("call.new", event=7)),
    "no id": b'{"data":{"event":"call.new","status":"new"}}',
    "an id out of range": b'{"data":{"event":"call.new","id":99999999999999999999}}',
    "an id of another type": body(call_event("call.new", id={"a": 1})),
    "a fraction as id": b'{"data":{"event":"call.new","id":1.5}}',
    "a depth bomb": b'{"data":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "invalid UTF-8": b'{"data":{"event":"call.new","id":3,"to":"\xff\xfe"}}',
    "a duplicate key": b'{"data":{"event":"call.new","id":3,"id":4}}',
    "two documents": documented()["call.new"] * 2,
    "a byte order mark": b"\xef\xbb\xbf" + documented()["call.new"],
    "a lone surrogate": b'{"data":{"event":"call.new","id":3,"to":"\\ud800"}}',
}


@pytest.fixture(scope="module")
def shared(binary, cluster, template, tmp_path_factory):
    from support.daemon import Daemon
    from support.personal import nothing_private_was_said

    made = Daemon(binary, tmp_path_factory.mktemp("quarantine"), cluster.create(template=template)).start()
    yield made
    assert made.audit()[0] == 0
    assert made.stop() == 0
    nothing_private_was_said([made])
    cluster.drop(made.database.name)


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_is_answered_202_and_kept_whole(shared, name):
    answer = shared.post(UNREADABLE[name])
    assert answer.status == 202, answer
    said = answer.json()
    assert said["status"] == "quarantined" and said["reason"]
    row = shared.database.rows("SELECT body FROM callhook.deliveries WHERE id = %s", said["delivery"])
    assert bytes(row[0][0]) == UNREADABLE[name]
    shared.settle()
    outcome = shared.database.rows("SELECT result, reason FROM callhook.outcomes WHERE delivery_id = %s", said["delivery"])
    assert [row[0] for row in outcome] == ["quarantined"] and outcome[0][1]


def test_the_quarantine_is_listed_newest_first_and_in_pages(shared):
    sent = [shared.deliver(b"page %d" % n) for n in range(7)]
    shared.settle()
    listed, cursor = [], ""
    while cursor is not None and len(listed) < 7:
        page = shared.api(f"/v1/quarantine?limit=3&cursor={cursor}" if cursor else "/v1/quarantine?limit=3").json()
        listed += [entry["delivery"] for entry in page["quarantine"]]
        cursor = page["next_cursor"]
    assert listed[:7] == sent[::-1]
    entry = shared.api("/v1/quarantine?limit=1").json()["quarantine"][0]
    assert entry["source"] == "demo" and entry["reason"] and entry["received_at"]


def test_the_command_line_lists_and_shows_the_quarantine(shared):
    delivery = shared.deliver(b"\x00\xffnot json")
    shared.settle()
    code, out, err = shared.run("quarantine", "list", "--json")
    assert code == 0, err
    assert delivery in out and isinstance(json.loads(out), (list, dict))
    code, out, err = shared.run("quarantine", "show", delivery, "--json")
    assert code == 0, err
    assert json.loads(out)["delivery"] == delivery
    code, out, err = shared.run("quarantine", "show", "00000000-0000-7000-8000-000000000000")
    assert code != 0 and (out + err).strip()


def test_a_retry_applies_what_can_be_read_by_now(daemon, database):
    """As after an update that reads more: here the stored reason is planted on a delivery that is readable."""
    delivery = daemon.deliver(documented()["call.new"].replace(b"call.new", b"call.nwe"))
    other = daemon.deliver(b"still not json")
    daemon.settle()
    assert daemon.api("/v1/calls/demo/3419").status == 404
    database.execute("UPDATE callhook.deliveries SET body = %s WHERE id = %s", documented()["call.new"], delivery)
    code, out, err = daemon.run("quarantine", "retry", delivery, "--json")
    assert code == 0, out + err
    wait_until(lambda: daemon.api("/v1/calls/demo/3419").status == 200, 10, "the call")
    daemon.settle()
    assert [e["type"] for e in read_feed(daemon, type="call.new")] == ["call.new"]
    left = [entry["delivery"] for entry in daemon.api("/v1/quarantine").json()["quarantine"]]
    assert left == [other]
    assert daemon.audit()[0] == 0


def test_a_retry_of_what_still_cannot_be_read_leaves_it_there(daemon):
    delivery = daemon.deliver(b"not json")
    daemon.settle()
    code, out, err = daemon.run("quarantine", "retry", delivery, "--json")
    assert code in (0, 1), out + err
    daemon.settle()
    assert [entry["delivery"] for entry in daemon.api("/v1/quarantine").json()["quarantine"]] == [delivery]
    assert daemon.audit()[0] == 0


def test_traps_of_the_vendor_are_read_and_not_quarantined(daemon):
    good = [
        call_event("call.completed", "81", call_attempts_count="1", widget_id="3"),  # numbers as strings
        call_event("call.completed", 82, call=[], call_attempt=[], fields=[]),  # PHP's empty object
        call_event("call.completed", 83, call=None, call_attempt=None, created_at=None, to=None, widget_id=None),
        call_event("call.new", 84, brand_new_key={"a": [1, 2]}),
        call_event("call.new", 85, to="+48 888 888 769"),
        call_event("call.missed", 86, status="a status nobody knows"),
        call_event("call.new", 87, created_at="2026-10-25 02:30:00"),  # twice that night
    ]
    for data in good:
        assert daemon.post(body(data)).status == 200, data
    daemon.settle()
    assert daemon.call(81)["call"]["widget_id"] == 3
    assert daemon.call(85)["call"]["to"] == "+48888888769" and daemon.call(85)["call"]["to_raw"] == "+48 888 888 769"
    assert "brand_new_key" in json.dumps(daemon.call(84)["call"])
    assert daemon.call(87)["call"]["anomalies"]
    assert daemon.api("/v1/quarantine").json()["quarantine"] == []
