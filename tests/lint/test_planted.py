"""The planted bugs still apply, each to the product alone, and name tests that are there; scripts/planted-bugs runs them."""

import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "planted"))

from patches import all_bugs  # noqa: E402

BUGS = all_bugs()
LEAST = 20


def test_there_are_enough():
    assert len(BUGS) >= LEAST
    numbers = [bug.name.split("-")[0] for bug in BUGS]
    assert numbers == [f"{n:02}" for n in range(1, len(BUGS) + 1)]


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_bug_applies(bug):
    assert bug.promise and bug.touched and all(name.startswith("daemon/") for name in bug.touched)
    done = subprocess.run(["patch", "-p1", "--dry-run", "-f", "-i", bug.path], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_bug_names_tests_that_are_there(bug):
    assert bug.unit or bug.functional
    for room, name in bug.unit:
        suite, _, test = name.partition(".")
        sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "unit" / room).glob("*.cpp"))
        assert re.search(rf"TEST(_F|_P)?\(\s*{suite},\s*{test}\s*\)", sources), name
    for one in bug.functional:
        file, _, test = one.partition("::")
        assert f"\ndef {test}(" in (ROOT / "tests" / "functional" / file).read_text(encoding="utf-8"), one
