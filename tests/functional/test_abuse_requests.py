"""The golden table of requests that are no use to anybody: each has its exact answer, ends the connection where nobody can know how to
go on, is stored only where it should be, costs little memory, and keeps nobody else waiting."""

import pytest
from support.abuse import MIB, GoodClient, bounded_memory, cpu_seconds
from support.daemon import PATIENCE, SANITIZER, SECRET, Daemon
from support.http import RawConnection, post_bytes
from support.malformed import CHUNKED, GOOD_CHUNKS, LENGTH, PAYLOAD, chunk, head, with_path

SETTINGS = {"log": {"level": "info"}, "hooks": {"header_timeout": "3s", "body_timeout": "3s"}}
WHOLE = head(LENGTH) + PAYLOAD
PATH = f"/hooks/demo/{SECRET}".encode()


def posted(target):
    return head(LENGTH, target=target) + PAYLOAD


def asked(method, target=b"{path}"):
    return head(method=method, target=target)


# Name: bytes, the statuses that come back before the connection is closed, and how many deliveries are stored.
ENDING = {
    # Other protocols
    "SSH": (b"SSH-2.0-OpenSSH_9.2\r\n", [400], 0),
    "SMTP": (b"EHLO mail.example\r\n", [400], 0),
    "Redis": (b"*1\r\n$4\r\nPING\r\n", [400], 0),
    "PROXY protocol": (b"PROXY TCP4 198.51.100.1 127.0.0.1 1 80\r\n", [400], 0),
    "PROXY protocol, binary": (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + b"\0" * 12, [400], 0),
    "TLS hello of version 2": (b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + b"\1" * 40, [400], 0),
    "TLS hello of version 1.3": (b"\x16\x03\x01\x00\xf8\x01\x00\x00\xf4\x03\x03" + bytes(range(1, 200)), [400], 0),
    "HTTP/2 preface and settings": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", [400], 0),
    "MQTT": (b"\x10\x0e\0\4MQTT\4\2\0\x3c\0\2ab", [400], 0),
    "PostgreSQL": (b"\0\0\0\x08\x04\xd2\x16\x2f", [400], 0),
    "nothing but line ends": (b"\r\n" * 500, [400], 0),
    # Heads
    "1,600 tiny fields": (head(*[b"a:b"] * 1600, LENGTH) + PAYLOAD, [400], 0),
    "65 fields": (head(*[b"a: b"] * 63, LENGTH) + PAYLOAD, [400], 0),
    "a field of 20,000 bytes": (head(b"X: " + b"y" * 20_000, LENGTH) + PAYLOAD, [431], 0),
    "a field name of 20,000 bytes": (head(b"x" * 20_000 + b": y", LENGTH) + PAYLOAD, [431], 0),
    "a megabyte of fields": (head(*[b"X: " + b"y" * 95] * 10_000, LENGTH) + PAYLOAD, [431], 0),
    "a target of 3,000 bytes": (posted(b"{path}?" + b"x" * 3000), [400], 0),
    "a target of 20,000 bytes": (posted(b"{path}?" + b"x" * 20_000), [431], 0),
    "a method of 3,000 bytes": (head(LENGTH, method=b"P" * 3000) + PAYLOAD, [400], 0),
    "a NUL in the target": (posted(b"{path}\0"), [400], 0),
    "bytes beyond ASCII in the target": (posted(b"{path}\xc3\xa9"), [400], 0),
    "a fragment": (posted(b"{path}#x"), [400], 0),
    # Targets
    "authority form": (asked(b"CONNECT", b"127.0.0.1:5432"), [400], 0),
    "asterisk form": (asked(b"OPTIONS", b"*"), [400], 0),
    "absolute form of another host": (posted(b"http://elsewhere.example{path}"), [400], 0),
    "absolute form of TLS": (posted(b"https://localhost{path}"), [400], 0),
    "backslashes": (posted(b"\\hooks\\demo\\x"), [400], 0),
    "an empty target": (b"POST  HTTP/1.1\r\nHost: x\r\n\r\n", [400], 0),
    # Paths: nothing is normalised, and a body that nobody will read ends the connection
    "two slashes": (posted(b"/{path}"), [404], 0),
    "two slashes inside": (posted(PATH.replace(b"/demo/", b"//demo/")), [404], 0),
    "a slash at the end": (posted(b"{path}/"), [404], 0),
    "a dot segment": (posted(b"/hooks/./demo/" + SECRET.encode()), [404], 0),
    "dot segments": (posted(b"/hooks/x/../demo/" + SECRET.encode()), [404], 0),
    "encoded dots": (posted(b"/hooks/x/%2e%2e/demo/" + SECRET.encode()), [404], 0),
    "encoded dots for a secret": (posted(b"/hooks/demo/%2e%2e"), [404], 0),
    "an encoded slash": (posted(b"/hooks/demo%2f" + SECRET.encode()), [404], 0),
    "an encoded slash in the secret": (posted(b"/hooks/demo/..%2f" + SECRET.encode()), [404], 0),
    "an encoded NUL": (posted(b"{path}%00"), [404], 0),
    "an encoded line end": (posted(b"{path}%0d%0a"), [404], 0),
    "an overlong slash": (posted(b"/hooks/demo%c0%af" + SECRET.encode()), [404], 0),
    "overlong dots": (posted(b"/hooks/%c0%ae%c0%ae/" + SECRET.encode()), [404], 0),
    "an overlong letter in the secret": (posted(PATH.replace(b"s3cret", b"%c1%b33cret")), [404], 0),
    "UTF-16 escapes": (posted(b"/hooks/%u0064emo/" + SECRET.encode()), [404], 0),
    "half an escape": (posted(b"{path}%"), [404], 0),
    "a parameter of the path": (posted(b"{path};x=y"), [404], 0),
    "a semicolon and dots": (posted(b"/hooks/..;/demo/" + SECRET.encode()), [404], 0),
    "capitals": (posted(b"/HOOKS/demo/" + SECRET.encode()), [404], 0),
    "an encoded letter of the route": (posted(b"/%68ooks/demo/" + SECRET.encode()), [404], 0),
    "no secret": (posted(b"/hooks/demo"), [404], 0),
    "an empty secret": (posted(b"/hooks/demo/"), [404], 0),
    "the secret and a blank": (posted(b"{path}%20"), [404], 0),
    "the beginning of the secret": (posted(PATH[:-1]), [404], 0),
    "the API's own path": (posted(b"/v1/events"), [404], 0),
    # Methods
    "an unknown method with a body": (head(LENGTH, method=b"BREW") + PAYLOAD, [405], 0),
    "a method in lower case": (head(LENGTH, method=b"post") + PAYLOAD, [405], 0),
    # Lengths
    "a length over the bound": (head(b"Content-Length: 1048577") + PAYLOAD, [413], 0),
    "the largest length": (head(b"Content-Length: 18446744073709551615") + PAYLOAD, [413], 0),
    "a length shorter than the body": (head(b"Content-Length: 5") + PAYLOAD, [202, 400], 1),
    "a length longer than what comes": (head(b"Content-Length: 5000") + PAYLOAD, [408], 0),
    "no length": (head() + PAYLOAD, [202, 400], 1),
    # Chunks
    "a chunk extension of 40,000 bytes": (head(CHUNKED) + b"2;" + b"x" * 40_000 + b"\r\n{}\r\n0\r\n\r\n", [400], 0),
    "a line feed in a quoted chunk extension": (head(CHUNKED) + b'2;x="\n"\r\n{}\r\n0\r\n\r\n', [400], 0),
    "chunk extensions without end": (head(CHUNKED) + (b"1;" + b"x" * 4000 + b"\r\n1\r\n") * 600, [413], 0),
    "chunks without end": (head(CHUNKED) + chunk(b" " * 60_000) * 20, [413], 0),
    "a chunk over the bound": (head(CHUNKED) + b"100001\r\n" + b" " * 1000, [413], 0),
    "a trailer of 40,000 bytes": (head(CHUNKED) + chunk(PAYLOAD) + b"0\r\nX: " + b"y" * 40_000 + b"\r\n\r\n", [400], 0),
    "4,000 trailers": (head(CHUNKED) + chunk(PAYLOAD) + b"0\r\n" + b"X-Trailer: y\r\n" * 4000 + b"\r\n", [400], 0),
    "a trailer without a colon": (head(CHUNKED) + chunk(PAYLOAD) + b"0\r\nX\r\n\r\n", [400], 0),
    "chunks that stop before the last": (head(CHUNKED) + chunk(PAYLOAD), [408], 0),
    # Expectations
    "an expectation that nobody knows": (head(LENGTH, b"Expect: 200-ok") + PAYLOAD, [417], 0),
    "an expectation and another": (head(LENGTH, b"Expect: 100-continue, 200-ok") + PAYLOAD, [417], 0),
    "an expectation with a wrong secret": (head(LENGTH, b"Expect: 100-continue", target=b"/hooks/demo/x") + PAYLOAD, [404], 0),
    "an expectation with too long a body": (head(b"Content-Length: 1048577", b"Expect: 100-continue"), [413], 0),
}
# Those that wait for more must not be given what stands behind.
LACKING = {"a length longer than what comes", "chunks that stop before the last"}

