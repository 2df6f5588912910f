"""What the daemon tells systemd, and the sockets that systemd hands over. Where a whole systemd can run, tests/package has it."""

import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

from support.abuse import LONG
from support.daemon import PATIENCE, wait_until
from support.http import RawConnection, post_bytes, request
from support.one_thread import can_freeze, frozen, thread_named, threads
from support.payloads import body, call_event
from support.ports import free_port
from support.service_manager import ServiceManager, listening


@pytest.fixture
def manager(tmp_path):
    made = []

    def make(sockets=(), watchdog=None):
        directory = tmp_path / f"manager{len(made)}"
        directory.mkdir()
        made.append(ServiceManager(directory, sockets, watchdog))
        return made[-1]

    yield make
    for one in made:
        one.close()


def refused(daemon, manager):
    """Started so it must end at once; (exit code, what it said)."""
    daemon.write_config()
    command, environment, passed = manager.prepare([daemon.binary, "serve", "--config", str(daemon.config)], daemon._environment())
    done = subprocess.run(
        command, env=environment, pass_fds=passed, capture_output=True, text=True, timeout=60 * PATIENCE, stdin=subprocess.DEVNULL, check=False
    )
    return done.returncode, done.stderr


# What it says ------------------------------------------------------------------------------------------------------------------


def test_it_says_when_it_is_ready_how_it_is_and_that_it_stops(make_daemon, manager, postgres):
    told = manager()
    daemon = make_daemon()
    daemon.service_manager = told
    daemon.start()
    wait_until(lambda: told.last("READY") == "1", what="readiness")
    wait_until(lambda: told.last("STATUS") == "ok", what="the status ok")
    assert "WATCHDOG" not in told.last("STATUS") and told.said("WATCHDOG") == []  # nobody asked for it

    postgres.kill()
    wait_until(lambda: "inbox: the database does not take events" in told.last("STATUS"), 30, "a status that tells of the database")
    assert daemon.post(body(call_event("call.new"))).status == 200
    wait_until(lambda: "spool: events wait for the database: 1" in told.last("STATUS"), 30, "a status that tells of the spool")
    assert told.last("STATUS").startswith("degraded; ")
    postgres.start()
    wait_until(lambda: told.last("STATUS") == "ok", 60, "the status ok again")

    daemon.write_config()
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: len(told.said("READY")) == 2, what="the end of the reload")
    reload = next(message for _, message in told.heard if "RELOADING" in message)
    assert 0 <= time.clock_gettime(time.CLOCK_MONOTONIC) - int(reload["MONOTONIC_USEC"]) / 1e6 < 60 * PATIENCE
    wait_until(lambda: told.last("STATUS") == "ok", what="the status ok after it")

    assert daemon.stop() == 0
    wait_until(lambda: told.last("STOPPING") == "1", what="the end of it")
    assert told.last("STATUS") == "stopping"
    assert 4_000_000 < int(told.last("EXTEND_TIMEOUT_USEC")) < 10_000_000  # shutdown.deadline, and what it may overrun


def test_it_is_ready_without_a_database(make_daemon, manager, postgres):
    postgres.stop()
    told = manager()
    daemon = make_daemon()
    daemon.service_manager = told
    daemon.start(ready=False)
    wait_until(lambda: told.last("READY") == "1", 30, "readiness")
    assert daemon.post(body(call_event("call.new"))).status == 200
    wait_until(lambda: (told.last("STATUS") or "").startswith("degraded; "), 30, "the status")


def beats(told, seconds):
    """How many signs of life come in that time."""
    start = time.monotonic()
    time.sleep(seconds)
    return len([when for when in told.times("WATCHDOG") if when > start])


def test_a_database_that_hangs_is_no_reason_to_be_killed(make_daemon, manager, postgres):
    told = manager(watchdog=2)
    daemon = make_daemon({"database": {"connect_timeout": "1s", "statement_timeout": "100ms"}})
    daemon.service_manager = told
    daemon.start()
    wait_until(lambda: len(told.said("WATCHDOG")) > 2, what="signs of life")
    postgres.pause()
    assert beats(told, 8) >= 4
    assert daemon.post(body(call_event("call.new"))).status == 200
    gaps = [after - before for before, after in zip(told.times("WATCHDOG"), told.times("WATCHDOG")[1:])]
    assert max(gaps) < 2 * PATIENCE
    postgres.resume()


