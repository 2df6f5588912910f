"""Freezes single threads of a process, as a defect would: the rest of it goes on."""

import contextlib
import ctypes
import os
import pathlib

PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17
WALL = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def _ptrace(request, thread):
    if libc.ptrace(request, thread, None, None) != 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request:#x} of thread {thread}")


def threads(pid):
    return [int(name) for name in os.listdir(f"/proc/{pid}/task")]


def thread_named(pid, name):
    """The number of the one thread that has this name."""
    found = [one for one in threads(pid) if pathlib.Path(f"/proc/{pid}/task/{one}/comm").read_text(encoding="utf-8").strip() == name]
    assert len(found) == 1, f"{len(found)} threads are named {name}"
    return found[0]


@contextlib.contextmanager
def frozen(*numbers):
    """These threads do nothing meanwhile. To be entered and left by one thread."""
    seized = []
    try:
        for number in numbers:
            _ptrace(PTRACE_SEIZE, number)
            seized.append(number)
            _ptrace(PTRACE_INTERRUPT, number)
            os.waitpid(number, WALL)
        yield
    finally:
        for number in seized:
            with contextlib.suppress(OSError):
                _ptrace(PTRACE_DETACH, number)


def can_freeze(pid):
    """Whether this machine lets us."""
    try:
        with frozen(pid):
            return True
    except OSError:
        return False