# The same where the connection goes on: a whole request behind is answered for itself.
GOING_ON = {
    "GET": (asked(b"GET"), [405], 0),
    "OPTIONS": (asked(b"OPTIONS"), [405], 0),
    "TRACE": (asked(b"TRACE"), [405], 0),
    "CONNECT with a path": (asked(b"CONNECT"), [405], 0),
    "an unknown method": (asked(b"BREW"), [405], 0),
    "a path that nobody knows": (asked(b"GET", b"/admin/%2e%2e/%2e%2e/etc/passwd"), [404], 0),
    "dots at the root": (asked(b"GET", b"/../../etc/passwd"), [404], 0),
    "an empty body": (head(b"Content-Length: 0"), [202], 1),
    "an encoded letter of the source": (posted(PATH.replace(b"demo", b"d%65mo")), [200], 1),
    "64 fields": (head(*[b"a: b"] * 62, LENGTH) + PAYLOAD, [200], 1),
    "one line end before the request": (b"\r\n" + WHOLE, [200], 1),
    "an expectation without a body": (head(b"Content-Length: 0", b"Expect: 100-continue"), [202], 1),
    "an expectation, and the body at once": (head(LENGTH, b"Expect: 100-continue") + PAYLOAD, [200], 1),
    "an upgrade to HTTP/2": (head(LENGTH, b"Connection: Upgrade", b"Upgrade: h2c") + PAYLOAD, [200], 1),
    "chunk extensions": (head(CHUNKED) + b'%x;a;b=c;d="e f"\r\n' % len(PAYLOAD) + PAYLOAD + b"\r\n0;last\r\n\r\n", [200], 1),
    "an unknown trailer": (head(CHUNKED) + chunk(PAYLOAD) + b"0\r\nX-Checksum: 1\r\n\r\n", [200], 1),
    "a trailer with a folded line": (head(CHUNKED) + chunk(PAYLOAD) + b"0\r\nX: y\r\n z\r\n\r\n", [200], 1),
    "a chunk size in capitals": (head(CHUNKED) + b"%X\r\n" % len(PAYLOAD) + PAYLOAD + b"\r\n0\r\n\r\n", [200], 1),
    "many last zeros": (head(CHUNKED) + chunk(PAYLOAD) + b"0000\r\n\r\n", [200], 1),
    "the largest body": (head(b"Content-Length: 1048576") + PAYLOAD + b" " * (MIB - len(PAYLOAD)), [200], 1),
    "a query that is a bomb": (posted(b"{path}?" + b"a=%ff&" * 300), [200], 1),
    "a host that is an attack": (head(LENGTH, host=b"Host: ';DROP--()$%!~") + PAYLOAD, [200], 1),
    "all at once": (asked(b"GET") + WHOLE + asked(b"GET", b"/x") + head(CHUNKED) + GOOD_CHUNKS, [405, 200, 404, 200], 2),
}


