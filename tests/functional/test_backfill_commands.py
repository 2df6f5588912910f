"""The commands about backfill: callhookd backfill over a range, interrupted and gone on with, its check of the key, jobs and audit."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import time

import pytest
from callpage_faults import Fault
from support.backfill import (
    FAST,
    LIFECYCLE,
    QUICK,
    assert_each_fact_once,
    assert_records_are_true,
    hours_ago,
    joined,
    reported,
    settle_all,
    small_plan,
    utc,
)
from support.daemon import PATIENCE, wait_until
from support.feed import read_feed

DAYS = 5
TABLES = ("deliveries", "outcomes", "calls", "messages", "events", "pending", "jobs", "gaps", "gap_calls", "widgets", "backfill_runs")


def history(calls_a_day=6):
    """The visitors of several days, for ranges of more than one piece."""
    visitors = {}
    for day in range(DAYS):
        made = small_plan(calls=calls_a_day, seed=11 + day, first_id=20_000 + 1000 * day, start=hours_ago(24 * day + 12))
        visitors.update(made.visitors)
    return visitors


def range_of_history():
    return ["--from", utc(days=-DAYS, hours=-1), "--to", utc(minutes=1)]


class Plan:
    """What `assert_records_are_true` and `assert_each_fact_once` look at, where no webhook came."""

    def __init__(self, visitors):
        made = [small_plan(calls=6, seed=11 + day, first_id=20_000 + 1000 * day) for day in range(DAYS)]
        self.visitors = visitors
        self.truths = {call_id: truth for one in made for call_id, truth in one.truths.items()}


def contents(daemon):
    """What each table has, and the state of the source."""
    counts = {table: daemon.database.value(f"SELECT count(*) FROM callhook.{table}") for table in TABLES}
    return counts, daemon.database.rows("SELECT swept_until, swept_at, identity, zone_error FROM callhook.source_states")


class Running:
    """A command of the binary under way; its stderr is a file, or a terminal."""

    def __init__(self, daemon, *arguments, terminal=False):
        daemon.write_config()
        self.terminal, ours = pty.openpty() if terminal else (None, subprocess.PIPE)
        self.process = subprocess.Popen(
            [daemon.binary, *arguments, "--config", str(daemon.config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=ours,
            env=daemon._environment(),
        )
        if terminal:
            os.close(ours)

    def signal(self, number):
        self.process.send_signal(number)

    def end(self, timeout=90):
        """(exit code, stdout, stderr)"""
        try:
            out, err = self.process.communicate(timeout=timeout * PATIENCE)
        finally:
            self.process.kill()
        return self.process.returncode, out.decode(), (err or b"").decode()

    def screen(self, timeout=90):
        """What the terminal showed, to the end of the command."""
        shown, until = b"", time.monotonic() + timeout * PATIENCE
        while time.monotonic() < until:
            if not select.select([self.terminal], [], [], 0.2)[0]:
                continue
            try:
                piece = os.read(self.terminal, 65536)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            shown += piece
        os.close(self.terminal)
        return shown.decode()


@pytest.fixture
def idle(make_daemon):
    """A daemon that sequences and asks nothing by itself: requests are the command's alone."""

    def make(away, **more):
        settings = {"backfill": {"enabled": False, "page_size": 4, **more}}
        return make_daemon(joined(QUICK, settings, away.settings(**FAST))).start()

    return make


# Asking ---------------------------------------------------------------------------------------------------------------------


def test_a_command_ends_when_its_work_is_done(idle, vendor):
    away = vendor(small_plan(calls=5).visitors.values())
    daemon = idle(away)
    for arguments in (["--check"], ["--dry-run"], [], ["--forget-identity"]):
        begun = time.monotonic()
        code, _, err = daemon.run("backfill", "--source", "demo", *arguments)
        took = time.monotonic() - begun
        assert code == 0, err
        # A connection to the API that is kept for another request must not keep the command alive.
        assert took < 10 * PATIENCE, (arguments, took)