def test_a_loop_that_stands_still_gives_no_sign_of_life(make_daemon, manager):
    told = manager(watchdog=1)
    daemon = make_daemon()
    daemon.service_manager = told
    daemon.start()
    wait_until(lambda: told.said("WATCHDOG"), what="a sign of life")
    if not can_freeze(daemon.process.pid):
        pytest.skip("threads cannot be frozen here")
    with frozen(daemon.process.pid):  # the main thread, which is the main loop's
        assert beats(told, 2) == 0
    assert wait_until(lambda: beats(told, 1) > 0, what="signs of life again")


def test_a_loop_of_webhooks_that_stands_still_gives_none_and_is_not_ready(make_daemon, manager):
    told = manager(watchdog=1)
    daemon = make_daemon()
    daemon.service_manager = told
    daemon.start()
    if not can_freeze(daemon.process.pid):
        pytest.skip("threads cannot be frozen here")
    with frozen(thread_named(daemon.process.pid, "hooks")):
        wait_until(lambda: daemon.api("/readyz").status == 503, 30, "being not ready")
        assert daemon.part("intake") == "the thread that takes webhooks stands still"
        wait_until(lambda: "the thread that takes webhooks stands still" in daemon.log_text(), what="an error in the log")
        assert beats(told, 2) == 0
    wait_until(daemon.is_ready, what="readiness")
    assert wait_until(lambda: beats(told, 1) > 0, what="signs of life again")
    daemon.deliver(body(call_event("call.new")))


@pytest.mark.skipif(not LONG, reason="takes two minutes; CALLHOOK_TEST_LONG=1")
def test_a_writer_that_does_not_come_back_gives_none_either(make_daemon, manager):
    told = manager(watchdog=2)
    daemon = make_daemon({"database": {"connect_timeout": "1s", "statement_timeout": "100ms"}})
    daemon.service_manager = told
    daemon.start()
    if not can_freeze(daemon.process.pid):
        pytest.skip("threads cannot be frozen here")
    loops = {daemon.process.pid, thread_named(daemon.process.pid, "hooks")}
    others = [one for one in threads(daemon.process.pid) if one not in loops]
    with frozen(*others):
        assert beats(told, 10) > 0
        wait_until(lambda: beats(told, 5) == 0, 120, "no sign of life")
        assert "the inbox's writer does not come back" in daemon.log_text()
        assert daemon.api("/livez").status == 200  # the main loop turns
    wait_until(lambda: beats(told, 2) > 0, 30, "signs of life again")


# Sockets -----------------------------------------------------------------------------------------------------------------------


def test_it_listens_on_what_it_is_handed(make_daemon, manager):
    hooks, api = listening(), listening()
    daemon = make_daemon({"hooks": {"address": "192.0.2.1", "port": 1}})  # where it could not listen by itself
    daemon.service_manager = manager([("api", api), ("hooks", hooks)])  # in any order
    daemon.start()
    assert (daemon.hooks_port, daemon.api_port) == (hooks.getsockname()[1], api.getsockname()[1])
    assert [line["handed_over"] for line in daemon.log_lines() if line["message"] == "listening"] == [True, True]
    daemon.deliver(body(call_event("call.new")))
    daemon.write_config()
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: "configuration reloaded" in daemon.log_text(), what="the reload")
    assert "a changed setting needs a restart" not in daemon.log_text()  # where it listens is not the configuration's affair


@pytest.mark.parametrize("handed", ["hooks", "api"])
def test_a_listener_without_a_socket_opens_its_own(make_daemon, manager, handed):
    daemon = make_daemon()
    daemon.service_manager = manager([(handed, listening())])
    daemon.start()
    lines = {line["listener"]: line["handed_over"] for line in daemon.log_lines() if line["message"] == "listening"}
    assert lines == {"hooks": handed == "hooks", "api": handed == "api"}
    daemon.deliver(body(call_event("call.new")))


def test_a_socket_that_fits_no_listener_is_refused(make_daemon, manager, tmp_path):
    local = socket.socket(socket.AF_UNIX)
    local.bind(str(tmp_path / "local"))
    local.listen()
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for sockets, reason in [
        ([("callhookd.socket", listening())], "FileDescriptorName= must be hooks or api"),
        ([("hooks", listening()), ("hooks", listening())], "is the second of that name"),
        ([("hooks", local)], "is no TCP socket"),
        ([("hooks", datagrams)], "is no TCP socket"),
    ]:
        code, said = refused(make_daemon(), manager(sockets))
        assert code == 78 and reason in said, said


def test_a_socket_that_does_not_listen_is_refused(make_daemon, manager):
    silent = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    silent.bind(("127.0.0.1", 0))
    code, said = refused(make_daemon(), manager([("hooks", silent)]))
    assert code == 69 and "is not a listening TCP socket" in said, said


