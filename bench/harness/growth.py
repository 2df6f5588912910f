"""The same with a long past: 10 million stored events against 10 thousand."""

import contextlib
import http.client
import itertools
import pathlib
import random
import time

from harness import wrk
from harness.stored import Maker
from harness.world import hook_url, until_level
from support.cluster import Cluster, Database
from support.daemon import Daemon

FEW = 10_000
PAGE = 500
PAGES = 60
DONE = "made by bench/run: "


def growth(world):
    """Ingest at 64 connections, and pages of 500 events, with 10 million stored events (or as many as --large says) and with 10
    thousand, in one PostgreSQL. The large database is made once, in build/bench/large, and kept."""
    wanted = world.how.large or 10_000_000
    # The large database remembers the calls of earlier runs.
    wrk.numbers = itertools.count(int(time.time() - 1_700_000_000) // 2)
    with _cluster(world) as cluster:
        large = _large(world, cluster, wanted)
        _measure(world, "callhook", large)
        with world.database(cluster) as small:
            _migrate(world, small)
            Maker(world, small, FEW).make()
            _measure(world, "callhook with 10 thousand", small)


@contextlib.contextmanager
def _cluster(world):
    directory = pathlib.Path(world.how.directory) / "large"
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o755)
    cluster = Cluster(directory)
    cluster.start()
    try:
        yield cluster
    finally:
        cluster.stop()


def _migrate(world, database):
    code, _, err = Daemon(world.how.binary, world.place("migrate"), database).run("migrate")
    if code != 0:
        raise RuntimeError(f"migrate failed: {err}")


def _large(world, cluster, wanted):
    """The large database, made where it is not there yet."""
    name, connection = f"events_{wanted}", cluster.connect()
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", (name,))
        found = cursor.fetchone()
        if not found or not (found[0] or "").startswith(DONE):
            world.say(f"  making {wanted:,} events, once; this takes its time")
            cluster.drop(name)
            made = cluster.create(name)
            _migrate(world, made)
            total = Maker(world, made, wanted).make()
            cursor.execute(f"COMMENT ON DATABASE {name} IS '{DONE}{total} events'")
    connection.close()
    database = Database(cluster, name)
    _migrate(world, database)
    return database


def _measure(world, subject, database):
    # What is newest in both is of one kind and was written a moment ago, but by a daemon that is gone: pages are the database's.
    with world.callhook(on=database) as daemon:
        world.load(hook_url(daemon), wrk.Plan(64, 4, rate=FEW / 2), database)
        until_level(database)
    stored, epoch = database.rows("SELECT position, epoch FROM callhook.feed_head")[0]
    with world.callhook(on=database) as daemon:
        chance = random.Random(world.round)
        places = {
            "feed page": [stored - chance.randrange(PAGE, min(stored, FEW)) for _ in range(PAGES)],
            "feed page anywhere": [chance.randrange(stored - PAGE) for _ in range(PAGES)],
        }
        for what, where in places.items():
            times = [_page(daemon.api_port, f"{epoch}.{position:020}") for position in where]
            how = f"the median of {PAGES} pages: GET /v1/events?limit={PAGE}&lastEventId=…"
            world.keep("growth", subject, what, "ms", sorted(times)[PAGES // 2] * 1000, how)
        load = world.load(hook_url(daemon), wrk.Plan(64, world.seconds(10)), database)
        level = until_level(database)
        world.keep_load("growth", subject, "at 64", load)
        world.keep("growth", subject, "level again after", "s", level)
        world.keep("growth", subject, "events stored before", "", stored)


def _page(port, after):
    """Seconds for one page, over a connection that is there."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.connect()
    begun = time.monotonic()
    connection.request("GET", f"/v1/events?limit={PAGE}&timeout=0&lastEventId={after}")
    answer = connection.getresponse()
    answer.read()
    lasted = time.monotonic() - begun
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f"the feed answered {answer.status}")
    return lasted
