"""One stream of 20,000 events read at once in seven ways, while the daemon is killed five times and nats-server twice: all of
them end with the database's log, in its order; the outbound receiver, which fails a fifth of the time, in the order of each call."""

import contextlib
import os
import random
import threading
import time

import pytest
from callpage_simulator import Options, plan, send
from support.browser import Browser
from support.daemon import wait_until
from support.followers import (
    Batches,
    CrashingConsumer,
    Curl,
    FailingReceiver,
    InBrowser,
    JetStream,
    Lines,
    by_subject,
    database_log,
)
from support.http import request
from support.nats import NatsServer
from support.receiver import Receiver
from support.subscriptions import OUTBOUND, subscribe

CALLS = int(os.environ.get("CALLHOOK_TEST_CALLS", "7900"))  # at least 20,000 events
SEED = int(os.environ.get("CALLHOOK_TEST_SEED", "20260302"))
SECONDS = 60
DAEMON_KILLS = 5
NATS_KILLS = 2
FAILURES = 0.2  # of outbound requests
# Long enough for an event that fails often, and for a daemon that is away.
SCHEDULE = ["20ms", "50ms", "100ms", "200ms", "500ms"] + ["1s"] * 20


class Stream:
    """Sends a plan's deliveries on threads of its own, each until it is taken."""

    def __init__(self, daemon, made):
        self.total = len(made.deliveries)
        self.done = 0
        self.result = None
        url = f"http://127.0.0.1:{daemon.hooks_port}{daemon.hook_path()}"
        self._thread = threading.Thread(target=self._send, args=(url, made.deliveries), daemon=True)
        self._thread.start()

    def _send(self, url, deliveries):
        self.result = send(url, deliveries, workers=4, retries=100, progress=self._progress)

    def _progress(self, result):
        self.done = result.total()

    def wait_for(self, share):
        wait_until(lambda: self.done >= share * self.total or not self._thread.is_alive(), 300, f"{share:.0%} of the stream")

    def finish(self):
        self._thread.join(300)
        assert self.result.by_status == {200: self.total}, self.result.text()


def moments(rng, count):
    """As shares of the stream: one somewhere in each of so many equal parts of it."""
    return [(part + rng.uniform(0.1, 0.9)) / count for part in range(count)]


def restart(what, rng):
    what.kill()
    time.sleep(rng.uniform(0, 0.5))
    what.start()


def settled(daemon):
    """Nothing waits, and no deadline brings anything more."""

    def look():
        return daemon.database.rows("SELECT (SELECT count(*) FROM callhook.pending), position FROM callhook.feed_head")

    before = look()
    time.sleep(1)
    return before[0][0] == 0 and before == look()


def assert_is_log(follower, once, log):
    if isinstance(follower, FailingReceiver):
        once, log = by_subject(once), by_subject(log)
        assert once.keys() == log.keys()
        wrong = [subject for subject in log if once[subject] != log[subject]]
        assert not wrong, f"{follower.name}: {[(once[subject], log[subject]) for subject in wrong[:2]]}"
        return
    assert [event[0] for event in once] == [event[0] for event in log], follower.name
    assert once == log, follower.name


@pytest.mark.resources
def test_all_of_them_end_with_the_log(make_daemon, tmp_path):
    rng = random.Random(SEED)
    made = plan(Options(calls=CALLS, seed=SEED, rate=CALLS / SECONDS, message_share=0.2, twice=0.1, late=0.1, shuffle=0.1))
    with contextlib.ExitStack() as cleanup:
        browser = Browser(tmp_path / "chromium")
        nats = NatsServer(tmp_path / "nats").start()
        cleanup.callback(nats.stop)
        nats.create_stream()
        daemon = make_daemon(
            {
                "log": {"level": "info"},
                "api": {"allowed_origins": [browser.origin]},
                "nats": {"servers": [nats.url]},
                "outbound": {**OUTBOUND, "schedule": SCHEDULE},
            }
        ).start()
        failing = FailingReceiver(FAILURES, SEED)
        receiver = cleanup.enter_context(Receiver(failing.answer))
        subscribe(daemon, "crm", receiver.url())
        assert request(daemon.api_port, "PUT", "/v1/consumers/crm", '{"start": "0"}').status == 201
        followers = [
            Batches(daemon.api_port),
            Lines(daemon.api_port),
            Curl(daemon.api_port),
            InBrowser(browser, daemon.api_port),
            CrashingConsumer(daemon.api_port, "crm", tmp_path / "effects", SEED),
            failing,
            JetStream(nats),
        ]
        for follower in followers:
            cleanup.callback(follower.start().stop)
        begun = time.monotonic()
        stream = Stream(daemon, made)
        trouble = [(at, daemon) for at in moments(rng, DAEMON_KILLS)] + [(at, nats) for at in moments(rng, NATS_KILLS)]
        for share, victim in sorted(trouble, key=lambda one: one[0]):
            stream.wait_for(share)
            restart(victim, rng)
        stream.finish()
        wait_until(lambda: settled(daemon), 60, "the end of the stream")
        sent = time.monotonic()
        log = database_log(daemon.database)
        behind = {}
        for follower in followers:
            wait_until(lambda: follower.has(log[-1][0]), 120, f"the last event at {follower.name}")
            behind[follower.name] = time.monotonic() - sent

    print(
        f"\nseed {SEED}: {len(log)} events of {stream.total} webhooks in {sent - begun:.0f} s;"
        f" killed: the daemon {DAEMON_KILLS} times, nats-server {NATS_KILLS}; outbound failures: {failing.failed}"
    )
    for follower in followers:
        once, repeats = follower.once()
        print(
            f"  {follower.name:16} {len(once):6} events, {repeats:5} repeats, {follower.breaks:3} breaks,"
            f" {behind[follower.name]:5.1f} s behind the stream's end"
        )
    for follower in followers:
        assert_is_log(follower, follower.once()[0], log)
    assert len(log) >= 20000 or CALLS < 7900
    wait_until(lambda: daemon.audit()[0] == 0, 20, "a balanced ledger")
