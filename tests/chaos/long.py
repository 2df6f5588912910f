"""The long form of the fault tests: series of one fault after the other, and a tally of them. scripts/chaos calls it."""

import argparse
import contextlib
import os
import pathlib
import random
import shutil
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
for folder in ("tests/simulator", "tests/functional", "tests/chaos"):
    sys.path.insert(0, str(ROOT / folder))

# pylint: disable=wrong-import-position
from rig.clocks import ClockStep, SteppedClock  # noqa: E402
from rig.disks import DataFull, WalFull, on_small_disks  # noqa: E402
from rig.faults import BackendKill, Both, ClusterKill, Cut, DaemonKill, Pause  # noqa: E402
from rig.machine import Network, no_network, no_tmpfs  # noqa: E402
from rig.network import NetworkCut, far_cluster  # noqa: E402
from rig.power import PoweredDisk, no_power_loss  # noqa: E402
from rig.power_rig import PowerRig, not_syncing  # noqa: E402
from rig.proxy import Proxy, socket_of  # noqa: E402
from rig.tally import Progress, Tally, as_json, table  # noqa: E402
from rig.world import World  # noqa: E402
from support.cluster import Cluster  # noqa: E402

ROUNDS_IN_A_WORLD = 20  # then a new database: judging takes as long as there is data
STEPS = (-3600, 7200)


class Series:
    """Rounds of one rig until there are enough, or no time is left."""

    def __init__(self, options, name, rounds):
        self.options, self.name, self.rounds = options, name, rounds
        self.tally = Tally(name)

    def over(self):
        return self.tally.rounds >= self.rounds or time.monotonic() > self.options.deadline

    def run(self, make_rounds):
        """`make_rounds(directory, seed)` is a context that gives (a function that does one round, the world's ledger)."""
        begun = time.monotonic()
        while not self.over():
            seed = self.options.rng.randrange(1, 1_000_000)
            with scratch() as directory, make_rounds(directory, seed) as (one_round, ledger):
                for _ in range(ROUNDS_IN_A_WORLD):
                    if self.over():
                        break
                    verdict = one_round()
                    self.tally.verdict.merge(verdict)
                    self.tally.rounds += 1
                    self.options.progress.show(self.tally, self.rounds, ledger.acked)
                    if verdict.total():
                        print(f"\n{self.name}: seed {seed}, round {self.tally.rounds}: {verdict}", file=sys.stderr)
                self.tally.count(ledger)
                self.tally.seconds = time.monotonic() - begun
        self.options.progress.end()
        return self.tally


@contextlib.contextmanager
def scratch():
    directory = pathlib.Path(tempfile.mkdtemp(prefix="callhook-chaos-"))
    directory.chmod(0o755)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def a_cluster(directory):
    cluster = Cluster(directory / "postgres")
    cluster.start()
    try:
        yield cluster
    finally:
        with contextlib.suppress(RuntimeError):
            cluster.kill()


def faults_in(binary, kinds, acks=200, **how):
    """A world on a cluster of its own, with one of these faults after the other."""

    @contextlib.contextmanager
    def make(directory, seed):
        with a_cluster(directory) as cluster, World(binary, directory / "world", cluster, seed, **how) as world:
            yield (lambda: world.round(kinds[world.rounds % len(kinds)](), acks)), world.ledger

    return make


def through_a_proxy(binary):
    @contextlib.contextmanager
    def make(directory, seed):
        with a_cluster(directory) as cluster:
            proxy = Proxy(socket_of(cluster))
            try:
                with World(binary, directory / "world", cluster, seed, url=proxy.url) as world:
                    world.proxy = proxy
                    yield (lambda: world.round(Cut(), 200)), world.ledger
            finally:
                proxy.stop()

    return make


def on_full_disks(binary):
    @contextlib.contextmanager
    def make(directory, seed):
        with on_small_disks(directory / "small") as cluster, World(binary, directory / "world", cluster, seed) as world:
            yield (lambda: world.round((DataFull, WalFull)[world.rounds % 2](), 200)), world.ledger

    return make


def over_a_network(binary):
    @contextlib.contextmanager
    def make(directory, seed):
        with Network() as network, far_cluster(network, directory / "far") as (cluster, url):
            with World(binary, directory / "world", cluster, seed, url=url) as world:
                cuts = [("drop", (0.5, 6.0)), ("reject", (0.2, 2.0))]
                yield (lambda: world.round(NetworkCut(network, *cuts[world.rounds % 2]), 200)), world.ledger

    return make


def with_a_stepped_clock(binary):
    @contextlib.contextmanager
    def make(directory, seed):
        clock = SteppedClock(directory / "clock")
        with a_cluster(directory) as cluster, World(binary, directory / "world", cluster, seed, environment=clock.environment) as world:
            yield (lambda: world.round(ClockStep(clock, STEPS[world.rounds % 2]), 200)), world.ledger

    return make


def with_power_lost(binary):
    @contextlib.contextmanager
    def make(directory, seed):
        with PoweredDisk(directory / "powered") as disk, PowerRig(binary, directory, disk, seed, posters=8) as rig:
            spool = rig.world.has_spool()

            def one_round():
                # With a spool every other loss meets deliveries in it.
                frozen = 4.0 if spool and rig.recoveries % 2 else 0.0
                return rig.lose_power(acks=500, stopped_database=frozen)

            yield one_round, rig.world.ledger

    return make