@pytest.fixture(scope="module")
def shared(binary, cluster, template, tmp_path_factory):
    made = Daemon(binary, tmp_path_factory.mktemp("requests"), cluster.create(template=template), SETTINGS).start()
    with GoodClient(made, rate=20, address="127.0.0.2") as good:
        yield made
    print(f"\n{good.told()}")
    assert made.stop() == 0
    cluster.drop(made.database.name)


def stored(daemon):
    """Deliveries but those of the good client."""
    return daemon.database.value("SELECT count(*) FROM callhook.deliveries WHERE host(remote_addr) <> '127.0.0.2'")


def said(daemon, data):
    """All answers up to the close, without those that only say go on."""
    with RawConnection(daemon.hooks_port, 30 * PATIENCE) as raw:
        try:
            raw.send(data)
        except ConnectionError:
            pass
        assert raw.closed_within(30 * PATIENCE)
        answers = []
        while raw.left:
            answers.append(raw.answer())
    return [answer for answer in answers if answer.status != 100]


@pytest.mark.parametrize("name", ENDING)
def test_what_ends_a_connection_is_answered_exactly_and_nothing_behind_it_is_read(shared, name):
    data, statuses, kept = ENDING[name]
    before = stored(shared)
    behind = b"" if name in LACKING else post_bytes(shared.hook_path(), b"behind")
    with bounded_memory(shared, 16 * MIB):
        answers = said(shared, with_path(data, shared) + behind)
    assert [answer.status for answer in answers] == statuses, answers
    assert answers[-1].header("Connection") == "close" and answers[-1].header("Content-Type") == "application/problem+json"
    assert stored(shared) - before == kept


