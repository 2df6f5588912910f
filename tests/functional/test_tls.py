"""Listeners that speak TLS: versions, certificates of clients, and everything that works without it."""

import http.client
import json
import socket
import ssl
import subprocess
import time

import pytest

from support.daemon import PATIENCE, wait_until
from support.event_stream import EventStream
from support.feed import read_feed
from support.http import RawConnection, post_bytes
from support.metrics import metric
from support.payloads import body, call_event
from support.tls import Authority

PLAIN = b"POST /hooks/demo/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def server(authority):
    return authority.issue("server")


@pytest.fixture
def secured(make_daemon, authority, server):
    """A daemon whose listeners both speak TLS; more settings of the hooks' one."""

    def make(**hooks):
        daemon = make_daemon({"hooks": server.settings(**hooks), "api": server.settings()})
        daemon.hooks_context = daemon.api_context = authority.context()
        return daemon.start()

    return make


def refusals(daemon, listener="hooks"):
    return metric(daemon, "callhook_http_rejected_total", listener=listener, reason="tls")


def spoken(port, context):
    """(version, cipher) of a connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as secure:
            return secure.version(), secure.cipher()[0]


def test_both_listeners_do_in_tls_all_that_they_do_without(secured, authority):
    daemon = secured(max_body=str(4 << 20))
    stream = EventStream(daemon.api_port, context=authority.context())
    ids = daemon.deliver_all(body(call_event("call.new", number)) for number in range(1, 101))
    assert len(ids) == 100
    stream.read(100)
    daemon.settle()
    assert daemon.call(3)["call"]["id"] == 3

    big = body(call_event("call.new", 3000, request="x" * (3 << 20)))
    assert daemon.post(big).status == 200
    assert daemon.post(b"x" * ((4 << 20) + 1)).status == 413

    connection = http.client.HTTPSConnection("127.0.0.1", daemon.hooks_port, timeout=30, context=authority.context())
    for number in range(5):  # on one connection
        connection.request("POST", daemon.hook_path(), iter([body(call_event("call.new", 4000 + number))]), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        assert answer.status == 200 and answer.read()
        if number == 0:
            first = connection.sock
    assert connection.sock is first
    connection.close()

    with RawConnection(daemon.api_port, 30 * PATIENCE, authority.context()) as waiting:
        waiting.send(b"GET /v1/events?lastEventId=$&timeout=20000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        time.sleep(0.2)
        daemon.deliver(body(call_event("call.new", 5000)))
        assert waiting.answer().json()
    stream.close()
    assert refusals(daemon) == 0
    assert {line["listener"]: line["tls"] for line in daemon.log_lines() if line["message"] == "listening"} == {"hooks": True, "api": True}
    code, out, _ = daemon.run("check-config")
    assert code == 0 and f"hooks   127.0.0.1:{daemon.hooks_port}, TLS\n" in out
    assert metric(daemon, "callhook_tls_certificate_expiry_timestamp_seconds", listener="hooks") > time.time() + 29 * 86400


def test_what_does_not_fit_a_socket_goes_out_whole(secured, authority):
    """A reader that takes its time: records wait in the middle of a long answer."""
    daemon = secured()
    daemon.deliver_all(body(call_event("call.new", number)) for number in range(1, 801))
    daemon.settle()
    wanted = read_feed(daemon)[:1000]
    with socket.socket() as plain:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plain.settimeout(30)
        plain.connect(("127.0.0.1", daemon.api_port))
        with authority.context().wrap_socket(plain, server_hostname="localhost") as secure:
            secure.sendall(b"GET /v1/events?lastEventId=0&limit=1000&timeout=0 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            time.sleep(0.5)
            whole = b""
            while data := secure.recv(65536):  # to the announced end
                whole += data
    assert len(whole) > 300_000 and json.loads(whole.partition(b"\r\n\r\n")[2])[: len(wanted)] == wanted


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")  # that they are refused is the point
def test_versions_and_ciphers(secured, authority):
    daemon = secured()
    version = ssl.TLSVersion
    for port in (daemon.hooks_port, daemon.api_port):
        assert spoken(port, authority.context())[0] == "TLSv1.3"
        spoke, cipher = spoken(port, authority.context(highest=version.TLSv1_2))
        assert spoke == "TLSv1.2" and cipher.startswith("ECDHE-") and ("GCM" in cipher or "CHACHA20" in cipher)
    before = refusals(daemon)
    for old in (version.TLSv1, version.TLSv1_1):
        context = authority.context(lowest=old, highest=old)
        context.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.raises(ssl.SSLError):
            spoken(daemon.hooks_port, context)
    weak = authority.context(highest=version.TLSv1_2)
    weak.set_ciphers("AES128-SHA:ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError):
        spoken(daemon.hooks_port, weak)
    wait_until(lambda: refusals(daemon) == before + 3, what="three refused handshakes")

    context = authority.context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with socket.create_connection(("127.0.0.1", daemon.hooks_port)) as plain, context.wrap_socket(plain, server_hostname="localhost") as secure:
        assert secure.selected_alpn_protocol() == "http/1.1" and secure.compression() is None


def test_curl_believes_it_and_only_with_the_authority(secured, authority):
    daemon = secured()
    url = f"https://localhost:{daemon.hooks_port}{daemon.hook_path()}"
    command = ["curl", "-sS", "--noproxy", "*", "-d", body(call_event("call.new")).decode(), "-o", "/dev/null", "-w", "%{http_code} %{http_version}"]
    done = subprocess.run([*command, "--cacert", str(authority.ca), url], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout == "200 1.1"
    assert subprocess.run([*command, url], capture_output=True, check=False, timeout=30).returncode == 60


def test_who_must_show_a_certificate(make_daemon, authority, server, tmp_path):
    daemon = make_daemon({"hooks": server.settings(tls_client_ca_file=str(authority.ca)), "api": server.settings()})
    daemon.api_context = authority.context()
    daemon.hooks_context = authority.context(authority.issue("sender", "client"))
    daemon.start()
    for _ in range(3):  # also when a client would resume
        daemon.deliver(body(call_event("call.new")))

    other = Authority(tmp_path / "other")
    strangers = {
        "none": authority.context(),
        "of another authority": authority.context(other.issue("sender", "client")),
        "expired": authority.context(authority.issue("late", "client", days=-1)),
        "a server's": authority.context(server),
    }
    for count, (name, context) in enumerate(strangers.items(), 1):
        for highest in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context.maximum_version = highest
            with pytest.raises((ssl.SSLError, ConnectionError)):  # in TLS 1.3 a client learns of it when it reads
                with RawConnection(daemon.hooks_port, 20, context) as raw:
                    raw.send(post_bytes(daemon.hook_path(), body(call_event("call.new"))))
                    raw.answer()
                    pytest.fail(name)
        wait_until(lambda: refusals(daemon) == 2 * count, what=name)  # pylint: disable=cell-var-from-loop
    assert daemon.database.value("SELECT count(*) FROM callhook.deliveries") == 3


def test_plain_http_is_told_and_noise_is_not(secured):
    daemon = secured()
    with RawConnection(daemon.hooks_port, 20) as raw:
        raw.send(PLAIN)
        answer = raw.answer()
        assert answer.status == 400 and "TLS" in answer.json()["detail"]
        assert raw.closed_within(10 * PATIENCE)
    noise = [b"\x00" * 100, b"SSH-2.0-OpenSSH_9.2\r\n", b"\x16\x03\x01\x00\x05hello", b"\x16\x03\x01\xff\xff" + b"a" * 70000, b"\x80\x2e\x01\x03\x01" + b"b" * 60]
    for junk in noise:
        with RawConnection(daemon.hooks_port, 20) as raw:
            try:
                raw.send(junk)
            except ConnectionError:
                continue
            assert raw.closed_within(10 * PATIENCE)
            assert b"HTTP" not in raw.left
    wait_until(lambda: refusals(daemon) == 1 + len(noise), what="refusals")
    assert daemon.post(body(call_event("call.new"))).status == 200


def test_a_handshake_that_takes_its_time_is_ended(secured):
    daemon = secured(header_timeout="500ms")
    silent = RawConnection(daemon.hooks_port, 20)
    slow = RawConnection(daemon.hooks_port, 20)
    slow.send(b"\x16\x03\x01\x02\x00\x01\x00")  # the beginning of a greeting
    ended = time.monotonic() + 20 * PATIENCE
    for byte in b"\x01\xfc\x03\x03" * 1000:  # a trickle pushes nothing back
        try:
            slow.send(bytes([byte]))
        except ConnectionError:
            break
        assert time.monotonic() < ended, "a slow handshake holds its place"
        time.sleep(0.05)
    assert silent.closed_within(10 * PATIENCE) and slow.closed_within(10 * PATIENCE)
    wait_until(lambda: refusals(daemon) == 2, what="two refusals")
    wait_until(lambda: metric(daemon, "callhook_http_connections", listener="hooks") == 0, what="no connections")
    silent.close()
    slow.close()


def test_connections_that_break_off_anywhere_leave_nothing(secured, authority):
    daemon = secured()
    whole = post_bytes(daemon.hook_path(), body(call_event("call.new")))
    for stage in range(6):
        raw = RawConnection(daemon.hooks_port, 20, authority.context() if stage else None)
        if stage == 0:
            raw.send(b"\x16\x03\x01")
        elif stage > 1:
            raw.send(whole[: (len(whole) * (stage - 1)) // 4])
        if stage == 5:
            assert raw.answer().status == 200
        raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset, without a word
        raw.close()
    streams = [EventStream(daemon.api_port, context=authority.context()) for _ in range(5)]
    for stream in streams[:3]:
        stream.socket.close()  # the TCP connection ends, unannounced
    with pytest.raises(ssl.SSLError):  # an announced end; what was on its way is in the way of the answer
        streams[3].socket.unwrap()
    streams[3].socket.close()
    wait_until(lambda: metric(daemon, "callhook_http_connections", listener="hooks") == 0, what="no connections")
    wait_until(lambda: metric(daemon, "callhook_http_connections", listener="api") <= 2, what="one stream and this")
    assert daemon.post(body(call_event("call.new"))).status == 200
    streams[4].read(1)
    streams[4].close()
    assert daemon.stop() == 0


def test_a_stop_ends_connections_in_tls_too(secured, authority):
    daemon = secured()
    idle = [RawConnection(daemon.hooks_port, 20, authority.context()) for _ in range(3)]
    stream = EventStream(daemon.api_port, context=authority.context())
    assert daemon.stop() == 0
    assert all(raw.closed_within(5 * PATIENCE) for raw in idle)
    stream.close()


@pytest.mark.parametrize(
    ("what", "key", "reason"),
    [
        ("no key", "hooks.tls_key_file", "is missing beside hooks.tls_certificate_file"),
        ("another's key", "hooks.tls_key_file", "does not belong to the certificate"),
        ("an open key", "hooks.tls_key_file", "is open to every user"),
        ("an encrypted key", "hooks.tls_key_file", "or an encrypted one"),
        ("no certificate", "hooks.tls_certificate_file", "does not exist"),
        ("a certificate that is none", "hooks.tls_certificate_file", "holds no certificate in PEM"),
        ("an expired certificate", "hooks.tls_certificate_file", "expired on 20"),
        ("authorities that are none", "hooks.tls_client_ca_file", "holds no certificate in PEM"),
        ("authorities alone", "hooks.tls_certificate_file", "is missing beside hooks.tls_client_ca_file"),
    ],
)
def test_what_is_wrong_is_said_before_the_start(make_daemon, authority, server, tmp_path, what, key, reason):
    hooks = server.settings()
    if what == "no key":
        del hooks["tls_key_file"]
    elif what == "another's key":
        hooks["tls_key_file"] = str(authority.issue("another").key)
    elif what == "an open key":
        (tmp_path / "open.key").write_bytes(server.key.read_bytes())
        (tmp_path / "open.key").chmod(0o644)
        hooks["tls_key_file"] = str(tmp_path / "open.key")
    elif what == "an encrypted key":
        out = tmp_path / "locked.key"
        subprocess.run(["openssl", "pkey", "-in", server.key, "-aes256", "-passout", "pass:sesame", "-out", out], check=True)
        out.chmod(0o600)
        hooks["tls_key_file"] = str(out)
    elif what == "no certificate":
        hooks["tls_certificate_file"] = "nowhere.pem"
    elif what == "a certificate that is none":
        hooks["tls_certificate_file"] = hooks["tls_key_file"]
    elif what == "an expired certificate":
        late = authority.issue("expired", days=-1)
        hooks = late.settings()
    elif what == "authorities that are none":
        hooks["tls_client_ca_file"] = str(server.key)
    else:
        hooks = {"tls_client_ca_file": str(authority.ca)}
    code, out, err = make_daemon({"hooks": hooks}).run("check-config")
    assert code == 78 and out == "", (code, out)
    assert key in err and reason in err, err
    assert "PRIVATE" not in err


def test_a_certificate_that_ends_soon_is_told_of(make_daemon, authority):
    soon = authority.issue("soon", days=3, kind="rsa")
    daemon = make_daemon({"api": soon.settings()})
    daemon.api_context = authority.context()
    daemon.start()
    (line,) = [one for one in daemon.log_lines() if one["message"] == "a TLS certificate expires soon"]
    assert line["listener"] == "api" and line["days_left"] == 2
    left = metric(daemon, "callhook_tls_certificate_expiry_timestamp_seconds", listener="api") - time.time()
    assert 2 * 86400 < left <= 3 * 86400
    assert metric(daemon, "callhook_tls_certificate_expiry_timestamp_seconds", listener="hooks") is None
