"""Outbound webhooks: every event arrives, of each call in order, whatever receivers and daemons do."""

import collections
import contextlib
import datetime
import os
import random
import resource
import socket
import statistics
import threading
import time
import zoneinfo

import pytest

from support.daemon import PATIENCE, wait_until
from support.feed import read_feed
from support.payloads import call_event
from support.receiver import Receiver
from support.subscriptions import OUTBOUND, act, attempts, subscribe, subscription, wait_level

LOCAL = {"outbound": OUTBOUND}
QUICK = {"schedule_ms": [100] * 40}
# Calls of today, so that none is overdue while a test counts.
TODAY = datetime.datetime.now(zoneinfo.ZoneInfo("Europe/Warsaw")).strftime("%Y-%m-%d %H:%M:%S")


def call(event, number, **changes):
    return call_event(event, number, created_at=TODAY, **changes)


def bodies(calls, first=1000):
    """Each call's beginning and its end."""
    out = []
    for number in range(first, first + calls):
        out.append(call("call.new", number))
        out.append(call("call.missed", number))
    return out


def deliver(daemon, calls, first=1000):
    for body in bodies(calls, first):
        daemon.deliver(body)
    daemon.settle()


def first_copies(requests):
    """The ids in the order in which the receiver took each for the first time."""
    return list(dict.fromkeys(r.id for r in requests))


def assert_all_arrived(daemon, taken):
    """Every event once or more, and of each subject in the order of the feed."""
    events = read_feed(daemon)
    ids = first_copies(taken)
    assert sorted(ids) == [e["id"] for e in events]
    subjects = {e["id"]: (e["source"], e["subject"]) for e in events}
    by_subject = collections.defaultdict(list)
    for one in ids:
        by_subject[subjects[one]].append(one)
    assert all(order == sorted(order) for order in by_subject.values())
    return events


def test_each_event_arrives_once_and_says_what_the_feed_says(make_daemon):
    daemon = make_daemon(LOCAL).start()
    with Receiver() as receiver:
        subscribe(daemon, "crm", receiver.url("/in?key=1"))
        deliver(daemon, 20)
        wait_level(daemon, "crm")
        events = assert_all_arrived(daemon, receiver.requests)
        assert len(receiver.requests) == len(events) == 40
        by_id = {e["id"]: e for e in events}
        for request in receiver.requests:
            assert request.json() == by_id[request.id]
            assert request.path == "/in?key=1"
            assert request.headers["content-type"] == "application/cloudevents+json"
            assert request.headers["user-agent"].startswith("callhook/")
        state = subscription(daemon, "crm")
        assert state["state"] == "active" and state["failing_since"] is None


def test_with_a_receiver_that_fails_every_fifth_time_all_arrive_in_order_of_their_call(make_daemon):
    daemon = make_daemon(LOCAL).start()
    rng, taken, lock = random.Random(20), [], threading.Lock()

    def answer(request):
        with lock:
            if rng.random() < 0.2:
                return rng.choice((500, 503, 404, 302))
            taken.append(request)
            return 200

    with Receiver(answer) as receiver:
        subscribe(daemon, "crm", receiver.url(), **QUICK)
        deliver(daemon, 100)
        wait_level(daemon, "crm", 60)
        assert_all_arrived(daemon, taken)
        assert len(receiver.requests) > len(taken)
        tried = collections.defaultdict(set)
        for request in receiver.requests:
            tried[request.json()["id"]].add(request.id)
        assert all(ids == {one} for one, ids in tried.items()), "webhook-id is the same at every attempt"
        assert {a["status"] for a in attempts(daemon, "crm", "?limit=1000")} > {200, 500}


def test_filters_choose_by_type_and_widget(make_daemon):
    daemon = make_daemon(LOCAL).start()
    with Receiver() as receiver:
        subscribe(daemon, "missed", receiver.url("/missed"), types=["call.missed"])
        subscribe(daemon, "widget", receiver.url("/widget"), widgets=[77])
        daemon.deliver(call("call.new", 1, widget_id=77))
        daemon.deliver(call("call.missed", 2, widget_id=78))
        daemon.settle()
        wait_level(daemon, "missed")
        wait_level(daemon, "widget")
        got = {(r.path, r.json()["type"], r.json()["subject"]) for r in receiver.requests}
        assert got == {("/missed", "call.missed", "calls/2"), ("/widget", "call.new", "calls/1")}


