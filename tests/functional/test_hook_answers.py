"""Every answer of the hook listener that the contract names, short of the raw framing table."""

import base64
import time

import pytest
from support.daemon import NO_SPOOL, PATIENCE, SECRET, wait_until
from support.http import RawConnection, post_bytes, request
from support.payloads import body, call_event, documented

PAYLOAD = documented()["call.new"]
OTHER = "another-secret-of-enough-length-42"


def stored(database):
    return database.value("SELECT count(*) FROM callhook.deliveries")


def assert_problem(answer, status):
    assert answer.status == status, answer
    assert answer.header("Content-Type") == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status and problem["title"]
    return problem


def test_the_exact_bytes_are_stored_with_any_content_type(daemon, database):
    odd = b'  {"data" : {"event":"call.new","id":1,"zz":1.50,"zz2":"\\u017c\\/"}}\r\n\t'
    bodies = [odd, PAYLOAD]
    for content, kind in zip(bodies, ["text/plain; charset=latin-2", "application/x-www-form-urlencoded"]):
        daemon.deliver(content, headers={"Content-Type": kind})
    rows = database.rows("SELECT body, content_type, origin FROM callhook.deliveries ORDER BY id")
    assert [bytes(row[0]) for row in rows] == bodies
    assert rows[0][1].startswith("text/plain") and {row[2] for row in rows} == {"webhook"}


def test_an_unknown_source_and_a_wrong_secret_get_one_and_the_same_answer(daemon, database):
    answers = [
        daemon.post(PAYLOAD, source="nobody"),
        daemon.post(PAYLOAD, secret="wrong"),
        daemon.post(PAYLOAD, secret=SECRET + "x"),
        daemon.post(PAYLOAD, secret=SECRET[:-1]),
        request(daemon.hooks_port, "POST", "/elsewhere", PAYLOAD),
    ]
    for answer in answers:
        assert_problem(answer, 404)
    assert len({answer.body for answer in answers}) == 1
    names = [sorted(k.lower() for k, _ in a.headers) for a in answers]
    assert all(n == names[0] for n in names)
    assert stored(database) == 0


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "PATCH"])
def test_another_method_is_told_which_one_is_allowed(daemon, method):
    answer = request(daemon.hooks_port, method, daemon.hook_path())
    assert answer.status == 405 and answer.header("Allow") == "POST"


def test_a_slow_header_is_answered_408_by_an_absolute_deadline(make_daemon):
    daemon = make_daemon({"hooks": {"header_timeout": "600ms"}}).start()
    request_bytes = post_bytes(daemon.hook_path(), PAYLOAD)
    with RawConnection(daemon.hooks_port) as raw:
        begun = time.monotonic()
        for byte in request_bytes:  # each byte is well in time, all of them are not
            raw.send(bytes([byte]))
            if raw.closed_within(0.05) or raw.left:
                break
        took = time.monotonic() - begun
        assert_problem(raw.answer(), 408)
        assert 0.4 < took < 8 * PATIENCE


def test_a_slow_body_is_answered_408_by_an_absolute_deadline(make_daemon, database):
    daemon = make_daemon({"hooks": {"body_timeout": "600ms"}}).start()
    request_bytes = post_bytes(daemon.hook_path(), PAYLOAD)
    head = request_bytes[: -len(PAYLOAD)]
    with RawConnection(daemon.hooks_port) as raw:
        raw.send(head)
        begun = time.monotonic()
        for byte in PAYLOAD:
            raw.send(bytes([byte]))
            if raw.closed_within(0.05) or raw.left:
                break
        took = time.monotonic() - begun
        assert_problem(raw.answer(), 408)
        assert 0.4 < took < 8 * PATIENCE
    assert stored(database) == 0


def test_a_silent_connection_does_not_keep_others_waiting(make_daemon):
    daemon = make_daemon().start()
    silent = [RawConnection(daemon.hooks_port) for _ in range(50)]
    for raw in silent[:25]:
        raw.send(b"POST /hooks/")
    begun = time.monotonic()
    daemon.deliver(PAYLOAD)
    assert time.monotonic() - begun < 4 * PATIENCE
    for raw in silent:
        raw.close()


def test_a_body_over_the_limit_is_answered_413_from_its_announced_length(make_daemon, database):
    daemon = make_daemon({"hooks": {"max_body": "64KiB"}}).start()
    with RawConnection(daemon.hooks_port) as raw:
        raw.send(post_bytes(daemon.hook_path(), b"")[:-4].replace(b"Content-Length: 0", b"Content-Length: 65537") + b"\r\n\r\n")
        assert_problem(raw.answer(), 413)  # before any byte of it
    assert_problem(daemon.post(b" " * 65537), 413)
    assert daemon.post(PAYLOAD + b" " * (65536 - len(PAYLOAD))).status == 200
    assert stored(database) == 1


