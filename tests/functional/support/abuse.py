"""What abuse is tested with: many bad clients in one process, and a good one that must be served meanwhile."""

import contextlib
import os
import select
import socket
import statistics
import threading
import time

from support.daemon import PATIENCE, SANITIZER, wait_until
from support.http import Answer, RawConnection, post_bytes
from support.metrics import metric
from support.payloads import body, call_event

LONG = os.environ.get("CALLHOOK_TEST_LONG", "") not in ("", "0")
KIB, MIB = 1 << 10, 1 << 20
# All of 127.0.0.0/8 is this machine; with a proxy named elsewhere, its addresses count one by one like anybody's.
BY_ADDRESS = {"trusted_proxies": ["10.0.0.0/8"]}


def loopback(number):
    """One of many addresses that are not 127.0.0.1."""
    return f"127.0.{1 + number // 250}.{1 + number % 250}"


def connect(port, address=None, receive_buffer=None, timeout=30.0):
    """A connection from an address of this machine."""
    one = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if receive_buffer:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    one.settimeout(timeout)
    try:
        if address:
            one.bind((address, 0))
        one.connect(("127.0.0.1", port))
    except OSError:
        one.close()
        raise
    return one


class From(RawConnection):
    """A raw connection from an address of this machine."""

    def __init__(self, port, address, timeout=30.0):  # pylint: disable=super-init-not-called
        self.socket = connect(port, address, timeout=timeout)
        self.left = b""


def ask_from(port, address, data, timeout=30.0):
    """One request from an address; the answer, or one with status 0 where the connection was closed without."""
    try:
        with From(port, address, timeout) as raw:
            raw.send(data)
            return raw.answer()
    except ConnectionError:
        return Answer(0, [], b"")


class GoodClient:
    """A sender that does nothing wrong: about 50 webhooks a second, some over a kept connection and some over new ones. Each
    must be answered 200; `with` asserts that in the end."""

    def __init__(self, daemon, rate=50, address="127.0.0.1", source="demo"):
        self.daemon, self.rate, self.address = daemon, rate, address
        self.request = post_bytes(daemon.hook_path(source), body(call_event("call.new", 7)))
        self.failures, self.latencies = [], []
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _ask(self, kept):
        """On the kept connection where there is one and it works; the connection to keep."""
        fresh = kept is None
        if fresh:
            kept = From(self.daemon.hooks_port, self.address, 20 * PATIENCE)
        try:
            kept.send(self.request)
            answer = kept.answer()
        except ConnectionError:
            kept.close()
            if fresh:
                raise
            return self._ask(None)  # the other side may close a kept connection at any time
        if answer.status != 200:
            self.failures.append(answer)
        if answer.header("Connection") == "close":
            kept.close()
            return None
        return kept

    def _run(self):
        kept, count = None, 0
        while not self.ending.wait(1 / self.rate):
            begun = time.monotonic()
            if count % 5 == 0 and kept:
                kept.close()
                kept = None
            try:
                kept = self._ask(kept)
            except OSError as failure:
                self.failures.append(failure)
                kept = None
            self.latencies.append(time.monotonic() - begun)
            count += 1
        if kept:
            kept.close()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            wait_until(lambda: self.latencies, 60, "an answer to the good client")
        self.ending.set()
        self.thread.join(60 * PATIENCE)
        if kind is None:
            assert not self.thread.is_alive() and self.latencies
            assert not self.failures, f"{len(self.failures)} of {len(self.latencies)}: {self.failures[:3]}"

    def told(self):
        """For people."""
        ordered = sorted(self.latencies)
        at = lambda share: 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]
        return f"good client: {len(ordered)} webhooks, median {1000 * statistics.median(ordered):.1f} ms, p99 {at(0.99):.0f} ms, longest {at(1):.0f} ms"


@contextlib.contextmanager
def bounded_memory(daemon, most):
    """The daemon must not have grown by more, looked at all the time; with sanitizers, whose memory is their own affair, unchecked."""
    before, highest, ending = daemon.rss(), [0], threading.Event()

    def watch():
        while not ending.wait(0.05):
            with contextlib.suppress(OSError, IndexError):
                highest[0] = max(highest[0], daemon.rss())

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield lambda: highest[0] - before
    finally:
        ending.set()
        thread.join()
    if not SANITIZER:
        assert highest[0] - before < most, f"{(highest[0] - before) / MIB:.1f} MiB more"


def cpu_seconds(daemon):
    """Processor time that the daemon has used."""
    with open(f"/proc/{daemon.process.pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def open_connections(daemon, listener):
    return metric(daemon, "callhook_http_connections", listener=listener)


class Slow:
    """A connection that says little: first `opening`, then `drop` again and again; `deaf` ones read nothing."""

    def __init__(self, kind, opening, drop, deaf=False):
        self.kind, self.opening, self.drop, self.deaf = kind, opening, drop, deaf
        self.socket = None
        self.opened = self.closed = None
        self.heard = b""


class Crowd:
    """Many slow connections, driven by one thread."""

    def __init__(self, slow, every=0.5):
        self.slow, self.every = slow, every
        self.by_descriptor = {}
        self.epoll = select.epoll()

    def open(self, port, per_address=50, receive_buffer=None):
        for number, one in enumerate(self.slow):
            one.socket = connect(port, loopback(number // per_address), receive_buffer)
            one.socket.setblocking(False)
            one.opened = time.monotonic()
            self._say(one, one.opening)
            self.by_descriptor[one.socket.fileno()] = one
            self.epoll.register(one.socket, 0 if one.deaf else select.EPOLLIN)
            if number % 200 == 0:
                self._hear(0)
        return self

    def _say(self, one, data):
        try:
            while data:
                data = data[one.socket.send(data) :]
        except BlockingIOError:
            pass
        except OSError:
            self._end(one)

    def _end(self, one):
        if one.closed is None:
            one.closed = time.monotonic()
            self.by_descriptor.pop(one.socket.fileno(), None)
            one.socket.close()

    def _hear(self, timeout):
        for descriptor, _ in self.epoll.poll(timeout):
            one = self.by_descriptor.get(descriptor)
            if one is None:
                continue
            try:
                data = one.socket.recv(65536)
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            one.heard += data
            if not data:
                self._end(one)

    def drive(self, until, timeout):
        """Drips and listens until the condition holds or the time is over; whether it held."""
        deadline = time.monotonic() + timeout
        due = time.monotonic() + self.every
        while time.monotonic() < deadline:
            if until():
                return True
            self._hear(max(0.0, min(0.1, due - time.monotonic())))
            if time.monotonic() >= due:
                due = time.monotonic() + self.every
                for one in list(self.by_descriptor.values()):
                    if one.drop:
                        self._say(one, one.drop)
        return until()

    def open_ones(self):
        return [one for one in self.slow if one.closed is None]

    def close(self):
        for one in self.slow:
            if one.closed is None and one.socket:
                one.socket.close()
        self.epoll.close()