def test_a_dead_letter_lets_its_call_go_on_and_can_be_driven_again(make_daemon):
    daemon = make_daemon(LOCAL).start()
    broken = threading.Event()
    broken.set()
    answer = lambda r: 500 if broken.is_set() and r.json()["type"] == "call.new" else 200  # noqa: E731
    with Receiver(answer) as receiver:
        subscribe(daemon, "crm", receiver.url(), schedule_ms=[50, 50])
        deliver(daemon, 2)
        wait_until(lambda: subscription(daemon, "crm")["dead"] == 2, 20, "two dead letters")
        wait_level(daemon, "crm")
        taken = [r.json()["type"] for r in receiver.requests if r.json()["type"] != "call.new"]
        assert taken == ["call.missed"] * 2
        assert len(receiver.requests) == 2 * 3 + 2
        dead = daemon.api("/v1/subscriptions/crm/dead").json()["dead"]
        assert [d["attempts"] for d in dead] == [3, 3] and dead[0]["error"] == "answered 500"
        broken.clear()
        answer = act(daemon, "crm", "redrive", {"from": dead[0]["position"], "to": dead[0]["position"]})
        assert answer["redriven"] == 1
        wait_until(lambda: subscription(daemon, "crm")["dead"] == 1, 20, "one redriven")
        wait_level(daemon, "crm")
        assert receiver.requests[-1].id == dead[0]["position"]


def test_410_disables_and_the_feed_says_so(make_daemon):
    daemon = make_daemon(LOCAL).start()
    gone = threading.Event()
    gone.set()
    with Receiver(lambda r: 410 if gone.is_set() else 200) as receiver:
        subscribe(daemon, "crm", receiver.url(), **QUICK)
        deliver(daemon, 1)
        wait_until(lambda: subscription(daemon, "crm")["state"] == "disabled", 20, "disabled")
        told = wait_until(lambda: read_feed(daemon, type="subscription.paused"), 10, "the event")
        assert [e["data"]["reason"] for e in told] == ["gone"]
        assert told[0]["subject"] == "subscriptions/crm" and told[0]["source"] == "/callhook"
        asked = len(receiver.requests)
        time.sleep(1)
        assert len(receiver.requests) == asked
        wait_until(lambda: "1 of the subscriptions" in daemon.api("/readyz?verbose").json()["parts"]["outbound"], 10, "the trouble")
        assert daemon.api("/readyz").status == 200
        gone.clear()
        act(daemon, "crm", "resume")
        wait_level(daemon, "crm")
        assert subscription(daemon, "crm")["state"] == "active"


def test_failing_for_too_long_pauses_and_says_so(make_daemon):
    daemon = make_daemon(LOCAL).start()
    with Receiver(lambda r: 500) as receiver:
        subscribe(daemon, "crm", receiver.url(), pause_after_ms=1500, **QUICK)
        deliver(daemon, 1)
        wait_until(lambda: subscription(daemon, "crm")["state"] == "paused", 30, "paused")
        row = subscription(daemon, "crm")
        assert row["reason"] == "failing" and row["failing_since"]
        told = wait_until(lambda: read_feed(daemon, type="subscription.paused"), 10, "the event")
        assert told[0]["data"]["subscription"] == "crm" and told[0]["data"]["failing_since"]
        line = [x for x in daemon.log_lines() if "is not served any more" in x["message"]]
        assert line and line[0]["subscription"] == "crm"
        metrics = lambda: daemon.api("/metrics").body.decode()  # noqa: E731
        wait_until(lambda: 'callhook_outbound_paused{subscription="crm"} 1' in metrics(), 10, "the metric")
        assert 'callhook_outbound_attempts_total{result="refused",subscription="crm"}' in metrics()


def test_pause_and_resume_by_hand(make_daemon):
    daemon = make_daemon(LOCAL).start()
    with Receiver() as receiver:
        subscribe(daemon, "crm", receiver.url())
        deliver(daemon, 1)
        wait_level(daemon, "crm")
        # Two events, or three where the call was found overdue before its outcome was read.
        before = len(receiver.requests)
        act(daemon, "crm", "pause")
        time.sleep(1.5)
        deliver(daemon, 1, first=2000)
        time.sleep(1)
        assert len(receiver.requests) == before
        act(daemon, "crm", "resume")
        wait_level(daemon, "crm")
        assert_all_arrived(daemon, receiver.requests)


def test_retry_after_is_waited_for(make_daemon):
    daemon = make_daemon(LOCAL).start()
    with Receiver(lambda r: (503, {"Retry-After": "2"}, b"busy") if r.number == 1 else 200) as receiver:
        subscribe(daemon, "crm", receiver.url(), **QUICK)
        daemon.deliver(call("call.new", 1))
        daemon.settle()
        wait_level(daemon, "crm")
        first, second = receiver.requests
        assert second.at - first.at >= 1.9
        attempt = attempts(daemon, "crm")[-1]
        assert attempt["status"] == 503 and attempt["response"] == "busy"