def test_a_chunked_body_over_the_limit_is_answered_413(make_daemon, database):
    daemon = make_daemon({"hooks": {"max_body": "64KiB"}}).start()
    head = f"POST {daemon.hook_path()} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    with RawConnection(daemon.hooks_port) as raw:
        raw.send(head)
        for _ in range(17):
            try:
                raw.send(b"1000\r\n" + b" " * 4096 + b"\r\n")
            except ConnectionError:
                break
        assert_problem(raw.answer(), 413)
        assert raw.closed_within(5 * PATIENCE)
    assert stored(database) == 0


def test_headers_over_the_limit_are_answered_431(daemon):
    with RawConnection(daemon.hooks_port) as raw:
        raw.send(post_bytes(daemon.hook_path(), PAYLOAD, ["X-Long: " + "a" * 20_000]))
        assert_problem(raw.answer(), 431)
        assert raw.closed_within(5 * PATIENCE)


def test_no_answer_of_the_database_means_503_with_retry_after_and_it_recovers_by_itself(make_daemon, postgres, database):
    daemon = make_daemon({**NO_SPOOL, "hooks": {"answer_timeout": "2s"}}).start()
    kept = [daemon.deliver(PAYLOAD)]
    process = daemon.process.pid
    postgres.stop()
    for _ in range(3):
        answer = daemon.post(PAYLOAD)
        assert_problem(answer, 503)
        assert int(answer.header("Retry-After")) >= 1
    assert daemon.api("/livez").status == 200
    wait_until(lambda: daemon.api("/readyz").status == 503, 10, "not ready")
    postgres.start()
    wait_until(lambda: daemon.api("/readyz").status == 200, 20, "ready again")
    wait_until(lambda: daemon.post(PAYLOAD).status == 200, 10, "taking again")
    kept.append(daemon.deliver(PAYLOAD))
    assert daemon.process.pid == process and daemon.running()
    daemon.settle()
    for delivery in kept:
        assert database.value("SELECT count(*) FROM callhook.outcomes WHERE delivery_id = %s", delivery) == 1
    assert daemon.audit()[0] == 0
    assert daemon.stop() == 0


def test_a_database_that_hangs_means_503_in_time(make_daemon, postgres):
    daemon = make_daemon({**NO_SPOOL, "hooks": {"answer_timeout": "1s"}}).start()
    postgres.pause()
    begun = time.monotonic()
    answer = daemon.post(PAYLOAD)
    assert_problem(answer, 503)
    assert answer.header("Retry-After") and time.monotonic() - begun < 4 * PATIENCE
    begun = time.monotonic()
    assert daemon.api("/livez").status == 200
    assert time.monotonic() - begun < 4 * PATIENCE
    postgres.resume()
    wait_until(lambda: daemon.post(PAYLOAD).status == 200, 30, "taking again")
    daemon.settle()
    assert daemon.audit()[0] == 0


def test_a_full_queue_refuses_at_once_and_keeps_what_it_accepted(make_daemon, postgres, database):
    daemon = make_daemon({**NO_SPOOL, "inbox": {"queue_deliveries": 4, "batch_deliveries": 4}, "hooks": {"answer_timeout": "3s"}}).start()
    postgres.pause()
    connections = [RawConnection(daemon.hooks_port) for _ in range(40)]
    begun = time.monotonic()
    for raw in connections:
        raw.send(post_bytes(daemon.hook_path(), PAYLOAD))
    time.sleep(0.5 * PATIENCE)
    waiting = []
    for raw in connections:
        if raw.closed_within(0.001) or raw.left:
            answer = raw.answer()
            assert_problem(answer, 503)
            assert answer.header("Retry-After")
            raw.close()
        else:
            waiting.append(raw)
    assert len(waiting) <= 20 and time.monotonic() - begun < 8 * PATIENCE
    postgres.resume()
    statuses = []
    for raw in waiting:
        statuses.append(raw.answer().status)
        raw.close()
    assert set(statuses) <= {200, 503}
    wait_until(lambda: daemon.post(PAYLOAD).status == 200, 30, "taking again")
    daemon.settle()
    assert stored(database) >= statuses.count(200) + 1
    assert daemon.audit()[0] == 0


# Who may send --------------------------------------------------------------------------------------------------------


