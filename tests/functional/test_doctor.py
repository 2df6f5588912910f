"""callhookd doctor: what it finds wrong with a daemon's surroundings, and what it says to do."""

import base64
import json
import pathlib
import socket

import pytest
from support.backfill import FAST, joined
from support.daemon import NO_SPOOL, wait_until
from support.faults import preloaded
from support.nats import NatsServer
from support.ports import free_port
from support.payloads import documented
from support.personal import said
from support.subscriptions import OUTBOUND, act, subscribe, subscription

WELL, UNWELL, CONFIGURATION = 0, 1, 78
PROXY = {"hooks": {"trusted_proxies": ["127.0.0.1/32"]}, "spool": {"max_bytes": "1MiB", "keep_free": "0"}}
DISKS = {"spool", "database disk"}  # what the machine of the test has is not the test's business


def examined(daemon, environment=None):
    """(exit code, {check: [(level, what and fix)]})"""
    code, out, _ = daemon.run("doctor", "--json", environment=environment)
    said("doctor", out)
    report = json.loads(out)
    levels = [one["level"] for one in report["findings"]]
    assert (report["problems"], report["warnings"]) == (levels.count("problem"), levels.count("warning"))
    assert all(one["fix"] for one in report["findings"] if one["level"] != "ok"), "each with what to do"
    found = {}
    for one in report["findings"]:
        found.setdefault(one["check"], []).append((one["level"], f"{one['what']}; {one['fix']}"))
    assert code != WELL or report["ok"]
    return code, found


def worst(found, check):
    """The one finding of the check that is not ok."""
    (one,) = [(level, text) for level, text in found[check] if level != "ok"]
    return one


@pytest.fixture
def idle(make_daemon):
    """A daemon that is configured and not started, with ports that are free."""

    def make(*settings, **how):
        ports = {"hooks": {"port": free_port()}, "api": {"port": free_port()}}
        return make_daemon(joined(PROXY, ports, *settings), **how)

    return make


def test_all_is_well_with_and_without_a_daemon(idle):
    daemon = idle()
    for running in (False, True):
        if running:
            daemon.start()
        code, found = examined(daemon)
        assert {(check, level) for check, all_of in found.items() for level, _ in all_of if check not in DISKS} == {
            (check, "ok") for check in found if check not in DISKS
        }
        listeners = [text for _, text in found["listeners"]]
        assert all(("callhookd listens" if running else "free") in text for text in listeners), listeners
        assert ("daemon" in found) == running
    assert "PostgreSQL 1" in found["database"][0][1]
    assert "demo: no key" in found["vendors"][0][1]
    code, out, _ = daemon.run("doctor")
    assert "database" in out and ("all is well" in out.splitlines()[-1] or code in (WELL, UNWELL))


def test_a_wrong_configuration_is_told_with_all_its_faults(idle):
    daemon = idle({"hooks": {"port": 70_000}, "log": {"level": "loud"}})
    code, found = examined(daemon)
    assert code == CONFIGURATION and list(found) == ["configuration"]
    told = " ".join(text for _, text in found["configuration"])
    assert "hooks.port = 70000" in told and "log.level" in told


def test_a_database_that_is_away_hides_nothing_else(idle, tmp_path):
    daemon = idle({"database": {"url": f"postgresql:///callhook?host={tmp_path}&user=callhook&password=pa55word-of-db"}})
    code, found = examined(daemon)
    assert code == UNWELL and worst(found, "database")[0] == "problem" and "database.url" in worst(found, "database")[1]
    assert "schema" not in found and "listeners" in found and "vendors" in found


def test_a_schema_that_is_not_there_behind_or_ahead(idle, empty_database, database):
    code, found = examined(idle(on=empty_database, name="empty"))
    assert code == UNWELL and "not there yet; callhookd migrate" in worst(found, "schema")[1]
    daemon = idle()
    database.execute("INSERT INTO callhook.schema_migrations (number, name, checksum) VALUES (9999, 'future', 'x')")
    code, found = examined(daemon)
    assert code == UNWELL and "newer than this binary" in worst(found, "schema")[1] and "install the version" in worst(found, "schema")[1]
    database.execute("DELETE FROM callhook.schema_migrations WHERE number = 9999")
    database.execute("DELETE FROM callhook.schema_migrations WHERE number = (SELECT max(number) FROM callhook.schema_migrations)")
    assert "1 of " in worst(examined(daemon)[1], "schema")[1]


def test_a_database_that_was_restored_or_copied(idle, database, daemon):
    daemon.deliver(documented()["call.new"])
    daemon.settle()
    assert daemon.stop() == 0
    database.execute("UPDATE callhook.feed_head SET place = 'elsewhere'")
    level, text = worst(examined(idle())[1], "feed")
    assert level == "warning" and "epoch --keep" in text


