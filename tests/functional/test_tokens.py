"""API tokens: who may ask what, and what those who may not are told."""

import json
import socket
import threading

import pytest
from support.daemon import wait_until
from support.http import RawConnection, request
from support.payloads import body, call_event
from support.schemas import Description
from support.tokens import Tokens, bearer, hash_of, new_token

CHALLENGE = 'Bearer realm="callhook"'
OPEN = {"/livez", "/readyz", "/openapi.yaml", "/schemas/events.json"}


@pytest.fixture
def tokens():
    return Tokens()


@pytest.fixture
def guarded(make_daemon, tokens):
    daemon = make_daemon(tokens.settings()).start()
    yield daemon
    log = daemon.log_text()
    for token in tokens.of.values():
        assert token not in log and hash_of(token)[7:] not in log


def target_of(pattern):
    return pattern.replace("{source}", "demo").replace("{id}", "1").replace("{name}", "crm")


def needed(operation):
    """The scope that the description names."""
    schemes = operation["security"]
    return schemes[0]["token"][0] if schemes and schemes[0] else None


def essence(answer):
    """All of an answer but when it was given."""
    return answer.status, sorted((k, v) for k, v in answer.headers if k != "Date"), answer.body


def test_every_route_takes_the_scope_that_is_described_and_no_other(guarded, tokens):
    operations = Description(guarded).operations()
    assert {path for (_, path), it in operations.items() if needed(it) is None} == OPEN
    refusals = set()
    for (method, pattern), operation in sorted(operations.items()):
        def ask(token=None):
            content = "{}" if method in ("PUT", "POST") else None
            # Where a route streams, the head is enough.
            return request(guarded.api_port, method, target_of(pattern), content, bearer(token) if token else {})

        scope = needed(operation)
        if scope is None:
            assert ask().status == 200, pattern
            continue
        if pattern == "/v1/events/stream":
            continue  # below
        refused = ask()
        assert refused.status == 401 and refused.header("WWW-Authenticate") == CHALLENGE, (pattern, refused)
        assert refused.header("Content-Type") == "application/problem+json"
        refusals.add(refused.body)
        for other, token in tokens.of.items():
            answer = ask(token)
            if other in (scope, "admin"):
                assert answer.status not in (401, 403), (pattern, other, answer)
            else:
                assert answer.status == 403, (pattern, other, answer)
                assert answer.header("WWW-Authenticate") == f'{CHALLENGE}, error="insufficient_scope", scope="{scope}"'
    assert len(refusals) == 1


def test_whoever_has_no_token_is_told_the_same_whatever_was_sent(guarded, tokens):
    good = tokens.of["admin"]
    wrong = [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": f"Basic {good}"},
        {"Authorization": good},
        {"Authorization": f"Bearer {good[:-1]}"},
        {"Authorization": f"Bearer {good}0"},
        {"Authorization": f"Bearer {good.upper()}"},
        {"Authorization": f"Bearer {good} {good}"},
        {"Authorization": f"Bearer {hash_of(good)}"},
        {"Authorization": f"Bearer {new_token()}"},
        {"Authorization": f"Bearer {'x' * 4000}"},
        {"X-Authorization": f"Bearer {good}"},
    ]
    answers = [essence(guarded.api("/v1/calls", headers)) for headers in wrong]
    assert answers[0][0] == 401 and all(answer == answers[0] for answer in answers)
    assert guarded.api(f"/v1/calls?access_token={good}").status == 401
    with RawConnection(guarded.api_port) as twice:
        field = f"Authorization: Bearer {good}\r\n"
        twice.send(f"GET /v1/calls HTTP/1.1\r\nHost: x\r\n{field}{field}\r\n".encode())
        assert twice.answer().status == 401
    for scheme in ("Bearer", "bearer", "BEARER"):
        assert guarded.api("/v1/calls", {"Authorization": f"{scheme} {good}"}).status == 200


def test_the_body_of_a_refused_request_is_not_waited_for(guarded):
    with RawConnection(guarded.api_port) as connection:
        connection.send(b"GET /v1/calls HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n")
        assert connection.answer().status == 401
        assert connection.closed_within(5)


