"""Disks that fill up: under PostgreSQL's data, under its WAL, under the spool."""

import contextlib
import os
import shutil
import time

import psycopg2
from rig.faults import Fault, accepts_connections
from rig.machine import Ballast, tmpfs
from support.cluster import Cluster
from support.daemon import wait_until

DATA_SIZE = 600  # MiB: a new cluster takes 40, and each delivery 4 KiB of what the senders of a fast machine must not fill by themselves
WAL_SIZE = 500  # the same: while checkpoints fail, nothing of it is recycled
WAL_OPTIONS = ("min_wal_size=32MB", "max_wal_size=64MB")


@contextlib.contextmanager
def on_small_disks(directory):
    """A cluster whose data and whose WAL are each on a file system of their own, with a ballast for each."""
    directory.mkdir(parents=True)
    directory.chmod(0o755)
    with tmpfs(directory / "disk", DATA_SIZE) as disk, tmpfs(directory / "wal", WAL_SIZE) as wal:
        cluster = Cluster(disk / "postgres", options=WAL_OPTIONS)
        cluster.start()
        try:
            cluster.stop()
            move_wal(cluster, wal)
            cluster.start()
            cluster.data_ballast, cluster.wal_ballast = Ballast(disk), Ballast(wal)
            yield cluster
        finally:
            with contextlib.suppress(RuntimeError):
                cluster.kill()


def move_wal(cluster, wal):
    here, there = cluster.directory / "data" / "pg_wal", wal / "pg_wal"
    owner = here.stat()
    shutil.copytree(here, there)
    shutil.rmtree(here)
    here.symlink_to(there)
    for path in (there, *there.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid)
    there.chmod(0o700)
    os.chown(here, owner.st_uid, owner.st_gid, follow_symlinks=False)


class DataFull(Fault):
    """Statements that need room fail; the server lives on."""

    name = "disk full under PostgreSQL's data"
    spares_senders = True
    lasts = (2.0, 3.0)

    def begin(self, world):
        world.cluster.data_ballast.fill()

    def heal(self, world):
        world.cluster.data_ballast.drop()
        # The WAL has grown while no checkpoint could end; a server that had no room for it either is started again.
        wait_until(lambda: started(world) and checkpointed(world), 60, "a checkpoint")


class WalFull(Fault):
    """The server panics at the next segment, and may not come up again before there is room."""

    name = "disk full under PostgreSQL's WAL"
    spares_senders = True

    def begin(self, world):
        world.cluster.wal_ballast.fill()
        until = time.monotonic() + 30
        while accepts_connections(world.database) and time.monotonic() < until:
            with contextlib.suppress(psycopg2.Error):
                world.database.execute("SELECT pg_switch_wal()")
            time.sleep(0.05)
        assert not accepts_connections(world.database), "PostgreSQL lives on without room for its WAL"

    def heal(self, world):
        world.cluster.wal_ballast.drop()
        # What a supervisor does. A server that recovers by itself is left alone.
        wait_until(lambda: started(world), 60, "the cluster's recovery")


def started(world):
    if not world.cluster.runs():
        with contextlib.suppress(RuntimeError):
            world.cluster.start()
    return accepts_connections(world.database)


def checkpointed(world):
    with contextlib.suppress(psycopg2.Error):
        world.database.execute("CHECKPOINT")
        return True
    return False


SPOOL_SIZE = 64  # MiB
SPOOL_ROOM = 12 << 20  # what the ballast leaves at first: the spool keeps a reserve, and does not begin without room
PADDING = 32 << 10  # large bodies fill it soon, and few of them drain soon
SPOOL = {"keep_free": 0}


class SpoolFull(Fault):
    """PostgreSQL is gone, and the disk under the spool fills up: senders are told 503, and none of them 200 without reason."""

    name = "disk full under the spool while PostgreSQL is away"
    lasts = (0.5, 1.0)

    def __init__(self, ballast):
        self.ballast = ballast

    def begin(self, world):
        self.ballast.fill(leave=SPOOL_ROOM)
        world.cluster.kill()
        world.load.wait_for(20)
        refused = world.ledger.refusals()
        wait_until(lambda: world.ledger.refusals() > refused + 10, 60, "refusals")

    def heal(self, world):
        taken = world.ledger.acked
        self.ballast.drop()
        # There is room again: the spool takes them, still without PostgreSQL, and may be full a moment later.
        wait_until(lambda: world.ledger.acked > taken + 20, 60, "room in the spool")
        world.cluster.start()
