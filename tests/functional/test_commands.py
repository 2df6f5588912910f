"""The command line: configuration, migrations, audit, exit codes."""

import json
import signal
import subprocess
import types

import pytest
from support.daemon import PATIENCE, Daemon, wait_until
from support.payloads import body, call_event, documented

FINE, FAILED, USAGE, UNAVAILABLE, CONFIGURATION = 0, 1, 64, 69, 78


@pytest.fixture
def idle(make_daemon):
    """A daemon that is configured and not started."""
    return make_daemon()


@pytest.fixture
def configured(binary, tmp_path):
    """A configuration that no database stands behind."""
    return Daemon(binary, tmp_path, types.SimpleNamespace(url="postgresql:///nowhere"))


def test_a_good_configuration_is_told_so(configured):
    code, out, err = configured.run("check-config")
    assert code == FINE, out + err


def test_all_errors_of_a_configuration_are_told_at_once(configured):
    configured.settings["hooks"]["port"] = 70_000
    configured.settings["hooks"]["max_bdy"] = "1MiB"
    configured.settings["log"]["level"] = "loud"
    configured.settings["sources.demo"]["time_zone"] = "Europe/Atlantis"
    configured.settings["sources.demo"]["secret_files"] = ["nowhere.secret"]
    configured.settings["inbox"] = {"batch_deliveries": "many"}
    code, out, err = configured.run("check-config")
    assert code == CONFIGURATION
    told = out + err
    for key in (
        "hooks.port",
        "hooks.max_bdy",
        "log.level",
        "sources.demo.time_zone",
        "sources.demo.secret_files",
        "inbox.batch_deliveries",
    ):
        assert key in told, f"{key} in {told}"
    for value in ("70000", "loud", "Europe/Atlantis", "many"):
        assert value in told
    assert configured.run("serve", timeout=20)[0] == CONFIGURATION, "serve refuses it the same way"


def test_a_configuration_error_is_told_as_json(configured):
    configured.settings["hooks"]["port"] = -1
    code, out, _ = configured.run("check-config", "--json")
    assert code == CONFIGURATION and "hooks.port" in json.dumps(json.loads(out))


def test_a_missing_or_broken_file_is_a_configuration_error(binary, tmp_path):
    gone = subprocess.run([binary, "check-config", "--config", tmp_path / "none.toml"], capture_output=True, text=True, check=False)
    assert gone.returncode == CONFIGURATION and "none.toml" in gone.stdout + gone.stderr
    (tmp_path / "broken.toml").write_text("[hooks\nport = 1", encoding="utf-8")
    broken = subprocess.run([binary, "check-config", "--config", tmp_path / "broken.toml"], capture_output=True, text=True, check=False)
    assert broken.returncode == CONFIGURATION and "broken.toml" in broken.stdout + broken.stderr


def test_the_environment_outweighs_the_file(configured):
    code, out, err = configured.run("check-config", environment={"CALLHOOK_HOOKS_PORT": "nonsense"})
    assert code == CONFIGURATION and "CALLHOOK_HOOKS_PORT" in out + err


def test_a_secret_never_shows_in_an_error(configured):
    configured.settings["database"]["url"] = "postgresql://callhook:pa55word-of-db@/callhook?host=/nowhere"
    configured.secret_file("demo.secret", "short-s3cret!")
    code, out, err = configured.run("check-config")
    assert code == CONFIGURATION
    assert "short-s3cret" not in out + err and "pa55word" not in out + err


