"""SIGHUP: a changed configuration is taken in as a whole or not at all, and no connection notices."""

import base64
import os
import signal
import socket
import ssl
import threading
import time

import pytest

from support.daemon import PATIENCE, SECRET, wait_until
from support.event_stream import EventStream
from support.http import RawConnection, post_bytes, request
from support.metrics import metric
from support.payloads import body, call_event
from support.personal import private
from support.subscriptions import OUTBOUND, wait_level
from support.tls import Authority
from support.tokens import Tokens, bearer

OTHER = "an0ther-secret-of-the-demo-source-0123456789"
SIGNING = ["whsec_" + base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2)]


def reloaded(daemon, well=True):
    """Writes the settings, reloads, and waits for the end of it; the log's new lines."""
    start = daemon.log_file.stat().st_size
    daemon.write_config()
    daemon.signal(signal.SIGHUP)
    end = "configuration reloaded" if well else "the configuration was not reloaded; the one before stays in force"
    return wait_until(lambda: (lines := daemon.log_lines(start)) and end in [line["message"] for line in lines] and lines, 20, end)


def asked(daemon):
    """Keys that the log says need a restart; without the ports, which the daemon chose and the harness wrote down."""
    keys = [line["key"] for line in daemon.log_lines() if line["message"] == "a changed setting needs a restart"]
    return [key for key in keys if key not in ("hooks.port", "api.port")]


class Sender(threading.Thread):
    """A steady stream on one connection that is kept: sends with the secret that is current, and keeps the answers."""

    def __init__(self, daemon, context=None):
        super().__init__(daemon=True)
        self.daemon_under_test, self.context = daemon, context
        self.secret, self.statuses, self.ended = SECRET, [], threading.Event()
        self.failure = None

    def run(self):
        try:
            with RawConnection(self.daemon_under_test.hooks_port, 30, self.context) as raw:
                while not self.ended.is_set():
                    path = self.daemon_under_test.hook_path(secret=self.secret)
                    raw.send(post_bytes(path, body(call_event("call.new", len(self.statuses) + 1))))
                    self.statuses.append(raw.answer().status)
        except OSError as failure:
            self.failure = failure

    def goes_on(self, count=20):
        before = len(self.statuses)
        wait_until(lambda: len(self.statuses) >= before + count or self.failure, 20, "further answers")
        assert self.failure is None, self.failure

    def stop(self):
        self.ended.set()
        self.join(30)
        assert self.failure is None, self.failure
        return self.statuses


def test_a_hook_secret_is_changed_under_a_steady_stream(daemon):
    source = daemon.settings["sources.demo"]
    sender = Sender(daemon)
    sender.start()
    sender.goes_on()
    assert daemon.post(b"{}", secret=OTHER).status == 404

    source["secret_files"] = ["demo.secret", daemon.secret_file("next.secret", OTHER)]
    reloaded(daemon)
    sender.goes_on()
    sender.secret = OTHER
    sender.goes_on()
    assert daemon.post(body(call_event("call.new"))).status == 200  # the old one still does

    source["secret_files"] = ["next.secret"]
    reloaded(daemon)
    sender.goes_on()
    assert daemon.post(body(call_event("call.new"))).status == 404
    for _ in range(20):  # and many a reload that changes nothing
        daemon.signal(signal.SIGHUP)
    sender.goes_on()
    assert set(sender.stop()) == {200}
    assert metric(daemon, "callhook_config_last_reload_successful") == 1


def test_everything_that_a_sender_must_show_is_taken_in(daemon):
    source = daemon.settings["sources.demo"]
    login = "Basic " + base64.b64encode(b"vendor:sesame-open").decode()
    webhook = body(call_event("call.new"))

    source["basic_auth_file"] = daemon.secret_file("basic", "vendor:sesame-open")
    reloaded(daemon)
    assert daemon.post(webhook).status == 404
    assert daemon.post(webhook, headers={"Authorization": login}).status == 200

    del source["basic_auth_file"]
    source.update(required_header="X-Hook-Key", required_header_file=daemon.secret_file("key", "open, sesame"))
    reloaded(daemon)
    assert daemon.post(webhook, headers={"Authorization": login}).status == 404
    assert daemon.post(webhook, headers={"X-Hook-Key": "open, sesame"}).status == 200

    del source["required_header"], source["required_header_file"]
    source["allow"] = ["192.0.2.0/24"]
    reloaded(daemon)
    assert daemon.post(webhook).status == 404
    source["allow"] = ["127.0.0.0/8"]
    reloaded(daemon)
    assert daemon.post(webhook).status == 200
    assert asked(daemon) == []


def test_a_request_under_way_ends_as_it_began(daemon):
    """Admitted with the secret of before, answered after that has gone."""
    webhook = body(call_event("call.new"))
    whole = post_bytes(daemon.hook_path(), webhook)
    with RawConnection(daemon.hooks_port) as raw:
        raw.send(whole[:-10])
        time.sleep(0.2)
        daemon.secret_file("demo.secret", OTHER)
        reloaded(daemon)
        assert daemon.post(webhook).status == 404
        raw.send(whole[-10:])
        assert raw.answer().status == 200
        raw.send(whole)
        assert raw.answer().status == 404


