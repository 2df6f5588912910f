"""Followers of the feed as downstream systems would write them. What each of them keeps outlives its connections; callhook and
the network may break under it at any time."""

import hashlib
import http.client
import json
import pathlib
import random
import subprocess
import sys
import threading
import time
import urllib.parse

from support.nats import NatsError

CONSUMER = pathlib.Path(__file__).with_name("crashing_consumer.py")
BROKEN = (OSError, http.client.HTTPException, NatsError)


def digest(event):
    return hashlib.blake2b(json.dumps(event).encode(), digest_size=16).digest()


def database_log(database):
    """[(id, digest)] of all events, from the tables alone."""
    epoch = database.value("SELECT epoch FROM callhook.feed_head")
    out = []
    for position, text in database.rows("SELECT position, event FROM callhook.events ORDER BY position"):
        sequence = f"{position:020d}"
        event = {"id": f"{epoch}.{sequence}", "sequence": sequence, **json.loads(text)}
        out.append((event["id"], digest(event), f"{event['source']} {event['subject']}"))
    return out


class Follower:
    """Runs `follow` on a thread of its own, again and again; it returns or raises where its connection ends."""

    name = ""

    def __init__(self):
        self.seen = []  # (id, digest, about) in the order of arrival, repeats among them
        self.breaks = 0
        self.ended = threading.Event()
        self.fault = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self._thread.start()
        return self

    def _run(self):
        while not self.ended.is_set():
            try:
                self.follow()
            except BROKEN:
                pass
            except Exception as fault:  # pylint: disable=broad-except # for the test to tell
                self.fault = fault
                return
            self.breaks += 1
            self.ended.wait(0.1)

    def follow(self):
        raise NotImplementedError

    def take(self, event):
        self.seen.append((event["id"], digest(event), f"{event['source']} {event['subject']}"))

    @property
    def last(self):
        """The id of the event that came last; "0" where none has."""
        return self.seen[-1][0] if self.seen else "0"

    def has(self, event_id):
        """Whether it has come so far."""
        assert self.fault is None, f"{self.name}: {self.fault!r}"
        return self.last == event_id

    def once(self):
        """What was seen, each event where it came first; and how many repeats there were."""
        first = list(dict.fromkeys(self.seen))
        return first, len(self.seen) - len(first)

    def stop(self):
        self.ended.set()
        self._thread.join(10)


