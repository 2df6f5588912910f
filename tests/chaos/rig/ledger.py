"""What the senders did and what they were told: the history that everything is checked against."""

import dataclasses
import hashlib
import threading
import time

ACKED = "acked"  # 200 or 202: from here on it must never be lost
REFUSED = "refused"  # an answer that promises nothing; it may be stored all the same
UNKNOWN = "unknown"  # sent, in part or whole, and no answer came


def fingerprint(body):
    """The first half of the SHA-256, as `stored.py` asks the database for it."""
    return hashlib.sha256(body).digest()[:16]


@dataclasses.dataclass(frozen=True)
class Fact:
    """What a body says, where it can be read: the feed has one event of this type and subject for it, however often it came.
    A message has no subject of its own before it is stored: the delivery that brought it first becomes its id."""

    type: str
    subject: str = ""


@dataclasses.dataclass(slots=True)
class Attempt:
    """One request. `ended` is when its answer was read or the connection broke, by the monotonic clock."""

    body: bytes  # its fingerprint
    ended: float
    outcome: str
    status: int = 0
    delivery: str | None = None


class Ledger:
    """Kept in the process of the senders, which no fault reaches. Any thread may write."""

    def __init__(self):
        self.lock = threading.Lock()
        self.facts = {}  # fingerprint -> Fact, or None for what cannot be read
        self.attempts = []
        self.unsent = 0  # requests that found nobody listening
        self.acked = 0
        self.refused = {}  # status -> how many

    def knows(self, body, fact):
        mark = fingerprint(body)
        with self.lock:
            self.facts[mark] = fact
        return mark

    def write(self, attempt):
        with self.lock:
            self.attempts.append(attempt)
            if attempt.outcome == ACKED:
                self.acked += 1
            elif attempt.outcome == REFUSED:
                self.refused[attempt.status] = self.refused.get(attempt.status, 0) + 1

    def found_nobody(self):
        with self.lock:
            self.unsent += 1

    def refusals(self):
        with self.lock:
            return sum(self.refused.values())

    def history(self, until=None):
        """What is known, or was at the moment `until`: a request without an answer by then is an unknown one."""
        with self.lock:
            return History(dict(self.facts), [as_of(a, until) for a in self.attempts])


def as_of(attempt, until):
    if until is None or attempt.ended <= until:
        return attempt
    return dataclasses.replace(attempt, outcome=UNKNOWN, status=0, delivery=None)


@dataclasses.dataclass
class History:
    facts: dict
    attempts: list

    def acked(self):
        return sum(a.outcome == ACKED for a in self.attempts)


def now():
    return time.monotonic()
