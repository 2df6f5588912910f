"""docs/install.md, docs/configure.md and docs/connect-callpage.md: what they show is taken out of the page and tried."""

import json
import os
import pathlib
import re
import stat
import subprocess

import pytest
from support.cluster import Database
from support.examples import Runner, sections
from support.payloads import body, call_event
from support.personal import private

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"
CONNECT = sections(DOCS / "connect-callpage.md")
CONFIGURE = sections(DOCS / "configure.md")
INSTALL = sections(DOCS / "install.md")
SECRET_STEP, SEE, KEY, WATCH = "1. A source with a secret", "3. See that it works", "4. The API key", "Watch that none is forgotten"


def blocks(page, heading, language):
    return [block for block in page[heading] if block.language == language]


POSTGRES = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))[-1]


@pytest.fixture
def shell(binary, tmp_path):
    """A folder as /etc/callhook would be, with callhookd in PATH."""
    directory = tmp_path / "etc"
    directory.mkdir()
    (directory / "callhookd").symlink_to(binary)
    made = Runner(directory, {})
    kept = {name: value for name, value in made.environment.items() if not name.startswith(("CALLHOOK_", "PG"))}
    made.environment = {**kept, "PATH": f"{directory}:{os.environ['PATH']}", "CALLHOOK_CONFIG": str(directory / "callhookd.toml")}
    return made


def faults_of(shell, text, database):
    """What check-config finds wrong."""
    (shell.directory / "callhookd.toml").write_text(text, encoding="utf-8")
    environment = shell.environment if "[database]" in text else {**shell.environment, "CALLHOOK_DATABASE_URL": database.url}
    done = subprocess.run(
        [shell.directory / "callhookd", "check-config", "--json"], env=environment, capture_output=True, text=True, check=False, timeout=30
    )
    return json.loads(done.stdout)["errors"]


def test_the_configurations_of_the_pages_are_whole(shell, database):
    shell.run(blocks(CONNECT, SECRET_STEP, "sh"), "")
    secret = shell.directory / "acme.secret"
    private.secret(secret.read_text(encoding="ascii").strip())
    assert stat.S_IMODE(secret.stat().st_mode) == 0o640
    key = shell.directory / "acme.api-key"
    key.touch(mode=0o600)
    key.write_text("a-key-of-an-account\n", encoding="ascii")
    shown = [*blocks(CONNECT, SECRET_STEP, "toml"), *blocks(CONNECT, KEY, "toml"), *blocks(CONFIGURE, "", "toml")]
    assert len(shown) == 3
    for block in shown:
        assert faults_of(shell, block.text, database) == []


@pytest.fixture
def newcomer(cluster, shell):
    """The database that docs/install.md makes, under another name: a role without rights of its own, and a database."""
    host = cluster.url().split("host=")[1].split("&")[0].replace("%2F", "/")
    made = Runner(shell.directory, {"callhook": "newcomer"})
    made.environment = {**shell.environment, "PATH": f"{POSTGRES}:{shell.environment['PATH']}", "PGHOST": host, "PGUSER": "postgres"}
    made.run(blocks(INSTALL, "1. A database", "sh"), "")
    yield Database(cluster, "newcomer")
    cluster.drop("newcomer")
    Database(cluster, "postgres").execute("DROP ROLE newcomer")


def test_the_database_of_the_page_is_enough(make_daemon, cluster, newcomer):
    newcomer.url = cluster.url("newcomer", "newcomer")
    daemon = make_daemon(on=newcomer).start("--migrate")
    daemon.deliver(body(call_event("call.new")))
    daemon.settle()
    code, report = daemon.audit()
    assert code == 0 and daemon.stop() == 0, report


def test_the_source_of_the_page_is_whole(shell, database):
    shell.run(blocks(INSTALL, "3. A source", "sh"), "")
    secret = shell.directory / "main.secret"
    private.secret(secret.read_text(encoding="ascii").strip())
    secret.chmod(0o640)  # as install(1) of the page does
    (shown,) = blocks(INSTALL, "3. A source", "toml")
    assert faults_of(shell, shown.text, database) == []


def test_a_webhook_sent_by_hand_is_there(daemon):
    runner = Runner(daemon.directory, {"127.0.0.1:8081": f"127.0.0.1:{daemon.api_port}", "127.0.0.1:8080": f"127.0.0.1:{daemon.hooks_port}"})
    latest, by_hand = blocks(CONNECT, SEE, "sh")
    sent, _, shown = by_hand.text.partition("\ncurl 'http")
    by_hand.text = sent
    assert '"status":"accepted"' in runner.run([by_hand], "")[0]
    daemon.settle()
    by_hand.text = "curl 'http" + shown
    call = json.loads(runner.run([by_hand], "")[0])
    assert call["call"]["id"] == 3419 and call["call"]["phase"] == "new"
    assert json.loads(runner.run([latest], "")[0])["calls"]
    assert json.loads(runner.run(blocks(CONNECT, WATCH, "sh"), "")[0])["gaps"] == []


def test_the_key_is_checked(shell, vendor, database):
    away = vendor(source="acme")
    shell.environment.update(away.environment(), CALLHOOK_DATABASE_URL=database.url, CALLHOOK_SOURCES_ACME_SECRETS="0123456789abcdef0123")
    (shell.directory / "callhookd.toml").write_text("", encoding="utf-8")
    (said,) = shell.run(blocks(CONNECT, KEY, "sh"), "")
    assert "calls.view" in said


def test_no_program_is_left_out(daemon):
    assert {heading for heading in CONNECT if blocks(CONNECT, heading, "sh")} == {SECRET_STEP, SEE, KEY, WATCH}
    assert not any(blocks(CONFIGURE, heading, "sh") for heading in CONFIGURE)
    assert {heading for heading in INSTALL if blocks(INSTALL, heading, "sh")} == {"1. A database", "3. A source"}
    # And the number of connections that the page tells.
    (told,) = re.findall(r"`readers` and (\d+) connections more", (DOCS / "configure.md").read_text(encoding="utf-8"))
    count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'callhook-%'"
    assert 2 < daemon.database.value(count) <= 2 + int(told)