class Batches(Follower):
    """Long polls for batches."""

    name = "batch"
    accept = "application/json"

    def __init__(self, port):
        super().__init__()
        self.port = port

    def follow(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            while not self.ended.is_set():
                query = urllib.parse.urlencode({"lastEventId": self.last, "timeout": 2000, "limit": 500})
                connection.request("GET", f"/v1/events?{query}", headers={"Accept": self.accept})
                answer = connection.getresponse()
                if answer.status != 200:
                    assert answer.status == 503, f"{answer.status} {answer.read()}"
                    return
                self.read(answer)
        finally:
            connection.close()

    def read(self, answer):
        for event in json.loads(answer.read()):
            self.take(event)


class Lines(Batches):
    """Reads lines, and keeps those that came whole before the connection broke."""

    name = "NDJSON"
    accept = "application/x-ndjson"

    def read(self, answer):
        while line := answer.readline():
            if not line.endswith(b"\n"):
                raise http.client.IncompleteRead(line)
            self.take(json.loads(line))
        answer.read()


class Curl(Follower):
    """Server-Sent Events through curl, called again with the last id whenever it ends."""

    name = "SSE, curl"

    def __init__(self, port):
        super().__init__()
        self.port = port
        self.process = None

    def follow(self):
        command = ["curl", "-sSfN", "--noproxy", "*", "-H", "Accept: text/event-stream", "-H", f"Last-Event-ID: {self.last}"]
        self.process = subprocess.Popen(
            [*command, f"http://127.0.0.1:{self.port}/v1/events"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        frame = {}
        with self.process.stdout as lines:
            for line in lines:
                if line == b"\n":
                    if "data" in frame:
                        event = json.loads(frame["data"])
                        assert event["id"] == frame["id"]
                        self.take(event)
                    frame = {}
                elif line.endswith(b"\n"):
                    field, _, value = line[:-1].decode().partition(": ")
                    frame[field] = value
        self.process.wait(10)

    def stop(self):
        self.ended.set()
        if self.process:
            self.process.kill()
        super().stop()


PAGE = """<script>
let last = "0";
function follow() {
  const source = new EventSource(`%s/v1/events?lastEventId=${encodeURIComponent(last)}`);
  source.onopen = () => report("open");
  source.onmessage = (message) => { last = message.lastEventId; report([message.lastEventId, message.data]); };
  // The browser itself connects again, with the last id, unless the answer was an error.
  source.onerror = () => { if (source.readyState === EventSource.CLOSED) setTimeout(follow, 200); };
}
follow();
</script>"""


class InBrowser(Follower):
    """A browser's own EventSource."""

    name = "SSE, Chromium"

    def __init__(self, browser, port):
        super().__init__()
        self.browser = browser
        self.browser.on_report = self._report
        self.port = port
        self.breaks = -1  # the first connection is none

    def start(self):
        self.browser.start(PAGE % f"http://127.0.0.1:{self.port}")
        return self

    def _report(self, value):
        if value == "open":
            self.breaks += 1
            return
        if not isinstance(value, list):
            self.fault = AssertionError(value)
            return
        event = json.loads(value[1])
        if event["id"] != value[0]:
            self.fault = AssertionError(f"{value[0]} is the id of {event['id']}")
        self.take(event)

    def stop(self):
        self.browser.stop()


class CrashingConsumer(Follower):
    """A named consumer in a process of its own that is killed at random places, with a file for its effects."""

    name = "consumer, killed"

    def __init__(self, port, name, effects, seed):
        super().__init__()
        # Isolated: support/ has an http.py of its own.
        self.command = [sys.executable, "-I", str(CONSUMER), f"http://127.0.0.1:{port}", name, str(effects)]
        self.effects = pathlib.Path(effects)
        self.effects.touch()
        self.rng = random.Random(seed)
        self.calm = threading.Event()  # set: it is left alone from now on

    def follow(self):
        process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL)
        until = time.monotonic() + self.rng.uniform(0.3, 3.0)
        while not self.ended.is_set() and (self.calm.is_set() or time.monotonic() < until):
            assert process.poll() is None, f"it ended with {process.returncode}"
            self.ended.wait(0.02)
        process.kill()
        process.wait()

    def has(self, event_id):
        assert self.fault is None, f"{self.name}: {self.fault!r}"
        self.calm.set()
        with self.effects.open("rb") as file:
            file.seek(max(0, self.effects.stat().st_size - 65536))
            return f'"id":"{event_id}"'.encode() in file.read().replace(b'": "', b'":"')

    def stop(self):
        super().stop()
        for line in self.effects.read_bytes().splitlines():
            try:
                self.take(json.loads(line))
            except ValueError:
                pass  # cut by a kill, or empty: then it came again


class FailingReceiver(Follower):
    """An outbound webhook's receiver that fails at given odds."""

    name = "outbound"

    def __init__(self, odds, seed):
        super().__init__()
        self.odds = odds
        self.rng = random.Random(seed)
        self.lock = threading.Lock()
        self.failed = 0
        self.ids = set()

    def start(self):
        return self

    def answer(self, request):
        with self.lock:
            if self.rng.random() < self.odds:
                self.failed += 1
                return self.rng.choice([500, 503, 429, 404])
            event = request.json()
            if event["id"] != request.id:
                self.fault = AssertionError(f"{request.id} is the id of {event['id']}")
            self.take(event)
            self.ids.add(event["id"])
            return 200

    def has(self, event_id):
        assert self.fault is None, f"{self.name}: {self.fault!r}"
        return len(self.ids) >= int(event_id.split(".")[1])

    def stop(self):
        pass


class JetStream(Follower):
    """An ordered consumer of a stream, as NATS clients have one: made anew after the last message whenever it breaks."""

    name = "JetStream"

    def __init__(self, server, stream="callhook"):
        super().__init__()
        self.server = server
        self.stream = stream
        self.sequence = 0  # of the stream, of the last message

    def follow(self):
        with self.server.client() as client:
            start = {"deliver_policy": "by_start_sequence", "opt_start_seq": self.sequence + 1, "ack_policy": "none"}
            asked = {"stream_name": self.stream, "config": {**start, "inactive_threshold": 60 * 10**9}}
            consumer = client.api(f"CONSUMER.CREATE.{self.stream}", asked)["name"]
            while not self.ended.is_set():
                for sequence, body in client.next_messages(self.stream, consumer, 500):
                    if sequence != self.sequence + 1:
                        return  # one was lost on the way: from there again
                    self.take(json.loads(body))
                    self.sequence = sequence


def by_subject(events):
    out = {}
    for event in events:
        out.setdefault(event[2], []).append(event)
    return out
