"""Plants each bug in a copy of the sources, builds what its tests need, runs them, and wants them to fail; they must pass without
the bug, and a build or a collection that fails is no catch. scripts/planted-bugs runs it."""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree

from patches import ROOT, all_bugs

PRESET = "release"
COPIED = ("CMakeLists.txt", "CMakePresets.json", "README.md", "cmake", "config", "daemon", "docs", "migrations", "scripts", "tests")
SKIPPED = {"__pycache__", "node_modules"}
PATIENCE = 900  # seconds for the tests of one bug


class Copy:
    """The sources under build/planted, kept from one run to the next so that a build does only what has changed."""

    def __init__(self, jobs):
        self.root = ROOT / "build" / "planted"
        self.root.mkdir(parents=True, exist_ok=True)
        self.jobs = jobs
        self.log = open(self.root / "log", "w", encoding="utf-8")
        self.copy_sources()
        self.originals = {name: (self.root / name).read_bytes() for bug in all_bugs() for name in bug.touched}
        headers = ROOT / "build" / "libphonenumber"
        if headers.exists() and not (self.root / "build" / "libphonenumber").exists():
            shutil.copytree(headers, self.root / "build" / "libphonenumber", symlinks=True)

    def copy_sources(self):
        """What has changed since the last run and no more, a bug that a killed run has left behind among it."""
        wanted = files_of(ROOT)
        for gone in files_of(self.root) - wanted:
            (self.root / gone).unlink()
        for name in wanted:
            original, copy = ROOT / name, self.root / name
            if not copy.exists() or original.read_bytes() != copy.read_bytes():
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(original, copy)

    def restore(self, bug):
        for name in bug.touched:
            if (self.root / name).read_bytes() != self.originals[name]:
                (self.root / name).write_bytes(self.originals[name])

    def apply(self, bug):
        done = subprocess.run(["patch", "-p1", "-s", "--no-backup-if-mismatch", "-i", bug.path], cwd=self.root, capture_output=True, text=True, check=False)
        return done.returncode == 0

    def run(self, command, **more):
        self.log.write(f"$ {' '.join(map(str, command))}\n")
        self.log.flush()
        environment = {**os.environ, **more.pop("environment", {})}
        return subprocess.run(command, cwd=self.root, stdout=self.log, stderr=subprocess.STDOUT, env=environment, check=False, **more).returncode

    def words(self, command):
        done = subprocess.run(command, cwd=self.root, capture_output=True, text=True, errors="replace", check=False, timeout=PATIENCE)
        self.log.write(f"$ {' '.join(command)}\n{done.stdout}{done.stderr}")
        return done.stdout

    def build(self, targets):
        if not (self.root / "build" / PRESET / "build.ninja").exists() and self.run(["cmake", "--preset", PRESET]) != 0:
            return False
        return self.run(["cmake", "--build", "--preset", PRESET, "-j", str(self.jobs), "--target", *sorted(targets)]) == 0

    def failing(self, unit, functional):
        """Which of the tests fail; None where they could not be run."""
        failed = set()
        for room in sorted({room for room, _ in unit}):
            names = {name for of, name in unit if of == room}
            # One that is instantiated with parameters has more to its name on either side.
            patterns = ":".join(f"{name}:*/{name}/*" for name in sorted(names))
            words = self.words([f"build/{PRESET}/tests/unit/{room}/test_{room}", f"--gtest_filter={patterns}"])
            # One that began and did not pass has failed, also where it took the program with it.
            began, passed = unit_names(words, "RUN"), unit_names(words, "OK")
            if not began:
                return None
            failed |= {f"{room} {plain(name)}" for name in began - passed}
        if functional:
            report = self.root / "build" / "functional.xml"
            report.unlink(missing_ok=True)
            command = ["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", "--tb=short"]
            tests = [f"tests/functional/{name}" for name in functional]
            binary = {"CALLHOOKD": str(self.root / "build" / PRESET / "daemon" / "callhookd")}
            # 0 all passed, 1 some failed; all else is a collection or a command line that is wrong.
            if self.run([*command, *tests], environment=binary, timeout=PATIENCE) not in (0, 1):
                return None
            for case in cases_of(report):
                if case.find("failure") is not None:
                    failed.add(f"{case.get('classname').split('.')[-1]}.py::{case.get('name').split('[')[0]}")
        return failed