def test_kills_lose_no_event_and_keep_the_order(make_daemon):
    daemon = make_daemon(LOCAL).start()
    rng, taken, lock = random.Random(9), [], threading.Lock()

    def answer(request):
        with lock:
            if rng.random() < 0.1:
                return 500
            taken.append(request)
            return 200

    with Receiver(answer) as receiver:
        subscribe(daemon, "crm", receiver.url(), **QUICK)
        for turn in range(3):
            deliver(daemon, 40, first=1000 + 100 * turn)
            daemon.kill()
            daemon.start()
        wait_level(daemon, "crm", 60)
        events = assert_all_arrived(daemon, taken)
        print(f"\n{len(events)} events, {len(taken)} deliveries taken, {len(receiver.requests)} attempts over 3 kills")


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_another_daemon_goes_on_within_five_seconds(make_daemon, how):
    one = make_daemon(LOCAL).start()
    with Receiver() as receiver:
        subscribe(one, "crm", receiver.url())
        deliver(one, 1)
        wait_level(one, "crm")
        two = make_daemon(LOCAL).start()
        begun = time.monotonic()
        if how == "stop":
            assert one.stop() == 0
        else:
            one.kill()
        two.deliver(call("call.new", 5000))
        receiver.wait_for(3, 15)
        taken_over = time.monotonic() - begun
        print(f"\n{how}: the other daemon delivered after {taken_over:.1f} s")
        assert taken_over < 5 * PATIENCE
        wait_level(two, "crm")
        assert_all_arrived(two, receiver.requests)


@contextlib.contextmanager
def file_limit(soft):
    """For processes that are started within."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_many_receivers_that_hang_leave_the_hooks_open(make_daemon):
    daemon = make_daemon(LOCAL)
    with file_limit(256):
        daemon.start()
    deliver(daemon, 10)
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as nobody:  # accepts and never reads
        for number in range(100):
            subscribe(daemon, f"s{number}", f"http://127.0.0.1:{nobody.getsockname()[1]}/")
        files = f"/proc/{daemon.process.pid}/fd"
        # More than it was started with: the daemon has raised its limit. Below it nothing is refused, but who connects waits.
        wait_until(lambda: len(os.listdir(files)) > 700, 20, "hundreds of requests under way")
        deliver(daemon, 10, first=2000)
        assert daemon.is_ready()
        begun = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - begun < 8 * PATIENCE


def latencies(daemon, receiver, first, count):
    """Seconds from the post to the receiver, and seconds of the post itself."""
    posts, sent = [], {}
    for number in range(first, first + count):
        begun = time.time()
        daemon.deliver(call("call.new", number))
        posts.append(time.time() - begun)
        sent[f"calls/{number}"] = begun
        time.sleep(0.005)
    wait_until(lambda: sum(r.json()["subject"] in sent for r in list(receiver.requests)) >= count, 30, "all of them")
    return posts, [r.at - sent[r.json()["subject"]] for r in list(receiver.requests) if r.json()["subject"] in sent]


@pytest.mark.resources
def test_receivers_that_hang_or_fail_slow_nobody_else(make_daemon):
    daemon = make_daemon(LOCAL).start()
    release = threading.Event()
    hang = lambda r: release.wait(120) and 200  # noqa: E731
    posts, arrivals = {"alone": [], "beside": []}, {"alone": [], "beside": []}
    with Receiver() as good, Receiver(hang) as hanging, Receiver(lambda r: 500) as failing:
        subscribe(daemon, "good", good.url(), start="$")
        latencies(daemon, good, 1000, 50)  # warm
        subscribe(daemon, "hanging", hanging.url())
        subscribe(daemon, "failing", failing.url())
        for turn in range(3):  # by turns, since this machine may have other work at any time
            for how, what in (("alone", "pause"), ("beside", "resume")):
                asked = len(hanging.requests), len(failing.requests)
                for name in ("hanging", "failing"):
                    act(daemon, name, what)
                if how == "beside":
                    wait_until(lambda: len(hanging.requests) > asked[0] and len(failing.requests) > asked[1], 20, "both at work")
                first = 10_000 * (turn + 1) + (5_000 if how == "beside" else 0)
                measured = latencies(daemon, good, first, 150)
                posts[how] += measured[0]
                arrivals[how] += measured[1]
        print(f"\nbeside a receiver that hangs ({len(hanging.requests)} requests) and one that answers 500 ({len(failing.requests)}):")
        release.set()
    for name, times in (("answer to a webhook", posts), ("webhook to a good receiver", arrivals)):
        alone, beside = (1000 * statistics.median(times[how]) for how in ("alone", "beside"))
        print(f"  {name}: median {alone:.2f} ms alone, {beside:.2f} ms beside them, ratio {beside / alone:.2f}")
        assert beside / alone < 3
