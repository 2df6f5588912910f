"""scripts/run: from nothing to a first event and a first feed read, and cleanly away again."""

import os
import pathlib
import re
import signal
import socket
import subprocess
import threading

import pytest
from support.daemon import SANITIZER, wait_until
from support.http import request
from support.payloads import documented
from support.ports import free_port

ROOT = pathlib.Path(__file__).resolve().parents[2]
RELEASE = ROOT / "build" / "release" / "daemon" / "callhookd"


@pytest.fixture(autouse=True)
def built(binary):
    if SANITIZER or binary != RELEASE.resolve():
        pytest.skip("scripts/run is tried with the release build only")


class Run:
    """scripts/run in a process group of its own, as a terminal would have it."""

    def __init__(self, directory, *arguments, **environment):
        self.hooks, self.api = free_port(), free_port()
        kept = {k: v for k, v in os.environ.items() if not k.startswith("CALLHOOK_")}
        self.process = subprocess.Popen(
            [ROOT / "scripts" / "run", "--directory", directory, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            # Whoever runs the tests in the background has SIGINT ignored, and a shell cannot trap what came ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            env={**kept, "CALLHOOK_HOOKS_PORT": str(self.hooks), "CALLHOOK_API_PORT": str(self.api), **environment},
        )
        self.said = ""
        self.listener = threading.Thread(target=self._listen, daemon=True)
        self.listener.start()
        wait_until(self._ready, 300, "readiness")

    def _listen(self):
        for line in self.process.stdout:
            self.said += line

    def _ready(self):
        assert self.process.poll() is None, self.said
        return "Ctrl-C stops" in self.said

    def hook_path(self):
        return re.search(rf"http://127\.0\.0\.1:{self.hooks}(/hooks/demo/\S+)", self.said)[1].strip("'")

    def interrupt(self):
        """What Ctrl-C on a terminal does: the signal goes to the whole foreground group."""
        os.killpg(self.process.pid, signal.SIGINT)
        code = self.process.wait(60)
        self.listener.join(5)
        return code


def events(run):
    return request(run.api, "GET", "/v1/events?lastEventId=0").json()


def running_servers(directory):
    """Processes whose command line names the directory."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes()
        except OSError:
            continue
        if str(directory).encode() in line and int(path.parent.name) != os.getpid():
            found.append(line)
    return found


def test_run_starts_everything_stops_everything_and_keeps_the_data(tmp_path):
    directory = tmp_path / "data"
    first = Run(directory)
    path = first.hook_path()
    assert request(first.hooks, "POST", path, documented()["call.completed"]).status == 200
    wait_until(lambda: events(first), 5, "the event")
    assert "curl" in first.said
    assert (directory / "demo.secret").stat().st_mode & 0o777 == 0o600
    assert first.interrupt() == 0, first.said
    assert running_servers(directory) == []

    second = Run(directory)
    assert second.hook_path() == path, "the secret stays"
    assert [e["type"] for e in events(second)][:1] == ["call.completed"]
    assert second.interrupt() == 0


def test_run_uses_the_database_it_is_given_and_starts_none(tmp_path, empty_database):
    others = running_servers("callpage_simulator.py")
    run = Run(tmp_path / "data", "--demo", CALLHOOK_DATABASE_URL=empty_database.url)
    wait_until(lambda: events(run), 20, "the simulator's first event")
    assert not (tmp_path / "data" / "postgres" / "data").exists()
    assert run.interrupt() == 0
    assert empty_database.value("SELECT count(*) FROM callhook.deliveries") > 0
    assert running_servers("callpage_simulator.py") == others


def test_run_says_which_port_is_taken(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [ROOT / "scripts" / "run", "--directory", tmp_path / "data"],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "CALLHOOK_HOOKS_PORT": str(port)},
            check=False,
        )
    assert done.returncode == 69 and str(port) in done.stderr and "CALLHOOK_HOOKS_PORT" in done.stderr


def test_run_explains_itself():
    done = subprocess.run([ROOT / "scripts" / "run", "--help"], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0 and "CALLHOOK_DATABASE_URL" in done.stdout and "--demo" in done.stdout
