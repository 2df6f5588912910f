"""bench/run answers for itself, and its arithmetic and verdicts are right; what it measures is no matter of a test."""

import json
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))

from harness import goals, report, summary  # noqa: E402
from harness.goals import Condition, Goal, judge  # noqa: E402

LOAD = ROOT / "bench" / "load"


def asked(*arguments):
    return subprocess.run([ROOT / "bench" / "run", *arguments], capture_output=True, text=True, timeout=30, check=False)


def samples(subject, values, figure="burst", metric="rate at 64"):
    return [summary.Sample(figure, subject, metric, "/s", value, at + 1, "wrk") for at, value in enumerate(values)]


def test_help_names_every_option():
    done = asked("--help")
    assert done.returncode == 0
    for option in ("--only", "--rounds", "--full", "--large", "--binary", "--json", "--markdown", "--list", "--quick"):
        assert option in done.stdout


def test_capacity_starts():
    done = subprocess.run([ROOT / "bench" / "capacity", "--help"], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    assert "--daemons" in done.stdout


def test_the_list_says_of_each_figure_what_it_is():
    done = asked("--list")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert "burst" in [line.split(":")[0] for line in lines]
    assert all(re.match(r"[a-z]+( \((--large|first round)\))?: \S.{20,}", line) for line in lines), lines


def test_a_figure_that_is_none_is_refused_with_those_there_are():
    done = asked("--only", "burst,brust")
    assert done.returncode == 1
    assert "no figure is named brust" in done.stderr and "burst" in done.stderr.split("known are")[1]


def test_median_and_spread():
    assert summary.median([3, 1, 2]) == 2
    assert summary.median([4, 1, 2, 3]) == 2.5
    assert summary.spread([90, 100, 120]) == 0.3
    assert summary.spread([7]) == 0
    assert summary.spread([0, 0]) == 0


def test_a_percentile_is_the_value_that_so_many_do_not_exceed():
    values = list(range(1, 101))
    assert [summary.percentile(values, p) for p in (50, 99, 99.9, 100)] == [50, 99, 100, 100]
    assert summary.percentile([5], 99) == 5


def test_slope_is_that_of_the_line():
    assert summary.slope([(0, 1), (1, 3), (2, 5)]) == pytest.approx(2)
    assert summary.slope([(0, 1)]) == 0


def test_ratios_are_of_medians_against_each_peer():
    rows = summary.rows_of([*samples("callhook", [10, 30, 20]), *samples("fastify", [5, 4, 6]), *samples("nginx", [1], metric="p99")])
    assert summary.ratios(rows) == [("burst", "rate at 64", "fastify", 4)]
    assert summary.ratio(None, 3) is None and summary.ratio(3, 0) is None


KEY, OTHER = ("f", "callhook", "m"), ("f", "peer", "m")
FIVE_TIMES = Condition("rate", KEY, OTHER, at_least=5)
QUICK = Condition("time", ("f", "callhook", "time"), at_most=10)


@pytest.mark.parametrize(
    "any_of, medians, word",
    [
        (False, {KEY: 50, OTHER: 10, QUICK.of: 10}, "reached"),
        (False, {KEY: 49, OTHER: 10, QUICK.of: 10}, "missed"),
        (False, {KEY: 50, OTHER: 10, QUICK.of: 11}, "missed"),
        (False, {KEY: 50, OTHER: 10}, "not measured"),
        (False, {KEY: 49, OTHER: 10}, "missed"),
        (False, {KEY: 50, QUICK.of: 10}, "not measured"),
        (True, {KEY: 49, OTHER: 10, QUICK.of: 10}, "reached"),
        (True, {KEY: 49, OTHER: 10, QUICK.of: 11}, "missed"),
        (True, {KEY: 49, OTHER: 10}, "not measured"),
        (True, {QUICK.of: 9}, "reached"),
    ],
)
def test_a_verdict(any_of, medians, word):
    assert judge(Goal("g", (FIVE_TIMES, QUICK), any_of), medians).word == word


def test_a_verdict_tells_what_was_reached():
    assert judge(Goal("g", (FIVE_TIMES, QUICK)), {KEY: 60, OTHER: 10}).reached == (6, None)


def test_every_goal_has_a_bound_for_each_condition():
    for goal in goals.GOALS:
        for condition in goal.conditions:
            assert (condition.at_least is None) != (condition.at_most is None), goal.name


def test_the_report_has_every_number_and_every_goal():
    taken = [*samples("callhook", [1000, 3000, 2000]), *samples("fastify", [100, 100, 100])]
    machine = {"cpu": "a", "cores": 2, "system": "b", "kernel": "c"}
    about = {"machine": machine, "versions": {"callhookd": "d", "postgresql": "15", "commit": "e", "changed": False}, "command": "bench/run", "quick": False, "failures": []}
    text = report.markdown(taken, about)
    assert "| burst | callhook | rate at 64 | 2,000 /s | 100% | 3 |" in text
    assert "| burst | rate at 64 | fastify | 20.0 x |" in text
    for goal in goals.GOALS:
        assert f"| {goal.name} |" in text
    document = json.loads(json.dumps(report.document(taken, about)))
    assert [sample["value"] for sample in document["samples"]] == [1000, 3000, 2000, 100, 100, 100]


@pytest.mark.parametrize(
    "waiting, keeps_up",
    [
        ([100] * 10, True),
        ([0, 900, 100, 0, 800, 900, 0, 100, 900, 0], True),  # batches come and go
        ([1000 * at for at in range(10)], False),
        ([20 * at for at in range(10)], True),  # less than a quarter of a second in all
        ([5000, 3000, 1000, 0, 0, 0, 0, 0, 0, 0], True),
        ([100], False),  # too few to tell
    ],
)
def test_what_waits_is_level_or_grows(waiting, keeps_up):
    assert summary.keeps_up([(at / 2, number) for at, number in enumerate(waiting)], rate=4000) is keeps_up


@pytest.mark.parametrize("event", ["call.new", "call.completed"])
def test_a_form_of_the_load_is_what_the_vendor_sends(event):
    """But for its number, phone number and times, the documented payload."""
    text = (LOAD / f"{event}.json").read_text(encoding="utf-8")
    assert text.count("\n") == 1
    form = json.loads(text.replace("{id}", "3419").replace("{phone}", "+48888888769"))
    documented = json.loads((ROOT / "tests/payloads/callpage" / f"{event.replace('.', '_')}.json").read_text(encoding="utf-8"))
    assert _without_times(form) == _without_times(documented)


def _without_times(value):
    if isinstance(value, dict):
        return {key: None if key.endswith("_at") or re.search("_at_[ab]$", key) else _without_times(inner) for key, inner in value.items()}
    return value


@pytest.mark.parametrize("lock", sorted((ROOT / "bench" / "peers").glob("*/package-lock.json")), ids=lambda path: path.parent.name)
def test_a_lock_file_names_checksums_and_no_place(lock):
    packages = json.loads(lock.read_text(encoding="utf-8"))["packages"]
    assert [name for name, package in packages.items() if name and not ("integrity" in package or package.get("inBundle"))] == []
    assert [name for name, package in packages.items() if "resolved" in package] == []
