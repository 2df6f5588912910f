"""Floods of connections and requests: over each bound somebody is refused in the promised way, nobody else is, and it ends."""

import contextlib
import pathlib
import resource
import time

import pytest
from support.abuse import BY_ADDRESS, LONG, MIB, From, GoodClient, ask_from, bounded_memory, connect, cpu_seconds, loopback, open_connections
from support.daemon import PATIENCE, SANITIZER, wait_until
from support.http import post_bytes, request
from support.metrics import metric
from support.payloads import documented

PAYLOAD = documented()["call.new"]
FLOOD = 10_000 if LONG else 300 if SANITIZER else 1_500


def rejected(daemon, reason, listener="hooks"):
    return metric(daemon, "callhook_http_rejected_total", listener=listener, reason=reason)


def held(port, address, count):
    """Connections that stay open and say nothing."""
    return [connect(port, address) for _ in range(count)]


def close_all(sockets):
    for one in sockets:
        one.close()


def assert_busy(raw):
    answer = raw.answer()
    assert answer.status == 503 and answer.header("Retry-After") and answer.header("Content-Type") == "application/problem+json", answer
    assert raw.closed_within(20 * PATIENCE) and raw.left == b""


def test_one_address_cannot_take_the_places_of_others(make_daemon):
    daemon = make_daemon({"hooks": {"max_connections": 200, "max_connections_per_address": 20, "idle_timeout": "1h", **BY_ADDRESS}}).start()
    with GoodClient(daemon) as good, bounded_memory(daemon, 16 * MIB):
        mine = held(daemon.hooks_port, loopback(0), 20)
        for _ in range(5):
            with From(daemon.hooks_port, loopback(0)) as raw:
                assert_busy(raw)
        # A flood from one address, which lets go of nothing.
        for _ in range(400):
            with contextlib.suppress(OSError):
                mine.append(connect(daemon.hooks_port, loopback(0)))
        assert open_connections(daemon, "hooks") <= 20 + 64 + 10, "its own, those being told, the good client's"
        for number in range(1, 6):
            assert ask_from(daemon.hooks_port, loopback(number), post_bytes(daemon.hook_path(), PAYLOAD)).status == 200
        close_all(mine)
        wait_until(lambda: ask_from(daemon.hooks_port, loopback(0), post_bytes(daemon.hook_path(), PAYLOAD)).status == 200, 20, "room again")
    assert rejected(daemon, "too_many_of_address") >= 400 and rejected(daemon, "too_many_connections") == 0
    told = [line for line in daemon.log_lines() if line["message"] == "connections are refused"]
    assert len(told) == 1 and "127.0" not in str(told), "once a minute, and without the address"
    assert good.latencies and daemon.stop() == 0


@pytest.mark.parametrize("trusted", [[], ["127.0.0.0/8"]], ids=["no proxy named", "a proxy"])
def test_proxies_have_no_bound_of_their_own(make_daemon, trusted):
    daemon = make_daemon({"hooks": {"max_connections": 50, "max_connections_per_address": 1, "trusted_proxies": trusted}}).start()
    mine = held(daemon.hooks_port, None, 40)
    assert daemon.post(PAYLOAD).status == 200
    mine += held(daemon.hooks_port, None, 10)
    with From(daemon.hooks_port, None) as raw:
        assert_busy(raw)
    assert rejected(daemon, "too_many_of_address") == 0
    close_all(mine)
    assert daemon.stop() == 0


def test_a_full_listener_refuses_at_once_and_is_there_again(make_daemon):
    limit = 100
    daemon = make_daemon({"hooks": {"max_connections": limit, **BY_ADDRESS}}).start()
    for _ in range(3):
        with bounded_memory(daemon, 16 * MIB):
            mine = [connect(daemon.hooks_port, loopback(number)) for number in range(limit)]
            for number in range(limit, limit + 5):
                with From(daemon.hooks_port, loopback(number)) as raw:
                    assert_busy(raw)
            assert daemon.api("/livez").status == 200, "the other listener is not concerned"
            close_all(mine)
        wait_until(lambda: daemon.post(PAYLOAD).status == 200, 20, "room again")
    assert rejected(daemon, "too_many_connections") >= 15
    assert daemon.stop() == 0


def test_a_flood_of_connections_that_come_and_go(make_daemon, database):
    daemon = make_daemon({"hooks": BY_ADDRESS, "log": {"level": "info"}}).start()
    request_bytes = post_bytes(daemon.hook_path(), PAYLOAD)
    with GoodClient(daemon) as good, bounded_memory(daemon, 32 * MIB) as growth:
        for number in range(FLOOD):
            one = connect(daemon.hooks_port, loopback(number % 500))
            if number % 3 == 0:
                one.send(request_bytes[: number % len(request_bytes)])
            if number % 5 == 0:  # a reset instead of a farewell
                one.setsockopt(1, 13, b"\x01\0\0\0\0\0\0\0")
            one.close()
        wait_until(lambda: open_connections(daemon, "hooks") <= 2, 30, "none of the flood")
    print(f"\n{FLOOD} connections that come and go: {growth() / MIB:.1f} MiB; {good.told()}")
    assert database.value("SELECT count(*) FROM callhook.deliveries") == len(good.latencies)
    assert daemon.running() and daemon.stop() == 0


# Requests -------------------------------------------------------------------------------------------------------------


