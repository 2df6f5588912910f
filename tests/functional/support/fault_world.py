"""A daemon with all that goes in and out of it, for tests that make one call after another fail: webhooks of every kind, a
vendor's API and a receiver over TLS, a consumer, readers of the feed; and the ledger after each."""

import collections
import datetime
import http.client
import itertools
import json
import random
import zoneinfo

from callpage_simulator import Visitor, message_of
from callpage_tls import certificates
from support.backfill import FAST, QUICK, joined, quiet
from support.daemon import wait_until
from support.event_stream import EventStream
from support.faults import Faults
from support.feed import FeedReader, assert_contiguous, position
from support.http import request
from support.receiver import Receiver
from support.subscriptions import OUTBOUND
from support.tls import Authority
from support.vendor import Vendor

# Documented ends of a start that cannot be: a service is missing, a file may not be read, the configuration is wrong.
ENDS = {69, 70, 77, 78}
SETTINGS = {
    "hooks": {"answer_timeout": "3s"},
    "database": {"readers": 1, "connect_timeout": "2s", "statement_timeout": "3s"},
    "pipeline": {"poll_interval": "100ms", "takeover_interval": "100ms"},
    "feed": {"poll_interval": "200ms"},
    # A job whose end could not be written is done again when its lease has run out.
    "backfill": {"settle": "100ms", "detail_delay": "0ms", "detail_again": "24h", "job_lease": "2s", "request_timeout": "1s"},
    "log": {"level": "info"},
}
# Each fact of a call is told once.
ONCE = {"call.new", "call.completed", "data.added", "new.message"}


def encoded(data):
    return json.dumps({"data": data}).encode()