def files_of(root):
    found = set()
    for name in COPIED:
        paths = [root / name] if (root / name).is_file() else (root / name).rglob("*")
        found |= {path.relative_to(root) for path in paths if path.is_file() and not SKIPPED & set(path.parts)}
    return found


def unit_names(words, mark):
    return set(re.findall(rf"^\[ +{mark} +\] (\S+)", words, re.MULTILINE))


def plain(name):
    """Without what parameters add: `all/suite.name/3`."""
    suite, _, test = name.partition(".")
    return f"{suite.split('/')[-1]}.{test.split('/')[0]}"


def cases_of(report):
    if not report.exists():
        return []
    return [case for case in xml.etree.ElementTree.parse(report).getroot().iter("testcase") if case.get("status") != "notrun"]


def targets_of(bugs):
    return {"callhookd", "callhook_faults"} | {f"test_{room}" for bug in bugs for room, _ in bug.unit}


def attempt(copy, bug):
    """What became of it: (caught, words)."""
    wanted = {f"{room} {name}" for room, name in bug.unit} | set(bug.functional)
    try:
        if not copy.apply(bug):
            return False, "the patch does not apply"
        needed = {f"test_{room}" for room, _ in bug.unit} | ({"callhookd"} if bug.functional else set())
        if not copy.build(needed):
            return False, "does not build"
        failed = copy.failing(bug.unit, bug.functional)
    except subprocess.TimeoutExpired:
        return False, "the tests did not end"
    finally:
        copy.restore(bug)
    if failed is None:
        return False, "the tests could not be run"
    missed = sorted(wanted - failed)
    return not missed, f"NOT by {', '.join(missed)}" if missed else ", ".join(sorted(failed & wanted))


def main():
    parser = argparse.ArgumentParser(prog="scripts/planted-bugs", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="bugs to plant, by the beginning of their names; all without one")
    parser.add_argument("--list", action="store_true", help="print the bugs and end")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="compilers at once")
    parser.add_argument("--no-baseline", action="store_true", help="do not run the tests without a bug first")
    wanted = parser.parse_args()
    bugs = [bug for bug in all_bugs() if not wanted.names or any(bug.name.startswith(name) for name in wanted.names)]
    if not bugs:
        parser.error("no bug has such a name")
    if wanted.list:
        for bug in bugs:
            print(f"{bug.name:34} {bug.promise}")
        return 0
    copy = Copy(wanted.jobs)
    print(f"planted-bugs: {len(bugs)} bugs; what is built and run goes to {(copy.root / 'log').relative_to(ROOT)}", flush=True)
    if not copy.build(targets_of(bugs)):
        print("planted-bugs: the sources do not build without a bug", file=sys.stderr)
        return 1
    if not wanted.no_baseline:
        unit = sorted({test for bug in bugs for test in bug.unit})
        functional = sorted({test for bug in bugs for test in bug.functional})
        begun = time.monotonic()
        failed = copy.failing(unit, functional)
        if failed is None or failed:
            print(f"planted-bugs: without a bug these must pass: {failed or 'they could not be run'}", file=sys.stderr)
            return 1
        print(f"without a bug: {len(unit)} unit and {len(functional)} functional tests pass, {time.monotonic() - begun:.0f} s", flush=True)
    missed = 0
    for bug in bugs:
        begun = time.monotonic()
        caught, words = attempt(copy, bug)
        missed += not caught
        print(f"{'caught' if caught else 'MISSED':7} {bug.name:34} {time.monotonic() - begun:5.0f} s  {words}", flush=True)
    print(f"{len(bugs) - missed} of {len(bugs)} caught")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
