"""Disks fill up under load. Nothing is acknowledged that is not stored, and when there is room again nobody has to help."""

import pytest
from rig.disks import PADDING, SPOOL, SPOOL_SIZE, DataFull, SpoolFull, WalFull, on_small_disks
from rig.faults import seeded
from rig.machine import Ballast, needed, no_tmpfs, tmpfs
from rig.world import assert_clean


@pytest.fixture
def small_disks(directory):
    needed(no_tmpfs)
    with on_small_disks(directory / "small") as cluster:
        yield cluster


@pytest.mark.parametrize("kind", [DataFull, WalFull])
def test_postgresql_has_no_room(world, small_disks, kind):
    with world(small_disks, seeded(kind.name)) as one:
        for _ in range(2):
            assert_clean(one.round(kind(), acks=400), one.daemons)
        print(f"{one.ledger.acked} acknowledged, refused {one.ledger.refused}")


def test_the_spool_has_no_room_while_postgresql_is_away(world, postgres, directory):
    needed(no_tmpfs)
    with tmpfs(directory / "spool", SPOOL_SIZE) as disk:
        settings = {"spool": {**SPOOL, "directory": str(disk / "spool")}}
        with world(postgres, seeded(SpoolFull.name), settings=settings, padding=PADDING) as one:
            assert_clean(one.round(SpoolFull(Ballast(disk)), acks=200), one.daemons)
            print(f"{one.ledger.acked} acknowledged, refused {one.ledger.refused}")
