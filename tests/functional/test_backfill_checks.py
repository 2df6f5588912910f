"""What backfill measures and watches: whose ids are whose, the time zone, silent widgets, webhooks that never came, and calls
that are overdue."""

import datetime
import json

import pytest
from callpage_faults import Fault
from support.backfill import (
    FAST,
    LIFECYCLE,
    QUICK,
    assert_each_fact_once,
    assert_records_are_true,
    dead_jobs,
    hours_ago,
    jobs_left,
    joined,
    problems,
    reported,
    said,
    settle_all,
    small_plan,
)
from support.daemon import wait_until
from support.feed import read_feed
from support.metrics import metric

EARLY = "UPDATE callhook.source_states SET known_since = now() - interval '1 day'"


def deliver(daemon, made):
    for delivery in made.deliveries:
        daemon.deliver(delivery.body)


def sweep_again(daemon):
    """One more sweep by the daemon itself; its end is waited for."""
    before = daemon.database.value("SELECT swept_at FROM callhook.source_states")
    daemon.database.execute("UPDATE callhook.jobs SET due_at = now() WHERE kind = 'sweep'")
    wait_until(lambda: daemon.database.value("SELECT swept_at FROM callhook.source_states") != before, 30, "another sweep")


def from_the_api(daemon):
    return daemon.database.value("SELECT count(*) FROM callhook.deliveries WHERE origin = 'backfill'")


# Whose ids are whose --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["wrong_identity", "nested_ids"])
def test_where_ids_do_not_agree_nothing_is_merged_until_somebody_says_so(make_daemon, vendor, kind):
    # Everybody was dialled: there is a nested id to go by.
    made = small_plan(calls=12)
    away = vendor()
    away.api.fault = Fault(kind)
    daemon = make_daemon(joined(QUICK, {"backfill": {"job_attempts": 2}}, away.settings(**FAST))).start()
    settle_all(daemon)
    for visitor in made.visitors.values():
        away.api.add(visitor)
    deliver(daemon, made)
    daemon.settle()
    if kind == "nested_ids":
        sweep = "UPDATE callhook.jobs SET due_at = now() WHERE kind = 'sweep'"
        daemon.database.execute("UPDATE callhook.source_states SET swept_until = now() - interval '6 hours'")
        daemon.database.execute(sweep)
    text = "ids in webhooks and in the API do not name the same calls"
    wait_until(lambda: text in problems(daemon), 30, "the mismatch in /readyz?verbose")
    # One for each look that was under way, at most.
    lines = said(daemon, f"{text}, nothing from the API is merged", "error")
    assert 1 <= len(lines) <= 5 and all(line["call"] in made.visitors for line in lines)
    assert from_the_api(daemon) == 0
    ((identity, call),) = daemon.database.rows("SELECT identity, identity_call FROM callhook.source_states")
    assert identity == "mismatch" and call in {line["call"] for line in lines}
    # Webhooks go on, and nothing is asked any more.
    away.api.forget_requests()
    more = small_plan(calls=5, first_id=50_000, seed=8)
    for visitor in more.visitors.values():
        away.api.add(visitor)
    deliver(daemon, more)
    daemon.settle()
    assert_records_are_true(daemon, more, asked=False)
    wait_until(lambda: jobs_left(daemon) >= 5, 20, "jobs that wait")
    # Jobs wait while ids do not agree, those too that were under way when the first one found it out.
    assert dead_jobs(daemon) == 0, daemon.api("/v1/jobs?state=dead").json()["jobs"]
    assert away.api.requests("call") == [] and from_the_api(daemon) == 0
    # A restart changes nothing of that.
    assert daemon.stop() == 0
    daemon.start()
    wait_until(lambda: text in problems(daemon), 20, "the mismatch after a restart")
    code, _, err = daemon.run("backfill", "--source", "demo")
    assert code == 1 and "nothing is merged" in err, (code, err)
    assert from_the_api(daemon) == 0
    away.api.fault = None
    code, out, err = daemon.run("backfill", "--source", "demo", "--forget-identity", "--json")
    assert (code, json.loads(out)) == (0, {"source": "demo", "identity": "unknown"}), err
    settle_all(daemon)
    assert dead_jobs(daemon) == 0
    for plan in (made, more):
        assert_records_are_true(daemon, plan)
        assert_each_fact_once(read_feed(daemon), plan)
    assert daemon.database.value("SELECT identity FROM callhook.source_states") == "confirmed"
    wait_until(lambda: text not in problems(daemon), 20, "the end of the mismatch")
    assert said(daemon, "ids in webhooks and in the API name the same calls", "info")


