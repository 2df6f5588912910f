"""Figures of taking webhooks in: answered after the commit, and HTTP alone."""

from harness import wrk
from harness.world import HOOK, cpu_seconds, hook_url, until_level


def burst(world):
    """10 s at 64 connections: callhook, Fastify that only inserts, Node-RED, COPY alone; callhook and Fastify also at 1 and 512."""
    _callhook_burst(world)
    for subject, service in (("fastify", world.fastify), ("node-red", world.nodered)):
        with service() as (server, database):
            load = world.load(server.url(HOOK), wrk.Plan(64, world.seconds(10)), database)
            _see_all_stored(load, database, "public")
            world.keep_load("burst", subject, "at 64", load)
    _copy(world)
    for connections in (1, 512):
        plan = wrk.Plan(connections, world.seconds(4))
        with world.callhook() as daemon:
            world.keep_load("burst", "callhook", f"at {connections}", world.load(hook_url(daemon), plan, daemon.database))
        with world.fastify() as (server, database):
            world.keep_load("burst", "fastify", f"at {connections}", world.load(server.url(HOOK), plan, database))


def _copy(world):
    """The same rows into the same table in batches as large as callhook's commits, with all of the machine to itself; by one
    connection, as callhook does it, and by four."""
    seconds = world.seconds(5)
    for connections, subject in ((1, "copy"), (4, "copy by 4 connections")):
        with world.migrated() as database:
            database.execute("CHECKPOINT")
            form = wrk.LOAD / "call.completed.json"
            rate, command = world.programs.copy_rows(database, form, world.notes["batch"], connections, seconds, 60_000 * seconds)
            world.keep("burst", subject, "rate at 64", "/s", rate, command)


def _callhook_burst(world):
    with world.callhook() as daemon:
        before = cpu_seconds(daemon.process.pid)
        load = world.load(hook_url(daemon), wrk.Plan(64, world.seconds(10)), daemon.database)
        level = until_level(daemon.database)
        spent = cpu_seconds(daemon.process.pid) - before
        _see_all_stored(load, daemon.database, "callhook")
        world.keep_load("burst", "callhook", "at 64", load)
        world.keep("burst", "callhook", "level again after", "s", level, "until callhook.pending is empty")
        world.keep("burst", "callhook", "CPU a delivery", "us", spent / load.requests * 1e6, "/proc/PID/stat, until level")
        world.notes["burst rate"] = load.rate
        world.notes["batch"] = _batch(daemon)


def _see_all_stored(load, database, schema):
    """wrk passes over a connection that is closed on it; what it counts as answered must be there."""
    stored = database.value(f"SELECT count(*) FROM {schema}.deliveries")
    if stored < load.requests:
        raise RuntimeError(f"{load.requests} requests were answered and {stored} deliveries are stored")


def _batch(daemon):
    """Deliveries in one group commit, on average."""
    values = {}
    for line in daemon.api("/metrics").body.decode().splitlines():
        name, _, value = line.rpartition(" ")
        values[name] = value
    commits = float(values["callhook_inbox_batch_size_count"])
    return max(round(float(values["callhook_inbox_batch_size_sum"]) / commits), 1) if commits else 1


def http(world):
    """What comes in over HTTP is looked at, counted and answered, without a database; beside nginx, which only answers."""
    plan = wrk.Plan(64, world.seconds(5))
    with world.programs.counting_receiver() as server:
        before = cpu_seconds(server.pid)
        load = world.load(server.url(HOOK), plan)
        world.keep_load("http", "callhook", "at 64", load)
        world.keep("http", "callhook", "CPU a request", "us", (cpu_seconds(server.pid) - before) / load.requests * 1e6, "/proc/PID/stat")
    with world.programs.nginx() as server:
        world.keep_load("http", "nginx", "at 64", world.load(server.url(HOOK), plan))
    bodies, size = world.programs.simdjson_pass(wrk.LOAD / "call.completed.json", min(world.seconds(2), 2))
    world.keep("http", "simdjson alone", "bodies", "/s", bodies, "simdjson_pass bench/load/call.completed.json 2")
    world.keep("http", "simdjson alone", "bytes", "MB/s", size / 1e6, "simdjson_pass bench/load/call.completed.json 2")
