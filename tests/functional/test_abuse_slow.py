"""Clients that are slow on purpose hold nothing up and are let go by absolute deadlines. The long form, `scripts/abuse`, is the same
with 10,000 connections."""

import statistics

import pytest
from support.abuse import BY_ADDRESS, KIB, LONG, MIB, Crowd, GoodClient, Slow, bounded_memory, open_connections
from support.daemon import PATIENCE, SANITIZER, wait_until
from support.event_stream import EventStream
from support.metrics import metric

CONNECTIONS = 10_000 if LONG else 400 if SANITIZER else 2_000
PER_CONNECTION = 64 * KIB
DEADLINES = {"header_timeout": "3s", "body_timeout": "4s", "idle_timeout": "3s", "write_timeout": "3s"}
LATEST = 60 * PATIENCE  # seconds; they drip for ever, so that a deadline that a byte pushed back would never come


def kinds(daemon):
    path = daemon.hook_path().encode()
    head = b"POST " + path + b" HTTP/1.1\r\nHost: x\r\n"
    unread = b"GET /nothing/here HTTP/1.1\r\nHost: x\r\n\r\n" * 4000
    return [
        lambda: Slow("silent", b"", b""),
        lambda: Slow("header", b"POST " + path[:-1], b"x"),
        lambda: Slow("fields", head + b"X-Slow: ", b"y"),
        lambda: Slow("body", head + b"Content-Length: 1000000\r\n\r\n{", b" "),
        lambda: Slow("chunks", head + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", b"1\r\n \r\n"),
        lambda: Slow("chunk size", head + b"Transfer-Encoding: chunked\r\n\r\n1;", b"x"),
        lambda: Slow("deaf", unread, b"", deaf=True),
    ]


def test_slow_clients_of_every_kind_are_let_go_while_a_good_one_is_served(make_daemon, database):
    settings = {"max_connections": CONNECTIONS + 1000, **DEADLINES, **BY_ADDRESS}
    daemon = make_daemon({"hooks": settings, "log": {"level": "info"}}).start()
    makers = kinds(daemon)
    slow = [makers[number % len(makers)]() for number in range(CONNECTIONS)]
    every = 1.0 if LONG else 0.5
    with GoodClient(daemon) as good:
        wait_until(lambda: len(good.latencies) > 20, 20, "a good client that is served")
        crowd = Crowd(slow, every)
        with bounded_memory(daemon, CONNECTIONS * PER_CONNECTION + 8 * MIB) as growth:
            crowd.open(daemon.hooks_port, receive_buffer=4 * KIB)
            audible = [one for one in slow if not one.deaf]
            ended = crowd.drive(lambda: all(one.closed for one in audible), LATEST)
            assert ended, f"{len(crowd.open_ones())} are still open"
            # Whoever reads nothing does not hear that it is over.
            wait_until(lambda: open_connections(daemon, "hooks") <= 2, LATEST, "no slow connection")
        crowd.close()
    print(f"\n{CONNECTIONS} slow connections: {growth() / MIB:.1f} MiB, {growth() / CONNECTIONS / KIB:.1f} KiB each; {good.told()}")
    for one in audible:
        if one.kind == "silent":
            assert one.heard == b"", "nothing was asked"
        else:
            assert one.heard.startswith(b"HTTP/1.1 408 ") and one.heard.count(b"HTTP/1.1 ") == 1, (one.kind, one.heard[:100])
    assert database.value("SELECT count(DISTINCT body) FROM callhook.deliveries") == 1, "nothing of theirs was stored"
    refused = {reason: metric(daemon, "callhook_http_rejected_total", listener="hooks", reason=reason) for reason in ("header_timeout", "body_timeout")}
    assert all(refused.values()), refused
    assert daemon.stop() == 0


def test_who_asks_on_and_on_and_reads_nothing_gets_few_answers(make_daemon):
    """What the kernel holds of answers costs memory too: left to itself it took 3,000 of each."""
    daemon = make_daemon({"hooks": {**DEADLINES, **BY_ADDRESS}, "log": {"level": "info"}}).start()
    deaf = [Slow("deaf", b"GET /nothing/here HTTP/1.1\r\nHost: x\r\n\r\n" * 4000, b"", deaf=True) for _ in range(50)]
    with GoodClient(daemon):
        crowd = Crowd(deaf).open(daemon.hooks_port, receive_buffer=4 * KIB)
        wait_until(lambda: open_connections(daemon, "hooks") <= 2, LATEST, "no deaf connection")
    crowd.close()
    answered = metric(daemon, "callhook_http_rejected_total", listener="hooks", reason="not_found") / len(deaf)
    print(f"\n{answered:.0f} answers for each who reads none")
    assert 0 < answered < 1000
    assert daemon.stop() == 0


def test_streams_that_are_never_read_are_let_go_while_a_good_client_is_served(make_daemon, database):
    count = CONNECTIONS // 5
    daemon = make_daemon({"api": {"write_timeout": "2s", "max_connections": count + 100}, "log": {"level": "info"}}).start()
    database.execute(
        "INSERT INTO callhook.events (position, recorded_at, type, source, subject, event) SELECT n, now(), 'call.new', 'demo', "
        "'calls/1', '{\"type\":\"call.new\",\"pad\":\"%s\"}' FROM generate_series(1, 1000) n" % ("x" * 20_000)
    )
    database.execute("UPDATE callhook.feed_head SET position = 1000")
    wait_until(lambda: daemon.api("/v1/events?lastEventId=$").header("Last-Event-ID", "").endswith("1000"), 10, "the head")
    with GoodClient(daemon) as good:
        with bounded_memory(daemon, 2 * count * PER_CONNECTION + 64 * MIB) as growth:  # a piece each; the tail and a page are everybody's
            streams = [EventStream(daemon.api_port, receive_buffer=4096, lastEventId="0") for _ in range(count)]
            wait_until(lambda: metric(daemon, "callhook_feed_streams") == 0, 60, "cutting those who take nothing")
        for one in streams:
            one.close()
    print(f"\n{count} streams that nobody reads: {growth() / MIB:.1f} MiB; {good.told()}")
    assert daemon.stop() == 0


@pytest.mark.resources
def test_a_good_client_waits_little_beside_slow_ones(make_daemon):
    """Like the first, with a wide margin for a machine that does other things."""
    daemon = make_daemon({"hooks": {"max_connections": 3000, **DEADLINES, **BY_ADDRESS}, "log": {"level": "info"}}).start()
    path = daemon.hook_path().encode()
    crowd = Crowd([Slow("header", b"POST " + path, b"x") for _ in range(1000)])
    with GoodClient(daemon) as good:
        crowd.open(daemon.hooks_port)
        crowd.drive(lambda: not crowd.open_ones(), LATEST)
    crowd.close()
    print(f"\n{good.told()}")
    assert statistics.median(good.latencies) < 1
    assert daemon.stop() == 0
