#!/usr/bin/env python3
"""A stand-in for CallPage: visitors order calls, schedule, miss, complete, leave feedback and messages, and their webhooks
come late, twice, out of order or never, at given odds. The same seed gives the same calls and the same deliveries.

As a program it sends the stream to a hook URL; as a library `plan(options)` gives the deliveries and what is true of each
call, so that a test can compare. callpage_api.py serves the vendor's REST API from the same calls, as does the program with
--api-port.
"""

import argparse
import dataclasses
import datetime
import http.client
import ipaddress
import json
import os
import queue
import pathlib
import random
import sys
import threading
import time
import urllib.parse
import zoneinfo

MANAGERS = [
    {"id": 4, "name": "Anna Admin", "tel": "+48570934649", "email": "anna@agency.example"},
    {"id": 7, "name": "Bartek Biuro", "tel": "+48570934650", "email": "bartek@agency.example"},
    {"id": 9, "name": "Celina Call", "tel": "+48570934651", "email": "celina@agency.example"},
]
MISSED_STATUSES = ["manager-failed", "user-failed", "failed"]
FIRST_NAMES = ["Ola", "Piotr", "Zofia", "Łukasz", "Marta", "Jan", "Ewa", "Tomek"]
MESSAGES = ["Proszę o kontakt po 17:00.", "Is the offer still open?", "Dzień dobry, ile kosztuje wdrożenie?", "Call me tomorrow, please."]


@dataclasses.dataclass
class Options:
    calls: int = 100
    seed: int = 1
    rate: float = 50.0  # new calls a second, on the simulator's clock
    late: float = 0.1  # odds that a webhook comes late by up to `late_seconds`
    twice: float = 0.1  # odds that it comes a second time
    never: float = 0.0  # odds that it does not come at all
    shuffle: float = 0.1  # odds that a call's webhooks come in any order
    late_seconds: float = 5.0
    first_id: int = 10_000
    start: object = "2026-03-02 09:00:00"  # vendor's local time of the first call, or a datetime
    message_share: float = 0.1  # messages left, as a share of the calls
    cancelled: float = 0.0  # odds that a scheduled call is cancelled: no webhook tells of it
    failed: float = 0.0  # odds that a call ordered at once fails: no webhook tells of it
    zone: str = "Europe/Warsaw"  # of the account
    real_time: bool = False  # calls are created when they are sent, not 1 to 90 s apart


@dataclasses.dataclass
class Delivery:
    at: float  # seconds from the start of the stream
    event: str
    call_id: int  # 0 for a message that belongs to no call
    body: bytes
    copy: int = 1  # 2 for the repeat of one


@dataclasses.dataclass
class Truth:
    """What is so of a call when every one of its webhooks has come, and the API has told of the ends without one."""

    call_id: int
    events: list  # event names in the vendor's order
    phase: str
    has_feedback: bool
    widget_id: int
    to: str
    status: str
    sent: list = dataclasses.field(default_factory=list)  # of `events`, those that are sent at least once


@dataclasses.dataclass
class Plan:
    deliveries: list
    truths: dict  # call id -> Truth
    messages: list  # the data objects of the messages
    visitors: dict = dataclasses.field(default_factory=dict)  # call id -> Visitor


def clock(moment):
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def first_moment(options):
    """The vendor's local time at which the stream starts."""
    start = options.start
    if isinstance(start, str):
        return datetime.datetime.strptime(start, "%Y-%m-%d %H:%M:%S")
    if start.tzinfo is not None:
        start = start.astimezone(zoneinfo.ZoneInfo(options.zone)).replace(tzinfo=None)
    return start.replace(microsecond=0)