def test_tokens_come_and_go(make_daemon):
    old, new = Tokens(), Tokens()
    daemon = make_daemon(old.settings()).start()
    stream = EventStream(daemon.api_port, headers=bearer(old.of["feed:read"]))
    for section, keys in new.settings().items():
        daemon.settings[section + "2"] = keys
    reloaded(daemon)
    for tokens in (old, new):
        assert daemon.api("/v1/calls", bearer(tokens.of["calls:read"])).status == 200
    for section in old.settings():
        del daemon.settings[section]
    reloaded(daemon)
    assert daemon.api("/v1/calls", bearer(old.of["calls:read"])).status == 401
    assert daemon.api("/v1/calls", bearer(new.of["calls:read"])).status == 200
    assert daemon.api("/readyz?verbose", bearer(old.of["admin"])).status == 401
    daemon.deliver(body(call_event("call.new")))
    stream.read(1)  # a stream that was let in goes on
    stream.close()
    assert asked(daemon) == []


def test_an_api_for_all_the_world_is_not_opened(make_daemon):
    """Its listener stays where it is until a restart, though the new settings would keep it to this machine."""
    tokens = Tokens()
    daemon = make_daemon({"api": {"address": "0.0.0.0"}, **tokens.settings()}).start()
    for section in tokens.settings():
        del daemon.settings[section]
    daemon.settings["api"]["address"] = "127.0.0.1"
    reloaded(daemon, well=False)
    assert daemon.api("/v1/calls").status == 401
    assert daemon.api("/v1/calls", bearer(tokens.of["calls:read"])).status == 200


def test_what_is_wrong_leaves_all_as_it_was(daemon):
    began = metric(daemon, "callhook_config_last_reload_timestamp_seconds")
    assert metric(daemon, "callhook_config_last_reload_successful") == 1 and abs(began - time.time()) < 60 * PATIENCE
    good = {section: dict(keys) for section, keys in daemon.settings.items()}
    daemon.secret_file("short.secret", "short-0123")
    daemon.secret_file("open.secret", OTHER)
    (daemon.directory / "open.secret").chmod(0o644)
    for section, keys, wrong in [
        ("sources.demo", {"secret_files": ["short.secret"]}, "sources.demo.secret_files"),
        ("sources.demo", {"secret_files": ["open.secret"]}, "sources.demo.secret_files"),
        ("sources.demo", {"secret_files": ["nowhere.secret"]}, "sources.demo.secret_files"),
        ("log", {"level": "loud"}, "log.level"),
        ("hooks", {"colour": "red"}, "hooks.colour"),
        ("tokens.x", {"hash": "sha256:12", "scopes": ["admin"]}, "tokens.x.hash"),
    ]:
        daemon.settings = {name: dict(values) for name, values in good.items()}
        daemon.settings["sources.demo"]["allow"] = ["192.0.2.0/24"]  # well, and not taken in either
        daemon.settings.setdefault(section, {}).update(keys)
        lines = reloaded(daemon, well=False)
        assert wrong in [line.get("key") for line in lines if line["message"] == "error in the configuration"], lines
        assert daemon.post(body(call_event("call.new"))).status == 200
        assert metric(daemon, "callhook_config_last_reload_successful") == 0
        assert metric(daemon, "callhook_config_last_reload_timestamp_seconds") == began

    daemon.settings = good
    daemon.config.write_text("this is = not [TOML", encoding="utf-8")
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: "config" in [line.get("key") for line in daemon.log_lines()], what="no TOML")
    reloaded(daemon)
    assert metric(daemon, "callhook_config_last_reload_successful") == 1
    assert metric(daemon, "callhook_config_last_reload_timestamp_seconds") > began


def test_what_needs_a_restart_is_named_and_the_rest_is_taken_in(daemon):
    daemon.settings["hooks"]["max_body"] = "2MiB"
    daemon.settings["database"]["readers"] = 3
    daemon.settings["log"]["level"] = "warn"
    daemon.settings["sources.demo"].update(time_zone="Europe/Berlin", allow=["127.0.0.1"])
    daemon.settings["sources.new"] = {"secret_files": [daemon.secret_file("new.secret", OTHER)]}
    start = daemon.log_file.stat().st_size
    daemon.write_config()
    daemon.signal(signal.SIGHUP)
    needed = {"hooks.max_body", "database.readers", "sources.demo.time_zone", "sources.new"}
    wait_until(lambda: needed == set(asked(daemon)), what=f"all of {needed}")
    assert len(asked(daemon)) == len(needed)
    wait_until(lambda: daemon.database.rows("SELECT 1") and daemon.post(b"{}").status == 202, what="it goes on")
    assert daemon.post(body(call_event("call.new")), source="new", secret=OTHER).status == 404  # not before a restart
    levels = [line["level"] for line in daemon.log_lines(start)]
    assert levels.count("warning") + levels.count("warn") >= len(needed) and "debug" not in levels[len(needed) :]


