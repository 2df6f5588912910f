"""End to end: the highest rate at which what waits for the pipeline does not grow."""

import time

from harness import wrk
from harness.summary import keeps_up
from harness.world import HOOK, hook_url, until_level

SAMPLE_EVERY = 0.5  # seconds
TRIES = 5  # each a little slower


def sustained(world):
    """Calls that begin and end (`lifecycle`), for 20 s (--full: 60 s): callhook at the highest rate it keeps up with, Fastify with
    the upsert in its request as fast as it answers."""
    seconds = world.seconds(60 if world.how.full else 20)
    rate = highest(world)
    for _ in range(TRIES):
        held, load, sequenced, points = _run(world, rate, seconds)
        if held:
            break
        rate *= 0.93
        world.say(f"  what waits grew; once more with {rate:,.0f}/s")
    else:
        raise RuntimeError(f"what waits grew in {TRIES} runs; is the machine at other work?")
    world.notes["sustained rate"] = rate
    world.keep("sustained", "callhook", "rate", "/s", sequenced, load.command)
    world.keep("sustained", "callhook", "rate offered", "/s", load.rate, load.command)
    world.keep("sustained", "callhook", "most pending", "deliveries", max(waiting for _, waiting in points), "each 0.5 s")
    world.keep("sustained", "callhook", "p99", "ms", load.p99, load.command)
    with world.fastify("upsert") as (server, database):
        load = world.load(server.url(HOOK), _plan(seconds, 0), database)
        world.keep("sustained", "fastify", "rate", "/s", load.rate, load.command)
        world.keep("sustained", "fastify", "p99", "ms", load.p99, load.command)


def highest(world):
    """The rate that callhook keeps up with, looked for once a run."""
    if "sustained rate" not in world.notes:
        world.notes["sustained rate"] = _search(world)
    return world.notes["sustained rate"]


def _plan(seconds, rate):
    return wrk.Plan(64, seconds, "lifecycle", rate, 20_000 if seconds >= 20 else 2_000)


def _run(world, rate, seconds):
    """(whether it kept up, the load, deliveries sequenced a second, what was pending)"""
    with world.callhook() as daemon:
        daemon.database.execute("CHECKPOINT")
        connection = daemon.database.connect()
        running = wrk.start(hook_url(daemon), _plan(seconds, rate))
        begun, points = time.monotonic(), []
        while running.poll() is None:
            points.append((time.monotonic() - begun, *_state(connection)))
            time.sleep(SAMPLE_EVERY)
        load = wrk.finish(running)
        connection.close()
        until_level(daemon.database)
    (first, _, none), (last, _, all_of_them) = points[0], points[-1]
    waiting = [(at, number) for at, number, _ in points]
    held = keeps_up(waiting, load.rate) and load.rate >= 0.95 * rate
    return held, load, (all_of_them - none) / (last - first), waiting


def _state(connection):
    """(pending, sequenced) deliveries at one moment."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT (SELECT coalesce(sum(deliveries), 0)::bigint FROM callhook.pending), outcomes FROM callhook.feed_head")
        return cursor.fetchone()


def _search(world):
    """Begins with what the pipeline does under too much, and closes in on where it keeps up."""
    seconds = world.seconds(5)
    with world.callhook() as daemon:
        begun = time.monotonic()
        offered = world.load(hook_url(daemon), _plan(seconds, 0), daemon.database)
        until_level(daemon.database)
        low = 0.5 * offered.requests / (time.monotonic() - begun)
    high = offered.rate
    for _ in range(2 if world.how.quick else 5):
        middle = (low * high) ** 0.5
        held, *_ = _run(world, middle, seconds)
        world.say(f"  {middle:,.0f}/s: " + ("keeps up" if held else "falls behind"))
        low, high = (middle, high) if held else (low, middle)
    return low
