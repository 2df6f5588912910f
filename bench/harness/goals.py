"""What callhook wants to reach, as data, and whether it did. Pure."""

import dataclasses

from harness.summary import ratio


@dataclasses.dataclass(frozen=True)
class Condition:
    """A median, or its ratio to another, that is to be at least or at most something."""

    text: str
    of: tuple  # the key of a row
    to: tuple = None  # another, where a ratio counts
    at_least: float = None
    at_most: float = None
    unit: str = ""

    def reached(self, medians):
        """The number that counts; None where it was not measured."""
        value = medians.get(self.of)
        if self.to is None or value is None:
            return value
        return ratio(value, medians.get(self.to))

    def holds(self, value):
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)

    def wanted(self):
        sign, bound = (">=", self.at_least) if self.at_least is not None else ("<=", self.at_most)
        return f"{self.text} {sign} {bound:g}{self.unit}"


@dataclasses.dataclass(frozen=True)
class Goal:
    """Holds where all of its conditions do or, with `any_of`, one of them."""

    name: str
    conditions: tuple
    any_of: bool = False


@dataclasses.dataclass(frozen=True)
class Verdict:
    goal: Goal
    reached: tuple  # a number or None for each condition
    word: str  # reached, missed, or not measured


def judge(goal, medians):
    reached = tuple(condition.reached(medians) for condition in goal.conditions)
    outcomes = [None if value is None else condition.holds(value) for condition, value in zip(goal.conditions, reached)]
    if goal.any_of:
        word = "reached" if True in outcomes else "not measured" if None in outcomes else "missed"
    else:
        word = "missed" if False in outcomes else "not measured" if None in outcomes else "reached"
    return Verdict(goal, reached, word)


def verdicts(rows):
    medians = {row.key: row.median for row in rows}
    return [judge(goal, medians) for goal in GOALS]


def _same(text, figure, metric, peer, **bound):
    return Condition(text, (figure, "callhook", metric), (figure, peer, metric), **bound)


def _number(text, figure, metric, **bound):
    return Condition(text, (figure, "callhook", metric), **bound)


GOALS = (
    Goal(
        "ingest burst, 64 connections, against Fastify that only inserts",
        (
            _same("rate", "burst", "rate at 64", "fastify", at_least=5, unit=" x"),
            _same("p99", "burst", "p99 at 64", "fastify", at_most=0.2, unit=" x"),
            _number("level again", "burst", "level again after", at_most=10, unit=" s"),
        ),
    ),
    Goal("ingest burst against COPY alone", (_same("rate", "burst", "rate at 64", "copy", at_least=0.4, unit=" x"),)),
    Goal(
        "HTTP and the look into the body, without a database",
        (
            _number("rate", "http", "rate at 64", at_least=60_000, unit="/s"),
            _same("rate", "http", "rate at 64", "nginx", at_least=0.7, unit=" x nginx"),
        ),
        any_of=True,
    ),
    Goal("end to end against Fastify with the upsert", (_same("rate", "sustained", "rate", "fastify", at_least=6, unit=" x"),)),
    Goal(
        "from the answer to the feed, at half load",
        (
            _number("p50", "delay", "p50", at_most=10, unit=" ms"),
            _number("p99", "delay", "p99", at_most=50, unit=" ms"),
        ),
    ),
    Goal(
        "1,000 streams",
        (
            _number("events that a stream missed", "streams", "missed with 1000", at_most=0),
            Condition(
                "ingest of that without",
                ("streams", "callhook", "rate with 1000"),
                ("streams", "callhook", "rate with 0"),
                at_least=0.7,
                unit=" x",
            ),
        ),
    ),
    Goal(
        "10 million events against 10 thousand",
        (
            _same("ingest rate", "growth", "rate at 64", "callhook with 10 thousand", at_least=0.9, unit=" x"),
            _same("time of a feed page", "growth", "feed page", "callhook with 10 thousand", at_most=1.1, unit=" x"),
        ),
    ),
    Goal(
        "memory",
        (
            _number("idle", "footprint", "memory idle", at_most=32, unit=" MiB"),
            _number("512 connections, full load", "footprint", "memory at 512, full load", at_most=96, unit=" MiB"),
        ),
    ),
    Goal("start to ready", (_number("time", "footprint", "start to ready", at_most=300, unit=" ms"),)),
)