class Visitor:
    """One call, from the order to the feedback."""

    def __init__(self, rng, call_id, moment):
        self.rng = rng
        self.id = call_id
        self.created = moment
        self.widget = rng.randint(1, 5)
        self.phone = f"+4850{rng.randint(0, 9_999_999):07d}"
        self.name = rng.choice(FIRST_NAMES)
        self.email = f"visitor{call_id}@customer.example"
        self.scheduled = rng.random() < 0.25
        self.slot = moment + datetime.timedelta(minutes=rng.randint(20, 300)) if self.scheduled else None
        self.completed = rng.random() < 0.7
        self.feedback = self.completed and rng.random() < 0.5
        self.manager = rng.choice(MANAGERS)
        self.missed_status = rng.choice(MISSED_STATUSES)
        self.attempts = 1 if self.completed and rng.random() < 0.8 else rng.randint(2, 4)
        self.call = self.make_call() if self.completed else None
        self.cancelled_at = None
        self.failed = False

    def end_unheard(self, options):
        """The ends that no webhook tells of, at their odds; by a generator of its own, so that the others' course stays."""
        rng = random.Random(f"end {options.seed} {self.id}")
        if self.scheduled and rng.random() < options.cancelled:
            self.cancelled_at = self.created + (self.slot - self.created) * rng.random()
        self.failed = not self.scheduled and rng.random() < options.failed
        if self.cancelled_at or self.failed:
            self.completed = self.feedback = False
            self.call = None

    def make_call(self):
        rng, at = self.rng, self.slot or self.created
        queued = at + datetime.timedelta(seconds=rng.randint(2, 15))
        dialed_a = queued + datetime.timedelta(seconds=rng.randint(5, 20))
        answered_a = dialed_a + datetime.timedelta(seconds=rng.randint(2, 12))
        dialed_b = dialed_a + datetime.timedelta(seconds=rng.randint(1, 6))
        answered_b = max(answered_a, dialed_b) + datetime.timedelta(seconds=rng.randint(1, 8))
        ended_b = answered_b + datetime.timedelta(seconds=rng.randint(15, 900))
        ended_a = ended_b + datetime.timedelta(seconds=rng.randint(0, 10))
        return {
            "direction": "ab",
            "queued_at": clock(queued),
            "started_at": clock(answered_b),
            "dialed_at_a": clock(dialed_a),
            "dialed_at_b": clock(dialed_b),
            "answered_at_a": clock(answered_a),
            "answered_at_b": clock(answered_b),
            "ended_at_a": clock(ended_a),
            "ended_at_b": clock(ended_b),
            "dialed_time_a": str(int((dialed_a - queued).total_seconds())),
            "answered_time_a": str(int((answered_a - dialed_a).total_seconds())),
            "dialed_time_b": str(int((dialed_b - queued).total_seconds())),
            "answered_time_b": str(int((answered_b - dialed_b).total_seconds())),
            "billing_time": str(int((ended_a - answered_b).total_seconds())),
            "recording": None,
        }

    def base(self, event, status):
        data = {"event": event, "id": self.id, "status": status, "ref_id": None, "to": self.phone}
        if event == "data.added":
            data["email"] = self.email
        data.update(
            widget_id=self.widget,
            created_at=clock(self.created),
            scheduled_at=clock(self.slot) if self.slot else None,
            request=None,
        )
        return data

    def fields(self):
        blank = {"placeholder": None, "hint": None, "value": None}
        return [
            {"id": 3, "label": "E-mail", **blank, "slug": "email", "field_value": self.email},
            {"id": 4, "label": "Your name", **blank, "slug": "name", "field_value": self.name},
        ]

    def events(self):
        """(event, data) in the vendor's order."""
        if self.scheduled:
            yield "call.scheduled", {**self.base("call.scheduled", "scheduled"), "fields": None}
        else:
            yield "call.new", {**self.base("call.new", "new"), "fields": None}
        if self.cancelled_at or self.failed:
            return
        if not self.completed:
            missed = self.base("call.missed", self.missed_status)
            missed.update(call_attempts_count=self.attempts, fields=None)
            yield "call.missed", missed
            return
        tail = {"call": self.call, "call_attempt": {"manager": self.manager}, "call_attempts_count": self.attempts}
        yield "call.completed", {**self.base("call.completed", "completed"), **tail, "fields": None}
        if self.feedback:
            yield "data.added", {**self.base("data.added", "completed"), **tail, "fields": self.fields()}

    def phase(self):
        if self.cancelled_at or self.failed:
            return self.status()
        return "completed" if self.completed else "missed"

    def status(self):
        if self.cancelled_at:
            return "cancelled"
        if self.failed:
            return "failed"
        return "completed" if self.completed else self.missed_status


