"""What a crash of the process leaves."""

import os
import pathlib
import resource
import signal

import pytest

from support.daemon import SANITIZER


def core_limits(pid):
    """(soft, hard), as the system has them."""
    text = pathlib.Path(f"/proc/{pid}/limits").read_text(encoding="ascii")
    (line,) = [line for line in text.splitlines() if line.startswith("Max core file size")]
    return tuple(line.removeprefix("Max core file size").split()[:2])


@pytest.fixture
def dumping(tmp_path):
    """Lets what is started dump core as far as this machine does."""
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    here = os.getcwd()
    os.chdir(tmp_path)  # where a core file would go
    yield
    os.chdir(here)
    resource.setrlimit(resource.RLIMIT_CORE, before)


def crash(pid):
    """Whether it dumped core."""
    os.kill(pid, signal.SIGABRT)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGABRT
    return os.WCOREDUMP(status)


def test_a_crash_leaves_no_core_dump(make_daemon, dumping):
    daemon = make_daemon().start()
    assert core_limits(daemon.process.pid) == ("0", "0")
    # The mark counts by itself: where dumps go to a program, the limit would not keep them.
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    try:
        resource.prlimit(daemon.process.pid, resource.RLIMIT_CORE, unlimited)
    except PermissionError:
        pass
    assert not crash(daemon.process.pid)


@pytest.mark.skipif(bool(SANITIZER), reason="sanitizers forbid core dumps themselves")
def test_a_core_dump_can_be_asked_for(make_daemon, dumping):
    daemon = make_daemon({"process": {"core_dumps": True}}).start()
    assert core_limits(daemon.process.pid) == core_limits(os.getpid())
    to_a_file = pathlib.Path("/proc/sys/kernel/core_pattern").read_text(encoding="utf-8").strip() == "core"
    if to_a_file and core_limits(os.getpid())[0] == "unlimited":
        assert crash(daemon.process.pid)