def test_once_ids_are_known_to_agree_a_single_wrong_record_is_refused_alone(make_daemon, vendor):
    made, later = small_plan(calls=6), small_plan(calls=6, first_id=50_000, seed=8)
    away = vendor()
    daemon = make_daemon(joined(QUICK, {"backfill": {"job_attempts": 2}}, away.settings(**FAST))).start()
    settle_all(daemon)
    for visitor in [*made.visitors.values(), *later.visitors.values()]:
        away.api.add(visitor)
    deliver(daemon, made)
    settle_all(daemon)
    assert daemon.database.value("SELECT identity FROM callhook.source_states") == "confirmed"
    wrong = next(iter(later.visitors))
    away.api.fault = Fault("wrong_identity", path=f"/api/v3/external/calls/{wrong}")
    if not any(r.path.startswith("/api/v3/external/calls/1") for r in away.api.requests("call")):
        away.api.fault.path = f"/api/v1/external/calls/{wrong}"
    deliver(daemon, later)
    wait_until(lambda: dead_jobs(daemon) == 1, 20, "a dead job")
    settle_all(daemon)
    (job,) = daemon.api("/v1/jobs?state=dead").json()["jobs"]
    assert job["call_id"] == wrong and "another call" in job["last_error"]
    assert {x["call"] for x in said(daemon, "a record shows another visitor than the webhooks of its call, it is not merged")} == {wrong}
    assert {p["origin"] for p in daemon.call(wrong)["provenance"].values()} == {"webhook"}
    visitors = {i: v for i, v in later.visitors.items() if i != wrong}
    later.visitors = visitors
    assert_records_are_true(daemon, later)
    assert daemon.database.value("SELECT identity FROM callhook.source_states") == "confirmed"
    assert "ids in webhooks" not in problems(daemon)


# The time zone --------------------------------------------------------------------------------------------------------------


def offset_of_warsaw():
    """Seconds by which UTC is off where Europe/Warsaw is right."""
    return round((hours_ago(0) - datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)).total_seconds() / 900) * 900


def calls_of_now(count=6, minutes_apart=0):
    made = small_plan(calls=count)
    for n, visitor in enumerate(made.visitors.values()):
        visitor.created = hours_ago(n * minutes_apart / 60)
        visitor.scheduled, visitor.slot = False, None
        made.truths[visitor.id].events = [event for event, _ in visitor.events()]
    return made


@pytest.mark.parametrize("zone", ["UTC", "Europe/Warsaw"])
def test_the_zone_is_measured_by_the_arrival_of_webhooks(make_daemon, vendor, zone):
    made = calls_of_now()
    away = vendor()
    settings = joined(QUICK, away.settings(**FAST), {"sources.demo": {"time_zone": zone}})
    daemon = make_daemon(settings).start()
    for visitor in made.visitors.values():
        event, data = "call.new", visitor.base("call.new", "new")
        daemon.deliver({"data": {**data, "event": event, "fields": None}})
    daemon.settle()
    # The measure is taken some seconds after a start, and once a minute.
    assert daemon.stop() == 0
    daemon.start()
    off = offset_of_warsaw() if zone == "UTC" else 0
    code, report = daemon.audit()
    assert code == 0, report
    (measured,) = report["time_zones"]
    assert measured["off_by_arrivals"] == off and measured["ok"] is (off == 0), measured
    code, out, err = daemon.run("audit")
    assert code == 0
    if off:
        shown = f"the configured time zone seems to be off by {off} s"
        wait_until(lambda: shown in problems(daemon), 20, "the warning in /readyz?verbose")
        (line,) = said(daemon, "the configured time zone disagrees with the arrival of webhooks", "warning")
        assert (line["source"], line["off_by_seconds"]) == ("demo", off)
        assert f"time zone UTC of demo: seems to be off by {off} s, as the arrival of webhooks shows" in out
        assert "warning" in err and "sources.demo.time_zone" in err
    else:
        assert "agrees with the arrival of webhooks" in out and "warning" not in err
        assert problems(daemon) == "ok"
    print(f"\n{zone}: off by {off} s")


