"""callhook behind nginx and Caddy as config/nginx and config/caddy set them up: in TLS, with the client's own address, and with
what is said to nobody else kept out of the proxies' logs."""

import base64
import threading
import time

import pytest
from support.abuse import LONG, MIB
from support.daemon import NO_SPOOL, PATIENCE, SECRET, wait_until
from support.event_stream import EventStream
from support.http import post_bytes, request
from support.payloads import body, call_event
from support.proxies import PEOPLE, PROXIES, SENDER, Sender
from support.tls import Authority
from support.tokens import Tokens, bearer

BEHIND = {"hooks": {"trusted_proxies": ["127.0.0.1/32"]}}


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def behind(make_daemon, authority):
    """Makes a daemon with a proxy in front; ends the proxies, and looks at what they wrote."""
    made = []

    def make(kind, settings=None, token="", name="localhost"):
        daemon = make_daemon({**BEHIND, **(settings or {})}).start()
        made.append(PROXIES[kind]([daemon], authority, token, name))
        return daemon, made[-1].start()

    yield make
    try:
        for proxy in made:
            said = proxy.said()
            for secret in (SECRET, proxy.token, "48888888769"):
                assert not secret or secret not in said, f"{secret[:4]}… in what the proxy wrote"
    finally:
        for proxy in made:
            proxy.stop()


def post(proxy, path, data, more=()):
    with Sender(proxy) as sender:
        return sender.ask(post_bytes(path, data, ("Content-Type: application/json", *more)))


def chunked(path, data):
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    return head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(data), data)


def sized(size):
    """A webhook of just so many bytes."""
    short = call_event("call.new", 1, request="")
    return body({**short, "request": "x" * (size - len(body(short)))})


@pytest.mark.parametrize("kind", PROXIES)
def test_the_client_is_known_by_its_own_address_and_not_by_what_it_says(behind, kind):
    daemon, proxy = behind(kind)
    lies = {
        "plain": (),
        "a forwarded client": ("X-Forwarded-For: 203.0.113.9",),
        "many": ("X-Forwarded-For: 203.0.113.9, 127.0.0.1", "X-Forwarded-For: 127.0.0.1", "X-Real-IP: 203.0.113.9"),
        "RFC 7239": ("Forwarded: for=203.0.113.9;proto=https",),
        "both": ("Forwarded: for=203.0.113.9", "X-Forwarded-For: 203.0.113.9"),
    }
    for number, lie in enumerate(lies.values()):
        answer = post(proxy, daemon.hook_path(), body(call_event("call.new", number + 1)), lie)
        assert answer.status == 200, answer
    seen = daemon.database.rows("SELECT host(remote_addr), count(*) FROM callhook.deliveries GROUP BY 1")
    assert seen == [(SENDER, len(lies))]


@pytest.mark.parametrize("kind", PROXIES)
def test_webhooks_are_let_through_and_nothing_else(behind, kind):
    daemon, proxy = behind(kind)
    event = body(call_event("call.new", 1))
    with Sender(proxy) as sender:  # one connection: a refusal ends nobody's
        for path in ("/", "/livez", "/metrics", "/v1/events", "/v1/calls/demo/1", "/hooks/../v1/events", "/hooks/..%2fv1%2fevents"):
            sender.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert sender.answer().status in (400, 404), path
        assert sender.ask(post_bytes(daemon.hook_path(secret="x" * 30), event)).status == 404
        assert sender.ask(post_bytes(daemon.hook_path(), event)).status == 200
        assert sender.ask(post_bytes(daemon.hook_path(), b"not JSON")).status == 202
    assert daemon.database.value("SELECT count(*) FROM callhook.deliveries") == 2


@pytest.mark.parametrize("kind", PROXIES)
def test_the_largest_body_is_the_same_for_both(behind, kind):
    daemon, proxy = behind(kind)
    for data, status in ((sized(MIB), 200), (sized(MIB + 1), 413)):
        assert post(proxy, daemon.hook_path(), data).status == status
        with Sender(proxy) as sender:
            assert sender.ask(chunked(daemon.hook_path(), data)).status == status
    stored = daemon.database.rows("SELECT octet_length(body) FROM callhook.deliveries")
    assert stored == [(MIB,), (MIB,)]


@pytest.mark.parametrize("kind", PROXIES)
def test_an_outage_shows_the_secret_to_no_log(behind, kind):
    """What the proxies write of it is looked at by `behind`."""
    daemon, proxy = behind(kind, NO_SPOOL)
    assert daemon.stop() == 0
    with Sender(proxy, timeout=60) as sender:
        assert sender.ask(post_bytes(daemon.hook_path(), body(call_event("call.new", 1)))).status == 502
    wait_until(lambda: "502" in proxy.said(), 10, "a line about it")


def test_nginx_holds_back_a_client_that_sends_far_too_much(behind):
    """More than any burst, to an address that costs callhook little."""
    daemon, proxy = behind("nginx")
    flood = post_bytes("/hooks/nobody/nothing", b"{}")
    statuses = []
    for _ in range(20):
        with Sender(proxy) as sender:
            sender.send(flood * 100)
            answers = [sender.answer() for _ in range(100)]
            statuses += [(answer.status, answer.header("Retry-After")) for answer in answers]
    assert set(statuses) == {(404, None), (429, "1")}
    assert statuses[:500] == [(404, None)] * 500
    other = body(call_event("call.new", 1))
    with Sender(proxy, "127.0.0.78") as sender:
        assert sender.ask(post_bytes(daemon.hook_path(), other)).status == 200, "it is the other client that is held back"


