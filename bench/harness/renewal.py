"""What is derived anew, and what is asked for afterwards."""

import json
import time

from harness import wrk
from harness.world import hook_url, until_level
from support.backfill import FAST, QUICK, hours_ago, joined, small_plan, utc
from support.vendor import Vendor

CALLS = 2000


def rebuild(world):
    """callhookd rebuild over what 4 s of `lifecycle` at 64 connections left."""
    with world.migrated() as database:
        with world.callhook(on=database) as daemon:
            world.load(hook_url(daemon), wrk.Plan(64, world.seconds(4), "lifecycle", behind=2_000), database)
            until_level(database)
        deliveries = database.value("SELECT count(*) FROM callhook.deliveries")
        begun = time.monotonic()
        code, _, err = daemon.run("rebuild", timeout=600)
        lasted = time.monotonic() - begun
    if code != 0:
        raise RuntimeError(f"rebuild failed: {err}")
    world.keep("rebuild", "callhook", "deliveries", "/s", deliveries / lasted, f"callhookd rebuild of {deliveries} deliveries")


def backfill(world):
    """callhookd backfill over a history of 2,000 calls that no webhook told of, and once more when all are known; the vendor's API is
    the tests' simulator, in Python on the same machine, whose time is in it."""
    made = small_plan(calls=CALLS, seed=7, first_id=50_000, start=hours_ago(60))
    with Vendor(world.place("vendor"), made.visitors.values()) as vendor:
        settings = joined(QUICK, {"backfill": {"enabled": False}}, vendor.settings(**FAST))
        with world.callhook(settings) as daemon:
            for what, new in (("calls merged", True), ("calls compared", False)):
                begun = time.monotonic()
                code, out, err = daemon.run("backfill", "--source", "demo", "--from", utc(days=-5), "--to", utc(minutes=1), "--json", timeout=600)
                if code != 0:
                    raise RuntimeError(f"backfill failed: {err}")
                until_level(daemon.database)
                lasted, told = time.monotonic() - begun, json.loads(out)
                if told["calls"] != CALLS or bool(told["appended"]) != new:
                    raise RuntimeError(f"backfill told of {told['calls']} calls and appended {told['appended']}")
                world.keep("backfill", "callhook", what, "/s", CALLS / lasted, f"callhookd backfill --from --to, {CALLS} calls, {told['appended']} appended")
