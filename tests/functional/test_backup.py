"""docs/backup.md, tried: its commands are taken out of the page and run against a loaded callhook, whose database is then an
older one. The ledger balances, the feed goes on, and no reader is led past anything."""

import json
import os
import pathlib
import shutil
import tempfile

import pytest
from support.backfill import FAST, QUICK, assert_records_are_true, joined, settle_all, small_plan
from support.cluster import Cluster, Database
from support.daemon import wait_until
from support.examples import Block, Runner, sections
from support.feed import assert_contiguous, position, read_feed
from support.http import request
from support.payloads import body, call_event, documented
from support.stream import Stream
from support.subscriptions import OUTBOUND, subscribe, subscription

PAGE = sections(pathlib.Path(__file__).resolve().parents[2] / "docs" / "backup.md")
SPOOL = {"spool": {"directory": "spool", "after": "500ms", "keep_free": "1MiB"}}
POSTGRES = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))[-1]


def commands(heading):
    return [block for block in PAGE[heading] if block.language == "sh"]


class House:
    """A cluster with an archive, its database named as the page names it, and a shell of an operator."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.archive = self.directory / "archive"
        self.clusters = []
        self.directory.chmod(0o755)
        self.archive.mkdir(mode=0o777)
        self.archive.chmod(0o777)
        keep = f"test ! -f {self.archive}/%f && cp %p {self.archive}/%f"
        self.cluster = self.start(Cluster(self.directory / "first", ["archive_mode=on", f"archive_command={keep}"]))
        self.database = Database(self.cluster, "callhook")

    def start(self, cluster):
        self.clusters.append(cluster)
        cluster.start()
        return cluster

    def shell(self, binary, daemon, cluster, **replaced):
        """Runs blocks in a folder of its own: with PostgreSQL's programs, callhookd, and its configuration."""
        directory = pathlib.Path(tempfile.mkdtemp(dir=self.directory))
        directory.chmod(0o755)
        (directory / "callhookd").symlink_to(binary)
        made = Runner(directory, {"127.0.0.1:8081": f"127.0.0.1:{daemon.api_port}", "/archive/": f"{self.archive}/", **replaced})
        host = cluster.url().split("host=")[1].split("&")[0].replace("%2F", "/")
        made.environment.update(
            PATH=f"{directory}:{POSTGRES}:{os.environ['PATH']}", PGHOST=host, PGUSER="postgres", CALLHOOK_CONFIG=str(daemon.config)
        )
        made.environment.pop("CALLHOOK_DATABASE_URL", None)
        return made

    def close(self):
        for cluster in self.clusters:
            if cluster.runs():
                cluster.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


@pytest.fixture(scope="module")
def town():
    made = House(tempfile.mkdtemp(prefix="callhook-backup-"))
    yield made
    made.close()


@pytest.fixture
def house(town):
    """With an empty database."""
    for other in town.clusters[1:]:
        other.kill()
    del town.clusters[1:]
    town.cluster.start()
    for name in ("callhook", "callhook_restored", "callhook_broken"):
        town.cluster.drop(name)
    town.cluster.create("callhook")
    return town


def epoch(daemon, *arguments):
    code, out, err = daemon.run("epoch", *arguments, "--json")
    assert code == 0, err
    return json.loads(out)


def status_at(daemon, event_id):
    return daemon.api(f"/v1/events?lastEventId={event_id}").status


def stored(database):
    return {row[0] for row in database.rows("SELECT id::text FROM callhook.deliveries")}


def without_id(events):
    return [{**event, "id": position(event["id"])} for event in events]


