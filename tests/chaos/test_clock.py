"""The daemon's wall clock is stepped back and forth under load. Deadlines and intervals rest on the monotonic clock, order on none."""

import pytest
from rig.clocks import ClockStep, SteppedClock
from rig.faults import seeded
from rig.machine import Unavailable
from rig.world import assert_clean
from support.daemon import SANITIZER

STEPS = (-3600, 7200, -3600, 7200)


@pytest.fixture
def clock(tmp_path):
    if SANITIZER:
        pytest.skip("a sanitizer's runtime must be the first library loaded")
    try:
        return SteppedClock(tmp_path / "clock")
    except Unavailable as reason:
        pytest.skip(str(reason))


def test_the_rig_steps_the_wall_clock_alone(clock):
    wall, monotonic = clock.measured(7200)
    assert 7200 <= wall < 7260
    assert 0 <= monotonic < 60
    wall, monotonic = clock.measured(-3600)
    assert -3600 <= wall < -3540
    assert 0 <= monotonic < 60


def test_the_clock_is_stepped_under_load(world, postgres, clock):
    with world(postgres, seeded("clock stepped"), environment=clock.environment) as one:
        for seconds in STEPS:
            assert_clean(one.round(ClockStep(clock, seconds), acks=200), one.daemons)
        assert one.ledger.refusals() == 0, one.ledger.refused
        assert all(daemon.stop() == 0 for daemon in one.daemons)
