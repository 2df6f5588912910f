"""Publishing to NATS: who may, over what, and how a wrong configuration is told."""

import json
import socket
import threading
import time

import pytest
from callpage_tls import certificates
from support.daemon import PATIENCE, wait_until
from support.feed import read_feed
from support.nats import NatsServer
from support.nkeys import Operator, credentials
from support.payloads import body, call_event
from test_nats import assert_same, deliver, publishing, trouble, wait_for_messages, wait_for_trouble  # noqa: F401

PASSWORD = "p@ss:w/rd-0123456789"
IN_A_URL = "p%40ss%3Aw%2Frd-0123456789"
# What README.md says that callhook's user needs.
PUBLISH = ["callhook.>", "$JS.API.STREAM.INFO.callhook", "$JS.API.STREAM.MSG.GET.callhook"]
SUBSCRIBE = ["_INBOX.>"]


@pytest.fixture
def start(tmp_path):
    """Starts servers with a configuration and a stream."""
    made = []

    def begin(**how):
        made.append(NatsServer(tmp_path / f"nats{len(made)}", **how).start())
        made[-1].create_stream()
        return made[-1]

    yield begin
    for server in made:
        server.stop()


def assert_publishes(daemon, server, count=5):
    deliver(daemon, range(1, count + 1))
    wait_for_messages(server, count)
    assert_same(server.messages(), read_feed(daemon))
    assert trouble(daemon) == ""


def with_password(start):
    list_of = ", ".join(f'"{subject}"' for subject in PUBLISH)
    config = f"""authorization {{ users: [
      {{user: admin, password: "admin"}},
      {{user: callhook, password: "{PASSWORD}", permissions: {{ publish: [{list_of}], subscribe: ["_INBOX.>"] }} }} ] }}"""
    return start(config=config, login={"user": "admin", "password": "admin"})


def test_user_and_password_and_just_the_documented_permissions(start, publishing):
    server = with_password(start)
    daemon = publishing(server, servers=[f"nats://callhook:{IN_A_URL}@127.0.0.1:{server.port}"]).start()
    assert_publishes(daemon, server)
    server.kill()
    server.start()
    deliver(daemon, range(6, 8))
    wait_for_messages(server, 7)


def test_a_wrong_password_is_told_and_nobody_sees_it(start, publishing):
    server = with_password(start)
    daemon = publishing(server, servers=[f"nats://callhook:wrong-{IN_A_URL}@127.0.0.1:{server.port}"]).start()
    wait_for_trouble(daemon, "Authorization")
    wait_until(lambda: daemon.log_text().count("publishing to NATS is held up") >= 1, 5, "the log line")
    for text in (trouble(daemon), daemon.log_text(), daemon.api("/metrics").body.decode(), daemon.run("check-config", "--json")[1]):
        assert "p@ss" not in text and "p%40ss" not in text
    daemon.stop()


def test_a_token(start, publishing):
    server = start(config='authorization { token: "t0ken-of-the-test" }', login={"token": "t0ken-of-the-test"})
    assert_publishes(publishing(server, servers=[f"nats://t0ken-of-the-test@127.0.0.1:{server.port}"]).start(), server)


def test_tls_with_an_authority_of_ones_own(start, publishing, tmp_path):
    tls = certificates(tmp_path / "tls")
    server = start(tls=tls)
    daemon = publishing(server, url=f"tls://127.0.0.1:{server.port}", ca_file=str(tls.ca)).start()
    assert_publishes(daemon, server)
    daemon.stop()
    other = publishing(server, "unknown authority", url=f"tls://127.0.0.1:{server.port}").start()
    wait_for_trouble(other, "unable to get local issuer certificate")
    other.stop()
    plain = publishing(server, "no TLS", url=f"nats://127.0.0.1:{server.port}").start()
    wait_for_trouble(plain, "cannot connect")


