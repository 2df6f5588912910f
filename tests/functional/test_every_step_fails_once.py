"""Every step from accepting a connection to telling a receiver fails once: the nth call of each kind and name, for n = 1..N,
and the ledger balances after each. What there is to fail is not listed here but counted in a round in which nothing fails.

The short form takes a sample, always the same (FAULTS_SEED makes another); CALLHOOK_TEST_LONG=1 takes every call of every name in each
way in which it can fail; FAULTS_NAMES='inbox/*' takes those names alone.
"""

import time

import pytest
from support.daemon import wait_until
from support.fault_steps import LONG, NAMES, STATEMENT, Step, Tally, counted, difference, first_calls, one_round, steps_of, ways
from support.fault_world import ENDS, World

# What durability, order and the answer hang on is in every short form, in each way.
CORE = {f"inbox/{call}" for call in ("BEGIN", "COPY deliveries", "copy end", "insert_pending", "COMMIT")} | {
    f"sequencer/{call}" for call in ("lock_head", "delete_pending", "COPY outcomes", "COPY events", "write_head", "COMMIT")
}


@pytest.fixture
def world(make_daemon, database, tmp_path):
    made = World(make_daemon, database, tmp_path)
    yield made
    made.close()


def test_a_commit_that_fails_or_is_in_doubt(world):
    """The heart of it, and quick."""
    world.daemon.start()
    world.settle()
    tally = Tally("commits")
    for who in ("inbox", "sequencer"):
        for way in STATEMENT[:3]:
            one_round(world, Step(f"{who}/COMMIT", 1, *way), tally)
    assert not tally.missed
    assert world.daemon.stop() == 0


def test_each_call_of_a_round_fails(world, capsys):
    world.daemon.start()
    world.settle()
    tally, counts = Tally("a round"), counted(world)
    assert CORE <= counts.keys()
    for step in steps_of(counts, 95, CORE):
        one_round(world, step, tally)
    assert NAMES != "*" or CORE <= tally.names.keys()
    assert world.daemon.stop() == 0
    tally.tell(capsys, counts)


def test_each_call_fails_while_every_connection_is_made_anew(world, capsys):
    """Connecting, session settings, prepared statements and the lead: what a round with open connections does not need. In the long
    form also the first call of each other name."""
    world.daemon.start()
    world.settle()
    usual = counted(world)
    counts = counted(world, world.cut_sessions)
    new = {name: n for name, n in counts.items() if name not in usual}
    assert any("prepare" in name for name in new) and "inbox/connect" in new
    tally = Tally("a round with new connections")
    # All calls of the others have failed above; of them the first on a new connection.
    for step in steps_of(new, 40) + (first_calls(usual) if LONG else []):
        one_round(world, step, tally, world.cut_sessions)
    assert world.daemon.stop() == 0
    tally.tell(capsys, counts)


def started(world, step):
    """Starts the daemon with a failure under way; where it may not start, it must say so, and start without."""
    try:
        world.daemon.start(ready=False)
        if step.many:
            time.sleep(0.5)
            world.faults.disarm()
        wait_until(lambda: world.quietly(world.daemon.is_ready), 20, "readiness")
        return True
    except AssertionError:
        said = world.daemon.log_text(world.daemon.starts_at)
        assert world.daemon.process.poll() in ENDS and "broken invariant" not in said, said
        world.faults.disarm()
        world.daemon.start()
        return False


def one_start(world, step, tally):
    def start():
        if not started(world, step):
            tally.ended.append(step)

    assert world.daemon.stop() == 0
    one_round(world, step, tally, start)


def starts(world, choose, capsys, what):
    world.daemon.start()
    world.settle()
    counts = difference(world.faults.counts(), {})
    tally = Tally(what)
    for step in choose(counts):
        one_start(world, step, tally)
    assert world.daemon.stop() == 0
    tally.tell(capsys, counts)


def test_each_call_of_a_start_fails(world, capsys):
    """The daemon starts all the same, or ends with a documented code and starts the next time."""
    starts(world, lambda counts: steps_of(counts, 20), capsys, "a start")


@pytest.mark.parametrize("name", ("thread/create", "ca.pem/open", "loop/epoll_add"))
def test_each_of_a_start_fails(world, name, capsys):
    """A thread: those that were made before it end. A file of authorities: no receiver is left that would never be believed. A
    descriptor that the loop would not hear of: signals are heard, or there is no start."""
    starts(world, lambda counts: [Step(name, nth, *way) for nth in range(1, counts[name] + 1) for way in ways(name)], capsys, name)
