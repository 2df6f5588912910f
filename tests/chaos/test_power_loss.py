"""The power fails under load: what was acknowledged before that moment is there after the recovery, and no reader was told what
is not. The control is a server whose disk does not sync."""

import pytest
from rig.faults import seeded
from rig.machine import needed
from rig.power import PoweredDisk, no_power_loss
from rig.power_rig import PowerRig, not_syncing
from rig.world import assert_clean


@pytest.fixture
def disk(directory):
    needed(no_power_loss)
    with PoweredDisk(directory / "powered") as made:
        yield made


def test_power_losses_lose_nothing_that_was_acknowledged(binary, directory, disk):
    with PowerRig(binary, directory, disk, seeded("power loss"), posters=8) as rig:
        for frozen in (0.0, 4.0, 0.0):  # the second time deliveries are in the spool
            assert_clean(rig.lose_power(stopped_database=frozen), rig.world.daemons)
        assert rig.spooled > 0
        print(f"{rig.acked} acknowledged before {rig.recoveries} losses")
        assert rig.acked >= 600


def test_the_control_a_server_that_does_not_sync_loses_something(binary, directory, disk):
    environment = not_syncing()
    if not environment:
        pytest.skip("the package libeatmydata1 is not installed")
    with PowerRig(binary, directory, disk, seeded("power loss without syncing"), environment=environment) as rig:
        assert rig.lose_power().lost > 0