@pytest.mark.parametrize("arguments", [["nonsense"], ["serve", "--nonsense"], ["quarantine"], ["calls"]])
def test_a_wrong_command_line_is_a_usage_error(binary, arguments):
    done = subprocess.run([binary, *arguments], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == USAGE and done.stderr.strip()


def test_help_and_version_go_to_stdout(binary):
    for arguments in (["--help"], ["serve", "--help"], ["--version"]):
        done = subprocess.run([binary, *arguments], capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == FINE and done.stdout.strip() and not done.stderr.strip()


# Migrations ----------------------------------------------------------------------------------------------------------


def on(make_daemon, database):
    return make_daemon(on=database, name=database.name)


def test_migrate_makes_the_schema_once(make_daemon, empty_database):
    one = on(make_daemon, empty_database)
    code, out, err = one.run("migrate", "--status")
    assert code in (FINE, FAILED) and (out + err).strip()
    assert empty_database.value("SELECT to_regclass('callhook.deliveries')") is None, "the status changes nothing"
    assert one.run("migrate")[0] == FINE
    applied = empty_database.rows("SELECT number, checksum, applied_at FROM callhook.schema_migrations ORDER BY number")
    assert applied
    assert one.run("migrate")[0] == FINE
    assert empty_database.rows("SELECT number, checksum, applied_at FROM callhook.schema_migrations ORDER BY number") == applied
    code, out, err = one.run("migrate", "--status", "--json")
    assert code == FINE, err
    assert json.loads(out)


def test_many_migrate_at_once_and_it_is_done_once(make_daemon, empty_database):
    one = on(make_daemon, empty_database)
    one.write_config()
    command = [one.binary, "migrate", "--config", str(one.config)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(6)]
    for process in running:
        _, err = process.communicate(timeout=60 * PATIENCE)
        assert process.returncode == FINE, err
    numbers = [row[0] for row in empty_database.rows("SELECT number FROM callhook.schema_migrations ORDER BY number")]
    assert numbers == list(range(1, len(numbers) + 1))


def test_serve_refuses_a_database_without_the_schema_and_makes_it_when_told(make_daemon, empty_database):
    one = on(make_daemon, empty_database)
    code, out, err = one.run("serve", timeout=30)
    assert code == CONFIGURATION and "migrate" in out + err
    one.start("--migrate")
    one.deliver(documented()["call.new"])
    assert one.stop() == FINE


def test_a_changed_migration_is_refused(idle, database):
    database.execute("UPDATE callhook.schema_migrations SET checksum = 'tampered' WHERE number = 1")
    for command in (["migrate"], ["serve"]):
        code, out, err = idle.run(*command, timeout=30)
        assert code == CONFIGURATION and "another text" in out + err, out + err


def test_a_newer_schema_is_refused(idle, database):
    database.execute("INSERT INTO callhook.schema_migrations (number, name, checksum) VALUES (9999, 'future', 'x')")
    for command in (["migrate"], ["serve"]):
        code, out, err = idle.run(*command, timeout=30)
        assert code == CONFIGURATION and (out + err).strip(), out + err


@pytest.mark.parametrize("command", [["migrate"], ["audit"], ["rebuild"], ["quarantine", "list"], ["calls", "show", "demo/1"]])
def test_a_database_that_is_away_is_told_as_such(idle, command, tmp_path):
    idle.settings["database"]["url"] = f"postgresql:///callhook?host={tmp_path}&user=callhook"
    code, out, err = idle.run(*command, timeout=30)
    assert code == UNAVAILABLE and err.strip(), out + err


# Audit ---------------------------------------------------------------------------------------------------------------


def test_audit_balances_and_prints_a_table(daemon):
    for payload in documented().values():
        daemon.deliver(payload)
    daemon.deliver(documented()["call.new"])
    daemon.deliver(b"not json")
    daemon.settle()
    code, report = daemon.audit()
    assert code == FINE and report
    code, out, _ = daemon.run("audit")
    assert code == FINE and len(out.strip().splitlines()) > 3


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM callhook.events WHERE position = 2",
        "DELETE FROM callhook.events WHERE position = (SELECT max(position) FROM callhook.events)",
        "DELETE FROM callhook.outcomes WHERE seq = (SELECT max(seq) FROM callhook.outcomes)",
        "DELETE FROM callhook.deliveries WHERE id = (SELECT min(delivery_id::text)::uuid FROM callhook.outcomes WHERE result = 'applied')",
        "UPDATE callhook.feed_head SET position = position + 1",
    ],
    ids=["an event inside", "the last event", "an outcome", "a delivery", "the head"],
)
def test_audit_sees_what_is_missing(daemon, database, damage):
    for payload in documented().values():
        daemon.deliver(payload)
    daemon.settle()
    assert daemon.audit()[0] == FINE
    assert daemon.stop() == FINE
    database.execute(damage)
    code, report = daemon.audit()
    assert code == FAILED, report


# Signals -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(daemon, number):
    daemon.deliver(documented()["call.new"])
    daemon.signal(number)
    assert daemon.process.wait(10 * PATIENCE) == FINE


def test_a_taken_port_is_told_with_its_number(make_daemon):
    first = make_daemon().start()
    second = make_daemon({"hooks": {"port": first.hooks_port}})
    code, _, err = second.run("serve", timeout=30)
    assert code not in (FINE, None) and str(first.hooks_port) in err


def test_a_name_of_a_source_is_kept_apart(make_daemon):
    one: Daemon = make_daemon(sources=("one", "two")).start()
    one.deliver(body(call_event("call.new", 5)), source="one")
    one.deliver(body(call_event("call.completed", 5)), source="two")
    one.settle()
    assert (one.call(5, "one")["call"]["phase"], one.call(5, "two")["call"]["phase"]) == ("new", "completed")


def test_a_server_that_forgets_what_it_commits_is_refused(make_daemon, database):
    database.execute("ALTER SYSTEM SET fsync = off")
    database.execute("SELECT pg_reload_conf()")
    try:
        wait_until(lambda: database.value("SHOW fsync") == "off", 10, "the reload")
        code, _, err = make_daemon(name="unsafe").run("serve")
        assert code == 78 and "fsync" in err
        code, _, err = make_daemon(name="also").run("migrate")
        assert code == 78 and "fsync" in err
    finally:
        database.execute("ALTER SYSTEM RESET fsync")
        database.execute("SELECT pg_reload_conf()")
        wait_until(lambda: database.value("SHOW fsync") == "on", 10, "the reload")
