"""Faults by name: `begin` breaks something in a world, `heal` puts it right as an operator or a supervisor would."""

import os
import random
import signal
import time

import psycopg2
from support.daemon import wait_until


class Fault:
    name = ""
    # Whether a sender may be refused, with a daemon that has a spool. Only where no daemon is hurt can it be promised not to.
    spares_senders = False
    lasts = (0.0, 0.3)  # seconds between begin and heal, at random

    def begin(self, world):
        raise NotImplementedError

    def heal(self, world):
        raise NotImplementedError


class DaemonKill(Fault):
    name = "daemon SIGKILL"

    def begin(self, world):
        self.victim = world.rng.choice(world.daemons)
        self.victim.kill()

    def heal(self, world):
        self.victim.start(ready=False)


class ClusterKill(Fault):
    name = "PostgreSQL SIGKILL"
    spares_senders = True

    def begin(self, world):
        world.cluster.kill()

    def heal(self, world):
        world.cluster.start()


class ImmediateStop(ClusterKill):
    name = "pg_ctl stop -m immediate"

    def begin(self, world):
        pid = int((world.cluster.directory / "data" / "postmaster.pid").read_text(encoding="ascii").split()[0])
        os.kill(pid, signal.SIGQUIT)  # which is what pg_ctl sends
        wait_until(lambda: not world.cluster.runs(), 30, "the end of the cluster")


class BackendKill(Fault):
    """One server process of those that serve the daemons: the postmaster ends all others and recovers by itself."""

    name = "one backend SIGKILL"
    spares_senders = True

    def begin(self, world):
        ask = (
            "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND (application_name LIKE 'callhook-%'"
            " OR backend_type IN ('walwriter', 'checkpointer', 'background writer')) ORDER BY backend_type, application_name, pid"
        )
        pids = []
        while not pids:
            pids = [pid for (pid,) in world.database.rows(ask)]
        self.witness = world.database.connect()
        os.kill(world.rng.choice(pids), signal.SIGKILL)

    def heal(self, world):
        wait_until(lambda: not answers(self.witness), 60, "the end of all backends")
        self.witness.close()
        wait_until(lambda: accepts_connections(world.database), 60, "the cluster's recovery")


class Both(Fault):
    name = "daemon and PostgreSQL SIGKILL"

    def begin(self, world):
        ends = [world.cluster.kill, *(daemon.kill for daemon in world.daemons)]
        world.rng.shuffle(ends)
        for end in ends:
            end()
            time.sleep(world.rng.uniform(0, 0.05))

    def heal(self, world):
        world.cluster.start()
        for daemon in world.daemons:
            daemon.start(ready=False)


class KillInOutage(Fault):
    """PostgreSQL is gone, deliveries go to the spool; the daemon is killed and starts again with no database there."""

    name = "daemon SIGKILL while PostgreSQL is away"

    def begin(self, world):
        world.cluster.kill()
        world.load.wait_for(50)
        for daemon in world.daemons:
            daemon.kill()
            daemon.start(ready=False)
        world.load.wait_for(50)

    def heal(self, world):
        world.cluster.start()
        if world.rng.random() < 0.5:  # in the middle of draining, perhaps
            time.sleep(world.rng.uniform(0, 1))
            world.daemons[0].kill()
            world.daemons[0].start(ready=False)


class Pause(Fault):
    """All of the server's processes are frozen for longer than every deadline: nothing fails, nothing answers."""

    name = "PostgreSQL SIGSTOP"
    spares_senders = True

    def __init__(self, seconds=(4.0, 5.0)):
        self.lasts = seconds

    def begin(self, world):
        world.cluster.pause()

    def heal(self, world):
        world.cluster.resume()


class Cut(Fault):
    """The proxy between them breaks every connection, in the middle of what goes on, and refuses new ones until healed."""

    name = "connections cut"
    spares_senders = True
    lasts = (0.0, 1.0)

    def begin(self, world):
        world.proxy.refuse()
        world.proxy.break_all(reset=world.rng.random() < 0.5)

    def heal(self, world):
        world.proxy.accept()


def answers(connection):
    try:
        connection.cursor().execute("SELECT 1")
        return True
    except psycopg2.Error:
        return False


def accepts_connections(database):
    try:
        return database.value("SELECT 1") == 1
    except psycopg2.Error:
        return False


def seeded(name):
    """The generator of a rig: seed by CALLHOOK_CHAOS_SEED, printed with the test so that a run can be repeated."""
    seed = int(os.environ.get("CALLHOOK_CHAOS_SEED") or random.SystemRandom().randrange(1, 1_000_000))
    print(f"\nchaos: {name}: CALLHOOK_CHAOS_SEED={seed}")
    return seed
