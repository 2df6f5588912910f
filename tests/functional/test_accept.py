"""Connections that are gone when a listener takes them."""

import errno
import os
import signal

import pytest
from support.faults import Faults
from support.http import RawConnection, post_bytes
from support.payloads import body, call_event

# Of accept(2): errors of the one connection that was to be taken.
GONE = (errno.ECONNABORTED, errno.EPROTO)


@pytest.fixture
def faulty(make_daemon, tmp_path):
    """A daemon whose calls can be made to fail."""
    daemon = make_daemon()
    faults = Faults(daemon.binary, tmp_path, tmp_path)
    daemon.environment = faults.environment
    return daemon.start(), faults


@pytest.mark.parametrize("number", GONE, ids=errno.errorcode.get)
def test_one_that_is_gone_before_it_is_taken_holds_up_nobody(faulty, number):
    """The first one is waited for; the second would be taken while the loop is at it. Nobody else connects meanwhile, who could
    wake the listener."""
    daemon, faults = faulty
    asks = {
        "hooks": lambda: daemon.post(body(call_event("call.new", 7)), timeout=5),
        "api": lambda: daemon.api("/v1/events", timeout=5),
    }
    for nth in (1, 2):
        for listener, ask in asks.items():
            with faults.armed("listener/accept", nth, "fail", number):
                assert ask().status == 200, (nth, listener)
            assert faults.failed() == 1, (nth, listener)
            assert ask().status == 200, (nth, listener)
    assert daemon.stop() == 0


@pytest.mark.parametrize("nth", (1, 2))
def test_those_behind_one_that_is_gone_are_heard_at_a_stop(faulty, nth):
    """The kernel has let them in already when the stop comes."""
    daemon, faults = faulty
    daemon.signal(signal.SIGSTOP)
    os.waitid(os.P_PID, daemon.process.pid, os.WSTOPPED)
    senders = [RawConnection(daemon.hooks_port, 10) for _ in range(4)]
    for number, sender in enumerate(senders):
        sender.send(post_bytes(daemon.hook_path(), body(call_event("call.new", 10 + number))))
    with faults.armed("listener/accept", nth, "fail", errno.ECONNABORTED):
        daemon.signal(signal.SIGTERM)
        daemon.signal(signal.SIGCONT)
        assert [sender.answer().status for sender in senders] == [200] * 4
    assert faults.failed() == 1
    assert daemon.process.wait(20) == 0
