"""Webhooks have a loop of their own: whatever keeps that of everything else from its turn delays none of them, and what the two have to
do with each other works across."""

import os
import signal
import threading

import pytest

from support.daemon import wait_until
from support.event_stream import EventStream
from support.feed import read_feed
from support.one_thread import can_freeze, frozen, thread_named, threads
from support.payloads import body, call_event


def test_webhooks_are_taken_while_the_main_loop_stands_still(daemon):
    main = daemon.process.pid
    if not can_freeze(main):
        pytest.skip("threads cannot be frozen here")
    daemon.deliver(body(call_event("call.missed", 1)))
    with frozen(main):
        # On connections that are new and on one that is kept, stored and sequenced before the main loop comes to its turn.
        accepted = [daemon.deliver(body(call_event("call.missed", number))) for number in range(2, 12)]
        accepted += [delivery for delivery, _ in daemon.deliver_all([body(call_event("call.missed", number)) for number in range(12, 60)])]
        wait_until(lambda: daemon.database.value("SELECT position FROM callhook.feed_head") == 59, what="the feed")
    assert len(set(accepted)) == 58
    assert {event["subject"] for event in read_feed(daemon)} == {f"calls/{number}" for number in range(1, 60)}


def test_the_main_loop_gives_way_to_all_that_webhooks_wait_for(daemon):
    nice = {one: os.getpriority(os.PRIO_PROCESS, one) for one in threads(daemon.process.pid)}
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert nice.pop(daemon.process.pid) > own
    assert thread_named(daemon.process.pid, "hooks") in nice
    assert set(nice.values()) == {own}, "the writers and the pipeline among them"


def test_streams_that_come_and_go_and_reloads_stop_no_webhook(make_daemon):
    """All that goes on at the seam of the two loops, at once; a sanitizer of threads has something to look at."""
    daemon = make_daemon().start()
    streams = [EventStream(daemon.api_port, lastEventId="0").open() for _ in range(20)]
    ended = threading.Event()

    def disturb():
        while not ended.is_set():
            daemon.signal(signal.SIGHUP)
            daemon.api("/readyz?verbose")
            daemon.api("/metrics")
            EventStream(daemon.api_port, lastEventId="0").open().close()

    disturber = threading.Thread(target=disturb)
    disturber.start()
    try:
        for turn in range(5):
            daemon.deliver_all([body(call_event("call.missed", 100 * turn + number)) for number in range(1, 101)])
    finally:
        ended.set()
        disturber.join(60)
    daemon.settle()
    whole = read_feed(daemon)
    assert len(whole) == 500
    for one in streams:
        assert one.read(500) == whole
    assert daemon.stop() == 0
    for one in streams:
        one.close()
    assert "configuration reloaded" in daemon.log_text()
    code, report = daemon.audit()
    assert code == 0, report