def test_a_dump_under_load_is_restored_beside_it_and_put_in_its_place(binary, make_daemon, house, receiver):
    dump, restore, check, swap = commands("A dump")
    daemon = make_daemon(joined(SPOOL, {"outbound": OUTBOUND}), on=house.database).start("--migrate")
    crm = receiver()
    for payload in documented().values():
        daemon.deliver(payload)
    daemon.settle()
    assert daemon.api("/v1/consumers/crm", method="PUT").status in (200, 201)
    subscribe(daemon, "crm", crm.url())
    shell = house.shell(binary, daemon, house.cluster)
    with Stream(daemon, 10_000):
        shell.run([dump], "")
    for call in range(5_000, 5_010):
        daemon.deliver(body(call_event("call.new", call)))
    daemon.settle()
    seen = read_feed(daemon)

    _, checked = shell.run([restore, check], "")
    assert "\nbalanced\n" in checked
    before, after = checked.split("epoch     ")[1:]
    length, begun = int(before.split("position")[1].split()[0]), after.split()[0]
    assert length < len(seen) - 10 and begun != before.split()[0] == seen[0]["id"].split(".")[0]

    with Stream(daemon, 20_000) as stream:
        shell.run([swap], "")
        wait_until(lambda: epoch(daemon)["epoch"] == begun and daemon.status() == "ok", 60, "the other database in its place")
    daemon.settle(60)
    house.database.execute("ALTER DATABASE callhook_broken ALLOW_CONNECTIONS true")
    neither = set(stream.kept) - stored(house.database) - stored(Database(house.cluster, "callhook_broken"))
    assert not neither and set(stream.kept) & stored(house.database)

    events = read_feed(daemon)
    assert_contiguous(events)
    assert {event["id"].split(".")[0] for event in events} == {begun}, "the epoch that the command began, and no other"
    assert without_id(events[:length]) == without_id(seen[:length]), "up to there both logs are the same"
    assert not any(event["subject"] == "calls/5000" for event in events)
    code, report = daemon.audit()
    assert code == 0, report

    assert [status_at(daemon, seen[at]["id"]) for at in (0, length - 1, -1)] == [410, 410, 410]
    assert status_at(daemon, events[length - 1]["id"]) == 200
    assert daemon.api("/v1/consumers/crm/events").status == 410
    wait_until(lambda: subscription(daemon, "crm")["reason"] == "history", 20, "the pause of the subscription")
    shell.run(commands("What readers see"), "")
    assert daemon.api("/v1/consumers/crm/events").status == 200
    wait_until(lambda: subscription(daemon, "crm")["state"] == "active", 20, "the end of the pause")
    assert daemon.stop() == 0


def test_a_dump_restored_in_the_same_cluster_begins_a_new_epoch(binary, make_daemon, house):
    """By itself: nobody said so. Both ways in which it is done, and a move, of which nobody needs to hear."""
    daemon = make_daemon(SPOOL, on=house.database).start("--migrate")
    shell = house.shell(binary, daemon, house.cluster)
    # In place: pg_restore's own --clean cannot drop partitions.
    in_place = (
        "psql --set=ON_ERROR_STOP=1 --dbname=callhook --command='DROP SCHEMA callhook CASCADE'\n"
        "pg_restore --no-owner --role=callhook --exit-on-error --single-transaction --dbname=callhook callhook.dump"
    )
    daemon.deliver(documented()["call.new"])
    daemon.settle()
    wait_until(lambda: len(read_feed(daemon)) == 2, 20, "a call that is overdue")
    shell.run(commands("A dump")[:1], "")
    for payload in documented().values():
        daemon.deliver(payload)
    daemon.settle()
    seen = read_feed(daemon)
    ahead = seen[-1]["id"]

    assert daemon.stop() == 0
    restored = Block("sh", in_place)
    shell.run([restored], "")
    assert epoch(daemon) == {"epoch": ahead.split(".")[0], "position": 2, "moved": True}
    daemon.start()
    # Until one leads, whoever is ahead of the log is told that, and nobody anything else.
    assert status_at(daemon, ahead) in (409, 410)
    wait_until(lambda: status_at(daemon, ahead) == 410, 20, "the new epoch")
    assert status_at(daemon, seen[0]["id"]) == 410
    assert len(read_feed(daemon)) == 2 and epoch(daemon)["moved"] is False
    here = read_feed(daemon)[0]["id"]

    # Moved without losing anything: the same again, and said so.
    assert daemon.stop() == 0
    shell.run(commands("A dump")[:1], "")
    shell.run([restored], "")
    assert epoch(daemon)["moved"] is True
    shell.run(commands("Moving without losing anything"), "")
    daemon.start()
    daemon.deliver(documented()["call.completed"])
    daemon.settle()
    assert [event["id"] for event in read_feed(daemon)][0] == here and status_at(daemon, here) == 200
    code, report = daemon.audit()
    assert code == 0, report
    assert daemon.stop() == 0


def recovered(house, shell):
    """A cluster on what the shell restored."""
    owner = (house.cluster.directory / "data").stat()
    for path in [shell.directory / "data", *(shell.directory / "data").rglob("*")]:
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
    made = house.start(Cluster(shell.directory, ["restore_command=" + f"cp {house.archive}/%f %p"]))
    database = Database(made, "callhook")
    wait_until(lambda: database.value("SELECT NOT pg_is_in_recovery()"), 60, "the end of recovery")
    return database


