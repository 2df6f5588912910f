"""The wall clock of a process, stepped while it runs; the monotonic clock is left alone, as a real step leaves it."""

import os
import pathlib
import subprocess
import sys

from rig.faults import Fault
from rig.machine import Unavailable

LOOK = "import sys, time\nfor line in sys.stdin:\n    print(time.time(), time.monotonic(), flush=True)"


def library():
    found = sorted(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found:
        raise Unavailable("the package libfaketime is not installed")
    return found[0]


class SteppedClock:
    """Environment for a process, and the steps of its clock."""

    def __init__(self, file):
        self.file = pathlib.Path(file)
        self.environment = {
            "LD_PRELOAD": str(library()),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",  # its name in older versions
        }
        self.step(0)

    def step(self, seconds):
        """So far from the true time from now on."""
        new = self.file.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n", encoding="ascii")
        os.replace(new, self.file)

    def measured(self, seconds):
        """What a step does to the two clocks of a process that runs meanwhile: (wall, monotonic), in seconds."""
        with subprocess.Popen(
            [sys.executable, "-c", LOOK],
            env={**os.environ, **self.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:

            def look():
                process.stdin.write("\n")
                process.stdin.flush()
                return [float(value) for value in process.stdout.readline().split()]

            before = look()
            self.step(seconds)
            after = look()
            process.stdin.close()
        self.step(0)
        return after[0] - before[0], after[1] - before[1]


class ClockStep(Fault):
    spares_senders = True
    lasts = (1.0, 1.5)

    def __init__(self, clock, seconds):
        self.clock, self.seconds = clock, seconds
        self.name = f"clock stepped by {seconds:+d} s"

    def begin(self, world):
        self.clock.step(self.seconds)

    def heal(self, world):
        self.clock.step(0)