def test_requests_over_the_rate_of_an_address_are_answered_429(make_daemon, database):
    daemon = make_daemon({"hooks": {"requests_per_minute": 10, **BY_ADDRESS}}).start()
    known = post_bytes(daemon.hook_path(), PAYLOAD)
    guess = post_bytes("/hooks/demo/wrong-secret-wrong-secret", PAYLOAD)
    for _ in range(10):
        assert ask_from(daemon.hooks_port, loopback(1), known).status == 200
    refused = [ask_from(daemon.hooks_port, loopback(1), data) for data in (known, guess, known)]
    for answer in refused:
        assert answer.status == 429 and answer.header("Content-Type") == "application/problem+json", answer
        assert 1 <= int(answer.header("Retry-After")) <= 60
    assert len({answer.body for answer in refused}) == 1, "nobody learns whether the secret was right"
    # Guessing counts as well.
    statuses = [ask_from(daemon.hooks_port, loopback(2), guess).status for _ in range(13)]
    assert statuses[:10] == [404] * 10 and set(statuses[10:]) <= {404, 429} and 429 in statuses
    assert ask_from(daemon.hooks_port, loopback(3), known).status == 200, "others are not concerned"
    assert rejected(daemon, "too_many_requests") >= 4
    assert database.value("SELECT count(*) FROM callhook.deliveries") == 11
    told = [line for line in daemon.log_lines() if "requests_per_minute" in line["message"]]
    assert len(told) == 1 and "127.0" not in str(told)
    # The wait that was named is enough.
    time.sleep(int(ask_from(daemon.hooks_port, loopback(1), known).header("Retry-After", "0")))
    assert ask_from(daemon.hooks_port, loopback(1), known).status == 200
    assert daemon.stop() == 0


def test_behind_a_proxy_the_rate_is_that_of_the_client_it_names(make_daemon):
    daemon = make_daemon({"hooks": {"requests_per_minute": 3, "trusted_proxies": ["127.0.0.1/32"]}}).start()

    def post(client):
        return daemon.post(PAYLOAD, headers={"X-Forwarded-For": client} if client else {}).status

    for client, neighbour, other in (("198.51.100.1", "198.51.100.1", "198.51.100.2"), ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:3::1")):
        assert [post(client) for _ in range(3)] == [200] * 3
        assert post(neighbour) == 429
        assert post(other) == 200
        assert post(f"{client}, {other}") == 200, "what is left of a stranger's word is a stranger's word"
    assert [post(None) for _ in range(10)] == [200] * 10, "a proxy that names nobody speaks for everybody"
    # A peer that is no proxy cannot speak for others.
    forged = post_bytes(daemon.hook_path(), PAYLOAD, ["X-Forwarded-For: 203.0.113.9"])
    statuses = [ask_from(daemon.hooks_port, loopback(9), forged.replace(b"113.9", b"113.%d" % n)).status for n in range(5)]
    assert statuses == [200] * 3 + [429] * 2
    assert daemon.stop() == 0


def test_requests_are_not_limited_unless_asked_for(make_daemon):
    """A burst of webhooks of one address is what a busy day looks like."""
    daemon = make_daemon({"hooks": BY_ADDRESS, "log": {"level": "info"}}).start()
    statuses = [status for _, status in daemon.deliver_all([PAYLOAD] * 3000)]
    assert statuses == [200] * 3000
    assert rejected(daemon, "too_many_requests") == 0
    assert daemon.stop() == 0


# Descriptors ----------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(SANITIZER == "asan", reason="UBSan looks at an object's memory through a pipe, for which there is no descriptor then")
def test_without_descriptors_connections_are_closed_and_not_kept_waiting(make_daemon):
    daemon = make_daemon({"hooks": {"idle_timeout": "1h", "max_connections": 4000}}).start()
    pid = daemon.process.pid
    assert daemon.post(PAYLOAD).status == 200
    hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]
    with From(daemon.api_port, None) as kept:  # its own place in the daemon
        kept.send(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert kept.answer().status == 200
        highest = max(int(entry.name) for entry in daemon_descriptors(pid))
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (highest + 12, hard))
        mine = held(daemon.hooks_port, None, 60)
        # Those that find no room are sent away after a moment; nobody is left in the dark.
        wait_until(lambda: sum(is_closed(one) for one in mine) >= 40, 30, "most being closed")
        used, begun = cpu_seconds(daemon), time.monotonic()
        for _ in range(3):
            with From(daemon.hooks_port, None, 20 * PATIENCE) as late:
                assert late.closed_within(20 * PATIENCE) and late.left == b""
        time.sleep(1)
        assert cpu_seconds(daemon) - used < 0.7 * (time.monotonic() - begun), "the loop must not spin"
        kept.send(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert kept.answer().status == 200, "who has a connection is served"
        close_all(mine)
        wait_until(lambda: answers(daemon), 30, "room again")
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (hard, hard))
    assert [line["level"] for line in daemon.log_lines() if line["message"] == "cannot accept connections"]
    assert rejected(daemon, "accept_error") > 0
    assert daemon.audit()[0] == 0
    assert daemon.stop() == 0


def daemon_descriptors(pid):
    return list(pathlib.Path(f"/proc/{pid}/fd").iterdir())


def is_closed(one):
    one.setblocking(False)
    try:
        return one.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def answers(daemon):
    try:
        return request(daemon.hooks_port, "POST", daemon.hook_path(), PAYLOAD).status == 200
    except OSError:
        return False