@pytest.mark.parametrize("zone", ["UTC", "Europe/Warsaw"])
@pytest.mark.parametrize("minutes_ago", [0, 20])
def test_the_zone_is_measured_by_the_filter_of_the_api(make_daemon, vendor, zone, minutes_ago):
    made = calls_of_now(8, minutes_apart=1)
    for visitor in made.visitors.values():
        visitor.created -= datetime.timedelta(minutes=minutes_ago)
    away = vendor(made.visitors.values())
    daemon = make_daemon(joined(QUICK, away.settings(**FAST), {"sources.demo": {"time_zone": zone}})).start()
    settle_all(daemon)
    code, report = daemon.audit()
    assert code == 0, report
    (measured,) = report["time_zones"]
    if zone == "Europe/Warsaw":
        assert measured["off_by_filter"] == 0 and measured["ok"]
        assert not said(daemon, "the configured time zone disagrees with the API's time filter")
        return
    # Also where the last call is some while old, so that less than the whole error shows.
    assert not measured["ok"] and measured["off_by_filter"] == offset_of_warsaw(), measured
    assert said(daemon, "the configured time zone disagrees with the API's time filter", "warning")
    wait_until(lambda: "time zone seems to be off" in problems(daemon), 20, "the warning in /readyz?verbose")
    code, out, err = daemon.run("audit")
    assert code == 0 and "as the API's time filter shows" in out and "warning" in err


# Widgets --------------------------------------------------------------------------------------------------------------------


def test_a_widget_that_never_sent_a_webhook_is_named_until_it_sends_one(make_daemon, vendor):
    made = small_plan(calls=30)
    quiet = 4
    away = vendor()
    daemon = make_daemon(joined(QUICK, {"backfill": {"widgets_interval": "1s"}}, away.settings(**FAST))).start()
    for delivery in made.deliveries:
        if made.visitors[delivery.call_id].widget != quiet:
            daemon.deliver(delivery.body)
    daemon.settle()

    def silent():
        return daemon.api("/v1/gaps").json()["silent_widgets"]

    wait_until(lambda: [w["id"] for w in silent()] == [quiet], 20, "one silent widget")
    (shown,) = silent()
    assert (shown["source"], shown["name"], shown["calls"]) == ("demo", "Clinic Łódź", 0), shown
    wait_until(lambda: [x for x in said(daemon, "widgets have never sent a webhook", "warning") if x["ids"] == str(quiet)], 20, "a warning")
    assert daemon.api("/v1/gaps?source=demo").json()["silent_widgets"] == [shown]
    # What the API alone tells of its calls does not count as a webhook, but is counted.
    told = next(v for v in made.visitors.values() if v.widget == quiet)
    away.api.add(told)
    daemon.database.execute("UPDATE callhook.source_states SET swept_until = now() - interval '6 hours'")
    sweep_again(daemon)
    daemon.settle()
    wait_until(lambda: silent() and silent()[0]["calls"] == 1, 20, "its call counted")
    for event, data in told.events():
        daemon.deliver({"data": data})
    daemon.settle()
    wait_until(lambda: silent() == [], 20, "no silent widget")
    before = len(away.api.requests("widgets"))
    wait_until(lambda: len(away.api.requests("widgets")) >= before + 2, 20, "further lists")
    settle_all(daemon)
    assert daemon.database.value("SELECT count(*) FROM callhook.widgets WHERE first_webhook_at IS NULL") == 0


# Webhooks that never came ---------------------------------------------------------------------------------------------------