def test_a_role_that_may_not_and_one_that_may_too_much(idle, database):
    database.execute("CREATE ROLE doctor_guest LOGIN")
    try:
        daemon = idle({"database": {"url": database.cluster.url(database.name, "doctor_guest")}})
        code, found = examined(daemon)
        assert code == UNWELL and "schema callhook" in worst(found, "schema")[1]
        assert any("may not read and write" in text for level, text in found["database"] if level == "problem")
        assert any("neither migrate nor expire" in text for level, text in found["database"] if level == "warning")
    finally:
        database.execute("DROP ROLE doctor_guest")
    daemon.settings["database"]["url"] = database.cluster.url(database.name, "postgres")
    assert any("superuser" in text for level, text in examined(daemon)[1]["database"] if level == "warning")


def test_settings_of_the_server_that_lose_what_was_committed(idle, database):
    daemon = idle()
    database.execute("ALTER SYSTEM SET full_page_writes = off")
    database.execute("ALTER SYSTEM SET autovacuum = off")
    database.execute("SELECT pg_reload_conf()")
    try:
        wait_until(lambda: database.value("SHOW full_page_writes") == "off", 10, "the reload")
        code, found = examined(daemon)
        assert code == UNWELL and "full_page_writes" in worst(found, "schema")[1]
        assert "autovacuum" in worst(found, "database")[1]
    finally:
        database.execute("ALTER SYSTEM RESET ALL")
        database.execute("SELECT pg_reload_conf()")
        wait_until(lambda: database.value("SHOW full_page_writes") == "on", 10, "the reload")