def test_a_base_backup_and_the_archive_give_all_that_was_archived(binary, make_daemon, house):
    backup, restore = commands("Continuously, to any moment")
    daemon = make_daemon(SPOOL, on=house.database).start("--migrate")
    shell = house.shell(binary, daemon, house.cluster)
    with Stream(daemon, 10_000) as during:
        shell.run([backup], "")
    after = [daemon.deliver(body(call_event("call.new", call))) for call in range(5_000, 5_050)]
    daemon.settle()
    seen = read_feed(daemon)
    segment = house.database.value("SELECT pg_walfile_name(pg_switch_wal())")
    wait_until(lambda: (house.archive / segment).exists(), 30, "the archive")
    lost = daemon.deliver(body(call_event("call.new", 6_000)))  # after the last piece that was archived
    assert daemon.stop() == 0
    house.cluster.kill()

    shell.run([restore], "")
    database = recovered(house, shell)
    assert set(during.kept + after) <= stored(database) and lost not in stored(database)
    daemon.database = database
    daemon.settings["database"]["url"] = database.url
    assert epoch(daemon)["moved"] is True, "a recovery begins a timeline"
    daemon.start()
    code, report = daemon.audit()
    assert code == 0, report
    wait_until(lambda: status_at(daemon, seen[-1]["id"]) == 410, 20, "the new epoch")
    daemon.deliver(body(call_event("call.completed", 5_000)))
    daemon.settle()
    events = read_feed(daemon)
    assert_contiguous(events)
    assert without_id(events)[: len(seen)] == without_id(seen)
    assert events[len(seen)]["type"] == "call.completed"
    assert daemon.stop() == 0


def test_an_old_copy_that_looks_like_a_power_cut(binary, make_daemon, house):
    """PostgreSQL does not know. The daemon whose machine was there before does; another one needs to be told."""
    daemon = make_daemon(SPOOL, on=house.database).start("--migrate")
    daemon.deliver(documented()["call.new"])
    daemon.settle()
    kept = wait_until(lambda: len(events := read_feed(daemon)) == 2 and events, 20, "a call that is overdue")
    assert daemon.stop() == 0
    shell = house.shell(binary, daemon, house.cluster)
    house.cluster.kill()
    shutil.copytree(house.cluster.directory / "data", shell.directory / "data", symlinks=True)  # a snapshot of the disk
    house.cluster.start()
    daemon.start()
    for payload in documented().values():
        daemon.deliver(payload)
    daemon.settle()
    ahead = read_feed(daemon)[-1]["id"]
    seen = f"{ahead.split('.')[0]} {position(ahead)}\n"
    wait_until(lambda: (daemon.directory / "spool" / "feed.seen").read_text(encoding="ascii") == seen, 20, "what it remembers")
    assert daemon.stop() == 0
    house.cluster.kill()

    database = recovered(house, shell)
    daemon.database = database
    daemon.settings["database"]["url"] = database.url
    assert epoch(daemon) == {"epoch": ahead.split(".")[0], "position": len(kept), "moved": False}
    stranger = make_daemon(SPOOL, on=database).start()
    assert status_at(stranger, ahead) == 409 and epoch(daemon)["epoch"] == ahead.split(".")[0]
    daemon.start()
    wait_until(lambda: status_at(daemon, ahead) == 410, 20, "the new epoch")
    assert stranger.stop() == 0

    again = epoch(daemon)
    told = epoch(daemon, "--new")
    assert told["epoch"] != again["epoch"] and told["position"] == again["position"]
    wait_until(lambda: status_at(daemon, read_feed(daemon)[0]["id"]) == 200 and epoch(daemon) == told, 20, "the epoch of the command")
    assert daemon.stop() == 0


def test_what_came_since_the_backup_comes_back_from_the_vendor(binary, make_daemon, house, vendor):
    made = small_plan(calls=20)
    away = vendor(list(made.visitors.values()))
    daemon = make_daemon(joined(SPOOL, QUICK, away.settings(**FAST)), on=house.database).start("--migrate")
    settle_all(daemon)
    shell = house.shell(binary, daemon, house.cluster)
    dump, restore, _, swap = commands("A dump")
    shell.run([dump], "")
    for delivery in made.deliveries:
        daemon.deliver(delivery.body)
    daemon.settle()
    shell.run([restore, swap], "")
    wait_until(lambda: daemon.status() == "ok", 60, "the other database in its place")
    daemon.database.execute("UPDATE callhook.jobs SET due_at = now() WHERE kind = 'sweep'")
    settle_all(daemon)
    assert_records_are_true(daemon, made, sent={})
    assert daemon.stop() == 0


def test_no_program_is_left_out():
    ran = {"A dump": 4, "Continuously, to any moment": 2, "What readers see": 1, "Moving without losing anything": 1}
    assert {heading: len(commands(heading)) for heading in PAGE if commands(heading)} == ran


def test_the_feed_says_where_to_go_on(daemon):
    """The place after a restore, as the page has it: the same number in the new epoch."""
    # In this order, so that the call of years ago is never overdue.
    daemon.deliver(documented()["call.completed"])
    daemon.deliver(documented()["call.new"])
    daemon.settle()
    old = read_feed(daemon)
    told = epoch(daemon, "--new")
    wait_until(lambda: status_at(daemon, old[0]["id"]) == 410, 10, "the epoch known to the daemon")
    place = f"{told['epoch']}.{position(old[0]['id']):020}"
    answer = request(daemon.api_port, "GET", f"/v1/events?lastEventId={place}", None, {})
    assert [position(event["id"]) for event in answer.json()] == [2]
