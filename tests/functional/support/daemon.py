"""The real binary: its configuration, start and end, and the ways in which the world reaches it."""

import contextlib
import http.client
import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import time

from support.http import RawConnection, post_bytes, request
from support.personal import private, said, sent

SANITIZER = os.environ.get("CALLHOOK_TEST_SANITIZER", "")
# How much longer than on a quiet machine a test waits before it fails: others run beside it, and instrumented code is slower.
# Waiting longer costs nothing where it succeeds.
PATIENCE = 5 if SANITIZER else 2
SECRET = "s3cret-of-the-demo-source-0123456789"
NO_SPOOL = {"spool": {"directory": ""}}


def wait_until(condition, timeout=10.0, what="it"):
    """The first true value of the condition."""
    deadline = time.monotonic() + timeout * PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen in {timeout * PATIENCE:.0f} s")
        time.sleep(0.02)


def toml(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    return json.dumps(value) if isinstance(value, str) else str(value)


def render(settings):
    """TOML of {"section": {"key": value}}."""
    lines = []
    for section, keys in settings.items():
        lines.append(f"[{section}]")
        lines.extend(f"{key} = {toml(value)}" for key, value in keys.items())
        lines.append("")
    return "\n".join(lines)


class Daemon:
    def __init__(self, binary, directory, database, settings=None, sources=("demo",), environment=None):
        self.binary = str(binary)
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.database = database
        self.settings = {
            "hooks": {"address": "127.0.0.1", "port": 0},
            "api": {"address": "127.0.0.1", "port": 0},
            "database": {"url": database.url},
            "spool": {"directory": "spool"},
            "log": {"level": "debug", "format": "json"},
        }
        for source in sources:
            self.secret_file(f"{source}.secret", SECRET)
            self.settings[f"sources.{source}"] = {"kind": "callpage", "secret_files": [f"{source}.secret"]}
        for section, keys in (settings or {}).items():
            self.settings.setdefault(section, {}).update(keys)
        self.environment = environment or {}
        self.config = self.directory / "callhookd.toml"
        self.log_file = self.directory / "daemon.log"
        self.process = None
        self.hooks_port = self.api_port = 0
        self.starts_at = 0  # where in the log the last start begins
        self.hooks_context = self.api_context = None  # of listeners that speak TLS
        self.service_manager = None  # a support.service_manager.ServiceManager that it is started by
        self.measured = []  # (what, text): its metrics before each end

    def secret_file(self, name, content):
        path = self.directory / name
        path.touch(mode=0o600)
        path.write_text(content + "\n", encoding="utf-8")
        private.secret(content)
        return name

    def write_config(self):
        self.config.write_text(render(self.settings), encoding="utf-8")

    # Start and end ----------------------------------------------------------------------------------------------------

    def _environment(self):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("CALLHOOK_", "PG"))}
        return {**kept, **self.environment}

    def start(self, *arguments, ready=True):
        """Starts it and waits until both listeners are told in the log and, unless told not to, until it is ready."""
        self.write_config()
        self.starts_at = self.log_file.stat().st_size if self.log_file.exists() else 0
        command, environment, passed = [self.binary, "serve", "--config", str(self.config), *arguments], self._environment(), ()
        if self.service_manager:
            command, environment, passed = self.service_manager.prepare(command, environment)
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log, env=environment, pass_fds=passed
            )
        wait_until(self._listening, 20, "listening")
        # The same ports after a restart, as an operator's would be.
        self.settings["hooks"]["port"], self.settings["api"]["port"] = self.hooks_port, self.api_port
        if ready:
            wait_until(self.is_ready, 20, "readiness")
        return self

    def _listening(self):
        if self.process.poll() is not None:
            raise AssertionError(f"callhookd ended with {self.process.returncode}: {self.log_text(self.starts_at)}")
        ports = {line.get("listener"): line.get("port") for line in self.log_lines(self.starts_at) if line["message"] == "listening"}
        self.hooks_port, self.api_port = ports.get("hooks", 0), ports.get("api", 0)
        return self.hooks_port and self.api_port

    def is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"callhookd ended with {self.process.returncode}: {self.log_text(self.starts_at)}")
        return self.status() == "ok"

    def status(self):
        """What /readyz says in a word: ok, degraded (webhooks are taken, into the spool for one) or not ready."""
        return self.api("/readyz").json()["status"]

    def part(self, name):
        """What /readyz says of one part."""
        return self.api("/readyz?verbose").json()["parts"][name]

    def running(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        os.kill(self.process.pid, number)

    def stop(self, timeout=15.0):
        """SIGTERM; the exit code."""
        if self.running():
            self.measure()
            self.signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout * PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"callhookd did not stop in {timeout} s: {self.log_text(self.starts_at)[-3000:]}") from None

    def measure(self):
        """Keeps what its metrics say, for who looks later; nothing where it does not answer."""
        for headers in ({}, *({"Authorization": f"Bearer {token}"} for token in private.tokens[-8:])):
            try:
                answer = self.api("/metrics", headers, timeout=5.0)
            except (OSError, http.client.HTTPException):
                return
            if answer.status == 200:
                self.measured.append((f"metrics of {self.directory.name}", answer.body.decode()))
                return

    def kill(self):
        if self.running():
            self.process.kill()
        self.process.wait()

    def rss(self):
        """Resident memory in bytes."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(status.split("VmRSS:")[1].split()[0]) * 1024

    # What it says -----------------------------------------------------------------------------------------------------

    def log_text(self, start=0):
        if not self.log_file.exists():
            return ""
        return self.log_file.read_bytes()[start:].decode("utf-8", "replace")

    def log_lines(self, start=0):
        lines = []
        for line in self.log_text(start).splitlines():
            try:
                lines.append(json.loads(line))
            except ValueError:
                lines.append({"message": line, "level": "raw"})
        return lines

    def run(self, *arguments, timeout=120.0, environment=None):
        """Another command of the binary with this configuration; (exit code, stdout, stderr)."""
        self.write_config()
        done = subprocess.run(
            [self.binary, *arguments, "--config", str(self.config)],
            capture_output=True,
            text=True,
            timeout=timeout * PATIENCE,
            stdin=subprocess.DEVNULL,
            env={**self._environment(), **(environment or {})},
            check=False,
        )
        said(f"stderr of {arguments[0]}", done.stderr)
        if done.returncode != 0:
            said(f"stdout of {arguments[0]}", done.stdout)
        return done.returncode, done.stdout, done.stderr

    def audit(self):
        """(exit code, the report)"""
        code, out, err = self.run("audit", "--json")
        return code, json.loads(out) if out.strip() else err

    # Reaching it ------------------------------------------------------------------------------------------------------

    def hook_path(self, source="demo", secret=SECRET):
        return f"/hooks/{source}/{secret}"

    def post(self, body, source="demo", secret=SECRET, headers=None, timeout=30.0):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        sent(body)
        headers = {"Content-Type": "application/json", **(headers or {})}
        return request(self.hooks_port, "POST", self.hook_path(source, secret), body, headers, timeout, self.hooks_context)

    def deliver(self, body, **how):
        """A post that must be taken; the delivery's id."""
        answer = self.post(body, **how)
        assert answer.status in (200, 202), answer
        return answer.json()["delivery"]

    def deliver_all(self, bodies, connections=8, window=16):
        """Many at once, pipelined; all must be taken. Returns [(delivery id, status)] in no special order."""
        bodies = list(bodies)
        for body in bodies:
            sent(body)
        lanes = [bodies[i::connections] for i in range(connections) if bodies[i::connections]]
        open_lanes = [(RawConnection(self.hooks_port, 60, self.hooks_context), lane) for lane in lanes]
        taken, path = [], self.hook_path()
        try:
            at = 0
            while any(at < len(lane) for _, lane in open_lanes):
                for connection, lane in open_lanes:
                    if part := lane[at : at + window]:
                        connection.send(b"".join(post_bytes(path, body) for body in part))
                for connection, lane in open_lanes:
                    for _ in lane[at : at + window]:
                        answer = connection.answer()
                        assert answer.status in (200, 202), answer
                        taken.append((answer.json()["delivery"], answer.status))
                at += window
        finally:
            for connection, _ in open_lanes:
                connection.close()
        return taken

    def api(self, path, headers=None, timeout=30.0, method="GET"):
        return request(self.api_port, method, path, None, headers, timeout, self.api_context)

    def spooled(self):
        """How many deliveries wait in the spool."""
        file = self.directory / "spool" / "spool.db"
        if not file.exists():
            return 0
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as spool:
            return spool.execute("SELECT count(*) FROM deliveries").fetchone()[0]

    def settle(self, timeout=30.0):
        """Waits until all that was received has been worked on, also what came before the daemon had its database."""
        wait_until(lambda: self.spooled() == 0, timeout, "an empty spool")
        wait_until(lambda: self.database.value("SELECT count(*) FROM callhook.pending") == 0, timeout, "an empty inbox")

    def call(self, call_id, source="demo"):
        answer = self.api(f"/v1/calls/{source}/{call_id}")
        assert answer.status == 200, answer
        return answer.json()