def test_a_dry_run_says_what_differs_and_changes_nothing(idle, vendor):
    made = small_plan(calls=30, never=0.25, start=hours_ago(0.4))
    away = vendor(made.visitors.values())
    daemon = idle(away)
    daemon.deliver_all(d.body for d in made.deliveries)
    daemon.settle()
    code, _, err = daemon.run("backfill", "--source", "demo", "--forget-identity")  # makes the source's state
    assert code == 0, err
    before = contents(daemon)
    code, out, err = daemon.run("backfill", "--source", "demo", "--dry-run")
    assert code == 0, err
    assert contents(daemon) == before
    assert "nothing changed" in out and re.search(r"calls compared +30\n", out), out
    lines = {int(line.split()[1]): line for line in out.splitlines() if line.startswith("call ") and "would tell" in line}
    code, out, err = daemon.run("backfill", "--source", "demo", "--dry-run", "--json")
    assert code == 0, err
    assert contents(daemon) == before
    report = json.loads(out)
    assert (report["calls"], report["dry_run"], report["complete"], report["appended"]) == (30, True, True, 0)
    found = {one["call_id"]: one for one in report["differences"]}
    assert found.keys() == lines.keys()
    unknown = {i for i, t in made.truths.items() if not t.sent}
    assert {i for i, one in found.items() if one["difference"] == "unknown call"} == unknown
    assert all("unknown call" in lines[i] for i in unknown)
    untold = {i for i, t in made.truths.items() if t.sent and LIFECYCLE & (set(t.events) - set(t.sent))}
    assert untold <= found.keys() and {i for i, one in found.items() if one["difference"] == "untold"} <= untold
    for call_id, one in found.items():
        assert one["events"], one
        assert made.visitors[call_id].phone not in json.dumps(one)

    # The real run does what was said.
    code, out, err = daemon.run("backfill", "--source", "demo", "--json")
    assert code == 0, err
    done = json.loads(out)
    assert done["appended"] == len(found) and not done["dry_run"]
    assert {k: done[k] for k in ("calls", "never_heard_of", "outcomes_untold", "changed", "unchanged")} == {
        k: report[k] for k in ("calls", "never_heard_of", "outcomes_untold", "changed", "unchanged")
    }
    daemon.settle()
    assert_records_are_true(daemon, made, asked="history")
    print(f"\n{len(found)} of {report['calls']} calls differ: {len(unknown)} never heard of")


def test_without_a_range_it_goes_on_from_the_last_sweep(idle, vendor):
    visitors = history()
    away = vendor(visitors.values())
    daemon = idle(away, first_sweep="240h", sweep_overlap="0s")
    code, out, err = daemon.run("backfill", "--source", "demo", "--json")
    assert code == 0, err
    first = json.loads(out)
    assert (first["calls"], first["never_heard_of"], first["complete"]) == (len(visitors), len(visitors), True)
    daemon.settle()
    (swept_until,) = daemon.database.rows("SELECT swept_until FROM callhook.source_states")[0]
    assert swept_until is not None
    away.api.forget_requests()
    code, out, err = daemon.run("backfill", "--source", "demo", "--json")
    assert code == 0, err
    again = json.loads(out)
    assert (again["calls"], again["appended"], again["from"][:19]) == (0, 0, first["to"][:19])
    assert daemon.database.value("SELECT count(*) FROM callhook.backfill_runs") == 0
    print(f"\n{first['calls']} calls in the first run; the second asked for {len(away.api.requests('history'))} pages")


