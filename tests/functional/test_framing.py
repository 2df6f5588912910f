"""What HTTP framing forbids is answered 400 and the connection closed: nothing behind it is ever read as a request."""

import pytest
from support.daemon import PATIENCE
from support.http import RawConnection, post_bytes
from support.payloads import documented

PAYLOAD = documented()["call.new"]
LENGTH = f"Content-Length: {len(PAYLOAD)}".encode()


def head(*lines, target=None, method=b"POST", version=b"HTTP/1.1", host=b"Host: localhost"):
    """Bytes of a request head; {path} in the target is the hook's."""
    first = method + b" " + (target or b"{path}") + b" " + version
    return b"\r\n".join([first, *([host] if host else []), *lines]) + b"\r\n\r\n"


def chunk(data):
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


CHUNKED = b"Transfer-Encoding: chunked"
GOOD_CHUNKS = chunk(PAYLOAD) + b"0\r\n\r\n"

FORBIDDEN = {
    "length and chunked": head(LENGTH, CHUNKED) + GOOD_CHUNKS,
    "chunked and length": head(CHUNKED, LENGTH) + GOOD_CHUNKS,
    "length zero and chunked": head(b"Content-Length: 0", CHUNKED) + GOOD_CHUNKS,
    "transfer coding gzip": head(b"Transfer-Encoding: gzip") + PAYLOAD,
    "transfer coding identity": head(b"Transfer-Encoding: identity") + PAYLOAD,
    "transfer codings chunked, identity": head(b"Transfer-Encoding: chunked, identity") + GOOD_CHUNKS,
    "transfer codings gzip, chunked": head(b"Transfer-Encoding: gzip, chunked") + GOOD_CHUNKS,
    "transfer codings chunked, chunked": head(b"Transfer-Encoding: chunked, chunked") + GOOD_CHUNKS,
    "transfer coding xchunked with a length": head(b"Transfer-Encoding: xchunked", LENGTH) + PAYLOAD,
    "transfer coding gzip with a length": head(b"Transfer-Encoding: gzip", LENGTH) + PAYLOAD,
    "two transfer encodings": head(b"Transfer-Encoding: gzip", CHUNKED) + GOOD_CHUNKS,
    "chunked twice": head(CHUNKED, CHUNKED) + GOOD_CHUNKS,
    "empty transfer encoding": head(b"Transfer-Encoding:") + PAYLOAD,
    "quoted transfer encoding": head(b'Transfer-Encoding: "chunked"') + GOOD_CHUNKS,
    "vertical tab in the transfer encoding": head(b"Transfer-Encoding: \x0bchunked") + GOOD_CHUNKS,
    "chunked over HTTP/1.0": head(CHUNKED, version=b"HTTP/1.0") + GOOD_CHUNKS,
    "blank before the colon": head(b"Transfer-Encoding : chunked") + GOOD_CHUNKS,
    "folded transfer encoding": head(b"Transfer-Encoding:\r\n chunked") + GOOD_CHUNKS,
    "folded field": head(b"X-Long: one\r\n two", LENGTH) + PAYLOAD,
    "folded first field": b"POST {path} HTTP/1.1\r\n X: y\r\nHost: localhost\r\n" + LENGTH + b"\r\n\r\n" + PAYLOAD,
    "two lengths": head(b"Content-Length: 5", LENGTH) + PAYLOAD,
    "one length twice": head(LENGTH, LENGTH) + PAYLOAD,
    "a list of lengths": head(f"Content-Length: {len(PAYLOAD)}, {len(PAYLOAD)}".encode()) + PAYLOAD,
    "length with a plus": head(b"Content-Length: +2") + b"{}",
    "length with a minus": head(b"Content-Length: -1") + b"{}",
    "hexadecimal length": head(b"Content-Length: 0x2") + b"{}",
    "length beyond 64 bits": head(b"Content-Length: 18446744073709551616") + b"{}",
    "length with a blank inside": head(b"Content-Length: 2 2") + b"{}",
    "empty length": head(b"Content-Length:") + b"{}",
    "no host": head(LENGTH, host=None) + PAYLOAD,
    "two hosts": head(b"Host: elsewhere", LENGTH) + PAYLOAD,
    "a list of hosts": head(LENGTH, host=b"Host: a, b") + PAYLOAD,
    "bare line feeds": head(LENGTH).replace(b"\r\n", b"\n") + PAYLOAD,
    "one bare line feed": head(b"X: y\nTransfer-Encoding: chunked", LENGTH) + PAYLOAD,
    "bare carriage return in a value": head(b"X: y\rz", LENGTH) + PAYLOAD,
    "null byte in a value": head(b"X: y\0z", LENGTH) + PAYLOAD,
    "null byte in a name": head(b"X\0: y", LENGTH) + PAYLOAD,
    "empty field name": head(b": y", LENGTH) + PAYLOAD,
    "a line without a colon": head(b"Xy", LENGTH) + PAYLOAD,
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/1.2": head(LENGTH, version=b"HTTP/1.2") + PAYLOAD,
    "HTTP/0.9": b"GET {path}\r\n\r\n",
    "lower case version": head(LENGTH, version=b"http/1.1") + PAYLOAD,
    "two blanks before the version": head(LENGTH, version=b" HTTP/1.1") + PAYLOAD,
    "tab in the request line": head(LENGTH, target=b"{path}\tx") + PAYLOAD,
    "absolute form": head(LENGTH, target=b"http://localhost{path}") + PAYLOAD,
    "method that is no token": head(LENGTH, method=b"PO(ST") + PAYLOAD,
    "TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x11" * 64,
    "hexadecimal prefix of a chunk size": head(CHUNKED) + b"0x5\r\nhello\r\n0\r\n\r\n",
    "chunk size with a plus": head(CHUNKED) + b"+5\r\nhello\r\n0\r\n\r\n",
    "chunk size with a minus": head(CHUNKED) + b"-5\r\nhello\r\n0\r\n\r\n",
    "chunk size beyond 64 bits": head(CHUNKED) + b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "no chunk size": head(CHUNKED) + b"\r\nhello\r\n0\r\n\r\n",
    "chunk longer than its size": head(CHUNKED) + b"3\r\nhello\r\n0\r\n\r\n",
    "chunk size ended by a bare line feed": head(CHUNKED) + b"5\nhello\r\n0\r\n\r\n",
    "chunk ended by a bare line feed": head(CHUNKED) + b"5\r\nhello\n0\r\n\r\n",
    "too many fields": head(*[f"X-{i}: y".encode() for i in range(200)], LENGTH) + PAYLOAD,
}


def with_path(data, daemon):
    return data.replace(b"{path}", daemon.hook_path().encode())


@pytest.fixture(scope="module")
def shared(binary, cluster, template, tmp_path_factory):
    from support.daemon import Daemon

    made = Daemon(binary, tmp_path_factory.mktemp("framing"), cluster.create(template=template)).start()
    yield made
    assert made.stop() == 0
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