def test_a_missing_webhook_is_reported_once_and_shown_when_it_comes_late(make_daemon, vendor):
    made = small_plan(calls=12)
    away = vendor()
    daemon = make_daemon(joined(QUICK, {"pipeline": {"outcome_deadline": "1s"}}, away.settings(**FAST))).start()
    settle_all(daemon)
    daemon.database.execute(EARLY)
    for visitor in made.visitors.values():
        away.api.add(visitor)
    chosen = next(v for v in made.visitors.values() if v.completed and not v.scheduled)
    never = next(v for v in made.visitors.values() if v.id != chosen.id)
    for delivery in made.deliveries:
        if delivery.call_id != never.id and not (delivery.call_id == chosen.id and delivery.event == "call.completed"):
            daemon.deliver(delivery.body)
    daemon.settle()
    daemon.database.execute("UPDATE callhook.source_states SET swept_until = now() - interval '6 hours'")
    lost = {never.id: {e for e, _ in never.events() if e in LIFECYCLE}, chosen.id: {"call.completed"}}
    for _ in range(3):
        sweep_again(daemon)
    settle_all(daemon)
    assert reported(daemon) == lost
    assert metric(daemon, "callhook_gap_calls_total", source="demo") == 2

    def gaps():
        return daemon.api("/v1/gaps").json()["gaps"]

    events = [e for e in read_feed(daemon) if e["type"] == "gap.found"]
    assert len(events) == len(gaps())
    for event, gap in zip(events, reversed(gaps())):
        missing = daemon.api(f"/v1/gaps/{gap['id']}").json()["missing"]
        calls = sorted({one["call_id"] for one in missing})
        # What came late is known later only.
        want = {k: v for k, v in gap.items() if k != "came_late"}
        assert event["origin"] == "backfill" and event["data"] == {**want, "call_ids": calls}, (event, gap)
    assert sum(g["came_late"] for g in gaps()) == 0 and all(g["found_by"] in ("sweep", "call") for g in gaps())

    # It comes after all.
    position = daemon.database.value("SELECT position FROM callhook.feed_head")
    daemon.deliver({"data": dict(chosen.events())["call.completed"]})
    settle_all(daemon)
    assert sum(g["came_late"] for g in gaps()) == 1
    details = [one for g in gaps() for one in daemon.api(f"/v1/gaps/{g['id']}").json()["missing"]]
    came = {(one["call_id"], one["event"]): one.get("came_at") for one in details}
    assert [key for key, at in came.items() if at] == [(chosen.id, "call.completed")]
    told = read_feed(daemon, subject=f"calls/{chosen.id}")
    kinds = [e["type"] for e in told]
    assert kinds.count("call.completed") == 1 and told[-1]["type"] == "call.updated" and int(told[-1]["sequence"]) > position
    sweep_again(daemon)
    assert reported(daemon) == lost
    assert {o for o in ([e["origin"] for e in told if e["type"] == "call.completed"])} == {"backfill"}


def test_calls_from_before_the_source_was_served_are_history(make_daemon, vendor):
    before, after = small_plan(calls=8, start=hours_ago(5)), small_plan(calls=8, first_id=50_000, start=hours_ago(2), seed=8)
    away = vendor([*before.visitors.values(), *after.visitors.values()])
    daemon = make_daemon(joined(QUICK, {"pipeline": {"outcome_deadline": "1s"}}, away.settings(**FAST))).start()
    settle_all(daemon)
    assert reported(daemon) == {}, "all of it is from before"
    first = min(after.visitors.values(), key=lambda v: v.created)
    for event, data in first.events():
        daemon.deliver({"data": data})
    daemon.settle()
    daemon.database.execute("UPDATE callhook.source_states SET swept_until = now() - interval '6 hours'")
    sweep_again(daemon)
    settle_all(daemon)
    # The first webhook's call tells since when webhooks were to be expected.
    assert set(reported(daemon)) == set(after.visitors) - {first.id}


def test_a_young_call_gets_its_time_before_a_webhook_counts_as_missing(make_daemon, vendor):
    made = calls_of_now(2)
    late, never = made.visitors.values()
    away = vendor()
    daemon = make_daemon(joined(QUICK, {"backfill": {"settle": "4s"}}, away.settings(**FAST))).start()
    settle_all(daemon)
    daemon.database.execute(EARLY)
    for visitor in made.visitors.values():
        away.api.add(visitor)
    away.api.forget_requests()
    before = daemon.database.value("SELECT swept_at FROM callhook.source_states")
    daemon.database.execute("UPDATE callhook.jobs SET due_at = now() WHERE kind = 'sweep'")
    wait_until(lambda: from_the_api(daemon) >= 2, 20, "the calls known from the API")
    daemon.settle()
    assert reported(daemon) == {}
    for event, data in late.events():
        daemon.deliver({"data": data})
    assert daemon.database.value("SELECT swept_at FROM callhook.source_states") == before, "the sweep waits still"
    wait_until(lambda: daemon.database.value("SELECT swept_at FROM callhook.source_states") != before, 30, "the sweep's end")
    assert set(reported(daemon)) == {never.id}
    (gap,) = daemon.api("/v1/gaps").json()["gaps"]
    waited = datetime.datetime.fromisoformat(gap["found_at"].replace("Z", "+00:00")) - datetime.datetime.fromisoformat(
        gap["to"].replace("Z", "+00:00")
    )
    assert waited.total_seconds() >= 4
    print(f"\nreported {waited.total_seconds():.1f} s after the look")