def test_no_socket_opens_the_api_to_all_the_world(make_daemon, manager):
    """The rule is about where it listens, whoever opened that."""
    code, said = refused(make_daemon(), manager([("api", listening("0.0.0.0"))]))
    assert code == 78 and "api.address" in said and "is not a loopback address" in said, said


@pytest.mark.skipif(not shutil.which("systemd-socket-activate"), reason="systemd-socket-activate is not here")
def test_systemd_hands_over_its_sockets(make_daemon):
    """Its own tool listens, and starts the daemon when somebody connects."""
    ports = [free_port(), free_port()]
    daemon = make_daemon()
    daemon.write_config()
    with open(daemon.log_file, "ab") as log:
        daemon.process = subprocess.Popen(
            ["systemd-socket-activate", *(f"--listen=127.0.0.1:{port}" for port in ports), "--fdname=hooks:api"]
            + [daemon.binary, "serve", "--config", str(daemon.config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            env=daemon._environment(),
        )
    daemon.hooks_port, daemon.api_port = ports

    def answered():
        try:
            return request(ports[0], "POST", daemon.hook_path(), body(call_event("call.new")), {"Content-Type": "application/json"}).status
        except ConnectionRefusedError:
            return 0  # the tool does not listen yet

    assert wait_until(answered, 30, "an answer") == 200
    assert wait_until(daemon.is_ready, 20, "readiness")
    assert daemon.stop() == 0


# Restarts ----------------------------------------------------------------------------------------------------------------------


class Sender(threading.Thread):
    """Sends one event after another and expects that each is answered 200; it forgives nothing but an announced close."""

    def __init__(self, daemon, lane, kept, pause):
        super().__init__(daemon=True)
        self.port, self.path = daemon.hooks_port, daemon.hook_path()
        self.lane, self.kept, self.pause = lane, kept, pause
        self.accepted, self.failures, self.reconnects, self.ending = [], [], 0, threading.Event()

    def run(self):
        raw = None
        while not self.ending.wait(self.pause):
            event = body(call_event("call.new", 1_000_000 * self.lane + len(self.accepted) + 1))
            try:
                raw = raw or RawConnection(self.port, 60 * PATIENCE)
                raw.send(post_bytes(self.path, event, () if self.kept else ("Connection: close",)))
                answer = raw.answer()
            except OSError as failure:
                self.failures.append((time.monotonic(), failure))
                raw = None
                continue
            if answer.status == 200:
                self.accepted.append(answer.json()["delivery"])
            else:
                self.failures.append((time.monotonic(), answer))
            if answer.header("Connection") == "close":
                self.reconnects += 1
                raw.close()
                raw = None
        if raw:
            raw.close()


def test_ten_restarts_under_load_cost_no_sender_anything(make_daemon, manager):
    told = manager([("hooks", listening()), ("api", listening())])
    daemon = make_daemon({"log": {"level": "info"}})
    daemon.service_manager = told
    daemon.start()
    kept = [Sender(daemon, lane, True, 0.005 * lane) for lane in range(1, 5)]
    fresh = [Sender(daemon, lane, False, 0.005 * (lane - 4)) for lane in range(5, 9)]
    senders = kept + fresh
    for one in senders:
        one.start()
    wait_until(lambda: all(one.accepted for one in senders), 30, "a stream from each")
    for _ in range(10):
        assert daemon.stop() == 0, daemon.log_text()[-3000:]
        before = [len(one.accepted) for one in senders]  # by the old one: each is to meet the new one
        daemon.start(ready=False)
        wait_until(lambda: all(len(one.accepted) > many + 5 for one, many in zip(senders, before)) or any(one.failures for one in senders), 30, "a stream")
    for one in senders:
        one.ending.set()
    for one in senders:
        one.join(60 * PATIENCE)
    assert [one.failures for one in senders if one.failures] == []
    assert min(one.reconnects for one in kept) >= 10  # each restart was announced to each of them
    accepted = [delivery for one in senders for delivery in one.accepted]
    daemon.settle()
    stored = [row[0] for row in daemon.database.rows("SELECT id::text FROM callhook.deliveries")]
    assert sorted(stored) == sorted(accepted) and len(set(accepted)) == len(accepted)
    code, report = daemon.audit()
    assert code == 0, report
    print(f"{len(accepted)} webhooks across ten restarts, {sum(one.reconnects for one in kept)} announced closes, no failure")
