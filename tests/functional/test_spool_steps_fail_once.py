"""Every step of the spool fails once: opening, reading, writing and syncing its files, and moving what waits to the database."""

import pytest
from support.cluster import Database
from support.fault_steps import STATEMENT, Step, Tally, counted, one_round, steps_of
from support.fault_world import World
from support.metrics import metric


@pytest.fixture
def world(make_daemon, database, tmp_path):
    made = World(make_daemon, database, tmp_path, {"spool": {"directory": str(tmp_path / "spool"), "keep_free": 0}})
    yield made
    made.close()


def let_in(database, yes):
    """Whether this one database of the cluster takes connections; those that are open end."""
    server = Database(database.cluster, "postgres")
    server.execute(f'ALTER DATABASE "{database.name}" ALLOW_CONNECTIONS {"true" if yes else "false"}')
    if not yes:
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", database.name)


def outage(world):
    """Webhooks while the database is away; then it is back."""
    let_in(world.database, False)
    try:
        for body in world.webhooks():
            world.post(body)
    finally:
        let_in(world.database, True)


def of_the_spool(counts):
    return {name: n for name, n in counts.items() if name.startswith("spool")}


def test_a_move_to_the_database_that_fails_is_made_again(world):
    world.daemon.start()
    world.settle()
    tally = Tally("moves")
    for way in STATEMENT[:3]:
        one_round(world, Step("spool/COMMIT", 1, *way), tally, drive=lambda: outage(world))
    assert not tally.missed
    assert world.daemon.stop() == 0


def test_each_call_of_the_spool_fails(world, capsys):
    world.daemon.start()
    world.settle()
    counts = of_the_spool(counted(world, drive=lambda: outage(world)))
    assert {"spool/COMMIT", "spool/insert_missing_deliveries", "spool.db-wal/write", "spool.db-wal/sync"} <= counts.keys()
    tally = Tally("an outage")
    for step in steps_of(counts, 40, {"spool/COMMIT", "spool/insert_missing_deliveries", "spool.db-wal/write", "spool.db-wal/sync"}):
        one_round(world, step, tally, drive=lambda: outage(world))
    assert world.daemon.stop() == 0
    tally.tell(capsys, counts)


def test_what_the_spool_takes_is_on_the_disk_before_it_is_answered(world):
    """The system is asked to write it through for each of them; that the disk does so is shown by pulling the plug."""
    world.daemon.start()
    let_in(world.database, False)
    try:
        world.post(next(iter(world.webhooks())))  # from here on the spool is known to be what takes them
        for body in world.webhooks():
            taken, before = len(world.accepted), world.faults.counts().get("spool.db-wal/sync", 0)
            world.post(body)
            assert len(world.accepted) == taken + 1
            assert world.faults.counts()["spool.db-wal/sync"] > before
        assert metric(world.daemon, "callhook_spooled_total") >= 9
    finally:
        let_in(world.database, True)
    world.settle()
