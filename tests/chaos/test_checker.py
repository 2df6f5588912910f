"""The judge itself: it must be content with a history in which all went well, and find each kind of violation planted in one.
A judge that sees nothing would make every other test here green."""

import copy

import pytest
from rig.checker import judge
from rig.ledger import ACKED, REFUSED, UNKNOWN, Attempt, Fact, History, Ledger
from rig.stored import Event, Stored
from rig.tally import Tally, table

NEW, DONE = Fact("call.new", "calls/1"), Fact("call.completed", "calls/1")
MESSAGE = Fact("new.message")


def attempt(body, outcome=ACKED, status=200, delivery=None):
    return Attempt(body, 2.0, outcome, status if outcome == ACKED else 0, delivery)


def good():
    """A history with one of everything that is allowed, what is stored of it, and what a follower saw."""
    history = History(
        {b"new": NEW, b"done": DONE, b"text": MESSAGE, b"junk": None, b"never": Fact("call.new", "calls/2")},
        [
            attempt(b"new", delivery="d1"),
            attempt(b"new", delivery="d2"),  # sent twice
            attempt(b"done", UNKNOWN),  # stored all the same, as d3
            attempt(b"text", delivery="d4"),
            attempt(b"text", REFUSED),  # not stored
            attempt(b"junk", status=202, delivery="d5"),
            attempt(b"never", REFUSED),
        ],
    )
    stored = Stored(
        deliveries={"d1": b"new", "d2": b"new", "d3": b"done", "d4": b"text", "d5": b"junk"},
        outcomes=[("d1", "applied"), ("d2", "duplicate"), ("d3", "applied"), ("d4", "applied"), ("d5", "quarantined")],
        events=[
            Event(1, "call.new", "calls/1", "d1", b"1"),
            Event(2, "call.overdue", "calls/1", None, b"2"),
            Event(3, "call.completed", "calls/1", "d3", b"3"),
            Event(4, "new.message", "messages/d4", "d4", b"4"),
        ],
        head=4,
        records={1: ["call.new", "call.completed"]},
    )
    return history, stored, [(1, b"1"), (2, b"2"), (3, b"3"), (4, b"4")]


def test_a_history_without_violations_has_none():
    history, stored, seen = good()
    assert judge(history, stored, {"one": seen}).told == []
    # A follower may be behind, and may have seen more than was read of the log.
    assert judge(history, stored, {"one": seen[:2], "other": [*seen, (5, b"5")], "none": []}).total() == 0


def lose_a_row(history, stored, seen):
    del stored.deliveries["d2"]
    stored.outcomes.remove(("d2", "duplicate"))


def change_the_bytes(history, stored, seen):
    stored.deliveries["d1"] = b"done"
    history.attempts.append(attempt(b"done", UNKNOWN))


def lose_one_claimed_without_an_id(history, stored, seen):
    history.attempts.append(attempt(b"never"))


def store_what_nobody_sent(history, stored, seen):
    stored.deliveries["d9"] = b"new"
    stored.outcomes.append(("d9", "duplicate"))


def store_an_unanswered_one_twice(history, stored, seen):
    stored.deliveries["d9"] = b"done"
    stored.outcomes.append(("d9", "duplicate"))


def answer_two_with_one_id(history, stored, seen):
    history.attempts.append(attempt(b"new", delivery="d1"))


def leave_one_undecided(history, stored, seen):
    stored.outcomes.remove(("d2", "duplicate"))


def decide_one_twice(history, stored, seen):
    stored.outcomes.append(("d1", "duplicate"))


def decide_what_is_not_there(history, stored, seen):
    stored.outcomes.append(("d9", "duplicate"))


def apply_a_repeat(history, stored, seen):
    stored.outcomes[1] = ("d2", "applied")


def quarantine_what_was_answered_200(history, stored, seen):
    stored.outcomes[1] = ("d2", "quarantined")


def apply_a_fact_without_telling(history, stored, seen):
    stored.outcomes[2] = ("d3", "duplicate")


def tell_a_fact_twice(history, stored, seen):
    stored.events.append(Event(5, "call.new", "calls/1", "d2", b"5"))
    stored.head = 5