@pytest.mark.parametrize("kind", PROXIES)
def test_a_client_that_callhook_holds_back_is_the_one_behind_the_proxy(behind, kind):
    daemon, proxy = behind(kind, {"hooks": {**BEHIND["hooks"], "requests_per_minute": 2}})
    request_bytes = post_bytes(daemon.hook_path(), body(call_event("call.new", 1)))
    answers = []
    for _ in range(4):
        with Sender(proxy) as sender:
            answers.append(sender.ask(request_bytes))
    assert [answer.status for answer in answers] == [200, 200, 429, 429]
    assert [name.lower() for name, _ in answers[-1].headers].count("retry-after") == 1
    with Sender(proxy, "127.0.0.78") as sender:
        assert sender.ask(request_bytes).status == 200


# The API ---------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def api_behind(behind):
    def make(kind, settings=None):
        tokens = Tokens("feed:read", "calls:read")
        daemon, proxy = behind(kind, {**tokens.settings(), **(settings or {})}, tokens.of["feed:read"])
        return daemon, proxy, tokens

    return make


def ask(proxy, path, headers, timeout=30.0):
    return request(proxy.api_port, "GET", path, None, {"Host": "localhost", **headers}, timeout, proxy.context)


def basic(name, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


@pytest.mark.parametrize("kind", PROXIES)
def test_the_api_is_for_those_with_a_token_or_a_password(api_behind, kind):
    _, proxy, tokens = api_behind(kind)

    def status(path, headers):
        return ask(proxy, path, headers).status

    for path in ("/v1/events?lastEventId=0", "/metrics", "/livez", "/openapi.yaml"):
        assert status(path, {}) == 401, path
        assert status(path, basic(PEOPLE[0], "guessed")) == 401, path
    assert status("/v1/events?lastEventId=0", bearer("chk_" + "0" * 64)) == 401, "callhook's own judgement"
    assert status("/v1/events?lastEventId=0", bearer(tokens.of["feed:read"])) == 200
    assert status("/v1/calls?phone=%2B48888888769", bearer(tokens.of["feed:read"])) == 403
    assert status("/v1/calls?phone=%2B48888888769", bearer(tokens.of["calls:read"])) == 200
    assert status("/v1/events?lastEventId=0", basic(*PEOPLE)) == 200
    assert status("/v1/calls", basic(*PEOPLE)) == 403, "what the proxy adds may do no more than its token"


@pytest.mark.parametrize("kind", PROXIES)
def test_an_api_without_tokens_is_not_opened_by_a_proxy(behind, kind):
    """By the name that the proxy passes on; nobody has to remember anything."""
    _, proxy = behind(kind, name="callhook.example.com")
    answer = ask(proxy, "/v1/events?lastEventId=0", {"Host": "callhook.example.com", **basic(*PEOPLE)})
    assert answer.status == 403, answer


@pytest.mark.parametrize("kind", PROXIES)
def test_events_and_heartbeats_come_through_at_once(api_behind, kind):
    daemon, proxy, tokens = api_behind(kind, {"feed": {"heartbeat_interval": "200ms"}})
    headers = bearer(tokens.of["feed:read"])
    with EventStream(proxy.api_port, headers=headers, context=proxy.context, lastEventId="0") as stream:
        stream.open()
        for _ in range(3):
            stream.read_comment(5 * PATIENCE)
        daemon.deliver(body(call_event("call.missed", 1)))
        (event,) = stream.read(1)
        # A long poll that waits is answered by the next event, not by a timeout.
        path = f"/v1/events?lastEventId={event['id']}&timeout=50000"
        answers = []

        def poll():
            answers.append(ask(proxy, path, headers, 60))

        poller = threading.Thread(target=poll)
        began = time.monotonic()
        poller.start()
        time.sleep(0.3)
        daemon.deliver(body(call_event("call.completed", 2)))
        poller.join(60)
        assert [each["type"] for each in answers[0].json()] == ["call.completed"]
        assert time.monotonic() - began < 20 * PATIENCE
        assert len(stream.read(2)) == 2
        assert not stream.ended and not stream.broken


@pytest.mark.skipif(not LONG, reason="takes four minutes; CALLHOOK_TEST_LONG=1")
@pytest.mark.parametrize("kind", PROXIES)
def test_a_stream_on_which_nothing_happens_lives_for_minutes(api_behind, kind):
    """With the heartbeat as it is by default, longer than any timeout of the proxies; and a long poll as long as callhook lets it be."""
    daemon, proxy, tokens = api_behind(kind)
    headers = bearer(tokens.of["feed:read"])
    with EventStream(proxy.api_port, headers=headers, context=proxy.context, lastEventId="0") as stream:
        stream.open()
        path = "/v1/events?lastEventId=0&timeout=60000"
        assert ask(proxy, path, headers, 90).json() == []
        for _ in range(7):
            stream.read_comment(30)
        daemon.deliver(body(call_event("call.new", 1)))
        assert len(stream.read(1)) == 1
