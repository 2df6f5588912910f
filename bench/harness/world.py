"""What the figures run in: one PostgreSQL with default durability, the daemon, its peers, and a place for what was measured."""

import contextlib
import pathlib
import resource
import shutil
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]

from support.cluster import Cluster  # noqa: E402
from support.daemon import SECRET, Daemon  # noqa: E402

from harness import peers, processes, wrk  # noqa: E402
from harness.summary import Sample  # noqa: E402

HOOK = f"/hooks/demo/{SECRET}"


class World:
    """`how` is what bench/run was asked for. Everything that is made here is gone when it is left."""

    def __init__(self, how, say):
        self.how = how
        self.say = say
        self.samples = []
        self.failures = []
        self.notes = {}  # what one figure found out and others go by
        self.round = 1
        self.numbers = iter(range(1, 1_000_000))
        self.build = ROOT / "build" / "release"

    def __enter__(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 65536)), hard))
        within = pathlib.Path(self.how.directory)
        within.mkdir(parents=True, exist_ok=True)
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="run-", dir=within))
        self.directory.chmod(0o755)
        self.cluster = Cluster(self.directory / "postgres")
        try:
            self.cluster.start()
        except Exception:
            self.__exit__()
            raise
        self.programs = peers.Programs(self.directory, self.build)
        return self

    def __exit__(self, *_):
        with contextlib.suppress(Exception):
            self.cluster.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    # What was measured ------------------------------------------------------------------------------------------------

    def seconds(self, usual):
        """How long a load is to last."""
        return min(usual, 2) if self.how.quick else usual

    def keep(self, figure, subject, metric, unit, value, command=""):
        self.samples.append(Sample(figure, subject, metric, unit, value, self.round, command))
        self.say(f"  {subject}: {metric} {value:,.6g} {unit}")

    def keep_load(self, figure, subject, label, load, percentiles=("p50", "p99", "p999")):
        self.keep(figure, subject, f"rate {label}", "/s", load.rate, load.command)
        for name in percentiles:
            self.keep(figure, subject, f"{name} {label}", "ms", getattr(load, name), load.command)

    # What is measured -------------------------------------------------------------------------------------------------

    def place(self, name):
        made = self.directory / f"{next(self.numbers)}-{name}"
        made.mkdir()
        return made

    @contextlib.contextmanager
    def database(self, cluster=None):
        cluster = cluster or self.cluster
        made = cluster.create()
        try:
            yield made
        finally:
            cluster.drop(made.name)

    @contextlib.contextmanager
    def migrated(self):
        """A database with callhook's schema and nothing else."""
        with self.database() as made:
            code, _, err = Daemon(self.how.binary, self.place("migrate"), made).run("migrate")
            if code != 0:
                raise RuntimeError(f"migrate failed: {err}")
            yield made

    @contextlib.contextmanager
    def callhook(self, settings=None, sources=("demo",), on=None):
        """A daemon with the settings it is shipped with, ready; on a database of its own unless told which."""
        with contextlib.ExitStack() as stack:
            database = on or stack.enter_context(self.migrated())
            daemon = Daemon(self.how.binary, self.place("callhook"), database, {"log": {"level": "info"}, **(settings or {})}, sources)
            daemon.start()
            try:
                yield daemon
            finally:
                daemon.stop()

    @contextlib.contextmanager
    def fastify(self, mode="insert", pool=None):
        with self.database() as made, self.programs.fastify(made, mode, pool or self.pool(mode)) as server:
            yield server, made

    @contextlib.contextmanager
    def nodered(self):
        with self.database() as made, self.programs.nodered(made, self.pool("insert")) as server:
            yield server, made

    def pool(self, mode):
        """The size of the connection pool with which the Node.js service is quickest, found once a run."""
        sizes = self.notes.setdefault("pool", {})
        if mode not in sizes:
            rates = {}
            for size in (5, 10, 20):
                with self.fastify(mode, size) as (server, made):
                    rates[size] = self.load(server.url(HOOK), wrk.Plan(64, self.seconds(3)), made).rate
            sizes[mode] = max(rates, key=rates.get)
            self.say(f"  fastify {mode}: {sizes[mode]} connections to the database are best of " + repr({s: round(r) for s, r in rates.items()}))
        return sizes[mode]

    def load(self, url, plan, database=None):
        """Runs the load; before it, what earlier runs left in PostgreSQL's buffers is written."""
        if database:
            database.execute("CHECKPOINT")
        return wrk.run(url, plan)


def hook_url(daemon):
    return f"http://127.0.0.1:{daemon.hooks_port}{daemon.hook_path()}"


def pending(connection):
    """Deliveries that are stored and not yet sequenced."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(sum(deliveries), 0)::bigint FROM callhook.pending")
        return cursor.fetchone()[0]


def until_level(database, timeout=300):
    """Seconds until nothing is pending."""
    connection = database.connect()
    try:
        begun = time.monotonic()
        while pending(connection):
            if time.monotonic() - begun > timeout:
                raise RuntimeError(f"deliveries are still pending after {timeout} s")
            time.sleep(0.02)
        return time.monotonic() - begun
    finally:
        connection.close()


cpu_seconds = processes.cpu_seconds