def message_of(rng, number, visitor):
    """A message in the vendor's shape: without event, id or time; tied to a call by its link when it has one."""
    phone = visitor.phone if visitor else f"+4851{rng.randint(0, 9_999_999):07d}"
    spaced = f"{phone[:3]} {phone[3:6]} {phone[6:9]} {phone[9:]}"
    return {
        "email": f"writer{number}@customer.example",
        "message_from_client": f"{rng.choice(MESSAGES)} ({number})",
        "call_request": ["$this->callRequest"],
        "number": spaced,
        "widget": str(visitor.widget if visitor else rng.randint(1, 5)),
        "user": str(rng.choice(MANAGERS)["id"]),
        "url": "https://shop.example/offer",
        "link": f"https://core.callpage.io/calls/{visitor.id}" if visitor else None,
    }


def encode(data):
    return json.dumps({"data": data}, ensure_ascii=False, separators=(",", ":")).encode()


def schedule(rng, options, planned):
    """Gives each (event time, event, call id, data) its deliveries: late, twice, or none."""
    for at, event, call_id, data in planned:
        if rng.random() < options.never:
            continue
        if rng.random() < options.late:
            at += rng.uniform(0, options.late_seconds)
        body = encode(data)
        yield Delivery(at, event, call_id, body)
        if rng.random() < options.twice:
            yield Delivery(at + rng.uniform(0, options.late_seconds), event, call_id, body, 2)


def plan(options):
    rng = random.Random(options.seed)
    begin = moment = first_moment(options)
    gap = 1.0 / options.rate if options.rate > 0 else 0.0
    deliveries, truths, messages, visitors = [], {}, [], {}
    for index in range(options.calls):
        at = index * gap
        if options.real_time:
            moment = begin + datetime.timedelta(seconds=int(at))
        visitor = Visitor(rng, options.first_id + index, moment)
        visitor.end_unheard(options)
        visitors[visitor.id] = visitor
        moment += datetime.timedelta(seconds=rng.randint(1, 90))
        events = list(visitor.events())
        truth = Truth(
            visitor.id, [e for e, _ in events], visitor.phase(), visitor.feedback, visitor.widget, visitor.phone, visitor.status()
        )
        truths[visitor.id] = truth
        times = [at + step * max(gap, 0.01) * 3 for step in range(len(events))]
        if rng.random() < options.shuffle:
            rng.shuffle(times)
        planned = [(when, event, visitor.id, data) for when, (event, data) in zip(times, events)]
        if rng.random() < options.message_share:
            tied = rng.random() < 0.7
            data = message_of(rng, index, visitor if tied else None)
            messages.append(data)
            planned.append((times[-1] + gap, "new.message", visitor.id if tied else 0, data))
        made = list(schedule(rng, options, planned))
        sent = {d.event for d in made}
        truth.sent = [event for event in truth.events if event in sent]
        deliveries.extend(made)
    deliveries.sort(key=lambda d: (d.at, d.call_id, d.event, d.copy))
    return Plan(deliveries, truths, messages, visitors)


def stream(options):
    """The same deliveries as `plan`, one by one."""
    yield from plan(options).deliveries


class Sender:
    """Posts bodies to one URL over one connection that is kept open; makes it anew when it breaks."""

    def __init__(self, url, timeout=30.0):
        parts = urllib.parse.urlsplit(url)
        self.host, self.port = parts.hostname, parts.port or 80
        self.path = parts.path or "/"
        self.timeout = timeout
        self.connection = None

    def post(self, body):
        """(status, answer bytes); raises OSError or http.client.HTTPException when no answer came."""
        if self.connection is None:
            self.connection = http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)
        try:
            self.connection.request("POST", self.path, body, {"Content-Type": "application/json"})
            answer = self.connection.getresponse()
            content = answer.read()
            if answer.will_close:
                self.close()
            return answer.status, content
        except (OSError, http.client.HTTPException):
            self.close()
            raise

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class Result:
    def __init__(self):
        self.lock = threading.Lock()
        self.by_status = {}
        self.answered = []  # (delivery, status, answer bytes), only when asked for

    def count(self, status):
        with self.lock:
            self.by_status[status] = self.by_status.get(status, 0) + 1

    def total(self):
        with self.lock:
            return sum(self.by_status.values())

    def accepted(self):
        with self.lock:
            return sum(n for s, n in self.by_status.items() if s in (200, 202))

    def text(self):
        with self.lock:
            return ", ".join(f"{n} × {s}" for s, n in sorted(self.by_status.items(), key=str)) or "nothing sent"


