"""Readable payloads with values that a table or a parser further down might choke on: none of them may stop the feed."""

import pytest
from support.feed import read_feed
from support.payloads import body, call_event


def nested(levels):
    return b"[" * levels + b"1" + b"]" * levels


MESSAGE = b'"message_from_client":"hi","number":"+48 123 123 123","widget":"1","x":'

ODD = {
    "year 0": body(call_event("call.new", 1, created_at="0000-01-01 00:00:00")),
    "a database's null": body(call_event("call.new", 2, created_at="0001-01-01 00:00:00")),
    "a database's infinity": body(call_event("call.new", 3, created_at="9999-12-31 23:59:59")),
    "a slot in year 0": body(call_event("call.scheduled", 4, scheduled_at="0000-12-31 23:00:00")),
    "before clocks were set by zones": body(call_event("call.new", 5, created_at="1800-01-01 00:00:00")),
    "a message as deep as allowed": b"{" + MESSAGE + nested(31) + b"}",
    "a call as deep as allowed": b'{"event":"call.new","id":6,"status":"new","x":' + nested(31) + b"}",
    "what COPY and arrays escape": body(call_event("call.new", 7, email="\\N\t\n\\.\"{},'\u0001", fields=[{"id": 1, "value": "\\"}])),
    "numbers at the edge": b'{"event":"call.new","id":9223372036854775807,"status":"new","x":[1e308,-0.0,5e-324,1e2,-9223372036854775808]}',
}


# Far from UTC to either side: a wall-clock time at the end of the calendar leaves it there.
@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Auckland"])
def test_odd_values_stop_nothing(make_daemon, zone):
    daemon = make_daemon()
    daemon.settings["sources.demo"]["time_zone"] = zone
    daemon.start()
    for repeat in range(2):
        for payload in ODD.values():
            assert daemon.post(payload).status == 200
        daemon.deliver(call_event("call.new", 1000 + repeat))
        daemon.settle()
    assert sum(event["origin"] == "webhook" for event in read_feed(daemon)) == len(ODD) + 2
    # What was written can be read again, and a second fact about it told.
    for call in range(1, 8):
        daemon.deliver(call_event("call.missed", call))
    daemon.settle()
    for path in ("/v1/calls", "/v1/messages", "/v1/calls/demo/6", "/v1/calls/demo/3"):
        assert daemon.api(path).status == 200, path
    assert daemon.audit()[0] == 0
    code, out, _ = daemon.run("rebuild", "--json")
    assert code == 0 and '"calls_changed":0' in out and '"messages_changed":0' in out, out
    assert daemon.stop() == 0
