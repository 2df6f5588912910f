"""The judge: what was promised to senders and to readers, against what is stored. Pure, so that it can be fed histories in
which something is wrong; test_checker.py does."""

import collections
import dataclasses

from rig.ledger import ACKED

MESSAGE = "new.message"
KINDS = ("lost", "undecided", "doubled", "holes", "untold", "refused")
VENDOR = {"call.new", "call.scheduled", "call.missed", "call.completed", "data.added", MESSAGE}


@dataclasses.dataclass
class Verdict:
    """How many of each kind of violation; `told` says the first of them in words."""

    lost: int = 0  # acknowledged and not there, or there with other bytes
    undecided: int = 0  # there without an outcome, or with one that its answer did not say
    doubled: int = 0  # stored more often than it was sent, decided twice, or told twice
    holes: int = 0  # positions missing, repeated or out of order, in the log or at a follower
    untold: int = 0  # a fact without its event, or an event without its fact
    refused: int = 0  # senders told 503 where they need not have been
    told: list = dataclasses.field(default_factory=list)

    def add(self, kind, many, what):
        if many:
            setattr(self, kind, getattr(self, kind) + many)
            if len(self.told) < 30:
                self.told.append(f"{kind}: {what}")

    def total(self):
        return sum(getattr(self, kind) for kind in KINDS)

    def merge(self, other):
        for kind in KINDS:
            setattr(self, kind, getattr(self, kind) + getattr(other, kind))
        self.told = [*self.told, *other.told][:30]
        return self


def judge(history, stored, followers=(), complete=True):
    """`followers`: name -> [(position, digest)] in the order of arrival. With `complete` false deliveries may still wait for
    their outcome."""
    verdict = Verdict()
    judge_deliveries(verdict, history, stored)
    judge_outcomes(verdict, history, stored, complete)
    judge_facts(verdict, history, stored)
    judge_positions(verdict, stored)
    for name, seen in dict(followers).items():
        judge_follower(verdict, name, seen, stored)
    return verdict


def judge_deliveries(verdict, history, stored):
    """Acknowledged ones are there, byte for byte; nothing is there that nobody sent, nor more often than it was sent."""
    acked = {}  # delivery id -> body
    claimed, others = collections.Counter(), collections.Counter()  # by body
    for attempt in history.attempts:
        if attempt.outcome != ACKED:
            others[attempt.body] += 1
        elif attempt.delivery is None:  # the control's: it knows no id
            claimed[attempt.body] += 1
        else:
            verdict.add("doubled", attempt.delivery in acked, f"two requests were answered with {attempt.delivery}")
            acked[attempt.delivery] = attempt.body
    for delivery, body in acked.items():
        if stored.deliveries.get(delivery) != body:
            how = "there with other bytes" if delivery in stored.deliveries else "missing"
            verdict.add("lost", 1, f"{delivery} was acknowledged and is {how}")
    rows = collections.Counter(body for delivery, body in stored.deliveries.items() if delivery not in acked)
    for body, many in claimed.items():
        verdict.add("lost", max(many - rows[body], 0), f"a body was taken for acknowledged {many} times and is there {rows[body]} times")
    for body, many in rows.items():
        more = many - claimed[body] - others[body]
        verdict.add("doubled", max(more, 0), f"{many} rows of a body are there beside the acknowledged, {others[body]} may be")


def judge_outcomes(verdict, history, stored, complete):
    """Each delivery has one outcome, the one that its answer said; of copies of the same fact one was applied."""
    results = {}
    for delivery, result in stored.outcomes:
        verdict.add("doubled", delivery in results, f"{delivery} has two outcomes")
        verdict.add("undecided", delivery not in stored.deliveries, f"the outcome of {delivery} is of no delivery")
        results[delivery] = result
    for delivery in stored.deliveries if complete else ():
        verdict.add("undecided", delivery not in results, f"{delivery} has no outcome")
    for attempt in history.attempts:
        result = results.get(attempt.delivery)
        if attempt.outcome == ACKED and result is not None:
            wrong = (result == "quarantined") != (attempt.status == 202)
            verdict.add("undecided", wrong, f"{attempt.delivery} was answered {attempt.status} and is {result}")
    applied = collections.Counter(stored.deliveries.get(d) for d, result in results.items() if result == "applied")
    decided = {stored.deliveries.get(d) for d in results}
    for body, fact in history.facts.items():
        if fact is not None and body in decided:
            verdict.add("doubled", max(applied[body] - 1, 0), f"{fact.type} of {fact.subject} was applied {applied[body]} times")
            verdict.add("untold", applied[body] == 0, f"{fact.type} of {fact.subject} was never applied")


def judge_facts(verdict, history, stored):
    """One event for each distinct fact that was decided, from a delivery that told it; the call's record rests on it."""
    decided = {}  # what a fact is called -> the deliveries that told it
    for delivery, _ in stored.outcomes:
        fact = history.facts.get(stored.deliveries.get(delivery))
        if fact is not None:
            decided.setdefault(name_of(fact.type, fact.subject, delivery, stored), set()).add(delivery)
    told = collections.Counter()
    for event in stored.events:
        if event.type in VENDOR:
            name = name_of(event.type, event.subject, event.delivery, stored)
            told[name] += 1
            stranger = event.delivery not in decided.get(name, ())
            verdict.add("untold", stranger, f"{event.type} at {event.position} is from no delivery that told it")
    rests_on = collections.defaultdict(set)
    for name in decided:
        verdict.add("untold", told[name] == 0, f"{name} has no event")
        verdict.add("doubled", max(told[name] - 1, 0), f"{name} has {told[name]} events")
        if name[0] != MESSAGE:
            rests_on[int(name[1].removeprefix("calls/"))].add(name[0])
    for call in rests_on.keys() | stored.records.keys():
        has = set(stored.records.get(call, ()))
        verdict.add("untold", has != rests_on[call], f"call {call} rests on {sorted(has)}, not on {sorted(rests_on[call])}")


def name_of(kind, subject, delivery, stored):
    """A message has no name but its text."""
    return (kind, stored.deliveries.get(delivery) if kind == MESSAGE else subject)


def judge_positions(verdict, stored):
    """The log runs from the floor to the head, each position once."""
    positions = [event.position for event in stored.events]
    seen = collections.Counter(positions)
    missing = [p for p in range(stored.floor + 1, stored.head + 1) if p not in seen]
    verdict.add("holes", len(missing), f"positions {missing[:5]} are missing")
    repeated = [p for p, many in seen.items() if many > 1]
    verdict.add("holes", len(repeated), f"positions {repeated[:5]} are there twice")
    beyond = [p for p in positions if not stored.floor < p <= stored.head]
    verdict.add("holes", len(beyond), f"positions {beyond[:5]} are outside of {stored.floor + 1} to {stored.head}")


def judge_follower(verdict, name, seen, stored):
    """It saw each position once, in order, and what is in the log. It may be behind the log, or ahead of what was read of it."""
    log = {event.position: event.digest for event in stored.events}
    expected = stored.floor + 1
    for position, digest in seen:
        if position > expected:
            verdict.add("holes", position - expected, f"{name} skipped from {expected} to {position}")
        elif position < expected:
            verdict.add("holes", 1, f"{name} saw {position} where {expected} should have come")
        expected = max(expected, position + 1)
        changed = position <= stored.head and log.get(position) != digest
        verdict.add("holes", changed, f"{name} was told something else at {position} than what is stored")
