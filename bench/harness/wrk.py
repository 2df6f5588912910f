"""The load generator: wrk with bench/load/calls.lua."""

import dataclasses
import itertools
import json
import pathlib
import shlex
import subprocess

LOAD = pathlib.Path(__file__).resolve().parents[1] / "load"
numbers = itertools.count(1)  # of runs, so that no two are about the same calls


class Refused(RuntimeError):
    """Not every request was answered as it should be, so that the numbers are about something else."""


@dataclasses.dataclass(frozen=True)
class Load:
    """What a run of wrk said; times in milliseconds."""

    rate: float
    requests: int
    seconds: float
    p50: float
    p99: float
    p999: float
    command: str


@dataclasses.dataclass(frozen=True)
class Plan:
    """`rate` 0: as fast as answers come. `behind`: how many requests later a call of `lifecycle` is completed."""

    connections: int
    seconds: float
    mode: str = "completed"
    rate: float = 0
    behind: int = 20_000
    threads: int = 1

    def command(self, url):
        seconds = max(round(self.seconds), 1)
        head = ["wrk", f"-t{self.threads}", f"-c{self.connections}", f"-d{seconds}s", "--timeout", "60s", "--latency", "-s", str(LOAD / "calls.lua"), url, "--"]
        return [*head, str(LOAD), self.mode, str(next(numbers)), f"{self.rate / self.threads:.2f}", str(self.behind)]


def start(url, plan):
    return subprocess.Popen(plan.command(url), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(running):
    text = running.communicate()[0]
    line = next((line for line in text.splitlines() if line.startswith("result ")), None)
    if running.returncode != 0 or line is None:
        raise RuntimeError(f"wrk failed ({running.returncode}): {text[-1000:]}")
    told = json.loads(line.removeprefix("result "))
    if told["refused"] or told["broken"]:
        raise Refused(f"{told['refused']} of {told['requests']} requests were refused, {told['broken']} broke: {text[-600:]}")
    return Load(
        told["requests"] / told["seconds"],
        told["requests"],
        told["seconds"],
        *(told[name] / 1000 for name in ("p50", "p99", "p999")),
        readable(running.args),
    )


def run(url, plan):
    return finish(start(url, plan))


def readable(command):
    """Without the places of this machine and the secret."""
    root = str(LOAD.parents[1]) + "/"
    words = [str(word).replace(root, "") for word in command]
    return shlex.join([word.partition("/hooks/")[0] + "/hooks/…" if "/hooks/" in word else word for word in words])