def test_certificates_are_changed_under_a_steady_stream(make_daemon, tmp_path):
    first, second = Authority(tmp_path / "first"), Authority(tmp_path / "second")
    files = first.issue("server")
    daemon = make_daemon({"hooks": files.settings(tls_client_ca_file=str(first.ca)), "api": files.settings()})
    daemon.hooks_context = first.context(first.issue("sender", "client"))
    daemon.api_context = first.context()
    daemon.start()
    sender = Sender(daemon, daemon.hooks_context)
    sender.start()
    sender.goes_on()
    stream = EventStream(daemon.api_port, context=daemon.api_context)

    # As a certificate's renewal does it, the same files are written anew; for a moment they do not fit together.
    renewed = second.issue("server")
    files.file.write_bytes(renewed.file.read_bytes())
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: metric(daemon, "callhook_config_last_reload_successful") == 0, what="a key that does not fit")
    assert daemon.post(body(call_event("call.new"))).status == 200
    files.key.write_bytes(renewed.key.read_bytes())
    daemon.settings["hooks"]["tls_client_ca_file"] = str(second.ca)
    reloaded(daemon)

    sender.goes_on()
    for context in (daemon.hooks_context, second.context(first.issue("stranger", "client"))):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            with RawConnection(daemon.hooks_port, 20, context) as raw:
                raw.send(post_bytes(daemon.hook_path(), b"{}"))
                raw.answer()
    daemon.hooks_context = second.context(second.issue("sender", "client"))
    daemon.api_context = second.context()
    daemon.deliver(body(call_event("call.new", 100_000)))
    stream.read(1)
    stream.close()
    assert set(sender.stop()) == {200}
    assert asked(daemon) == []


def test_a_subscription_signs_with_its_new_secrets(make_daemon, receiver):
    told = receiver()
    daemon = make_daemon({"outbound": OUTBOUND})
    files = [daemon.secret_file(f"crm{number}", secret) for number, secret in enumerate(SIGNING)]
    daemon.settings["subscriptions.crm"] = {"url": told.url(), "start": "0", "secret_files": [files[0]]}
    daemon.start()

    def signatures():
        daemon.deliver(body(call_event("call.new", 10_000 + len(told.requests))))
        wait_level(daemon, "crm")
        return told.requests[-1].headers["webhook-signature"].split()

    assert len(signatures()) == 1
    daemon.settings["subscriptions.crm"]["secret_files"] = files
    reloaded(daemon)
    wait_until(lambda: len(signatures()) == 2, 30, "two signatures")
    daemon.settings["subscriptions.crm"]["secret_files"] = files[1:]
    reloaded(daemon)
    wait_until(lambda: len(signatures()) == 1, 30, "one signature")
    ids = told.ids()
    assert len(set(ids)) == len(ids)  # nothing twice, whatever was under way
    assert asked(daemon) == []


@pytest.mark.parametrize("mode", [0o400, 0o440])
def test_credentials_that_systemd_hands_over(make_daemon, tmp_path, mode):
    """Relative names are looked for there first; what is not there is beside the configuration."""
    folder = tmp_path / "credentials"
    folder.mkdir()
    authority = Authority(tmp_path / "authority")
    issued = authority.issue("server")
    for name, content in (("hook", OTHER), ("demo.secret", OTHER[::-1]), ("server.pem", issued.file.read_text()), ("key", issued.key.read_text())):
        (folder / name).write_text(content + "\n", encoding="ascii")
        (folder / name).chmod(mode)
        private.secret(content)
    folder.chmod(0o500)
    hooks = {"tls_certificate_file": "server.pem", "tls_key_file": "key"}
    daemon = make_daemon({"hooks": hooks}, environment={"CREDENTIALS_DIRECTORY": str(folder)})
    daemon.settings["sources.demo"]["secret_files"] = ["hook", "demo.secret"]
    daemon.settings["sources.other"] = {"secret_files": [daemon.secret_file("beside", SECRET)]}
    daemon.hooks_context = authority.context()
    daemon.start()
    assert daemon.post(b"{}", secret=OTHER).status == 202
    assert daemon.post(b"{}", secret=OTHER[::-1]).status == 202
    assert daemon.post(b"{}", secret=SECRET).status == 404  # the file beside the configuration does not count
    assert daemon.post(b"{}", source="other", secret=SECRET).status == 202

    folder.chmod(0o700)
    (folder / "hook").chmod(mode | 0o004)
    code, _, err = daemon.run("check-config")
    assert code == 78 and "is open to every user" in err
    (folder / "hook").chmod(mode)


def test_a_hangup_before_it_listens_does_not_end_it(make_daemon):
    daemon = make_daemon()
    with socket.socket() as taken:  # nothing answers at the database's place, so that the start takes its time
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        daemon.settings["database"].update(url=f"postgresql://nobody@127.0.0.1:{taken.getsockname()[1]}/none", connect_timeout="2s")
        starting = threading.Thread(target=lambda: daemon.start(ready=False))
        starting.start()
        wait_until(lambda: daemon.process is not None, what="a process")
        time.sleep(0.3)
        os.kill(daemon.process.pid, signal.SIGHUP)
        starting.join(60 * PATIENCE)
    assert daemon.running() and request(daemon.api_port, "GET", "/livez").status == 200
