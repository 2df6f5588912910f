"""Request smuggling: whatever is sent, directly or through nginx, callhook serves as many requests as were meant for it, and what
follows on the same connection is answered for itself."""

import contextlib

import pytest
from support.abuse import GoodClient, open_connections
from support.daemon import PATIENCE, Daemon, wait_until
from support.http import RawConnection, post_bytes
from support.malformed import FORBIDDEN, PAYLOAD, SMUGGLING, head, with_path
from support.metrics import metric
from support.nginx import Nginx
from support.payloads import body, call_event

CASES = {**FORBIDDEN, **SMUGGLING}
# What callhook answers, where it is not 400 alone. Those that end in 202 are in order to the letter, so that the request behind is
# one; where there are three, the hidden request stands behind the end by anybody's reading.
EXPECTED = {
    "chunked under an underscore": [202, 202],
    "chunked named by Connection": [202, 202, 202],
    "length named by Connection": [202, 202],
    "length under an underscore": [202, 202],
    "length with leading zeros": [202, 202],
    "a body with GET": [405],
    "chunks with DELETE": [405],
    "a quoted line end in a chunk extension": [408],
    "a chunk size of many zeros": [202, 202, 202],
    "a chunk size that wraps": [413],
    "an upgrade to HTTP/2": [200, 202],
    "an upgrade to a websocket": [405, 202],
    "an expectation and chunks": [202, 202, 202],
    "an expectation and a length of zero": [202, 202, 202],
    "an unknown expectation": [417],
    "a target with a line end": [404],
    "a target with a blank": [200, 202],
}


SETTINGS = {"log": {"level": "info"}, "hooks": {"body_timeout": "3s"}}


@pytest.fixture(scope="module")
def shared(binary, cluster, template, tmp_path_factory):
    made = Daemon(binary, tmp_path_factory.mktemp("smuggling"), cluster.create(template=template), SETTINGS).start()
    with GoodClient(made, rate=10, address="127.0.0.2"):
        yield made
    assert made.stop() == 0
    cluster.drop(made.database.name)


@pytest.fixture(scope="module")
def nginx(shared):
    made = Nginx(shared.hooks_port)
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture(scope="module")
def ask(shared):
    """One value of the database, over one connection: there are many questions."""
    with contextlib.closing(shared.database.connect()) as connection:

        def value(statement, *values):
            with connection.cursor() as cursor:
                cursor.execute(statement, values or None)
                return cursor.fetchone()[0]

        yield value


def everything(ask):
    """Deliveries but those of the good client."""
    return ask("SELECT count(*) FROM callhook.deliveries WHERE host(remote_addr) <> '127.0.0.2'")


def answers_of(raw):
    """All answers up to the close."""
    assert raw.closed_within(30 * PATIENCE)
    found = []
    while raw.left:
        found.append(raw.answer())
    return found


@pytest.mark.parametrize("name", SMUGGLING)
def test_directly_nothing_hidden_is_served(shared, ask, name):
    before = everything(ask)
    with RawConnection(shared.hooks_port, 30 * PATIENCE) as raw:
        behind = post_bytes(shared.hook_path(), b"behind", ["Connection: close"])
        raw.send(with_path(SMUGGLING[name], shared) + behind)
        answers = answers_of(raw)
    assert [answer.status for answer in answers] == EXPECTED.get(name, [400]), answers
    assert answers[-1].header("Connection") == "close"
    assert everything(ask) - before == sum(answer.status in (200, 202) for answer in answers)


@pytest.mark.parametrize("mode", ["buffering", "streaming"])
def test_through_nginx_callhook_serves_what_was_passed_on_and_no_more(shared, nginx, ask, mode):
    port = nginx.ports[mode]
    faults = []

    def seen():
        """Requests of nginx that callhook answered; the good client, from another address, is stored under its own."""
        return everything(ask) + metric(shared, "callhook_http_rejected_total", listener="hooks")

    for number, name in enumerate(CASES):
        behind = body(call_event("call.new", 5000 + 1000 * (mode == "streaming") + number))
        victim = body(call_event("call.missed", 5000 + 1000 * (mode == "streaming") + number))
        passed, served = nginx.forwarded(), seen()
        with RawConnection(port, 30 * PATIENCE) as raw:
            raw.send(with_path(CASES[name], shared) + post_bytes(shared.hook_path(), behind, ["Connection: close"]))
            assert raw.closed_within(30 * PATIENCE), name
        # Whoever comes next over the same connection of nginx gets the answer to his own request.
        with RawConnection(port, 30 * PATIENCE) as raw:
            raw.send(post_bytes(shared.hook_path(), victim, ["Connection: close"]))
            answer = raw.answer()
        wait_until(lambda: nginx.forwarded() - passed >= seen() - served, 20, f"{name}: no more than was passed on")
        kept = ask("SELECT count(*) FILTER (WHERE body = %s) FROM callhook.deliveries", victim)
        stray = ask("SELECT count(*) FILTER (WHERE body = %s) FROM callhook.deliveries", behind)
        own = answer.status == 200 and bytes(ask("SELECT body FROM callhook.deliveries WHERE id = %s", answer.json()["delivery"])) == victim
        if not own or kept != 1 or stray > 1:
            faults.append((name, answer, own, kept, stray))
    assert not faults, faults
    print(f"\n{len(CASES)} requests through nginx ({mode}): it passed on {nginx.forwarded()} in all")
    wait_until(lambda: open_connections(shared, "hooks") <= 4, 30, "the good client's connections and nginx's one")


def test_a_request_that_is_in_order_goes_through_nginx(shared, nginx):
    """Of the rig itself: what it passes on, callhook stores."""
    for mode, port in nginx.ports.items():
        passed = nginx.forwarded()
        with RawConnection(port) as raw:
            raw.send(with_path(head(b"Content-Length: %d" % len(PAYLOAD)), shared) + PAYLOAD)
            assert raw.answer().status == 200, mode
        wait_until(lambda: nginx.forwarded() == passed + 1, 10, "its log")
