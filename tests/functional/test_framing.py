"""What HTTP framing forbids is answered 400 and the connection closed: nothing behind it is ever read as a request."""

import pytest
from support.daemon import PATIENCE
from support.http import RawConnection, post_bytes
from support.malformed import CHUNKED, FORBIDDEN, GOOD_CHUNKS, LENGTH, PAYLOAD, chunk, head, with_path


@pytest.fixture(scope="module")
def shared(binary, cluster, template, tmp_path_factory):
    from support.daemon import Daemon
    from support.personal import nothing_private_was_said

    made = Daemon(binary, tmp_path_factory.mktemp("framing"), cluster.create(template=template)).start()
    yield made
    assert made.stop() == 0
    nothing_private_was_said([made])
    cluster.drop(made.database.name)


@pytest.mark.parametrize("name", FORBIDDEN)
def test_forbidden_framing_is_answered_400_and_closed(shared, name):
    before = shared.database.value("SELECT count(*) FROM callhook.deliveries")
    smuggled = post_bytes(shared.hook_path(), PAYLOAD)
    with RawConnection(shared.hooks_port, timeout=20) as raw:
        raw.send(with_path(FORBIDDEN[name], shared) + smuggled)
        answer = raw.answer()
        assert answer.status in (400, 431) if name == "too many fields" else answer.status == 400, answer
        assert answer.header("Content-Type") == "application/problem+json"
        assert answer.header("Connection", "").lower() == "close"
        assert raw.closed_within(5 * PATIENCE)
        assert raw.left == b"", "nothing behind it may be answered"
    assert shared.database.value("SELECT count(*) FROM callhook.deliveries") == before


ALLOWED = {
    "a length": head(LENGTH) + PAYLOAD,
    "blanks around a value": head(b"Content-Length:   %d\t " % len(PAYLOAD)) + PAYLOAD,
    "no blank behind the colon": head(b"Content-Length:%d" % len(PAYLOAD)) + PAYLOAD,
    "one chunk": head(CHUNKED) + GOOD_CHUNKS,
    "many chunks": head(b"transfer-encoding: Chunked") + b"".join(chunk(PAYLOAD[i : i + 7]) for i in range(0, len(PAYLOAD), 7)) + b"0\r\n\r\n",
    "a chunk extension": head(CHUNKED) + f"{len(PAYLOAD):X};name=value\r\n".encode() + PAYLOAD + b"\r\n0\r\n\r\n",
    "HTTP/1.0 with a length": head(LENGTH, version=b"HTTP/1.0", host=None) + PAYLOAD,
    "Expect: 100-continue": head(LENGTH, b"Expect: 100-continue") + PAYLOAD,
    "a query": head(LENGTH, target=b"{path}?a=b") + PAYLOAD,
}


@pytest.mark.parametrize("name", ALLOWED)
def test_allowed_framing_is_taken(shared, name):
    with RawConnection(shared.hooks_port, timeout=20) as raw:
        raw.send(with_path(ALLOWED[name], shared))
        answer = raw.answer()
        if answer.status == 100:
            answer = raw.answer()
        assert answer.status == 200, answer
    body = shared.database.value("SELECT body FROM callhook.deliveries WHERE id = %s", answer.json()["delivery"])
    assert bytes(body) == PAYLOAD


def test_expect_100_continue_is_answered_before_the_body(shared):
    with RawConnection(shared.hooks_port) as raw:
        raw.send(with_path(head(LENGTH, b"Expect: 100-continue"), shared))
        assert raw.answer().status == 100
        raw.send(PAYLOAD)
        assert raw.answer().status == 200


def test_expect_100_continue_is_not_answered_to_a_stranger(shared):
    with RawConnection(shared.hooks_port) as raw:
        raw.send(head(LENGTH, b"Expect: 100-continue", target=b"/hooks/demo/wrong-secret-wrong-secret"))
        assert raw.answer().status == 404


def test_trailers_do_not_become_headers(shared):
    trailer = b"0\r\nX-Forwarded-For: 203.0.113.77\r\nContent-Length: 3\r\n\r\n"
    with RawConnection(shared.hooks_port) as raw:
        raw.send(with_path(head(CHUNKED), shared) + chunk(PAYLOAD) + trailer)
        answer = raw.answer()
    assert answer.status in (200, 400)
    assert shared.database.value("SELECT count(*) FROM callhook.deliveries WHERE host(remote_addr) = '203.0.113.77'") == 0


def test_pipelined_requests_are_answered_in_order(shared):
    unknown = post_bytes("/hooks/demo/wrong-secret-wrong-secret", b"")
    known = post_bytes(shared.hook_path(), PAYLOAD)
    with RawConnection(shared.hooks_port) as raw:
        raw.send(known + known + unknown + known)
        assert [raw.answer().status for _ in range(4)] == [200, 200, 404, 200]


def test_http_1_0_closes_unless_asked_to_keep(shared):
    data = with_path(head(LENGTH, version=b"HTTP/1.0"), shared) + PAYLOAD
    with RawConnection(shared.hooks_port) as raw:
        raw.send(data)
        assert raw.answer().status == 200
        assert raw.closed_within(5 * PATIENCE)
    kept = with_path(head(LENGTH, b"Connection: keep-alive", version=b"HTTP/1.0"), shared) + PAYLOAD
    with RawConnection(shared.hooks_port) as raw:
        for _ in range(2):
            raw.send(kept)
            assert raw.answer().status == 200


def test_one_byte_at_a_time_is_taken(shared):
    with RawConnection(shared.hooks_port) as raw:
        for byte in with_path(head(LENGTH), shared) + PAYLOAD:
            raw.send(bytes([byte]))
        assert raw.answer().status == 200
