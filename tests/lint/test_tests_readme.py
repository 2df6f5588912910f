"""tests/README.md names tests, scripts and planted bugs that are there."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = (ROOT / "tests" / "README.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`([\w/]+\.(?:py|cpp))::(\w+)`", PAGE)))


@pytest.mark.parametrize("file, name", NAMED, ids=lambda part: part.split("/")[-1])
def test_a_named_test_is_there(file, name):
    path = ROOT / "tests" / (file if "/" in file else f"functional/{file}")
    text = path.read_text(encoding="utf-8")
    found = rf"^def {name}\(" if file.endswith(".py") else rf"^TEST(_F|_P)?\(\w+,\s*{name}\s*\)"
    assert re.search(found, text, re.MULTILINE)


def test_every_row_shows_something():
    rows = [line for line in PAGE.split("## What is promised")[1].splitlines() if line.startswith("| ")][2:]
    assert len(rows) > 15
    for row in rows:
        assert "::" in row.split(" | ")[2], row


def test_named_scripts_and_planted_bugs_are_there():
    for script in set(re.findall(r"scripts/\w[\w-]*", PAGE)):
        assert (ROOT / script).exists(), script
    planted = {path.name[:2] for path in (ROOT / "tests" / "planted").glob("*.patch")}
    named = {number for row in PAGE.splitlines() if row.startswith("| ") for number in re.findall(r"\b\d\d\b", row.split(" | ")[-1])}
    assert named == planted, named ^ planted
