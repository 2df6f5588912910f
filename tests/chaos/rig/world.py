"""Everything that a rig breaks: a database, the daemons on it, senders, and a follower of the feed at each daemon."""

import contextlib
import pathlib
import random
import time

from rig import stored
from rig.checker import judge
from rig.ledger import Ledger
from rig.load import Load
from support.daemon import PATIENCE, Daemon, wait_until
from support.feed import position
from support.followers import Batches
from support.metrics import metric
from support.ports import free_port

# Deadlines short enough that a rig can outlast every one of them, long enough that a busy machine does not.
QUICK = {
    "log": {"level": "info"},
    "hooks": {"answer_timeout": "3s"},
    "database": {"connect_timeout": "2s", "statement_timeout": "3s"},
}


class Violation(AssertionError):
    pass


class World:
    """Use as a context. `url` is where the daemons find the database, where that is not its own socket."""

    def __init__(self, binary, directory, cluster, seed, daemons=1, settings=None, posters=4, padding=0, url=None, environment=None):
        self.binary = binary
        self.directory = pathlib.Path(directory)
        self.cluster = cluster
        self.rng = random.Random(f"world {seed}")
        self.seed = seed
        self.settings = {name: {**QUICK.get(name, {}), **(settings or {}).get(name, {})} for name in {*QUICK, *(settings or {})}}
        self.posters, self.padding = posters, padding
        self.url = url
        self.environment = environment
        self.ledger = Ledger()
        self.daemons = [None] * daemons
        self.followers = []
        self.database = self.load = self.proxy = None
        self.rounds = 0
        self.longest_recovery = 0.0
        self.cleanup = contextlib.ExitStack()

    # Making it, ending it ---------------------------------------------------------------------------------------------

    def __enter__(self):
        try:
            self._make()
        except BaseException:
            self.cleanup.close()
            raise
        return self

    def _make(self):
        wait_until(self.cluster.answers, 60, "the cluster's recovery")
        self.database = self.cluster.create()
        reached = self.database
        if self.url is not None:
            reached = type(self.database)(self.cluster, self.database.name)
            reached.url = self.url(self.database.name) if callable(self.url) else self.url
        self.daemons = [self.make_daemon(reached, number) for number in range(len(self.daemons))]
        code, _, err = self.daemons[0].run("migrate")
        assert code == 0, err
        for daemon in self.daemons:
            self.cleanup.callback(end, daemon)
            daemon.start()
        self.load = Load(self.daemons, self.ledger, self.seed, self.posters, padding=self.padding).start()
        self.cleanup.callback(self.load.stop)
        for daemon in self.daemons:
            self.followers.append(Batches(daemon.api_port).start())
            self.cleanup.callback(self.followers[-1].stop)

    def make_daemon(self, database, number):
        ports = {"hooks": {"port": free_port(self.rng)}, "api": {"port": free_port(self.rng)}}
        settings = {name: {**self.settings.get(name, {}), **ports.get(name, {})} for name in {*self.settings, *ports}}
        return Daemon(self.binary, self.directory / f"daemon{number}", database, settings, environment=self.environment)

    def recovered(self, database, spool, directory):
        """A daemon as the first one is, on a copy of what it had."""
        settings = {**self.make_daemon(database, 0).settings, "spool": {"directory": str(spool)}}
        return Daemon(self.binary, directory, database, settings, environment=self.environment)

    def __exit__(self, kind, fault, trace):
        self.cleanup.close()
        if kind is None:
            self.cluster.drop(self.database.name)

    # Breaking it ------------------------------------------------------------------------------------------------------

    def round(self, fault, acks=100, settle=True):
        """Under load: the fault, its healing, and then everything is judged. Returns what was found; raises nothing for it."""
        self.load.wait_for(acks // 2)
        time.sleep(self.rng.uniform(0, 0.2))
        refused = self.ledger.refusals()
        fault.begin(self)
        time.sleep(self.rng.uniform(*fault.lasts))
        fault.heal(self)
        healed = time.monotonic()
        self.wait_until_ready()
        self.longest_recovery = max(self.longest_recovery, time.monotonic() - healed)
        self.load.wait_for(acks - acks // 2)
        self.rounds += 1
        verdict = self.check() if settle else None
        refused = self.ledger.refusals() - refused
        if verdict is not None and fault.spares_senders and self.has_spool():
            verdict.add("refused", refused, f"{refused} senders were refused, with a spool at hand")
        return verdict

    def has_spool(self):
        return any(self.spooled(daemon) is not None for daemon in self.daemons)

    @staticmethod
    def spooled(daemon):
        """How many deliveries wait in a daemon's spool; None where it has none."""
        return metric(daemon, "callhook_spool_deliveries")

    def wait_until_ready(self):
        for daemon in self.daemons:
            try:
                wait_until(daemon.is_ready, 60, "readiness")
            except AssertionError as late:
                raise Violation(f"{late}: {daemon.api('/readyz?verbose').text}\n{daemon.log_text()[-4000:]}") from late

    # Judging it -------------------------------------------------------------------------------------------------------

    def check(self, history=None):
        """Stops the senders for as long as it takes to judge."""
        self.load.pause()
        try:
            self.settle()
            seen = {f"follower {number}": self.seen_by(follower) for number, follower in enumerate(self.followers)}
            read = stored.read(self.database)
            verdict = judge(history or self.ledger.history(), read, seen)
            for follower in self.followers:
                self.caught_up(verdict, follower, read)
            code, report = self.daemons[0].audit()
            verdict.add("undecided", code != 0, f"the audit does not balance: {report}")
        finally:
            self.load.resume()
        return verdict

    def settle(self, patience=60.0):
        """Until the spool is empty, nothing is pending and all that was acknowledged is decided. What piled up may take a while
        on a slow machine; only a pile that does not shrink is a fault."""
        least, since = None, time.monotonic()
        while left := self.waiting():
            if least is None or left < least:
                least, since = left, time.monotonic()
            if time.monotonic() - since > patience * PATIENCE:
                raise Violation(f"{left} deliveries wait, and for {patience * PATIENCE:.0f} s it has not become fewer")
            time.sleep(0.05)

    def waiting(self):
        """How many deliveries are in a spool or pending."""
        pending = self.database.value("SELECT coalesce(sum(deliveries), 0)::bigint FROM callhook.pending")
        return pending + sum(self.spooled(daemon) or 0 for daemon in self.daemons)

    @staticmethod
    def seen_by(follower):
        assert follower.fault is None, f"{follower.name}: {follower.fault!r}"
        return [(position(event_id), digest) for event_id, digest, _ in list(follower.seen)]

    def caught_up(self, verdict, follower, read):
        """What was in the log when it was read must come to whoever follows."""
        try:
            wait_until(lambda: not read.head or (follower.seen and position(follower.last) >= read.head), 30, "the follower")
        except AssertionError:
            behind = read.head - (position(follower.last) if follower.seen else 0)
            verdict.add("holes", behind, f"a follower is stuck {behind} events before the end; {follower.fault!r}")


def end(daemon):
    if daemon.running():
        daemon.kill()


def assert_clean(verdict, daemons=()):
    if verdict.total():
        logs = "\n".join(daemon.log_text()[-2000:] for daemon in daemons)
        raise Violation("\n".join([f"{verdict.total()} violations", *verdict.told, logs]))