@pytest.mark.parametrize("name", GOING_ON)
def test_what_goes_on_is_answered_exactly_and_the_next_request_for_itself(shared, name):
    data, statuses, kept = GOING_ON[name]
    before = stored(shared)
    behind = post_bytes(shared.hook_path(), b"behind", ["Connection: close"])
    with bounded_memory(shared, 16 * MIB):
        answers = said(shared, with_path(data, shared) + behind)
    assert [answer.status for answer in answers] == [*statuses, 202], answers
    assert stored(shared) - before == kept + 1


def test_hundreds_of_pipelined_requests_are_answered_in_order(shared):
    unknown = post_bytes("/hooks/demo/wrong-secret-wrong-secret", b"")
    known = post_bytes(shared.hook_path(), PAYLOAD)
    before = stored(shared)
    with bounded_memory(shared, 16 * MIB), RawConnection(shared.hooks_port, 60 * PATIENCE) as raw:
        raw.send((known + unknown) * 300)
        assert [raw.answer().status for _ in range(600)] == [200, 404] * 300
    assert stored(shared) - before == 300


def test_pipelined_requests_without_end_keep_nobody_waiting(shared):
    """The good client of the fixture asks all the while."""
    count = 2_000 if SANITIZER else 10_000
    with bounded_memory(shared, 16 * MIB), RawConnection(shared.hooks_port, 60 * PATIENCE) as raw:
        used = cpu_seconds(shared)
        for _ in range(count // 1000):
            raw.send(with_path(asked(b"GET", b"/x"), shared) * 1000)
            assert {raw.answer().status for _ in range(1000)} == {404}
        print(f"\n{count} pipelined requests: {1e6 * (cpu_seconds(shared) - used) / count:.0f} us of processor time each")


def test_a_client_that_hangs_up_in_the_middle_leaves_nothing(shared):
    before = stored(shared)
    for cut in range(1, len(WHOLE), 9):
        with RawConnection(shared.hooks_port) as raw:
            raw.send(with_path(WHOLE, shared)[: cut])
    assert said(shared, with_path(head(LENGTH, b"Connection: close"), shared) + PAYLOAD)[0].status == 200
    assert stored(shared) - before == 1
