"""What strangers may try on the API: names that point here, bytes that are no text, paths that are no paths."""

import pytest
from support.abuse import MIB, GoodClient, bounded_memory
from support.daemon import PATIENCE, wait_until
from support.http import RawConnection
from support.payloads import body, call_event
from support.schemas import Description
from support.tokens import Tokens, bearer

OPEN = ("/livez", "/readyz", "/openapi.yaml", "/schemas/events.json")


def asked_as(daemon, host, path, method="GET", headers=()):
    """A request with a Host of its own, or with none over HTTP/1.0."""
    with RawConnection(daemon.api_port) as raw:
        lines = [f"{method} {path} HTTP/1.{0 if host is None else 1}", *([] if host is None else [f"Host: {host}"]), *headers, "Content-Length: 0"]
        raw.send("\r\n".join([*lines, "", ""]).encode())
        return raw.answer()


def target_of(pattern):
    return pattern.replace("{source}", "demo").replace("{id}", "1").replace("{name}", "crm")


def test_without_tokens_a_page_cannot_call_by_a_name_that_points_here(make_daemon):
    """DNS rebinding: the page's name resolves to this machine, so that its browser sends here what it may read."""
    daemon = make_daemon({"api": {"allowed_hosts": ["callhook.internal"], "long_poll_max": "1s"}}).start()
    daemon.deliver(body(call_event("call.new", 1)))
    daemon.settle()
    description = Description(daemon)
    port = daemon.api_port
    for (method, pattern), operation in sorted(description.operations().items()):
        answer = asked_as(daemon, f"rebound.example:{port}", target_of(pattern), method)
        if pattern in OPEN:
            assert answer.status == 200, (pattern, answer)
            continue
        assert answer.status == 403 and answer.header("Content-Type") == "application/problem+json", (method, pattern, answer)
        assert b"+48" not in answer.body
        assert 403 in {int(status) for status in operation["responses"]}, f"{pattern}: described"
    assert asked_as(daemon, "rebound.example", "/readyz?verbose").status == 403
    for host in (f"127.0.0.1:{port}", "localhost", f"LOCALHOST:{port}", f"[::1]:{port}", "192.0.2.1", "callhook.internal", f"CALLHOOK.internal:{port}", "", None):
        for path in ("/v1/calls", "/v1/events", "/metrics", "/livez", "/readyz?verbose"):
            assert asked_as(daemon, host, path).status == 200, (host, path)
    for host in ("localhost.rebound.example", "127.0.0.1.rebound.example", "xcallhook.internal", "callhook.internal.rebound.example", "127.1", "2130706433", "[rebound]"):
        assert asked_as(daemon, host, "/v1/calls").status == 403, host
    assert daemon.stop() == 0


def test_with_a_token_any_name_will_do(make_daemon):
    tokens = Tokens()
    daemon = make_daemon(tokens.settings()).start()
    field = [f"{name}: {value}" for name, value in bearer(tokens.of["admin"]).items()]
    assert asked_as(daemon, "callhook.example", "/v1/calls", headers=field).status == 200
    assert asked_as(daemon, "callhook.example", "/v1/calls").status == 401
    assert daemon.stop() == 0


NO_TEXT = ["%ff", "%c0%af", "%ed%a0%80", "a%fe", "%f4%90%80%80", "%00", "%", "%zz"]


@pytest.mark.parametrize("value", NO_TEXT)
def test_what_is_no_text_is_the_clients_mistake_everywhere(daemon, value):
    """PostgreSQL takes no such text: without a check before it, the answer would be 503, try again."""
    for path in (
        f"/v1/events?type={value}",
        f"/v1/events?subject={value}",
        f"/v1/events?source={value}&timeout=100",
        f"/v1/events?{value}=x",
        f"/v1/events/stream?type={value}",
        f"/v1/calls?status={value}",
        f"/v1/calls?phone={value}",
        f"/v1/calls?cursor={value}",
        f"/v1/messages?cursor={value}",
        f"/v1/gaps?source={value}",
        f"/v1/jobs?state={value}",
    ):
        answer = daemon.api(path)
        assert answer.status == 400 and answer.header("Content-Type") == "application/problem+json", (path, answer)
    for path in (f"/v1/calls/{value}/1", f"/v1/consumers/{value}", f"/v1/subscriptions/{value}", f"/v1/gaps/{value}"):
        assert daemon.api(path).status in (400, 404), path
    assert daemon.api("/v1/events?type=call.new").status == 200


def test_header_fields_that_are_no_text_are_the_clients_mistake(daemon):
    for value in (b"\xff\xfe", b"\xc0\xaf", b"%ff"):
        with RawConnection(daemon.api_port) as raw:
            raw.send(b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: " + value + b"\r\n\r\n")
            assert raw.answer().status == 400


def test_hostile_bodies_are_the_clients_mistake(daemon):
    """Of what is put to the API: too large, too deep, no JSON, no text."""
    bodies = [b"[" * 60_000, b'{"a":' * 10_000, b"\xff" * 1000, b'{"types":["\xc0\xaf"]}', b'{"url":"\\ud800"}', b"{" + b'"a":1,' * 5000 + b'"b":1}', b"1e999", b""]
    with GoodClient(daemon), bounded_memory(daemon, 32 * MIB):
        for path in ("/v1/consumers/crm", "/v1/subscriptions/crm"):
            for content in bodies:
                if content == b"" and "consumers" in path:
                    continue  # a consumer needs nothing
                answer = daemon_put(daemon, path, content)
                assert answer.status == 400, (path, content[:40], answer)
            answer = daemon_put(daemon, path, b'{"types":["' + b"x" * 70_000 + b'"]}')
            assert answer.status == 413, answer
    wait_until(daemon.is_ready, 10, "readiness")


def daemon_put(daemon, path, content):
    with RawConnection(daemon.api_port, 30 * PATIENCE) as raw:
        raw.send(f"PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content)
        return raw.answer()