def test_a_sweep_that_is_under_way_stops_when_ids_turn_out_not_to_agree(make_daemon, vendor):
    made, other = small_plan(calls=40), small_plan(calls=1, first_id=50_000, seed=8, start=hours_ago(0))
    away = vendor(made.visitors.values())
    daemon = make_daemon(joined(QUICK, {"backfill": {"page_size": 2}}, away.settings(**FAST)))
    away.api.fault = [Fault("slow", seconds=0.3, operation="history")]
    daemon.start()
    wait_until(lambda: len(away.api.requests("history")) >= 3, 20, "a sweep under way")
    ((call_id, visitor),) = other.visitors.items()
    with away.api.lock:
        away.api.add(visitor)
        away.api.fault = [Fault("wrong_identity", operation="call"), Fault("slow", seconds=0.3, operation="history")]
    for _, data in visitor.events():
        daemon.deliver({"data": data})
    wait_until(lambda: daemon.database.value("SELECT identity FROM callhook.source_states") == "mismatch", 20, "the mismatch")
    daemon.settle()
    before = from_the_api(daemon)
    assert before < len(made.visitors), "the sweep is under way still"
    wait_until(lambda: jobs_of_sweep_end(daemon), 30, "the sweep's end")
    daemon.settle()
    # A sweep that is under way ends as well.
    assert from_the_api(daemon) <= before + 2, (before, from_the_api(daemon))


def jobs_of_sweep_end(daemon):
    return daemon.database.value("SELECT count(*) FROM callhook.jobs WHERE kind = 'sweep' AND leased_by IS NULL")


# Overdue --------------------------------------------------------------------------------------------------------------------


def test_an_overdue_call_is_asked_for_by_its_id(make_daemon, vendor):
    made = calls_of_now(4)
    away = vendor()
    daemon = make_daemon(joined(QUICK, {"pipeline": {"outcome_deadline": "1s"}}, away.settings(**FAST))).start()
    settle_all(daemon)
    for visitor in made.visitors.values():
        away.api.add(visitor)
        event, data = next(iter(visitor.events()))
        daemon.deliver({"data": data})

    def outcomes():
        return [e for e in read_feed(daemon) if e["type"] in ("call.completed", "call.missed", "call.failed")]

    wait_until(lambda: len(outcomes()) == 4, 30, "the outcomes")
    settle_all(daemon)
    events = read_feed(daemon)
    assert_each_fact_once(events, made, sent={i: t.events[:1] for i, t in made.truths.items()})
    assert all(e["origin"] == "backfill" for e in outcomes())
    for call_id in made.truths:
        assert [e["type"] for e in events if e["subject"] == f"calls/{call_id}"].count("call.overdue") == 1
        assert [r for r in away.api.requests("call") if r.path.endswith(f"/{call_id}")]
    assert_records_are_true(daemon, made, sent={i: t.events[:1] for i, t in made.truths.items()})


# Metrics --------------------------------------------------------------------------------------------------------------------


def test_metrics_of_backfill(make_daemon, vendor):
    made = small_plan(calls=10)
    away = vendor(made.visitors.values())
    daemon = make_daemon(joined(QUICK, away.settings(**FAST))).start()
    settle_all(daemon)
    for operation in ("history", "widgets", "call"):
        wait_until(lambda op=operation: away.api.requests(op), 20, operation)
        count = metric(daemon, "callhook_backfill_requests_total", source="demo", operation=operation, code="200")
        assert count == len(away.api.requests(operation)), operation
    away.api.fault = Fault("truncated", first=1)
    sweep_again(daemon)
    assert metric(daemon, "callhook_backfill_requests_total", source="demo", operation="history", code="unreachable") == 1
    assert metric(daemon, "callhook_gap_calls_total", source="demo") == 0
    assert metric(daemon, "callhook_backfill_breaker_open", source="demo") == 0
    until = daemon.database.value("SELECT extract(epoch FROM swept_until)::float8 FROM callhook.source_states")
    # Read every few seconds.
    wait_until(
        lambda: abs((metric(daemon, "callhook_backfill_swept_until_timestamp_seconds", source="demo") or 0) - until) < 0.01, 20, "how far"
    )
