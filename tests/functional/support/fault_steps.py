"""Steps: which call of which name fails in which way; how they are counted, and how one is taken in a World.

CALLHOOK_TEST_LONG, FAULTS_SEED and FAULTS_NAMES choose among them, as test_every_step_fails_once.py says; FAULTS_SHOW=1 shows each
as it is taken.
"""

import collections
import dataclasses
import errno
import fnmatch
import functools
import operator
import os
import random
import sys
import time

NAMES = os.environ.get("FAULTS_NAMES", "*")
LONG = os.environ.get("CALLHOOK_TEST_LONG", "") not in ("", "0")
SEED = int(os.environ.get("FAULTS_SEED", "1"))

# Sessions of the database, by role; all else is a call of the system or of a library.
ROLES = {"inbox", "sequencer", "feed", "reader", "consumers", "backfill", "migrate", "spool", "retention"}
STATEMENT = [("refuse", 0, "53100"), ("cut", 0, ""), ("lose", 0, ""), ("refuse", 0, "57014"), ("refuse", 0, "40P01"), ("refuse", 0, "57P01")]
BROKEN = [("fail", errno.ECONNRESET, ""), ("partly", 0, ""), ("end", 0, ""), ("fail", errno.EINTR, "")]
WAYS = {
    "copy row": [("cut", 0, ""), ("refuse", 0, "")],
    "copy end": [("refuse", 0, ""), ("cut", 0, ""), ("lose", 0, "")],
    "consume": [("cut", 0, "")],
    "recv": BROKEN,
    "send": [("fail", errno.EPIPE, ""), ("partly", 0, ""), ("fail", errno.EINTR, "")],
    "connect": [("fail", errno.ECONNREFUSED, ""), ("fail", errno.ETIMEDOUT, "")],
    "socket": [("fail", errno.EMFILE, "")],
    "accept": [("fail", errno.EMFILE, ""), ("fail", errno.ECONNABORTED, ""), ("fail", errno.EINTR, ""), ("fail", errno.ENOBUFS, "")],
    "bind": [("fail", errno.EADDRINUSE, "")],
    "listen": [("fail", errno.EADDRINUSE, "")],
    "epoll_wait": [("fail", errno.EINTR, "")],
    "epoll_add": [("fail", errno.ENOSPC, "")],
    "create": [("fail", errno.EAGAIN, "")],
    "lookup": [("fail", 0, "")],
    "open": [("fail", errno.EMFILE, ""), ("fail", errno.EACCES, "")],
    "read": [("fail", errno.EIO, "")],
    "write": [("fail", errno.EIO, ""), ("fail", errno.ENOSPC, ""), ("partly", errno.ENOSPC, "")],
    "truncate": [("fail", errno.EIO, "")],
    "sync": [("fail", errno.EIO, ""), ("fail", errno.ENOSPC, "")],
    "rename": [("fail", errno.EACCES, "")],
    "unlink": [("fail", errno.EACCES, "")],
}
# Nothing is promised of what the loop itself is made of; without it there is no start.
LOOP = {"loop/eventfd", "loop/epoll_create", "loop/timerfd"}


@dataclasses.dataclass(frozen=True)
class Step:
    name: str
    nth: int
    how: str
    number: int
    state: str
    many: bool = False

    def __str__(self):
        said = {"fail": errno.errorcode.get(self.number, ""), "refuse": self.state}.get(self.how, "")
        return f"{self.name} {self.nth}{' and on' if self.many else ''} {self.how} {said}".rstrip()


def ways(name):
    label, call = name.split("/", 1)
    if label == "tls":
        return [("fail", 0, ""), ("partly", 0, "")] if call == "read" else [("fail", 0, "")]
    if label in ROLES and call == "connect":
        return [("fail", 0, "")]
    if label in ROLES and call not in WAYS:
        return STATEMENT
    return WAYS.get(call, [("fail", errno.EIO, "")])


