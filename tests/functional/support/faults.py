"""The other side of tests/faults/shim.cpp: gives the daemon's next failure, and reads what was called how often.

FAULT_SHIM_LIBRARY names the library; by default it lies beside the daemon's build.
"""

import contextlib
import errno
import mmap
import os
import pathlib
import struct
import subprocess

import pytest

ORDER = struct.Struct("<IIIiQQQ8s80s")
NAMES = struct.Struct("<II")  # how many there are; only the shim writes here
HEAD_BYTES = ORDER.size + NAMES.size
COUNTER = struct.Struct("<80sQ")
MOST_NAMES = 600
HOW = {how: number for number, how in enumerate(("fail", "partly", "end", "refuse", "cut", "lose"))}


def library(binary):
    named = os.environ.get("FAULT_SHIM_LIBRARY")
    path = pathlib.Path(named) if named else pathlib.Path(binary).parents[1] / "tests" / "faults" / "libcallhook_faults.so"
    if not path.exists():
        pytest.fail(f"{path} is missing; build it (scripts/test does) or name another by FAULT_SHIM_LIBRARY", pytrace=False)
    return path


def preloaded(binary, wanted):
    """LD_PRELOAD for a library: a sanitizer's runtime, where the daemon has one, wants to come before all others."""
    linked = subprocess.run(["ldd", binary], capture_output=True, text=True, check=True).stdout
    runtimes = [line.split()[2] for line in linked.splitlines() if any(f"lib{name}.so" in line for name in ("asan", "tsan"))]
    return ":".join([*runtimes, str(wanted)])


def unpadded(raw):
    return raw.split(b"\0", 1)[0].decode()


class Faults:
    """One order at a time; `files` is the folder whose files' calls are counted."""

    def __init__(self, binary, directory, files):
        self.path = pathlib.Path(directory) / "faults"
        self.path.write_bytes(bytes(HEAD_BYTES + COUNTER.size * MOST_NAMES))
        with open(self.path, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), 0)
        self.environment = {
            "LD_PRELOAD": preloaded(binary, library(binary)),
            "FAULT_SHIM_CONTROL": str(self.path),
            "FAULT_SHIM_FILES": f"{files}/",
        }

    def counts(self):
        """{name: calls so far}"""
        out = {}
        for i in range(NAMES.unpack_from(self.memory, ORDER.size)[0]):
            name, calls = COUNTER.unpack_from(self.memory, HEAD_BYTES + i * COUNTER.size)
            out[unpadded(name)] = calls
        return out

    def arm(self, name, nth=1, how="fail", number=errno.EIO, state="53100", many=False):
        """Of the calls whose names fit the pattern, the nth from now on fails; with `many` all that follow, too."""
        self.disarm()
        ORDER.pack_into(self.memory, 0, 0, int(many), HOW[how], number, nth, 0, 0, state.encode(), name.encode())
        struct.pack_into("<I", self.memory, 0, 1)

    def disarm(self):
        struct.pack_into("<I", self.memory, 0, 0)

    def failed(self):
        """How many calls the last order has made to fail."""
        return ORDER.unpack_from(self.memory, 0)[6]

    @contextlib.contextmanager
    def armed(self, *order, **how):
        self.arm(*order, **how)
        try:
            yield self
        finally:
            self.disarm()
