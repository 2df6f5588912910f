"""A world on a disk whose power is cut again and again, and what is left of it each time."""

import contextlib
import pathlib
import shutil
import time

from rig import stored
from rig.checker import Verdict, judge
from rig.machine import run
from rig.world import World, end
from support.cluster import Cluster, Database
from support.daemon import wait_until
from support.metrics import metric


def not_syncing():
    """The environment of a PostgreSQL that believes it has synced and has not; None where libeatmydata1 is not installed. It must
    lose something, or a copy of the disk holds what was never synced and the rig shows nothing."""
    for name in ("libeatmydata.so.1", "libeatmydata.so"):
        for library in pathlib.Path("/usr/lib").glob(f"*/{name}"):
            return {"LD_PRELOAD": str(library)}
    return None


class PowerRig:
    """`environment` is PostgreSQL's: a control makes it lose what it promised to keep."""

    def __init__(self, binary, directory, disk, seed, environment=None, settings=None, posters=4):
        self.disk = disk
        self.directory = directory
        self.environment = environment
        self.cluster = Cluster(disk.mount / "postgres", environment=environment)
        settings = {**(settings or {}), "spool": {"directory": str(disk.mount / "spool")}}
        self.world = World(binary, directory / "world", self.cluster, seed, settings=settings, posters=posters)
        self.acked = self.recoveries = self.spooled = 0
        self.cleanup = contextlib.ExitStack()

    def __enter__(self):
        self.cluster.start()
        self.cleanup.callback(self._kill)
        self.cleanup.enter_context(self.world)
        # What initdb and the scripts wrote is not the daemon's to sync.
        run("sync", "--file-system", self.disk.mount)
        return self

    def __exit__(self, *fault):
        self.cleanup.__exit__(*fault)

    def _kill(self):
        with contextlib.suppress(RuntimeError):
            self.cluster.kill()

    def lose_power(self, acks=200, stopped_database=0.0):
        """Under load: the copy, its recovery, and what is there then against what was acknowledged by the moment of the copy.
        For `stopped_database` seconds before it PostgreSQL is frozen, so that the spool takes what comes."""
        world = self.world
        world.load.wait_for(acks)
        if stopped_database:
            self.cluster.pause()
        try:
            time.sleep(stopped_database + world.rng.uniform(0, 0.3))
            seen = [world.seen_by(follower) for follower in world.followers]
            moment, copy = self.disk.cut()
        finally:
            if stopped_database:
                self.cluster.resume()
        # An answer may be read a little before it is written down.
        time.sleep(0.1)
        history = world.ledger.history(until=moment)
        world.load.pause()
        try:
            with self.disk.after_power_loss(copy) as where:
                return self._judge(where, history, seen)
        finally:
            world.load.resume()

    def _judge(self, where, history, seen):
        cluster = Cluster(where / "postgres")
        cluster.directory.joinpath("data", "postmaster.pid").unlink(missing_ok=True)  # of a server of another life
        shutil.rmtree(cluster.directory / "socket", ignore_errors=True)
        self.acked += history.acked()
        verdict = Verdict()
        try:
            cluster.start()
        except RuntimeError as reason:
            verdict.add("lost", history.acked(), f"PostgreSQL does not recover: {str(reason)[:300]}")
            return verdict
        daemon = None
        try:
            database = Database(cluster, self.world.database.name)
            daemon = self.world.recovered(database, where / "spool", self.directory / f"recovered{self.recoveries}")
            try:
                daemon.start()
                wait_until(lambda: not self.world.spooled(daemon) and stored.settled(database, ()), 60, "the recovered inbox")
            except AssertionError as reason:
                verdict.add("lost", history.acked(), f"the daemon does not recover: {str(reason)[:300]}")
                return verdict
            self.spooled += metric(daemon, "callhook_spool_replayed_total") or 0
            read = stored.read(database)
            verdict = judge(history, read, {f"follower {n}": s for n, s in enumerate(seen)})
            behind = max((s[-1][0] for s in seen if s), default=0) - read.head
            verdict.add("holes", max(behind, 0), f"{behind} events that a follower has seen are gone")
            code, report = daemon.audit()
            verdict.add("undecided", code != 0, f"the audit does not balance: {report}")
            self.recoveries += 1
            return verdict
        finally:
            if daemon:
                end(daemon)
            with contextlib.suppress(RuntimeError):
                cluster.kill()
            shutil.rmtree(self.directory / f"recovered{self.recoveries}", ignore_errors=True)