def chosen(counts):
    return [(name, calls) for name, calls in sorted(counts.items()) if fnmatch.fnmatchcase(name, NAMES)]


def first_calls(counts):
    """The first call of each name in each way."""
    return [Step(name, 1, *way) for name, _ in chosen(counts) for way in ways(name)]


def steps_of(counts, most, core=()):
    """In the long form every call in every way, but of what is read from sockets, in one. In the short form at most `most`: of each
    name one call in one way, most likely the first and none of the last, which another round may not have; of the core's in the
    three ways in which a statement fails."""
    rng = random.Random(SEED)
    sure, rest = [], []
    for name, calls in chosen(counts):
        possible = ways(name)
        if LONG:
            for nth in range(1, calls + 1):
                sure += [Step(name, nth, *way) for way in (possible if nth == 1 or not name.endswith("/recv") else [rng.choice(possible)])]
            sure += [Step(name, 1, *way, many=True) for way in possible if way[1] != errno.EINTR]
        elif name in core:
            sure += [Step(name, rng.randint(1, min(calls, 3)), *way) for way in possible[:3]]
        else:
            rest.append(Step(name, rng.choice((1, 1, (calls + 1) // 2, rng.randint(1, (2 * calls + 2) // 3))), *rng.choice(possible)))
    rng.shuffle(rest)
    # An interrupted call is made again, for as long as it takes.
    rest = [dataclasses.replace(step, many=step.number != errno.EINTR and rng.random() < 0.1) for step in rest]
    return sure + rest[: max(0, most - len(sure))]


class Tally:
    def __init__(self, what):
        self.what, self.begun = what, time.monotonic()
        self.done, self.missed, self.ended = 0, [], []
        self.names = collections.Counter()

    def took(self, step, fired):
        if os.environ.get("FAULTS_SHOW"):
            # Not what a test may have put in its place to capture.
            said = f"{time.monotonic() - self.begun:7.2f} {step} {'' if fired else 'NOT REACHED'}"
            print(said, file=sys.__stderr__, flush=True)
        self.done += 1
        if fired:
            self.names[step.name] += 1
        else:
            self.missed.append(step)

    def tell(self, capsys, counts):
        with capsys.disabled():
            print(
                f"\n{self.what}: seed {SEED}, {len(counts)} names with {sum(counts.values())} calls; {self.done} steps of which"
                f" {self.done - len(self.missed)} failed a call of {len(self.names)} names, {len(self.ended)} ended the start,"
                f" {time.monotonic() - self.begun:.0f} s"
            )


def difference(after, before):
    return {name: n - before.get(name, 0) for name, n in after.items() if n > before.get(name, 0) and name not in LOOP}


def one_round(world, step, tally, before=lambda: None, drive=None):
    """The step fails somewhere in the round, or it was not reached; either way all must come right by itself."""
    try:
        world.faults.arm(step.name, step.nth, step.how, step.number, step.state, step.many)
        before()
        (drive or world.drive)()
        if step.many:
            world.faults.disarm()
        world.settle()
        world.faults.disarm()
        world.check()
        world.audit()
        assert world.daemon.running(), world.daemon.process.returncode
    except BaseException:
        print(f"step: {step}; it failed {world.faults.failed()} calls; {world.left()}")
        print(world.daemon.log_text(world.daemon.starts_at)[-6000:])
        raise
    tally.took(step, world.faults.failed() > 0)


def counted(world, before=lambda: None, drive=None):
    """The calls of a round: of several the most of each name in the long form, in the short form only what each had, since how
    things fall together differs."""
    rounds = []
    for _ in range(3):
        earlier = world.faults.counts()
        before()
        (drive or world.drive)()
        world.settle()
        world.check()
        rounds.append(collections.Counter(difference(world.faults.counts(), earlier)))
    return functools.reduce(operator.or_ if LONG else operator.and_, rounds)