def test_a_clock_that_is_off(binary, idle, vendor):
    library = next(iter(sorted(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))))
    ahead = {"LD_PRELOAD": preloaded(binary, library), "FAKETIME": "+600", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    away = vendor()
    daemon = idle(away.settings(**FAST))
    level, text = worst(examined(daemon, ahead)[1], "clock")
    assert level == "problem" and "behind" in text and "NTP" in text
    assert worst(examined(daemon, {**ahead, "FAKETIME": "-20"})[1], "clock")[0] == "warning"


def test_files_that_others_may_read_or_write(idle):
    daemon = idle({"database": {"url": "postgresql:///nowhere?password=pa55word-of-db&host=/nowhere"}})
    daemon.write_config()
    daemon.config.chmod(0o644)
    level, text = worst(examined(daemon)[1], "files")
    assert level == "warning" and "password" in text and "chmod" in text
    daemon.config.chmod(0o666)
    assert worst(examined(daemon)[1], "files")[0] == "problem"
    daemon.config.chmod(0o600)
    (daemon.directory / "demo.secret").chmod(0o620)
    level, text = worst(examined(daemon)[1], "files")
    assert level == "warning" and "sources.demo.secret_files" in text


def test_proxies_that_are_believed_too_much_or_not_named(idle):
    daemon = idle({"hooks": {"trusted_proxies": ["10.0.0.0/8", "0.0.0.0/0"]}})
    level, text = worst(examined(daemon)[1], "proxies")
    assert level == "problem" and "0.0.0.0/0" in text
    daemon.settings["hooks"]["trusted_proxies"] = []
    assert "trusted_proxies is empty" in worst(examined(daemon)[1], "proxies")[1]
    daemon.settings["hooks"]["address"] = "0.0.0.0"
    assert "plain HTTP" in worst(examined(daemon)[1], "proxies")[1]


def test_ports_that_others_have(idle, receiver):
    daemon = idle()
    daemon.settings["api"]["port"] = receiver().port
    code, found = examined(daemon)
    assert code == UNWELL and "another program" in worst(found, "listeners")[1] and "api.port" in worst(found, "listeners")[1]
    daemon.settings["api"]["port"] = free_port()
    with socket.create_server(("127.0.0.1", 0)) as other:
        daemon.settings["hooks"]["port"] = other.getsockname()[1]
        other.listen()
        code, out, _ = daemon.run("doctor", "--json", "--timeout", "200ms")
        (one,) = [one for one in json.loads(out)["findings"] if one["check"] == "listeners" and one["level"] != "ok"]
        assert code == WELL and "in use" in one["what"]


def test_a_daemon_that_is_not_well(idle, postgres):
    daemon = idle(NO_SPOOL).start()
    postgres.stop()
    wait_until(lambda: daemon.api("/readyz").status == 503, 20, "not being ready")
    code, found = examined(daemon)
    assert code == UNWELL and "not ready" in worst(found, "daemon")[1] and "no spool" in worst(found, "spool")[1]


def test_a_spool_that_cannot_be_used(idle, tmp_path):
    (tmp_path / "file").write_text("no directory", encoding="ascii")
    daemon = idle({"spool": {"directory": str(tmp_path / "spool"), "max_bytes": "1024GiB"}})
    assert any("less than spool.max_bytes" in text for _, text in examined(daemon)[1]["spool"])
    daemon.settings["spool"].update(max_bytes="1MiB", keep_free="1024GiB")
    code, found = examined(daemon)
    assert code == UNWELL and any("keep_free" in text for _, text in found["spool"])
    assert not (tmp_path / "spool").exists(), "it only looks"


def test_the_vendors_api_and_its_key(idle, vendor):
    away = vendor()
    daemon = idle(away.settings(**FAST))
    code, found = examined(daemon)
    assert code == WELL and len(found["vendors"]) == 6, "five questions and the clock"
    away.api.scopes = {"calls.view"}
    code, found = examined(daemon)
    assert code == UNWELL and "widgets.view" in worst(found, "vendors")[1]
    away.api.key = "another-key-altogether-0123456789"
    code, found = examined(daemon)
    assert code == UNWELL and "copy the key anew" in worst(found, "vendors")[1]
    daemon.settings["sources.demo"]["api_url"] = f"https://127.0.0.1:{free_port()}"
    code, found = examined(daemon)
    assert code == UNWELL and "may reach" in worst(found, "vendors")[1]
    assert daemon.database.value("SELECT count(*) FROM callhook.deliveries") == 0


def test_nats_and_its_stream(idle, tmp_path):
    server = NatsServer(tmp_path / "nats")
    daemon = idle({"nats": {"servers": [server.url]}})
    code, found = examined(daemon)
    assert code == UNWELL and "nats.servers" in worst(found, "nats")[1]
    server.start()
    try:
        code, found = examined(daemon)
        assert code == UNWELL and "docs/nats.md" in worst(found, "nats")[1]
        daemon.settings["nats"]["create_stream"] = True
        assert examined(daemon)[1]["nats"][0][0] == "ok"
        server.create_stream(storage="memory")
        assert "storage" in worst(examined(daemon)[1], "nats")[1]
    finally:
        server.stop()


def test_receivers_of_webhooks(idle, receiver):
    there = receiver()
    daemon = idle({"outbound": OUTBOUND, "subscriptions.crm": {"url": there.url(), "secret_files": ["crm.whsec"]}})
    daemon.secret_file("crm.whsec", "whsec_" + base64.b64encode(b"k" * 24).decode())
    assert examined(daemon)[1]["receivers"][0][0] == "ok"
    daemon.settings["subscriptions.crm"]["url"] = f"http://127.0.0.1:{free_port()}/hook?token=of-the-receiver"
    level, text = worst(examined(daemon)[1], "receivers")
    assert level == "warning" and "refused" in text and "token=" not in text


def test_receivers_of_subscriptions_made_through_the_api(idle, receiver):
    there = [receiver(), receiver()]
    daemon = idle({"outbound": OUTBOUND}).start()
    for name, url in (("crm", there[0].url()), ("dwh", there[1].url()), ("old", f"http://127.0.0.1:{free_port()}/?token=secret")):
        subscribe(daemon, name, url)
    act(daemon, "dwh", "pause")
    found = examined(daemon)[1]
    assert [level for level, text in found["receivers"] if "answer" in text] == ["ok", "ok"], found["receivers"]
    assert any(level == "ok" and "dwh is paused" in text for level, text in found["receivers"])
    level, text = worst(found, "receivers")
    assert level == "warning" and "old" in text and "refused" in text and "token=" not in text

    daemon.stop()
    daemon.settings["outbound"]["allow"] = []
    texts = [text for level, text in examined(daemon)[1]["receivers"] if level == "warning"]
    assert len(texts) == 3, "what was allowed when they were made"


def test_a_receiver_that_is_gone_is_not_asked(idle, receiver):
    gone = receiver(lambda request: 410)
    daemon = idle({"outbound": OUTBOUND}).start()
    subscribe(daemon, "crm", gone.url())
    daemon.deliver(documented()["call.new"])
    wait_until(lambda: subscription(daemon, "crm")["state"] == "disabled", 20, "410 to be heard")
    asked = len(gone.requests)
    level, text = worst(examined(daemon)[1], "receivers")
    assert level == "warning" and "410" in text and "/v1/subscriptions/crm/resume" in text
    assert len(gone.requests) == asked, "it wanted nothing more"