def tell_a_message_twice(history, stored, seen):
    stored.events.append(Event(5, "new.message", "messages/d4", "d4", b"5"))
    stored.head = 5


def tell_nothing_of_a_fact(history, stored, seen):
    stored.events[2] = Event(3, "call.updated", "calls/1", "d3", b"3")


def tell_of_what_was_not_said(history, stored, seen):
    stored.events[1] = Event(2, "call.missed", "calls/1", None, b"2")


def forget_a_fact_in_the_record(history, stored, seen):
    stored.records[1] = ["call.new"]


def lose_the_record(history, stored, seen):
    stored.records.clear()


def leave_a_hole(history, stored, seen):
    del stored.events[1]


def repeat_a_position(history, stored, seen):
    stored.events.append(Event(4, "call.overdue", "calls/1", None, b"5"))


def go_beyond_the_head(history, stored, seen):
    stored.head = 3


def end_before_the_head(history, stored, seen):
    stored.head = 5


def skip_at_a_follower(history, stored, seen):
    del seen[1]


def begin_late_at_a_follower(history, stored, seen):
    del seen[0]


def repeat_at_a_follower(history, stored, seen):
    seen.insert(2, seen[1])


def reorder_at_a_follower(history, stored, seen):
    seen[1], seen[2] = seen[2], seen[1]


def tell_a_follower_something_else(history, stored, seen):
    seen[3] = (4, b"other")


def tell_a_follower_what_was_rolled_back(history, stored, seen):
    seen.append((5, b"5"))
    stored.head = 5
    stored.events.append(Event(5, "call.overdue", "calls/1", None, b"another"))


PLANTED = [
    ("lost", [lose_a_row, change_the_bytes, lose_one_claimed_without_an_id]),
    ("undecided", [leave_one_undecided, decide_what_is_not_there, quarantine_what_was_answered_200]),
    (
        "doubled",
        [
            *(store_what_nobody_sent, store_an_unanswered_one_twice, answer_two_with_one_id, decide_one_twice),
            *(apply_a_repeat, tell_a_fact_twice, tell_a_message_twice),
        ],
    ),
    (
        "untold",
        [
            *(apply_a_fact_without_telling, tell_nothing_of_a_fact, tell_of_what_was_not_said),
            *(forget_a_fact_in_the_record, lose_the_record),
        ],
    ),
    (
        "holes",
        [
            *(leave_a_hole, repeat_a_position, go_beyond_the_head, end_before_the_head),
            *(skip_at_a_follower, begin_late_at_a_follower, repeat_at_a_follower, reorder_at_a_follower),
            *(tell_a_follower_something_else, tell_a_follower_what_was_rolled_back),
        ],
    ),
]


@pytest.mark.parametrize("kind, plant", [(kind, plant) for kind, plants in PLANTED for plant in plants], ids=lambda v: getattr(v, "__name__", v))
def test_each_violation_is_found_and_named(kind, plant):
    history, stored, seen = copy.deepcopy(good())
    plant(history, stored, seen)
    verdict = judge(history, stored, {"one": seen})
    assert getattr(verdict, kind) >= 1, verdict
    assert verdict.told


def test_a_moment_in_the_past_turns_later_answers_into_unknown_ones():
    ledger = Ledger()
    mark = ledger.knows(b"body", NEW)
    ledger.write(Attempt(mark, 2.0, ACKED, 200, "d1"))
    ledger.write(Attempt(mark, 5.0, ACKED, 200, "d2"))
    ledger.write(Attempt(mark, 7.0, ACKED, 200, "d3"))
    then = ledger.history(until=4.0)
    assert [a.outcome for a in then.attempts] == [ACKED, UNKNOWN, UNKNOWN]
    assert [a.outcome for a in ledger.history().attempts] == [ACKED] * 3


@pytest.mark.parametrize(("lost", "clean"), [(7, True), (0, False), (None, True)])
def test_a_series_whose_control_lost_nothing_is_not_clean(lost, clean):
    tally = Tally("power-loss")
    tally.take_control("a server that does not sync", lost)
    assert tally.clean() == clean
    assert "the control, a server that does not sync" in table([tally])
