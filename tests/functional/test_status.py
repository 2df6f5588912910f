"""callhookd status: what an operator sees of a running daemon, and how the terminal is left."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest
from support.daemon import NO_SPOOL, PATIENCE, wait_until
from support.feed import read_feed
from support.http import request
from support.ports import free_port
from support.payloads import documented
from support.subscriptions import OUTBOUND, ask, subscribe
from support.tls import Authority
from support.tokens import Tokens

FINE, UNAVAILABLE, PERMISSION, CONFIGURATION = 0, 69, 77, 78


def seen(daemon, *arguments, environment=None):
    code, out, err = daemon.run("status", "--json", *arguments, environment=environment)
    assert code == FINE, err
    return json.loads(out)


def test_it_shows_what_the_daemon_is_at(make_daemon, receiver):
    there = receiver(lambda request: 500)
    daemon = make_daemon({"outbound": {**OUTBOUND, "schedule": ["1h"]}}).start()
    for payload in documented().values():
        daemon.deliver(payload)
    daemon.deliver(b"not json")
    daemon.settle()
    assert request(daemon.api_port, "PUT", "/v1/consumers/crm", b'{"start": "0"}', {"Content-Type": "application/json"}).status == 201
    subscribe(daemon, "erp", there.url())
    last = len(read_feed(daemon))
    wait_until(lambda: seen(daemon)["consumers"] and seen(daemon)["subscriptions"], 30, "both in the metrics")
    found = seen(daemon)
    received = len(documented()) + 1
    assert found["status"] == "ok" and found["version"] and found["url"].endswith(str(daemon.api_port))
    assert found["parts"]["inbox"] == "ok"
    assert found["deliveries"]["total"] == received and found["deliveries"]["per_second"] == 0
    assert found["quarantined"] == 1 and found["spool"] == {"deliveries": 0, "bytes": found["spool"]["bytes"], "oldest": None}
    assert found["pipeline"]["leads"] is True and found["pipeline"]["lag_deliveries"] == 0
    assert found["feed"]["position"] == last
    assert found["consumers"][0]["name"] == "crm" and found["consumers"][0]["lag_events"] == last
    assert found["subscriptions"][0]["name"] == "erp" and not found["subscriptions"][0]["paused"]
    assert found["nats"]["connected"] is None

    code, out, err = daemon.run("status", "--once")
    assert code == FINE and not err and "\x1b" not in out
    rows = {line.split()[0]: line for line in out.splitlines()}
    assert f"{received} since it started, 0.0/s" in rows["webhooks"] and "nothing waits" in rows["spool"]
    assert f"position {last}" in rows["feed"] and "crm" in rows["consumers"] and "erp" in rows["subscriptions"]

    assert ask(daemon, "POST", "/erp/pause", {}).status == 200
    wait_until(lambda: seen(daemon)["subscriptions"][0]["paused"], 20, "the pause in the metrics")


def test_rates_are_of_the_second_that_it_looks(make_daemon):
    daemon = make_daemon().start()
    daemon.write_config()
    with subprocess.Popen(
        [daemon.binary, "status", "--json", "--config", str(daemon.config)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as looking:
        while looking.poll() is None:
            daemon.deliver(documented()["call.new"])
        assert looking.returncode == FINE
        assert json.loads(looking.stdout.read())["deliveries"]["per_second"] > 1


def test_without_its_database_it_shows_which_part_is_not_well(make_daemon, postgres):
    daemon = make_daemon(NO_SPOOL).start()
    postgres.stop()
    wait_until(lambda: daemon.api("/readyz").status == 503, 20, "not being ready")
    found = seen(daemon, "--timeout", "30s")
    assert found["status"] == "not ready" and found["parts"]["inbox"] != "ok"
    _, out, _ = daemon.run("status", "--once", "--timeout", "30s")
    assert "not ready" in out and "inbox" in out


def test_a_token_is_asked_for_and_shown(make_daemon, tmp_path):
    tokens = Tokens()
    daemon = make_daemon(tokens.settings()).start()
    code, _, err = daemon.run("status", "--once")
    assert code == PERMISSION and "metrics:read" in err and "CALLHOOK_TOKEN" in err
    assert daemon.run("status", "--once", environment={"CALLHOOK_TOKEN": tokens.of["feed:read"]})[0] == PERMISSION
    assert seen(daemon, environment={"CALLHOOK_TOKEN": tokens.of["metrics:read"]})["parts"]
    file = tmp_path / "token"
    file.write_text(tokens.of["metrics:read"] + "\n", encoding="ascii")
    assert seen(daemon, "--token-file", str(file))["status"] == "ok"
    assert daemon.run("status", "--token-file", str(tmp_path / "none"))[0] == CONFIGURATION
    assert daemon.run("check-config", environment={"CALLHOOK_TOKEN": "anything"})[0] == FINE, "it is no setting"


def test_only_the_daemon_of_the_certificate_is_told_the_token(make_daemon, tmp_path):
    authority, other = Authority(tmp_path / "authority"), Authority(tmp_path / "other")
    server, impostor = authority.issue("server"), other.issue("server")
    tokens = Tokens()
    daemon = make_daemon({"api": server.settings(), **tokens.settings()})
    daemon.api_context = authority.context()
    daemon.start()
    shown = {"CALLHOOK_TOKEN": tokens.of["metrics:read"]}
    assert seen(daemon, environment=shown)["url"].startswith("https://127.0.0.1:")
    daemon.settings["api"].update(impostor.settings())
    code, _, err = daemon.run("status", "--once", environment=shown)
    assert code == UNAVAILABLE and "certificate" in err


def test_no_daemon(make_daemon):
    daemon = make_daemon({"api": {"port": free_port()}})
    code, _, err = daemon.run("status")
    assert code == UNAVAILABLE and "refused" in err
    assert make_daemon(name="any").run("status")[0] == CONFIGURATION, "nobody knows the port"


def looking_at(daemon):
    daemon.write_config()  # with the ports that it has got
    return [daemon.binary, "status", "--config", str(daemon.config), "--interval", "100ms"]


class Terminal:
    """A command on a terminal of so many rows and columns."""

    def __init__(self, command, rows=24, columns=80):
        self.controller, line = pty.openpty()
        fcntl.ioctl(line, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.before = termios.tcgetattr(line)
        self.line = line
        self.process = subprocess.Popen(command, stdin=line, stdout=line, stderr=subprocess.PIPE, start_new_session=True)
        self.shown = ""

    def read_until(self, condition, timeout=20):
        end = time.monotonic() + timeout * PATIENCE
        while not condition(self.shown):
            assert time.monotonic() < end, self.shown
            if select.select([self.controller], [], [], 0.1)[0]:
                self.shown += os.read(self.controller, 65536).decode()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        os.close(self.controller)
        os.close(self.line)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_on_a_terminal_it_refreshes_and_gives_the_terminal_back(daemon, number):
    command = looking_at(daemon)
    terminal = Terminal(command, rows=6, columns=40)
    try:
        terminal.read_until(lambda shown: shown.count("webhooks") >= 3)
        daemon.deliver(documented()["call.new"])
        terminal.read_until(lambda shown: "1 since it started" in shown)
        terminal.process.send_signal(number)
        terminal.read_until(lambda shown: "\x1b[?1049l" in shown)
        assert terminal.process.wait(10 * PATIENCE) == FINE
        shown = terminal.shown
        assert shown.startswith("\x1b[?1049h\x1b[?25l") and shown.endswith("\x1b[?25h\x1b[?1049l")
        assert termios.tcgetattr(terminal.line) == terminal.before
        for page in shown.split("\x1b[H")[1:-1]:
            lines = re.sub(r"\x1b\[[0-9?]*[a-zA-Z]", "", page).split("\r\n")
            assert len(lines) <= 6 and max(map(len, lines)) <= 40, lines
    finally:
        terminal.close()


def test_it_waits_for_a_daemon_that_restarts(make_daemon):
    daemon = make_daemon().start()
    command = looking_at(daemon)
    terminal = Terminal(command)
    try:
        terminal.read_until(lambda shown: "webhooks" in shown)
        assert daemon.stop() == 0
        terminal.read_until(lambda shown: "refused" in shown)
        at = len(terminal.shown)
        daemon.start()
        terminal.read_until(lambda shown: "webhooks" in shown[at:])
    finally:
        terminal.close()


def test_where_stdout_is_no_terminal_it_writes_pages(daemon):
    command = looking_at(daemon)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as looking:
        pages = []
        for line in looking.stdout:
            pages.append(line)
            if pages.count("\n") == 2:
                break
        looking.send_signal(signal.SIGINT)
        assert looking.wait(10 * PATIENCE) == FINE
    assert "\x1b" not in "".join(pages) and sum(line.startswith("webhooks") for line in pages) == 2