def test_forwarded_addresses_are_believed_from_a_trusted_proxy_only(make_daemon, database):
    daemon = make_daemon(name="open").start()
    daemon.deliver(PAYLOAD, headers={"X-Forwarded-For": "203.0.113.9"})
    assert daemon.stop() == 0
    daemon = make_daemon({"hooks": {"trusted_proxies": ["127.0.0.0/8", "10.0.0.0/8"]}}, name="behind").start()
    daemon.deliver(PAYLOAD, headers={"X-Forwarded-For": "203.0.113.9"})
    daemon.deliver(PAYLOAD, headers={"X-Forwarded-For": "192.0.2.66, 203.0.113.10, 10.1.2.3"})
    daemon.deliver(PAYLOAD, headers={"Forwarded": 'for=198.51.100.7;proto=https, for="10.9.9.9"'})
    daemon.deliver(PAYLOAD)
    seen = [row[0] for row in database.rows("SELECT host(remote_addr) FROM callhook.deliveries ORDER BY id")]
    assert seen == ["127.0.0.1", "203.0.113.9", "203.0.113.10", "198.51.100.7", "127.0.0.1"]


def test_only_allowed_networks_may_send(make_daemon, database):
    daemon = make_daemon(
        {"hooks": {"trusted_proxies": ["127.0.0.1/32"]}, "sources.demo": {"allow": ["203.0.113.0/24", "2001:db8::/32"]}}
    ).start()
    assert daemon.post(PAYLOAD, headers={"X-Forwarded-For": "203.0.113.200"}).status == 200
    assert daemon.post(PAYLOAD, headers={"X-Forwarded-For": "2001:db8::1"}).status == 200
    for address in ("203.0.114.1", "2001:db9::1", "203.0.113.5, 192.0.2.1"):
        assert daemon.post(PAYLOAD, headers={"X-Forwarded-For": address}).status in (403, 404)
    assert daemon.post(PAYLOAD).status in (403, 404)
    assert stored(database) == 2


def test_basic_authentication_is_asked_for_where_configured(make_daemon, database):
    daemon = make_daemon()
    daemon.settings["sources.demo"]["basic_auth_file"] = daemon.secret_file("basic", "vendor:pass:word")
    daemon.start()

    def basic(text):
        return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}

    assert daemon.post(PAYLOAD, headers=basic("vendor:pass:word")).status == 200
    for headers in ({}, basic("vendor:pass"), basic("Vendor:pass:word"), {"Authorization": "Basic %%%"}, {"Authorization": "Bearer x"}):
        assert daemon.post(PAYLOAD, headers=headers).status in (401, 403, 404)
    assert stored(database) == 1


def test_a_required_header_is_asked_for_where_configured(make_daemon, database):
    daemon = make_daemon()
    daemon.settings["sources.demo"].update(required_header="X-Hook-Key", required_header_file=daemon.secret_file("key", "open sesame"))
    daemon.start()
    assert daemon.post(PAYLOAD, headers={"x-hook-key": "open sesame"}).status == 200
    for headers in ({}, {"X-Hook-Key": "open"}, {"X-Hook-Key": "open sesame!"}):
        assert daemon.post(PAYLOAD, headers=headers).status in (401, 403, 404)
    assert stored(database) == 1


def test_two_secrets_live_at_once_while_one_replaces_the_other(make_daemon):
    daemon = make_daemon()
    daemon.settings["sources.demo"]["secret_files"].append(daemon.secret_file("next.secret", OTHER))
    daemon.start()
    assert daemon.post(PAYLOAD).status == 200
    assert daemon.post(PAYLOAD, secret=OTHER).status == 200
    assert daemon.post(PAYLOAD, secret=OTHER[::-1]).status == 404
    assert daemon.stop() == 0
    daemon.settings["sources.demo"]["secret_files"] = ["next.secret"]
    daemon.start()
    assert daemon.post(PAYLOAD).status == 404
    assert daemon.post(PAYLOAD, secret=OTHER).status == 200


def test_a_secret_of_one_source_opens_no_other(make_daemon):
    daemon = make_daemon(sources=("demo", "second"))
    daemon.secret_file("second.secret", OTHER)
    daemon.start()
    assert daemon.post(PAYLOAD, source="second", secret=OTHER).status == 200
    assert daemon.post(PAYLOAD, source="demo", secret=OTHER).status == 404
    assert daemon.post(PAYLOAD, source="second").status == 404


def test_a_hundred_calls_over_one_kept_connection(daemon):
    with RawConnection(daemon.hooks_port) as raw:
        for number in range(100):
            raw.send(post_bytes(daemon.hook_path(), body(call_event("call.new", number + 1))))
            assert raw.answer().status == 200
    daemon.settle()
    assert len(daemon.api("/v1/calls?limit=1000").json()["calls"]) == 100