class World:
    """Start it, `drive` it, `settle` it, `check` it, as often as wished; `close` in the end."""

    def __init__(self, make_daemon, database, directory, more=None):
        self.database = database
        self.directory = directory
        self.rng = random.Random(5)
        self.vendor = Vendor(directory / "vendor").start()
        tls = certificates(directory / "receiver")
        # A connection for each webhook out: name, connection and handshake every time.
        self.receiver = Receiver(lambda _: (200, {"Connection": "close"}, b""), (str(tls.certificate), str(tls.key))).start()
        outbound = {**OUTBOUND, "schedule": ["50ms"] * 60, "ca_file": str(tls.ca), "timeout": "3s"}
        subscription = {"url": self.receiver.url(host="localhost"), "secret_files": ["outbound.secret"], "start": "0"}
        # Webhooks come in TLS, and the API is asked without.
        authority = Authority(directory / "listener")
        hooks = {"hooks": authority.issue("hooks").settings()}
        settings = joined(
            hooks, QUICK, SETTINGS, self.vendor.settings(**FAST), {"outbound": outbound, "subscriptions.crm": subscription}, more or {}
        )
        self.daemon = make_daemon(settings)
        self.daemon.hooks_context = authority.context()
        self.daemon.secret_file("outbound.secret", "whsec_" + "c2VjcmV0LW9mLXRoZS10ZXN0cy0wMTIzNDU2Nzg5")
        self.faults = Faults(self.daemon.binary, directory, directory)
        self.daemon.environment = self.faults.environment
        self.numbers = itertools.count(20_000)
        self.unsent = []  # what was refused, or of what nothing is known
        self.accepted = {}  # delivery id -> status
        self.calls = []  # ids of this round's
        self.feed = FeedReader(self.daemon)
        self.told = collections.Counter()
        self.subjects = {}  # event id -> subject
        self.last = "0"
        self.checked_requests = 0
        self.acked = "0"

    def close(self):
        self.receiver.stop()
        self.vendor.stop()

    # One round --------------------------------------------------------------------------------------------------------

    def webhooks(self):
        """Of one call, that the vendor's API knows too: each kind, one of them twice, a message twice, and two unreadable."""
        number = next(self.numbers)
        hour_ago = datetime.datetime.now(zoneinfo.ZoneInfo("Europe/Warsaw")) - datetime.timedelta(hours=1)
        while True:
            visitor = Visitor(self.rng, number, hour_ago.replace(tzinfo=None, microsecond=0))
            if visitor.feedback and not visitor.scheduled:
                break
        self.vendor.api.add(visitor)
        self.calls.append(number)
        events = [encoded(data) for _, data in visitor.events()]
        letter = encoded(message_of(self.rng, number, visitor))
        return [*events, events[1], letter, letter, b'{"data":', encoded({"event": "call.sneezed", "id": number})]

    def post(self, body):
        try:
            answer = self.daemon.post(body, timeout=20)
        except (OSError, http.client.HTTPException):
            self.unsent.append(body)
            return
        if answer.status in (200, 202):
            self.accepted[answer.json()["delivery"]] = answer.status
        else:
            assert answer.status == 503 and answer.header("Retry-After"), answer
            self.unsent.append(body)

    def quietly(self, what):
        """A client that takes a broken connection or a refusal as it comes, and returns later."""
        try:
            return what()
        except (OSError, http.client.HTTPException, AssertionError, ValueError, KeyError):
            return None

    def drive(self):
        for body in self.webhooks():
            self.post(body)
        self.quietly(self.read_stream)
        self.quietly(self.long_poll)
        self.quietly(self.acknowledge)
        for path in (f"/v1/calls/demo/{self.calls[-1]}", "/v1/calls?limit=2", "/v1/messages?limit=2", "/v1/quarantine?limit=2", "/v1/gaps"):
            self.quietly(lambda: self.daemon.api(path, timeout=10))

    def read_stream(self):
        with EventStream(self.daemon.api_port, lastEventId=self.last, timeout=5) as stream:
            stream.read(1)

    def long_poll(self):
        assert self.daemon.api(f"/v1/events?lastEventId={self.last}&timeout=3000", timeout=10).status == 200

    def acknowledge(self):
        headers = {"Content-Type": "application/json"}
        ask = lambda method, what, content: request(self.daemon.api_port, method, f"/v1/consumers/crm{what}", content, headers, 10)  # noqa: E731
        ask("PUT", "", b"{}")
        read = ask("GET", "/events?limit=50", None)
        at = read.header("Last-Event-ID")
        if at and ask("POST", "/ack", json.dumps({"position": at})).status == 200:
            self.acked = at

    # After it ---------------------------------------------------------------------------------------------------------

    def settle(self, timeout=20):
        """What was refused is sent again, as a sender would; then all that there is to do is done, by the daemon alone."""
        wait_until(self.all_taken, timeout, "every webhook taken")
        wait_until(self.all_stored, timeout, "every webhook in the database")
        wait_until(lambda: quiet(self.daemon), timeout, "nothing left to work on or to ask")
        wait_until(self.feed_read, timeout, "the whole feed read")
        wait_until(self.all_received, timeout, "every event at the receiver")

    def left(self):
        """What `settle` waits for, for who looks into why it did not come."""
        one = self.database.value
        places = {name: one(f"SELECT position FROM callhook.{name}") for name in ("feed_head", "backfill_cursor")}
        jobs = one("SELECT json_agg(j) FROM callhook.jobs j WHERE due_at <= now() + interval '10 s' OR leased_by IS NOT NULL")
        ready = self.quietly(lambda: self.daemon.api("/readyz?verbose", timeout=5).json())
        return {**places, "pending": one("SELECT count(*) FROM callhook.pending"), "jobs": jobs, "ready": ready}

    def all_taken(self):
        waiting, self.unsent = self.unsent, []
        for body in waiting:
            self.post(body)
        return not self.unsent

    def all_stored(self):
        """Also those that went to the spool."""
        found = self.database.value("SELECT count(*) FROM callhook.deliveries WHERE id = ANY (%s::uuid[])", list(self.accepted))
        return found == len(self.accepted)

    def feed_read(self):
        self.quietly(self.feed.read_to_end)
        head = self.database.value("SELECT position FROM callhook.feed_head")
        return head == 0 or (self.feed.cursor != "0" and position(self.feed.cursor) == head)

    def all_received(self):
        with self.receiver._lock:
            ids = {r.id for r in self.receiver.requests}
        return all(event["id"] in ids for event in self.feed.seen)

    def check(self):
        """The ledger: what was accepted is stored once and has one outcome; the feed has every fact once, without a hole, and the
        receiver all of it, of each call in order."""
        deliveries, outcomes, doubled, waiting = self.database.rows(
            "SELECT (SELECT count(*) FROM callhook.deliveries), (SELECT count(*) FROM callhook.outcomes),"
            " (SELECT count(*) FROM (SELECT delivery_id FROM callhook.outcomes GROUP BY 1 HAVING count(*) > 1) t),"
            " (SELECT count(*) FROM callhook.pending)"
        )[0]
        assert (deliveries, doubled, waiting) == (outcomes, 0, 0)
        results = dict(
            self.database.rows("SELECT delivery_id::text, result FROM callhook.outcomes WHERE delivery_id = ANY (%s::uuid[])", list(self.accepted))
        )
        assert len(results) == len(self.accepted), "an accepted delivery is lost"
        for delivery, status in self.accepted.items():
            assert (results[delivery] == "quarantined") == (status == 202)
        new = self.feed.seen
        first = position(self.last) + 1 if self.last != "0" else 1
        assert_contiguous(new, first)
        for event in new:
            self.subjects[event["id"]] = event["subject"]
            self.told[event["subject"], event["type"]] += 1
        for number in self.calls:
            for kind in ("call.new", "call.completed", "data.added"):
                assert self.told[f"calls/{number}", kind] == 1, (number, kind)
        assert all(count == 1 for (_, kind), count in self.told.items() if kind in ONCE)
        self.check_received(new)
        if new:
            self.last = new[-1]["id"]
        self.feed.seen = []
        self.accepted.clear()
        self.calls.clear()
        self.told.clear()

    def check_received(self, new):
        with self.receiver._lock:
            requests, self.receiver.requests = self.receiver.requests, []
        arrived = [i for i in dict.fromkeys(r.id for r in requests) if position(i) > (position(self.last) if self.last != "0" else 0)]
        assert sorted(arrived) == [event["id"] for event in new]
        by_subject = collections.defaultdict(list)
        for one in arrived:
            by_subject[self.subjects[one]].append(one)
        assert all(ids == sorted(ids) for ids in by_subject.values()), "of one call in order"

    def audit(self):
        """By the daemon's own command, which nothing makes fail."""
        kept, self.daemon.environment = self.daemon.environment, {}
        code, report = self.daemon.audit()
        self.daemon.environment = kept
        assert code == 0, report

    def cut_sessions(self):
        """All of the daemon's connections to the database at once."""
        self.database.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'callhook-%'")