def send(url, deliveries, workers=4, paced=True, retries=0, stop=None, keep=False, progress=None):
    """Sends the deliveries, `paced` by their times or as fast as the workers can. A webhook of one call waits for no
    other, as with the vendor. Ends early when `stop` (a threading.Event) is set."""
    result = Result()
    stop = stop or threading.Event()
    work = queue.Queue(maxsize=max(64, workers * 4))

    def worker():
        sender = Sender(url)
        while True:
            delivery = work.get()
            if delivery is None:
                break
            if stop.is_set():
                continue
            for attempt in range(retries + 1):
                try:
                    status, content = sender.post(delivery.body)
                except (OSError, http.client.HTTPException):
                    status, content = "no answer", b""
                if status in (200, 202) or attempt == retries or stop.is_set():
                    break
                time.sleep(min(0.2 * 2**attempt, 2.0))
            result.count(status)
            if keep:
                with result.lock:
                    result.answered.append((delivery, status, content))
        sender.close()

    threads = [threading.Thread(target=worker, daemon=True) for _ in range(workers)]
    for thread in threads:
        thread.start()
    begun = time.monotonic()
    for delivery in deliveries:
        while paced and not stop.is_set() and (wait := begun + delivery.at - time.monotonic()) > 0:
            stop.wait(min(wait, 0.2))
            if progress:
                progress(result)
        if stop.is_set():
            break
        work.put(delivery)
        if progress:
            progress(result)
    for _ in threads:
        work.put(None)
    for thread in threads:
        thread.join()
    return result


def loopback(url):
    host = urllib.parse.urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def odds(text):
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def positive(kind, highest):
    def parse(text):
        value = kind(text)
        if not 0 < value <= highest:
            raise argparse.ArgumentTypeError(f"{text} is not above 0 and up to {highest}")
        return value

    return parse


def parse_arguments(arguments):
    default = Options()
    parser = argparse.ArgumentParser(description="Sends CallPage's webhooks of simulated calls to a hook URL.")
    parser.add_argument("--url", default=os.environ.get("CALLPAGE_SIMULATOR_URL"), help="the hook URL (or CALLPAGE_SIMULATOR_URL)")
    parser.add_argument("--calls", type=positive(int, 1_000_000), default=default.calls, help="how many calls (default %(default)s)")
    parser.add_argument("--rate", type=positive(float, 100_000), default=default.rate, help="new calls a second (default %(default)s)")
    parser.add_argument("--seed", type=int, default=default.seed, help="the same seed sends the same (default %(default)s)")
    parser.add_argument("--late", type=odds, default=default.late, help="odds that a webhook comes late (default %(default)s)")
    parser.add_argument("--twice", type=odds, default=default.twice, help="odds that it comes twice (default %(default)s)")
    parser.add_argument("--never", type=odds, default=default.never, help="odds that it never comes (default %(default)s)")
    parser.add_argument("--shuffle", type=odds, default=default.shuffle, help="odds that a call's come in any order (default %(default)s)")
    parser.add_argument("--late-seconds", type=float, default=default.late_seconds, help="how late at most (default %(default)s)")
    parser.add_argument("--first-id", type=int, default=default.first_id, help="the first call's id (default %(default)s)")
    parser.add_argument("--start", default=default.start, help="vendor's local time of the first call, or 'now' (default %(default)s)")
    parser.add_argument("--zone", default=default.zone, help="time zone of the vendor's account (default %(default)s)")
    parser.add_argument("--real-time", action="store_true", help="calls are created when they are sent, not 1 to 90 s apart")
    parser.add_argument("--cancelled", type=odds, default=0.0, help="odds that a scheduled call is cancelled (default %(default)s)")
    parser.add_argument("--failed", type=odds, default=0.0, help="odds that a call ordered at once fails (default %(default)s)")
    parser.add_argument("--workers", type=positive(int, 256), default=4, help="connections (default %(default)s)")
    parser.add_argument("--flat-out", action="store_true", help="as fast as the connections can, not at the rate")
    parser.add_argument("--api-port", type=int, help="serve the REST API too, over TLS on this loopback port, until stopped; 0: any")
    parser.add_argument("--api-dir", help="folder for ca.pem, server.pem, server.key and api.key, made where they are missing")
    parser.add_argument("--api-files", action="store_true", help="only make the files in --api-dir")
    parser.add_argument("--dump", action="store_true", help="print the bodies, one a line, and send nothing")
    parser.add_argument("--quiet", action="store_true", help="no progress line")
    parser.add_argument("--allow-remote", action="store_true", help="let the URL be another machine's")
    options = parser.parse_args(arguments)
    if options.start == "now":
        options.start = datetime.datetime.now(datetime.timezone.utc)
    if (options.api_files or options.api_port is not None) and not options.api_dir:
        parser.error("--api-dir is needed: where ca.pem and api.key are to be")
    if options.api_port is not None and not 0 <= options.api_port <= 65535:
        parser.error("--api-port is no port")
    only_api = options.api_files or (options.api_port is not None and not options.url)
    if not options.dump and not only_api:
        if not options.url:
            parser.error("--url is needed: the hook URL that scripts/run prints")
        if urllib.parse.urlsplit(options.url).scheme != "http":
            parser.error("the URL must begin with http://")
        if not loopback(options.url) and not options.allow_remote:
            parser.error("the URL is not on this machine's loopback; say --allow-remote if that is meant")
    return options


