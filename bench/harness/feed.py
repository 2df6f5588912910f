"""Figures of reading the feed: page after page, and many streams while webhooks come in."""

import http.client
import time

from harness import wrk
from harness.processes import cpu_seconds
from harness.world import hook_url, until_level

BOUNDED = 200  # webhooks a second


def pages(world):
    """One reader takes the whole log in pages of 500 and looks at nothing but where to go on: after a restart, and once more."""
    with world.callhook() as daemon:
        world.load(hook_url(daemon), wrk.Plan(64, world.seconds(4), "lifecycle", behind=2_000), daemon.database)
        until_level(daemon.database, 120)
        daemon.stop()
        daemon.start()
        for label in ("after a restart", "once more"):
            begun, events, read, size = time.monotonic(), _head(daemon), 0, 0
            spent = time.process_time()
            for _, body in every_page(daemon.api_port):
                read += 1
                size += len(body)
            lasted = time.monotonic() - begun
            own = (time.process_time() - spent) / lasted * 100
            how = f"GET /v1/events?limit=500, {read} pages of {size / max(read, 1) / 1024:.0f} KiB; the reader took {own:.0f} % of a core"
            world.keep("pages", "callhook", f"pages {label}", "/s", read / lasted, how)
            world.keep("pages", "callhook", f"events {label}", "/s", events / lasted, how)


def every_page(port, after="0", limit=500):
    """(seconds, body) of each page up to the end of the log."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    while True:
        begun = time.monotonic()
        connection.request("GET", f"/v1/events?lastEventId={after}&limit={limit}&timeout=0")
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"the feed answered {answer.status}")
        if len(body) < 3 or answer.getheader("Last-Event-ID", after) == after:
            connection.close()
            return
        after = answer.getheader("Last-Event-ID")
        yield time.monotonic() - begun, body


def streams(world):
    """Webhooks at 64 connections for 3 s with no stream, one and 1,000 open, and 200/s with 1,000: every event to each of them."""
    for clients in (0, 1, 1000):
        _with_streams(world, clients, 0, f"with {clients}")
    _with_streams(world, 1000, BOUNDED, f"with 1000, {BOUNDED}/s offered")


def _with_streams(world, clients, rate, label):
    with world.callhook() as daemon:
        seconds = world.seconds(3 if not rate else 5)
        plan = wrk.Plan(64, seconds, rate=rate)
        if not clients:
            world.keep("streams", "callhook", f"rate {label}", "/s", world.load(hook_url(daemon), plan, daemon.database).rate)
            return
        with world.programs.stream_clients(daemon.api_port, clients, "0") as crowd:
            crowd.until(lambda told: told["open"] == clients)
            daemon.database.execute("CHECKPOINT")
            begun, own = time.monotonic(), cpu_seconds(crowd.pid)
            load = world.load(hook_url(daemon), plan)
            loaded = time.monotonic()
            events = _last_head(daemon)
            told = crowd.until(lambda told: told["least"] >= events, 60 + 120 * (not rate))
            ended = time.monotonic()
            own = (cpu_seconds(crowd.pid) - own) / (ended - begun) * 100
            time.sleep(0.3)
            told = crowd.last()
        how = f"stream_clients PORT {clients} 0, which took {own:.0f} % of a core; {load.command}"
        keep = lambda metric, unit, value: world.keep("streams", "callhook", f"{metric} {label}", unit, value, how)  # noqa: E731
        keep("rate", "/s", load.rate)
        keep("p99", "ms", load.p99)
        keep("events to all", "/s", told["events"] / (ended - begun))
        keep("all have all after", "s", ended - loaded)
        keep("missed", "events", max(events - told["least"], told["most"] - events, clients - told["open"]))


def _last_head(daemon):
    """The end of the log once nothing comes any more: when wrk ends, the daemon is still at what was on its way."""
    head = -1
    while head != (head := _settled(daemon)):
        time.sleep(0.3)
    return head


def _settled(daemon):
    until_level(daemon.database)
    return _head(daemon)


def _head(daemon):
    return daemon.database.value("SELECT position FROM callhook.feed_head")