def control_of_power_loss(options):
    """What a server that does not sync loses of what was acknowledged; None where it cannot be had."""
    if not (environment := not_syncing()):
        return None
    seed = options.rng.randrange(1, 1_000_000)
    with scratch() as directory, PoweredDisk(directory / "powered") as disk:
        with PowerRig(options.binary, directory, disk, seed, environment=environment, posters=8) as rig:
            return rig.lose_power(acks=500).lost


def rigs(options):
    """name -> (rounds in the long form, why it cannot be had here, rounds' maker)"""
    binary = options.binary
    has = lambda: ""  # noqa: E731
    return {
        "daemon-kill": (options.kills, has, faults_in(binary, [DaemonKill])),
        "pair-kill": (options.pair_kills, has, faults_in(binary, [DaemonKill], daemons=2, posters=6)),
        "database-kill": (options.database_kills, has, faults_in(binary, [ClusterKill])),
        "backend-kill": (options.backend_kills, has, faults_in(binary, [BackendKill])),
        "both-kill": (options.both_kills, has, faults_in(binary, [Both])),
        "freeze": (options.freezes, has, faults_in(binary, [Pause])),
        "cut": (options.cuts, has, through_a_proxy(binary)),
        "disk-full": (options.full_disks, no_tmpfs, on_full_disks(binary)),
        "network-cut": (options.network_cuts, no_network, over_a_network(binary)),
        "clock-step": (options.clock_steps, has, with_a_stepped_clock(binary)),
        "power-loss": (options.power_losses, no_power_loss, with_power_lost(binary)),
    }


ROUNDS = [
    ("--kills", 500, "SIGKILL of the daemon"),
    ("--pair-kills", 100, "SIGKILL of either of two daemons"),
    ("--database-kills", 200, "SIGKILL of PostgreSQL, all of it"),
    ("--backend-kills", 200, "SIGKILL of one backend"),
    ("--both-kills", 50, "SIGKILL of both"),
    ("--freezes", 20, "PostgreSQL frozen for longer than every deadline"),
    ("--cuts", 100, "connections cut by a proxy"),
    ("--full-disks", 20, "disk full under PostgreSQL"),
    ("--network-cuts", 40, "network cut"),
    ("--clock-steps", 20, "clock stepped"),
    ("--power-losses", 30, "power lost"),
]


def arguments(given):
    parser = argparse.ArgumentParser(prog="scripts/chaos", description="Fault tests, the long form, with a tally. Ends non-zero on any violation.")
    parser.add_argument("--long", action="store_true", help="everything, as often as is told below")
    for name, rounds, what in ROUNDS:
        parser.add_argument(name, type=int, metavar="N", help=f"{what} (--long: {rounds})")
    parser.add_argument("--only", metavar="RIG", help="one rig: daemon-kill, database-kill, power-loss, ...; with --rounds")
    parser.add_argument("--rounds", type=int, metavar="N", help="of the rig that --only names (default: as in --long)")
    parser.add_argument("--minutes", type=float, metavar="M", help="begin no round after so long")
    parser.add_argument("--seed", type=int, help="of the load and of what is broken when; printed")
    parser.add_argument("--json", metavar="FILE", help="where the tally is written as JSON; with --append after those that are there")
    parser.add_argument("--append", action="store_true", help="one JSON object a line, added to the file")
    options = parser.parse_args(given)
    asked = {name.strip("-").replace("-", "_"): rounds for name, rounds, _ in ROUNDS}
    if not options.long and not options.only and not any(getattr(options, name) for name in asked):
        parser.error("say --long, or which faults and how often")
    for name, rounds in asked.items():
        if getattr(options, name) is None:
            setattr(options, name, rounds if options.long or options.only else 0)
    options.binary = pathlib.Path(os.environ.get("CALLHOOKD", ROOT / "build" / "release" / "daemon" / "callhookd")).resolve()
    if not options.binary.exists():
        parser.error(f"{options.binary} is missing; build it, or name another by CALLHOOKD")
    options.seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1, 1_000_000)
    options.rng = random.Random(options.seed)
    options.deadline = time.monotonic() + (options.minutes * 60 if options.minutes else float("inf"))
    options.progress = Progress()
    return options, parser


def main(given=None):
    options, parser = arguments(given)
    all_rigs = rigs(options)
    if options.only:
        if options.only not in all_rigs:
            parser.error(f"there is no rig {options.only}; there are {', '.join(all_rigs)}")
        rounds, why, make = all_rigs[options.only]
        all_rigs = {options.only: (options.rounds or rounds, why, make)}
    print(f"chaos: seed {options.seed}, {options.binary}", flush=True)
    tallies, skipped = [], []
    for name, (rounds, why, make) in all_rigs.items():
        if not rounds:
            continue
        if reason := why():
            skipped.append(f"{name}: not here, {reason}")
            continue
        tallies.append(Series(options, name, rounds).run(make))
        if name == "power-loss":
            tallies[-1].take_control("a server that does not sync", control_of_power_loss(options))
    print(table(tallies) if tallies else "nothing was done")
    for reason in skipped:
        print(reason)
    if options.json:
        write_json(options, tallies)
    short = [t.rig for t in tallies if t.rounds == 0]
    return 1 if short or not tallies or not all(t.clean() for t in tallies) else 0


def write_json(options, tallies):
    about = {"seed": options.seed, "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    if options.append:
        with open(options.json, "a", encoding="utf-8") as file:
            file.write(as_json(tallies, **about).replace("\n", " ") + "\n")
    else:
        pathlib.Path(options.json).write_text(as_json(tallies, **about) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