def progress_line(planned):
    last = [0.0]

    def show(result):
        now = time.monotonic()
        if now - last[0] < 0.25:
            return
        last[0] = now
        done = result.total()
        width = 30
        filled = int(width * done / max(planned, 1))
        sys.stderr.write(f"\r[{'#' * filled}{'.' * (width - filled)}] {done}/{planned} webhooks  {result.text()}\x1b[K")
        sys.stderr.flush()

    return show


def api_files(directory):
    """The certificates and the key of the API, kept from an earlier start where they are there."""
    import callpage_api  # pylint: disable=import-outside-toplevel # it needs this module

    tls = callpage_api.certificates(directory, keep=True)
    key = pathlib.Path(directory) / "api.key"
    if not key.exists():
        key.touch(mode=0o600)
        key.write_text(callpage_api.KEY + "\n", encoding="ascii")
    return tls, key.read_text(encoding="ascii").strip()


def serve_api(options, planned, stop):
    """The API of a stream that begins now: a call is there once all its webhooks should have come."""
    import callpage_api  # pylint: disable=import-outside-toplevel

    tls, key = api_files(options.api_dir)
    server = callpage_api.ApiServer(key=key, tls=tls, zone=options.zone, port=options.api_port).start()
    due = {call_id: index / options.rate for index, call_id in enumerate(planned.visitors)}
    for delivery in planned.deliveries:
        if delivery.call_id in due and delivery.copy == 1:
            due[delivery.call_id] = max(due[delivery.call_id], delivery.at)

    def fill():
        begun = time.monotonic()
        for call_id, at in sorted(due.items(), key=lambda item: item[1]):
            if not options.flat_out and stop.wait(max(begun + at - time.monotonic(), 0)):
                return
            server.add(planned.visitors[call_id])

    threading.Thread(target=fill, daemon=True).start()
    print(f"simulator: the API is at {server.url}, with ca.pem and api.key in {options.api_dir}", flush=True)
    return server


def main(arguments=None):
    options = parse_arguments(arguments)
    names = {field.name for field in dataclasses.fields(Options)}
    planned = plan(Options(**{k: v for k, v in vars(options).items() if k in names}))
    if options.dump:
        for delivery in planned.deliveries:
            sys.stdout.write(delivery.body.decode() + "\n")
        return 0
    if options.api_files:
        api_files(options.api_dir)
        return 0
    show = None if options.quiet or not sys.stderr.isatty() else progress_line(len(planned.deliveries))
    stop = threading.Event()
    api = serve_api(options, planned, stop) if options.api_port is not None else None
    result = Result()
    begun = time.monotonic()
    try:
        if options.url:
            result = send(options.url, planned.deliveries, options.workers, not options.flat_out, stop=stop, progress=show)
            took = time.monotonic() - begun
            if show:
                sys.stderr.write("\n")
            print(f"simulator: {len(planned.truths)} calls, {result.total()} webhooks in {took:.1f} s: {result.text()}", flush=True)
        if api:
            threading.Event().wait()
    except KeyboardInterrupt:
        stop.set()
        sys.stderr.write("\nstopped\n")
        return 130
    finally:
        if api:
            api.stop()
    return 0 if result.accepted() == result.total() else 1


if __name__ == "__main__":
    sys.exit(main())