class HangsInTheHandshake:
    """A server that asks for TLS and then says nothing more; the library waits for it without end."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.taken = []
        threading.Thread(target=self.take, daemon=True).start()

    def take(self):
        info = {"server_id": "x", "version": "2.9.10", "proto": 1, "headers": True, "max_payload": 1048576, "tls_required": True}
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.sendall(f"INFO {json.dumps(info)}\r\n".encode())
            self.taken.append(connection)

    def close(self):
        self.listener.close()
        for connection in self.taken:
            connection.close()


def test_a_handshake_that_hangs_keeps_nobody_from_another_server_nor_from_stopping(start, publishing, tmp_path):
    hanging = HangsInTheHandshake()
    try:
        tls = certificates(tmp_path / "tls")
        server = start(tls=tls)
        url = f"tls://127.0.0.1:{hanging.port}"
        daemon = publishing(server, servers=[url, f"tls://127.0.0.1:{server.port}"], ca_file=str(tls.ca)).start()
        assert_publishes(daemon, server)
        assert daemon.stop() == 0
        alone = publishing(server, "alone", url=url, timeout="300ms").start()
        wait_for_trouble(alone, f"a connection to 127.0.0.1:{hanging.port} hangs")
        time.sleep(2)
        assert len(hanging.taken) == 2, "one thread at most hangs on a server"
        begun = time.monotonic()
        assert alone.stop() == 0
        assert time.monotonic() - begun < 8 * PATIENCE
    finally:
        hanging.close()


def test_tls_where_the_server_has_none_is_no_way_around_it(start, publishing, tmp_path):
    server = start()
    daemon = publishing(server, url=f"tls://127.0.0.1:{server.port}").start()
    wait_for_trouble(daemon, "cannot connect")
    daemon.deliver(body(call_event("call.completed", 1)))
    assert server.messages() == []


def test_the_name_in_the_certificate_counts(start, publishing, tmp_path):
    tls = certificates(tmp_path / "tls")
    server = start(tls=tls)
    daemon = publishing(server, url=f"tls://127.0.0.2:{server.port}", ca_file=str(tls.ca)).start()
    wait_for_trouble(daemon, "cannot connect")
    daemon.stop()
    by_name = publishing(server, "by name", url=f"tls://localhost:{server.port}", ca_file=str(tls.ca)).start()
    assert_publishes(by_name, server)


def test_a_certificate_of_ones_own_where_the_server_asks_for_one(start, publishing, tmp_path):
    tls = certificates(tmp_path / "tls")
    server = start(tls=tls, verify=True)
    keys = {"ca_file": str(tls.ca), "certificate_file": str(tls.certificate), "key_file": str(tls.key)}
    assert_publishes(publishing(server, url=f"tls://127.0.0.1:{server.port}", **keys).start(), server)


def test_a_credentials_file(start, publishing, tmp_path):
    operator = Operator(tmp_path / "operator")
    admin, admin_jwt = operator.user()
    server = start(config=operator.config(), login={"jwt": admin_jwt, "sign": admin.sign})
    user, jwt = operator.user(PUBLISH, SUBSCRIBE)
    file = tmp_path / "callhook.creds"
    file.touch(mode=0o600)
    file.write_text(credentials(user, jwt), encoding="ascii")
    daemon = publishing(server, credentials_file=str(file)).start()
    assert_publishes(daemon, server)
    daemon.stop()
    # A user whom the account does not know.
    stranger = Operator(tmp_path / "stranger")
    other, other_jwt = stranger.user()
    file.write_text(credentials(other, other_jwt), encoding="ascii")
    refused = publishing(server, "refused", credentials_file=str(file)).start()
    wait_for_trouble(refused, "Authorization")
    assert other.seed not in refused.log_text()


@pytest.mark.parametrize(
    "settings, key, reason",
    [
        ({"servers": ["http://127.0.0.1"]}, "nats.servers", "server 1: the URL does not start with nats:// or tls://"),
        ({"servers": ["nats://127.0.0.1", f"nats://u:{PASSWORD}@127.0.0.1:x"]}, "nats.servers", "server 2: "),
        ({"servers": ["nats://127.0.0.1:4222/path"]}, "nats.servers", "the URL does not end after host and port"),
        ({"stream": "a.b"}, "nats.stream", "is not a stream's name"),
        ({"subject_prefix": "a.>"}, "nats.subject_prefix", "is not the beginning of a subject"),
        ({"certificate_file": "x.pem"}, "nats.key_file", "is missing beside nats.certificate_file"),
        ({"ca_file": "missing.pem"}, "nats.ca_file", "missing.pem"),
        ({"credentials_file": "open.creds"}, "nats.credentials_file", "is open to every user of this machine"),
        ({"credentials_file": "empty.creds"}, "nats.credentials_file", "holds no credentials of NATS"),
        ({"servers": ["nats://u:p@127.0.0.1"], "credentials_file": "empty.creds"}, "nats.servers", "only one of them can count"),
        ({"sources": ["A b"]}, "nats.sources", "is not a source's name"),
    ],
)
def test_check_config_tells_what_is_wrong(make_daemon, settings, key, reason):
    daemon = make_daemon(settings={"nats": {"servers": ["nats://127.0.0.1"], **settings}})
    for name, mode in (("open.creds", 0o644), ("empty.creds", 0o600)):
        path = daemon.directory / name
        path.write_text("-----BEGIN NATS USER JWT-----" if name == "open.creds" else "", encoding="ascii")
        path.chmod(mode)
    code, out, err = daemon.run("check-config")
    assert code == 78
    assert key in err and reason in err and "fix: " in err
    assert PASSWORD not in out + err


def test_a_good_configuration_is_taken_and_shows_no_password(make_daemon):
    daemon = make_daemon(settings={"nats": {"servers": [f"tls://u:{IN_A_URL}@nats.example.com"]}})
    code, out, err = daemon.run("check-config")
    assert code == 0, err
    assert "stream callhook, subjects callhook.>, 1 server" in out
    assert IN_A_URL not in out + err
