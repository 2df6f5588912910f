"""Hostile bodies with the right secret: each is stored byte for byte and answered 200 or 202, in bounded memory, while others are
served."""

import json
import time

import pytest
from support.abuse import MIB, SANITIZER, GoodClient, bounded_memory, cpu_seconds
from support.daemon import PATIENCE, Daemon
from support.http import RawConnection, request

LIMIT = MIB - 8  # hooks.max_body by default, and a longer id
CALL = b'{"data":{"event":"call.new","id":1,"status":"new","to":"+48888888769","widget_id":3,"created_at":"2016-09-08 13:32:54"'


def filled(beginning, unit, end):
    """As many units as fit; they are made from their number."""
    parts, size, number = [beginning], len(beginning) + len(end), 0
    while True:
        part = unit(number)
        if size + len(part) > LIMIT:
            return b"".join([*parts, end])
        parts.append(part)
        size += len(part)
        number += 1


def text(value):
    return CALL + b',"request":"' + value + b'"}}'


# Every body and whether it can be read as a call.
BODIES = {
    "nothing": (b"", False),
    "blanks": (b" " * LIMIT, False),
    "zeros": (b"\0" * LIMIT, False),
    "noise": (bytes(range(256)) * (LIMIT // 256), False),
    "a byte order mark": (b"\xef\xbb\xbf" + CALL + b"}}", False),
    "UTF-16": ((CALL + b"}}").decode().encode("utf-16"), False),
    "an open bracket a million times": (b"[" * LIMIT, False),
    "brackets 500,000 deep": (b"[" * (LIMIT // 2) + b"]" * (LIMIT // 2), False),
    "objects 170,000 deep": (filled(b"", lambda _: b'{"a":', b""), False),
    "a call with brackets 500 deep": (CALL + b',"x":' + b"[" * 500 + b"]" * 500 + b"}}", False),
    "a call with brackets 20 deep": (CALL + b',"x":' + b"[" * 20 + b"1" + b"]" * 20 + b"}}", True),
    "100,000 keys": (filled(CALL, lambda n: b',"%d":0' % n, b"}}"), True),
    "100,000 keys from the last to the first": (filled(CALL, lambda n: b',"%d":0' % (9_999_999 - n), b"}}"), True),
    "keys that begin alike": (filled(CALL, lambda n: b',"%s%06d":0' % (b"a" * 60, n), b"}}"), True),
    "keys beside the data": (filled(b'{"x":1', lambda n: b',"%d":0' % n, b"}"), False),
    "a key 100,000 times": (filled(CALL, lambda _: b',"a":0', b"}}"), False),
    "500,000 elements": (filled(CALL + b',"x":[1', lambda _: b",1", b"]}}"), True),
    "300,000 empty objects": (filled(CALL + b',"x":[{}', lambda _: b",{}", b"]}}"), True),
    "many objects of 33 keys": (filled(CALL + b',"x":[1', lambda _: b",{" + b",".join(b'"k%d":0' % n for n in range(33)) + b"}", b"]}}"), True),
    "a number of a million digits": (CALL + b',"x":' + b"7" * (LIMIT - 300) + b"}}", False),
    "a fraction of a million digits": (CALL + b',"x":0.' + b"7" * (LIMIT - 300) + b"}}", True),
    "an exponent beyond all": (CALL + b',"x":1e999999999}}', False),
    "small numbers": (filled(CALL + b',"x":[1', lambda _: b",2.2250738585072011e-308", b"]}}"), True),
    "a string of a million characters": (text(b"x" * (LIMIT - 300)), True),
    "a string of escapes": (text(b"\\u00e9" * ((LIMIT - 300) // 6)), True),
    "a string of escaped quotes": (text(b'\\"' * ((LIMIT - 300) // 2)), True),
    "a string of surrogate pairs": (text(b"\\ud83d\\ude00" * ((LIMIT - 300) // 12)), True),
    "a lone surrogate": (text(b"\\ud800"), False),
    "a lone low surrogate": (text(b"\\udc00"), False),
    "an escaped NUL": (text(b"\\u0000"), False),
    "a raw control character": (text(b"\x01"), False),
    "overlong UTF-8": (text(b"\xc0\xaf"), False),
    "a surrogate in UTF-8": (text(b"\xed\xa0\x80"), False),
    "half a document": (CALL, False),
    "something behind the document": (CALL + b"}}" + b"{}", False),
    "comments": (b"/* */" + CALL + b"}}", False),
    "XML with entities": (b'<!DOCTYPE x [<!ENTITY a "' + b"a" * 1000 + b'">]><x>' + b"&a;" * 300_000 + b"</x>", False),
}


# A call each: all that is said of one ends up in one record.
BODIES = {name: (content.replace(b'"id":1,', b'"id":%d,' % (100 + number), 1), readable) for number, (name, (content, readable)) in enumerate(BODIES.items())}


@pytest.fixture(scope="module")
def shared(binary, cluster, template, tmp_path_factory):
    settings = {"log": {"level": "info"}, "hooks": {"body_timeout": "2m", "answer_timeout": "1m"}}
    made = Daemon(binary, tmp_path_factory.mktemp("bodies"), cluster.create(template=template), settings).start()
    yield made
    made.settle(120)
    code, report = made.audit()
    assert code == 0, report
    assert made.stop() == 0
    cluster.drop(made.database.name)


@pytest.fixture(scope="module")
def good(shared):
    with GoodClient(shared, rate=20) as client:
        yield client
    print(f"\n{client.told()}")


@pytest.mark.parametrize("name", BODIES)
def test_a_hostile_body_is_stored_whole_and_answered(shared, good, name):
    content, readable = BODIES[name]
    served = len(good.latencies)
    with bounded_memory(shared, 128 * MIB):
        answer = request(shared.hooks_port, "POST", shared.hook_path(), content, timeout=60 * PATIENCE)
        assert answer.status == (200 if readable else 202), answer
        delivery = answer.json()["delivery"]
        if not readable:
            assert answer.json()["reason"]
        shared.settle(60)
    row = shared.database.rows("SELECT body, (SELECT result FROM callhook.outcomes WHERE delivery_id = id) FROM callhook.deliveries WHERE id = %s", delivery)
    assert bytes(row[0][0]) == content
    assert (row[0][1] == "quarantined") == (not readable), "what the answer said holds"
    begun = time.monotonic()
    while len(good.latencies) == served and time.monotonic() - begun < 20 * PATIENCE:
        time.sleep(0.01)
    assert len(good.latencies) > served and not good.failures


def test_all_of_them_at_once_in_bounded_memory(shared, good):
    """Sixteen megabytes of the worst on sixteen connections, again and again."""
    worst = [BODIES[name][0] for name in ("100,000 keys", "300,000 empty objects", "many objects of 33 keys", "500,000 elements")]
    shared.settle(60)
    turns = 1 if SANITIZER else 3
    with bounded_memory(shared, 512 * MIB) as growth:
        taken = shared.deliver_all(worst * 4 * turns, connections=16, window=1)
        shared.settle(120)
    print(f"\n{len(taken)} MiB of hostile bodies: {growth() / MIB:.0f} MiB more")
    assert {status for _, status in taken} == {200} and not good.failures


@pytest.mark.resources
def test_one_hostile_body_keeps_the_loop_for_a_moment_only(shared, good):
    """The longest look, seen by the clock of the processor: an answer 200 after commit costs the loop what it costs."""
    shared.settle(60)
    for name in ("100,000 keys", "300,000 empty objects", "brackets 500,000 deep", "a number of a million digits"):
        used = cpu_seconds(shared)
        for _ in range(5):
            assert request(shared.hooks_port, "POST", shared.hook_path(), BODIES[name][0], timeout=60).status in (200, 202)
        shared.settle(60)
        used = (cpu_seconds(shared) - used) / 5
        print(f"\n{name}: {1000 * used:.0f} ms of processor time from the first byte to the feed")
        assert used < 2, name


def test_a_body_over_a_mebibyte_is_stored_without_a_look(make_daemon, database):
    """Where max_body allows it. Looking at the largest would keep everybody waiting for seconds."""
    daemon = make_daemon({"hooks": {"max_body": "16MiB", "answer_timeout": "1m", "body_timeout": "1m"}, "log": {"level": "info"}}).start()
    large = b"{" + b" " * (4 * MIB) + b"no JSON"
    with GoodClient(daemon):
        answer = request(daemon.hooks_port, "POST", daemon.hook_path(), large, timeout=60 * PATIENCE)
        assert answer.status == 200, answer
        daemon.settle(60)
    assert database.value("SELECT result FROM callhook.outcomes WHERE delivery_id = %s", answer.json()["delivery"]) == "quarantined"
    assert request(daemon.hooks_port, "POST", daemon.hook_path(), b"{" + b" " * MIB, timeout=60 * PATIENCE).status == 200
    assert request(daemon.hooks_port, "POST", daemon.hook_path(), b"{" + b" " * (MIB - 1), timeout=60 * PATIENCE).status == 202
    assert daemon.stop() == 0


def test_many_tiny_chunks_are_put_together_at_little_cost(shared, good):
    """As many chunks of one byte as the bound on framing allows; more of it is refused like any other excess."""
    content = json.dumps({"data": {"event": "call.new", "id": 77, "request": "x" * 300_000}}).encode()
    head = b"POST " + shared.hook_path().encode() + b" HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    used = cpu_seconds(shared)
    with bounded_memory(shared, 32 * MIB), RawConnection(shared.hooks_port, 60 * PATIENCE) as raw:
        raw.send(head + b"".join(b"1\r\n%c\r\n" % byte for byte in content) + b"0\r\n\r\n")
        answer = raw.answer()
        assert answer.status == 200, answer
    assert bytes(shared.database.value("SELECT body FROM callhook.deliveries WHERE id = %s", answer.json()["delivery"])) == content
    print(f"\n{len(content)} chunks of a byte: {1000 * (cpu_seconds(shared) - used):.0f} ms of processor time")
    with RawConnection(shared.hooks_port, 60 * PATIENCE) as raw:
        try:
            raw.send(head + b"1\r\nx\r\n" * LIMIT)
        except ConnectionError:
            pass
        assert raw.answer().status == 413
        assert raw.closed_within(20 * PATIENCE)
    assert not good.failures
