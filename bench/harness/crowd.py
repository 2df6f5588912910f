"""Many followers of the event stream in one process of their own (bench/clients/stream_clients)."""

import json
import subprocess
import time


class Crowd:
    """`log` takes what it prints: a line ten times a second."""

    def __init__(self, program, port, clients, after, log):
        self.log = log
        with open(log, "wb") as out:
            self.process = subprocess.Popen([program, str(port), str(clients), after], stdin=subprocess.DEVNULL, stdout=out)

    @property
    def pid(self):
        return self.process.pid

    def last(self):
        """What it told last; None before the first."""
        lines = self.log.read_text(encoding="ascii").splitlines(keepends=True)
        whole = [line for line in lines if line.endswith("\n")]
        return json.loads(whole[-1]) if whole else None

    def until(self, holds, timeout=60):
        """What it told when that first held."""
        deadline = time.monotonic() + timeout
        while not ((told := self.last()) and holds(told)):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the streams did not get there in {timeout} s: {told}")
            time.sleep(0.05)
        return told

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
