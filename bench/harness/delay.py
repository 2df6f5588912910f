"""From the answer to a webhook to its event at who follows the feed; and answers at half load."""

import http.client
import socket
import threading
import time

from harness import sustained, wrk
from harness.summary import percentile
from harness.world import hook_url
from support.daemon import SECRET

PROBE = (wrk.LOAD / "call.completed.json").read_text(encoding="utf-8").strip()


def half(world):
    """Answers at half of the rate that callhook takes at most: latency at 64 connections."""
    rate = world.notes.get("burst rate") or _most(world)
    with world.callhook() as daemon:
        load = world.load(hook_url(daemon), wrk.Plan(64, world.seconds(6), rate=rate / 2), daemon.database)
    world.keep_load("half", "callhook", "at half of the most", load)


def _most(world):
    with world.callhook() as daemon:
        world.notes["burst rate"] = world.load(hook_url(daemon), wrk.Plan(64, world.seconds(5)), daemon.database).rate
    return world.notes["burst rate"]


def delay(world):
    """At half of the sustained rate, one client posts and follows the stream of its own source: from its answer to its event."""
    rate = sustained.highest(world) / 2
    with world.callhook(sources=("demo", "probe")) as daemon:
        daemon.database.execute("CHECKPOINT")
        running = wrk.start(hook_url(daemon), wrk.Plan(64, world.seconds(30 if world.how.full else 10), "lifecycle", rate, 2_000))
        stop = threading.Event()
        waiter = threading.Thread(target=lambda: (running.wait(), stop.set()))
        waiter.start()
        delays = _probe(daemon, stop)
        waiter.join()
        load = wrk.finish(running)
    how = f"{len(delays)} posts, one at a time, beside {load.command}"
    world.keep("delay", "callhook", "load", "/s", load.rate, load.command)
    for name, percent in (("p50", 50), ("p99", 99)):
        world.keep("delay", "callhook", name, "ms", percentile(delays, percent) * 1000, how)


def _probe(daemon, stop):
    """Seconds from each answer to the event."""
    stream = socket.create_connection(("127.0.0.1", daemon.api_port), 10)
    stream.sendall(b"GET /v1/events/stream?source=probe HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n")
    poster = http.client.HTTPConnection("127.0.0.1", daemon.hooks_port, timeout=10)
    poster.connect()
    poster.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    delays = []
    _read_until(stream, b"id: ")
    time.sleep(0.3)  # the load has begun
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
    while not stop.is_set():
        call = str(900_000_000_000 + len(delays))
        body = PROBE.replace("{id}", call).replace("{phone}", f"+4860{len(delays):07d}").replace("{at}", at)
        poster.request("POST", daemon.hook_path("probe", SECRET), body, {"Content-Type": "application/json"})
        answer = poster.getresponse()
        answer.read()
        answered = time.monotonic()
        if answer.status != 200:
            raise RuntimeError(f"the probe was answered with {answer.status}")
        _read_until(stream, f'"{call}"'.encode(), f":{call},".encode())
        delays.append(time.monotonic() - answered)
        time.sleep(0.005)
    stream.close()
    poster.close()
    if not delays:
        raise RuntimeError("the load ended before the first probe")
    return delays


def _read_until(stream, *ones):
    """Reads until one of these came."""
    text = b""
    while not any(one in text for one in ones):
        got = stream.recv(1 << 16)
        if not got:
            raise RuntimeError("the stream ended")
        text += got
