"""callhook is restarted ten times behind a proxy while webhooks come in, and no sender sees an error."""

import contextlib
import itertools
import threading

import pytest
from support.daemon import wait_until
from support.http import post_bytes
from support.payloads import body, call_event
from support.proxies import PROXIES, Sender
from support.service_manager import ServiceManager, listening
from support.tls import Authority

RESTARTS = 10
SENDERS = 6
# All of them together stay below the 100 requests a second that config/nginx allows one address, however long the restarts take.
PAUSE = 0.1
SETTINGS = {"hooks": {"trusted_proxies": ["127.0.0.1/32"]}, "log": {"level": "info"}}


class Senders:
    """Each sends one webhook after another through the proxy, half of them over a kept connection and half over a new one for each webhook."""

    def __init__(self, daemon, proxy):
        self.path, self.proxy = daemon.hook_path(), proxy
        self.taken, self.errors = [], []
        self.ending = threading.Event()
        self.numbers = itertools.count(1)
        self.threads = [threading.Thread(target=self._run, args=(each % 2 == 0,)) for each in range(SENDERS)]

    def _run(self, kept):
        with contextlib.ExitStack() as stack:
            sender = None
            while not self.ending.wait(PAUSE):
                event = body(call_event("call.completed", next(self.numbers)))
                try:
                    sender = sender or stack.enter_context(Sender(self.proxy, timeout=60))
                    answer = sender.ask(post_bytes(self.path, event))
                except OSError as failure:
                    self.errors.append(repr(failure))
                    sender = None
                    continue
                if answer.status == 200:
                    self.taken.append(answer.json()["delivery"])
                else:
                    self.errors.append(answer)
                if not kept or answer.header("Connection") == "close":
                    stack.close()
                    sender = None

    def wait_for(self, count):
        """Until so many more have been taken."""
        before = len(self.taken)
        wait_until(lambda: len(self.taken) >= before + count, 30, f"{count} more webhooks, after {self.errors[:3]}")

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        for thread in self.threads:
            thread.join()


def check(daemon, senders, what):
    """Nobody saw an error, and all that was taken is stored once; one that was sent twice is a repeat."""
    print(f"\n{what}: {len(senders.taken)} webhooks across {RESTARTS} restarts, {len(senders.errors)} errors")
    assert not senders.errors, senders.errors[:10]
    assert len(set(senders.taken)) == len(senders.taken)

    def missing():
        return set(senders.taken) - {str(row[0]) for row in daemon.database.rows("SELECT id FROM callhook.deliveries")}

    # What the database did not take in time, on a busy machine, comes from the spool.
    wait_until(lambda: daemon.is_ready() and not missing(), 60, "each in the database")
    daemon.settle()
    told = daemon.database.value("SELECT count(*) FROM callhook.events WHERE type = 'call.completed'")
    assert told == len(senders.taken)
    code, report = daemon.audit()
    assert code == 0, report


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.mark.parametrize("kind", PROXIES)
def test_one_daemon_whose_sockets_are_held_for_it_is_restarted(make_daemon, authority, tmp_path, kind):
    """As callhookd.socket has it: connections wait while nobody is there to take them."""
    daemon = make_daemon(SETTINGS)
    daemon.service_manager = ServiceManager(tmp_path, [("hooks", listening()), ("api", listening())])
    proxy = None
    try:
        daemon.start()
        proxy = PROXIES[kind]([daemon], authority).start()
        with Senders(daemon, proxy) as senders:
            for _ in range(RESTARTS):
                senders.wait_for(20)
                assert daemon.stop() == 0
                daemon.start(ready=False)
        check(daemon, senders, f"{kind}, one daemon")
    finally:
        if proxy:
            proxy.stop()
        daemon.service_manager.close()


def test_two_daemons_behind_nginx_are_restarted_in_turn(make_daemon, authority):
    """Without anybody who holds the sockets: the port of the one that restarts is refused, and the other one gets the webhook."""
    daemons = [make_daemon(SETTINGS).start() for _ in range(2)]
    proxy = PROXIES["nginx"](daemons, authority).start()
    try:
        with Senders(daemons[0], proxy) as senders:
            for number in range(RESTARTS):
                senders.wait_for(20)
                daemon = daemons[number % 2]
                assert daemon.stop() == 0
                senders.wait_for(5)
                daemon.start()
    finally:
        proxy.stop()
    check(daemons[0], senders, "nginx, two daemons")