def test_a_range_covers_what_lies_in_it_and_no_more(idle, vendor):
    visitors = history()
    away = vendor(visitors.values())
    daemon = idle(away)
    bounds = ["--from", utc(days=-3), "--to", utc(days=-1)]
    code, out, err = daemon.run("backfill", "--source", "demo", *bounds)
    assert code == 0, err
    inside = [v for v in visitors.values() if hours_ago(72) <= v.created <= hours_ago(24)]
    assert inside and re.search(rf"calls compared +{len(inside)}\n", out), (out, len(inside))
    daemon.settle()
    assert daemon.database.value("SELECT count(*) FROM callhook.calls") == len(inside)
    # A range moves nothing of the sweep's: what lies between is not forgotten.
    assert daemon.database.rows("SELECT swept_until FROM callhook.source_states") == [(None,)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_over_a_range_it_goes_on_where_it_was(idle, vendor, number):
    visitors = history()
    away = vendor(visitors.values())
    daemon = idle(away)
    command = ["backfill", "--source", "demo", *range_of_history()]
    away.api.fault = Fault("slow", seconds=0.15)
    running = Running(daemon, *command)

    def done_until():
        rows = daemon.database.rows("SELECT done_until > from_at FROM callhook.backfill_runs")
        return rows and rows[0][0]

    wait_until(done_until, 30, "the first piece")
    wait_until(lambda: len(away.api.requests("history")) >= 6, 30, "a later piece under way")
    running.signal(number)
    begun = time.monotonic()
    code, _, err = running.end()
    ended_in = time.monotonic() - begun
    if number == signal.SIGINT:
        assert code == 130, (code, err)
        assert "interrupted" in err and "same command" in err, err
        # Nor may the deadline of what was appended last.
        assert ended_in < 2 * PATIENCE, ended_in
    else:
        assert code == -signal.SIGKILL
    away.api.fault = None
    (done,) = daemon.database.rows("SELECT extract(epoch FROM done_until)::bigint FROM callhook.backfill_runs")[0]
    away.api.forget_requests()
    code, out, err = daemon.run(*command)
    assert code == 0, err
    assert "going on from " in err, err
    starts = [int(r.query["date_from"]) for r in away.api.requests("history")]
    assert starts and min(starts) >= done - 1, "finished pieces are not asked for again"
    assert daemon.database.value("SELECT count(*) FROM callhook.backfill_runs") == 0
    daemon.settle()
    made = Plan(visitors)
    assert_records_are_true(daemon, made, sent={}, asked="history")
    assert_each_fact_once(read_feed(daemon), made, sent={})
    print(f"\n{number!r}: ended in {ended_in:.1f} s, went on {(int(time.time()) - done) / 3600:.0f} h before now; {len(starts)} requests then")


def test_an_interrupted_run_without_a_range_promises_nothing_that_is_not_so(idle, vendor):
    """Only a range is gone on with; without one the next run begins at the end of the last sweep again."""
    away = vendor(history().values())
    daemon = idle(away, first_sweep="240h")
    away.api.fault = Fault("slow", seconds=0.3)
    running = Running(daemon, "backfill", "--source", "demo", "--dry-run")
    wait_until(lambda: len(away.api.requests("history")) >= 3, 30, "a sweep under way")
    running.signal(signal.SIGINT)
    code, _, err = running.end()
    assert code == 130 and "interrupted" in err, (code, err)
    # Going on is only promised where it is so.
    assert "goes on from there" not in err, err


def test_a_terminal_shows_how_far_it_is(idle, vendor):
    visitors = history()
    away = vendor(visitors.values())
    away.api.fault = Fault("slow", seconds=0.15)
    daemon = idle(away)
    running = Running(daemon, "backfill", "--source", "demo", *range_of_history(), terminal=True)
    shown = running.screen()
    code, out, _ = running.end()
    assert code == 0, shown
    bars = re.findall(r"\rcomparing \[(#* *)\] (\d+)/(\d+)  (\d+)/s  (\d+) s left ", shown)
    assert len(bars) >= 3, shown
    assert all(len(bar) == 30 for bar, *_ in bars)
    done = [int(n) for _, n, *_ in bars]
    assert done == sorted(done) and done[-1] == len(visitors) and {int(n) for _, _, n, *_ in bars} == {len(visitors)}, bars
    assert "comparing" not in out and out.startswith("demo, ")
    daemon.settle()

    code, out, err = daemon.run("backfill", "--source", "demo", *range_of_history())
    assert code == 0 and "comparing" not in err + out, "no bar where there is no terminal"
    print(f"\n{len(bars)} bars, the last: {bars[-1]}")


def test_an_api_that_is_away_ends_it_with_69(idle, vendor):
    away = vendor()
    daemon = idle(away)
    away.stop()
    code, out, err = daemon.run("backfill", "--source", "demo")
    assert code == 69 and f":{away.api.port}" in err, (code, err)
    code, out, err = daemon.run("backfill", "--source", "demo", "--json")
    assert code == 69 and json.loads(out)["complete"] is False, (code, out, err)
    code, out, err = daemon.run("backfill", "--source", "demo", "--check")
    assert code != 0 and "ok" not in out, (code, out)


def test_a_database_that_is_away_ends_it_with_69(make_daemon, vendor, postgres):
    away = vendor()
    daemon = make_daemon(joined(QUICK, away.settings(**FAST)))
    postgres.stop()
    for arguments in ([], ["--dry-run"], range_of_history(), ["--forget-identity"]):
        code, _, err = daemon.run("backfill", "--source", "demo", *arguments)
        assert code == 69 and err.startswith("callhookd: ") or "\ncallhookd: " in err, (arguments, code, err)
        assert code == 69
    assert daemon.run("jobs", "list")[0] == 69
    assert away.api.requests() == []


def test_deliveries_that_nobody_works_on_are_named(idle, vendor):
    """The command compares with what the pipeline has taken in, so it needs a daemon; it waits half a minute for one."""
    made = small_plan(calls=5)
    away = vendor(made.visitors.values())
    daemon = idle(away)
    daemon.settle()
    assert daemon.stop() == 0
    daemon.settings["pipeline"] = {"enabled": False}
    daemon.start()
    daemon.deliver(made.deliveries[0].body)
    assert daemon.stop() == 0
    code, _, err = daemon.run("backfill", "--source", "demo")
    assert code == 69 and "wait for the pipeline" in err and "callhookd serve" in err, (code, err)


# The check of the key -------------------------------------------------------------------------------------------------------


def checked(daemon):
    code, out, err = daemon.run("backfill", "--source", "demo", "--check", "--json")
    report = json.loads(out)
    assert report["source"] == "demo" and report["ok"] is (code == 0), (code, report, err)
    text_code, text, _ = daemon.run("backfill", "--source", "demo", "--check")
    assert text_code == code
    return code, {one["check"]: one for one in report["checks"]}, text


def test_the_check_says_what_the_key_may_do(idle, vendor):
    away = vendor()
    daemon = idle(away)
    code, checks, text = checked(daemon)
    assert code == 0 and all(one["ok"] for one in checks.values()) and len(checks) == 5
    assert len(text.splitlines()) == 5 and all(line.endswith("ok") for line in text.splitlines()), text

    away.api.scopes = {"calls.view", "widgets.view"}
    code, checks, text = checked(daemon)
    assert code == 0, "managers.view is not needed"
    assert not checks["managers of a widget"]["ok"] and "403" in checks["managers of a widget"]["result"]
    (line,) = [x for x in text.splitlines() if x.startswith("managers")]
    assert "managers.view" in line and line.endswith("(not needed)")

    for missing, name in (("calls.view", "history of calls"), ("widgets.view", "widgets")):
        away.api.scopes = {"calls.view", "widgets.view", "managers.view"} - {missing}
        code, checks, text = checked(daemon)
        assert code == 1 and not checks[name]["ok"], checks
        assert checks[name]["scope"] == missing and "403" in checks[name]["result"] and "scope" in checks[name]["result"]
        (line,) = [x for x in text.splitlines() if x.startswith(f"{name} ")]
        assert missing in line and "403" in line and "not needed" not in line

    away.api.key = "another-key-altogether-0123456789"
    code, checks, text = checked(daemon)
    assert code == 1 and list(checks) == ["the API answers and takes the key"]
    assert "401" in checks["the API answers and takes the key"]["result"] and "401" in text
    assert daemon.database.value("SELECT count(*) FROM callhook.deliveries") == 0


# Sources, arguments ---------------------------------------------------------------------------------------------------------


def test_a_source_that_is_not_there_or_has_no_key(make_daemon):
    daemon = make_daemon()
    code, out, err = daemon.run("backfill", "--source", "nobody")
    assert (code, out) == (64, "") and "no source of this name" in err
    code, out, err = daemon.run("backfill", "--source", "demo")
    assert (code, out) == (78, "") and "sources.demo.api_key_file" in err
    code, out, err = daemon.run("backfill", "--source", "demo", "--check")
    assert (code, out) == (78, "")


@pytest.mark.parametrize(
    "arguments, names",
    [
        (["backfill"], "--source"),
        (["backfill", "--source", "demo", "--from", "2026-01-01"], "--to"),
        (["backfill", "--source", "demo", "--to", "2026-01-01"], "--from"),
        (["backfill", "--source", "demo", "--from", "2026-01-02", "--to", "2026-01-01"], "--from must be earlier than --to"),
        (["backfill", "--source", "demo", "--from", "2026-01-01", "--to", "2026-01-01"], "--from must be earlier than --to"),
        (["backfill", "--source", "demo", "--from", "yesterday", "--to", "2026-01-01"], "yesterday is no time"),
        (["backfill", "--source", "demo", "--from", "2026-02-30", "--to", "2026-03-01"], "2026-02-30 is no time"),
        (["backfill", "--source", "demo", "--check", "--dry-run"], "--check"),
        (["backfill", "--source", "demo", "--check", "--forget-identity"], "--forget-identity"),
        (["backfill", "--source", "demo", "--forget-identity", "--dry-run"], "--forget-identity"),
        (["backfill", "--source", "Demo!"], "Demo! is not a source's name"),
        (["jobs"], ""),
        (["jobs", "retry"], "needs either jobs or --all"),
        (["jobs", "retry", "1", "--all"], "needs either jobs or --all"),
        (["jobs", "retry", "one"], "one is not a job's id"),
        (["jobs", "retry", "0"], "0 is not a job's id"),
    ],
)
def test_mistakes_in_the_command_line_are_named(make_daemon, arguments, names):
    code, out, err = make_daemon().run(*arguments)
    assert (code, out) == (64, "") and names in err, (code, out, err)


# Jobs and audit -------------------------------------------------------------------------------------------------------------


def test_jobs_lists_what_waits(make_daemon, vendor):
    away = vendor()
    daemon = make_daemon(joined(QUICK, away.settings(**FAST))).start()
    settle_all(daemon)
    wait_until(lambda: away.api.requests("widgets"), 20, "the list of widgets")
    wait_until(lambda: daemon.database.value("SELECT count(*) FROM callhook.jobs WHERE leased_by IS NOT NULL") == 0, 20, "rest")
    code, out, err = daemon.run("jobs", "list")
    assert code == 0, err
    head, *lines = out.splitlines()
    assert head.split() == ["job", "source", "kind", "call", "due", "failures", "state"]
    assert sorted(line.split()[1:4] for line in lines) == [["demo", "sweep", "-"], ["demo", "widgets", "-"]]
    assert all(line.split()[-2:] == ["0", "waits"] for line in lines)
    code, out, _ = daemon.run("jobs", "list", "--json")
    listed = json.loads(out)["jobs"]
    assert code == 0 and {job["kind"] for job in listed} == {"sweep", "widgets"}
    assert listed == daemon.api("/v1/jobs").json()["jobs"]
    assert daemon.run("jobs", "list", "--dead", "--json")[:2] == (0, '{"jobs":[]}\n')
    assert daemon.run("jobs", "retry", "--all", "--json")[:2] == (0, '{"retried":0}\n')
    code, out, err = daemon.run("jobs", "retry", "999999")
    assert code == 1 and "not dead" in err


def test_audit_has_a_line_on_each_time_zone(make_daemon, vendor):
    away = vendor()
    daemon = make_daemon(joined(QUICK, away.settings(**FAST)), sources=("demo", "other")).start()
    settle_all(daemon)
    code, out, err = daemon.run("audit")
    assert code == 0 and "warning" not in err, err
    for source in ("demo", "other"):
        assert f"time zone Europe/Warsaw of {source}: not measured yet, too few webhooks" in out, out
    code, report = daemon.audit()
    assert code == 0
    assert report["time_zones"] == [
        {"source": s, "time_zone": "Europe/Warsaw", "ok": True, "off_by_arrivals": None, "off_by_filter": None}
        for s in ("demo", "other")
    ]
    assert reported(daemon) == {}