def test_health_is_open_but_for_its_details(guarded, tokens):
    assert guarded.api("/livez").status == 200
    assert guarded.api("/readyz").json() == {"status": "ok"}
    assert guarded.api("/readyz?verbose").status == 401
    for token in tokens.of.values():
        assert guarded.api("/readyz?verbose", bearer(token)).json()["parts"]
    assert guarded.api("/metrics").status == 401
    assert b"callhook_build_info" in guarded.api("/metrics", bearer(tokens.of["metrics:read"])).body
    assert guarded.api("/v1/nothing").status == 404
    assert guarded.post(call_event("call.new", 1)).status == 200, "hooks have secrets of their own"


def test_the_feed_is_followed_with_a_token(guarded, tokens):
    reader = bearer(tokens.of["feed:read"])
    waiting = {}

    def follow():
        waiting["answer"] = guarded.api("/v1/events?timeout=20000", reader)

    thread = threading.Thread(target=follow)
    thread.start()
    guarded.deliver(body(call_event("call.new", 1)))
    thread.join(30)
    assert waiting["answer"].json()[0]["type"] == "call.new"


def test_a_stream_is_opened_with_a_token(guarded, tokens):
    guarded.deliver(body(call_event("call.new", 1)))
    if guarded.api("/v1/events/stream").status == 404:
        pytest.skip("this daemon has no streams")
    for target in ("/v1/events/stream", "/v1/events"):
        head = f"GET {target}?lastEventId=0 HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n"
        with RawConnection(guarded.api_port) as nobody:
            nobody.send(f"{head}\r\n".encode())
            assert nobody.answer().status == 401
        with socket.create_connection(("127.0.0.1", guarded.api_port), timeout=20) as stream:
            stream.sendall(f"{head}Authorization: Bearer {tokens.of['feed:read']}\r\n\r\n".encode())
            seen = b""
            while b"call.new" not in seen:
                more = stream.recv(65536)
                assert more, seen
                seen += more
            assert seen.startswith(b"HTTP/1.1 200")


def test_the_command_makes_a_token_that_works(make_daemon):
    daemon = make_daemon()
    code, out, _ = daemon.run("token", "new", "dash", "--scope", "calls:read", "--scope", "metrics:read", "--json")
    assert code == 0
    made = json.loads(out)
    assert made["hash"] == hash_of(made["token"]) and made["scopes"] == ["calls:read", "metrics:read"]
    code, out, _ = daemon.run("token", "new", "other")
    assert code == 0
    lines = out.splitlines()
    other = lines[0].rpartition(" ")[2]
    assert lines[-3:] == ["[tokens.other]", f'hash = "{hash_of(other)}"', 'scopes = ["feed:read"]']

    daemon.secret_file("other.hash", hash_of(other))
    daemon.settings["tokens.dash"] = {"hash": made["hash"], "scopes": made["scopes"]}
    daemon.settings["tokens.other"] = {"hash_file": "other.hash", "scopes": ["feed:read"]}
    daemon.start()
    assert daemon.api("/v1/calls", bearer(made["token"])).status == 200
    assert daemon.api("/v1/events", bearer(made["token"])).status == 403
    assert daemon.api("/v1/events", bearer(other)).status == 200


def test_the_listener_leaves_this_machine_only_with_tokens(make_daemon, tokens):
    daemon = make_daemon({"api": {"address": "0.0.0.0"}})
    for command in ("check-config", "serve"):
        code, _, err = daemon.run(command)
        assert code == 78 and "api.address" in err and "callhookd token new" in err

    for section, keys in tokens.settings().items():
        daemon.settings[section] = keys
    daemon.start()
    assert daemon.api("/v1/calls").status == 401
    assert daemon.api("/v1/calls", bearer(tokens.of["calls:read"])).status == 200
    wait_until(lambda: daemon.api("/readyz").status == 200)


def test_what_is_wrong_with_tokens_is_said_without_them(make_daemon):
    token = new_token()
    daemon = make_daemon({"tokens.dash": {"hash": token, "scopes": ["feed:write"]}, "tokens.none": {"scopes": []}})
    code, out, err = daemon.run("check-config")
    assert code == 78 and token not in out + err
    for key in ("tokens.dash.hash", "tokens.dash.scopes", "tokens.none.hash", "tokens.none.scopes"):
        assert key in err
