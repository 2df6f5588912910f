"""bench/run: callhook and its peers side by side, on this machine."""

import argparse
import json
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
import time

from harness import report
from harness.figures import FIGURES

ROOT = pathlib.Path(__file__).resolve().parents[2]
MOST_SECONDS = 600
NOTE = """Each round measures every figure once, callhook and its peers in turn (A B A B); the medians are of all rounds. Everything runs
on this machine's loopback and is gone afterwards. Without --full, --only and --large no round begins that would not end within ten
minutes, and some figures (see --list) are in the first round alone."""


def parser():
    made = argparse.ArgumentParser("bench/run", description=__doc__, epilog=NOTE)
    made.add_argument("--only", metavar="NAMES", help="figures, with commas between them")
    made.add_argument("--rounds", type=int, default=3, help="how often each figure is measured, at most (default %(default)s)")
    made.add_argument("--full", action="store_true", help="longer runs, and all rounds however long they take")
    made.add_argument("--quick", action="store_true", help="runs of 2 s: shows that everything works, not how fast it is")
    made.add_argument("--large", metavar="EVENTS", nargs="?", type=int, const=10_000_000, help="also what takes many stored events, 10 million unless told; they are made once and kept, which takes up to 40 GiB and its time")
    made.add_argument("--binary", type=pathlib.Path, help="a callhookd to measure; without it the release build's, which is brought up to date")
    made.add_argument("--directory", type=pathlib.Path, default=ROOT / "build/bench", help="where PostgreSQL's data goes: on the disk that counts (default build/bench)")
    made.add_argument("--json", type=pathlib.Path, default=ROOT / "build/bench/results.json", help="where all raw values go (default build/bench/results.json)")
    made.add_argument("--markdown", type=pathlib.Path, default=ROOT / "build/bench/results.md", help="where the tables go (default build/bench/results.md)")
    made.add_argument("--list", action="store_true", help="name the figures and end")
    return made


def say(text):
    print(text, flush=True, file=sys.stderr)


def chosen(how):
    """The figures that are asked for; SystemExit for a name that there is none of."""
    names = [name.strip() for name in how.only.split(",")] if how.only else []
    known = {figure.name for figure in FIGURES}
    if unknown := [name for name in names if name not in known]:
        raise SystemExit(f"bench/run: no figure is named {', '.join(unknown)}; known are {', '.join(sorted(known))}")
    if names:
        return [figure for figure in FIGURES if figure.name in names]
    return [figure for figure in FIGURES if how.large or not figure.asked]


def build(targets):
    """Brings programs of the release build up to date."""
    say(f"building {', '.join(targets)}")
    for command in (
        ["cmake", "--preset", "release", "-DCALLHOOK_BENCH=ON"],
        ["cmake", "--build", "--preset", "release", "--target", *targets],
    ):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"bench/run: {shlex.join(command)} failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")


def prepare(how, figures):
    from harness import peers

    if missing := [program for program in ("wrk", "cmake") if not shutil.which(program)]:
        raise SystemExit(f"bench/run: {' and '.join(missing)} not found; scripts/install-packages --build --bench installs what is needed")
    needs = {need for figure in figures for need in figure.needs}
    if targets := ([] if how.binary else ["callhookd"]) + (["bench_programs"] if "programs" in needs else []):
        build(targets)
    how.binary = (how.binary or ROOT / "build/release/daemon/callhookd").resolve()
    if not how.binary.is_file():
        raise SystemExit(f"bench/run: there is no {how.binary}")
    for need in sorted(needs - {"programs"}):
        peers.install(need, say)


def measure(world, figures, how):
    """All rounds; fewer where another would not end in time."""
    begun, lasted = time.monotonic(), {}
    for world.round in range(1, how.rounds + 1):
        these = [figure for figure in figures if world.round == 1 or how.full or how.only or not figure.once]
        expected = time.monotonic() - begun + sum(lasted.get(figure.name, 0) for figure in these)
        if world.round > 1 and expected > MOST_SECONDS and not (how.full or how.large):
            say(f"no round {world.round}: it would not end within ten minutes; --full takes the time")
            return
        for figure in these:
            say(f"round {world.round}, {figure.name}")
            started = time.monotonic()
            try:
                figure.measure(world)
            except Exception as e:
                # The other figures stand by themselves.
                world.failures.append(f"round {world.round}, {figure.name}: {type(e).__name__}: {e}")
                say(f"  failed: {e}")
            lasted[figure.name] = time.monotonic() - started
        say(f"round {world.round} done, {time.monotonic() - begun:.0f} s since the beginning")


def main():
    how = parser().parse_args()
    if how.list:
        for figure in FIGURES:
            print(f"{figure.name}{' (--large)' if figure.asked else ' (first round)' if figure.once else ''}: {figure.about}")
        return 0
    figures = chosen(how)
    prepare(how, figures)
    from harness.machine import machine, versions
    from harness.world import World

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    asked = [pathlib.Path(word).name if word.startswith("/") else word for word in sys.argv[1:]]  # no place of this machine
    about = {"command": shlex.join(["bench/run", *asked]), "quick": how.quick, "machine": machine()}
    with World(how, say) as world:
        about["versions"] = versions(ROOT, how.binary, world.cluster)
        try:
            measure(world, figures, how)
        except KeyboardInterrupt:
            say("stopped; what follows is what was measured until then")
        about |= {"notes": world.notes, "failures": world.failures}
        samples = world.samples
    text = report.markdown(samples, about)
    for path, content in ((how.json, json.dumps(report.document(samples, about), indent=1) + "\n"), (how.markdown, text)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    print(text)
    return 1 if about["failures"] else 0
