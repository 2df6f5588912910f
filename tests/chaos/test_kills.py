"""SIGKILL under load, of the daemon, of PostgreSQL, of one of its backends, of both: what was acknowledged is applied exactly
once, the ledger balances, and the feed goes on without a hole and without a repeat."""

import pytest
from rig.faults import BackendKill, Both, ClusterKill, DaemonKill, ImmediateStop, KillInOutage, Pause, seeded
from rig.world import assert_clean

ROUNDS = [(DaemonKill, 5), (ClusterKill, 2), (ImmediateStop, 1), (BackendKill, 4), (Both, 2), (KillInOutage, 2)]


@pytest.mark.parametrize("kind, rounds", ROUNDS, ids=[kind.__name__ for kind, _ in ROUNDS])
def test_kills_lose_nothing_and_tell_nothing_twice(world, postgres, kind, rounds):
    with world(postgres, seeded(kind.name)) as one:
        for _ in range(rounds):
            assert_clean(one.round(kind()), one.daemons)
        assert one.ledger.acked >= 100 * rounds
        assert all(daemon.stop() == 0 for daemon in one.daemons)


def test_two_daemons_and_either_is_killed(world, postgres):
    with world(postgres, seeded("two daemons, either SIGKILL"), daemons=2, posters=6) as one:
        for _ in range(4):
            assert_clean(one.round(DaemonKill()), one.daemons)


def test_a_database_that_is_frozen_for_longer_than_every_deadline(world, postgres):
    with world(postgres, seeded(Pause.name)) as one:
        assert_clean(one.round(Pause(), acks=200), one.daemons)
