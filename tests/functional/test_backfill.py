"""What the webhooks did not say, and the webhooks that never came: the daemon asks the simulated vendor's API over TLS."""

import json
import time

from callpage_faults import Fault
from callpage_simulator import Options, plan
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
)
from support.daemon import wait_until
from support.feed import assert_contiguous, read_feed
from support.metrics import metric


def dropped(truth):
    """The webhooks of a call that never came and that the API's record shows to be missing. A call that failed tells of no
    webhook, whatever one there was."""
    return {
        e for e in truth.events
        if e in LIFECYCLE and e not in truth.sent and not (e == "call.missed" and truth.status == "failed")
    }


def test_after_one_sweep_every_record_is_the_vendors_truth(make_daemon, vendor):
    made = plan(
        Options(
            calls=5000, seed=7, never=0.2, twice=0.1, late=0.3, shuffle=0.3, message_share=0.05, cancelled=0.05, failed=0.03,
            start=hours_ago(150),
        )
    )
    away = vendor(made.visitors.values())
    daemon = make_daemon(joined(QUICK, {"backfill": {"first_sweep": "240h", "enabled": False}}, away.settings(**FAST)))
    daemon.start()
    daemon.deliver_all(d.body for d in made.deliveries)
    daemon.settle(60)
    assert daemon.stop() == 0
    daemon.settings["backfill"]["enabled"] = True
    begun = time.monotonic()
    daemon.start()
    settle_all(daemon, 300)
    took = time.monotonic() - begun

    assert_records_are_true(daemon, made)
    first_told = min(v.created for v in made.visitors.values() if made.truths[v.id].sent)
    lost = {i: dropped(t) for i, t in made.truths.items() if dropped(t) and made.visitors[i].created >= first_told}
    assert reported(daemon) == lost
    events = read_feed(daemon)
    assert_contiguous(events)
    assert_each_fact_once(events, made)
    found = [e for e in events if e["type"] == "gap.found"]
    # A report a day of calls.
    assert 1 <= len(found) <= 5 and {e["origin"] for e in found} == {"backfill"}
    assert sum(e["data"]["calls"] for e in found) == len(lost)
    assert metric(daemon, "callhook_gap_calls_total", source="demo") == len(lost)
    code, report = daemon.audit()
    assert code == 0, report
    requests = {name: len(away.api.requests(name)) for name in ("history", "call", "widgets")}
    print(
        f"\n{len(made.truths)} calls, {sum(len(t.events) - len(t.sent) for t in made.truths.values())} webhooks dropped: "
        f"all records true after one sweep, {len(lost)} calls with {sum(map(len, lost.values()))} webhooks reported, "
        f"{len(events)} events, requests {requests}, {took:.1f} s"
    )

    # Looking again tells nothing new.
    position = daemon.database.value("SELECT position FROM callhook.feed_head")
    code, out, err = daemon.run("backfill", "--source", "demo", "--json", timeout=300)
    assert code == 0, err
    again = json.loads(out)
    daemon.settle()
    assert (again["appended"], again["gap_calls"]) == (0, 0), again
    assert daemon.database.value("SELECT position FROM callhook.feed_head") == position


def updates(daemon, call_id):
    return [e for e in read_feed(daemon, subject=f"calls/{call_id}") if e["type"] == "call.updated"]


def look_requests(vendor, call_id):
    return [r for r in vendor.api.requests("call") if r.path.endswith(f"/{call_id}")]


def test_each_outcome_is_looked_at_once_and_told_as_one_update(make_daemon, vendor):
    made = small_plan(calls=40)
    away = vendor()
    daemon = make_daemon(joined(QUICK, away.settings(**FAST))).start()
    settle_all(daemon)
    away.api.forget_requests()
    for visitor in made.visitors.values():
        away.api.add(visitor)
    daemon.deliver_all(d.body for d in made.deliveries)
    settle_all(daemon)
    assert_records_are_true(daemon, made)
    for call_id in made.truths:
        assert len(look_requests(away, call_id)) == 1, call_id
        (update,) = updates(daemon, call_id)
        assert update["origin"] == "backfill" and {"request", "utm", "phone_call_id"} & set(update["data"]["changed"])
        details = daemon.call(call_id)
        assert details["provenance"]["phone_call_id"]["origin"] == "backfill"
        assert details["provenance"]["to"]["origin"] == "webhook"
    assert not reported(daemon)
    print(f"\n{len(made.truths)} calls, {len(away.api.requests('call'))} looks, one call.updated each")


def test_what_people_fill_in_late_is_seen_and_a_complete_record_is_left_alone(make_daemon, vendor):
    made = small_plan(calls=60)
    complete, open_still = [v for v in made.visitors.values() if not v.completed and not v.scheduled][:2]
    for visitor in (complete, open_still):
        visitor.created = hours_ago(0)
    away = vendor()
    daemon = make_daemon(joined(QUICK, {"backfill": {"detail_again": "4s"}}, away.settings(**FAST))).start()
    settle_all(daemon)
    for visitor in (complete, open_still):
        away.api.add(visitor)
    field = {"id": 3, "label": "E-mail", "slug": "email", "value": None, "field_value": "x@customer.example", "hint": None, "placeholder": None}
    with away.api.lock:
        away.api.calls[complete.id]["call_request_fields"] = {"data": [field]}
        away.api.calls[open_still.id]["call_request_fields"] = {"data": []}
    for visitor in (complete, open_still):
        for _, data in visitor.events():
            daemon.deliver({"data": data})
    wait_until(lambda: len(updates(daemon, open_still.id)) == 1, 20, "the first look")
    with away.api.lock:
        away.api.calls[open_still.id]["tags"] = {"data": [{"data": {"id": 1, "name": "hot"}}]}
    wait_until(lambda: len(updates(daemon, open_still.id)) == 2, 20, "the second look")
    assert updates(daemon, open_still.id)[-1]["data"]["changed"] == ["tags"]
    assert daemon.call(open_still.id)["call"]["tags"] == [{"id": 1, "name": "hot"}]
    wait_until(lambda: daemon.database.value("SELECT count(*) FROM callhook.jobs WHERE kind = 'call'") == 0, 20, "no job left")
    assert (len(look_requests(away, complete.id)), len(look_requests(away, open_still.id))) == (1, 2)


def test_a_record_that_was_fetched_before_a_webhook_came_does_not_overwrite_it(make_daemon, vendor):
    made = small_plan(calls=40)
    visitor = next(v for v in made.visitors.values() if v.completed and v.feedback)
    away = vendor()
    daemon = make_daemon(joined(QUICK, away.settings(**FAST))).start()
    settle_all(daemon)
    away.api.add(visitor)
    with away.api.lock:
        for field in away.api.calls[visitor.id]["call_request_fields"]["data"]:
            field["field_value"] = field["value"] = "Outdated Olgierd"  # a name: the search for personal data knows it from here on
    away.api.fault = Fault("slow", seconds=2.0)
    told = dict(visitor.events())
    for event, data in told.items():
        if event != "data.added":
            daemon.deliver({"data": data})
    wait_until(lambda: look_requests(away, visitor.id), 20, "the look under way")
    daemon.deliver({"data": told["data.added"]})
    away.api.fault = None
    wait_until(lambda: updates(daemon, visitor.id), 20, "the look taken in")
    call = daemon.call(visitor.id)
    assert [f["value"] for f in call["call"]["fields"]] == [f["field_value"] for f in told["data.added"]["fields"]]
    assert call["provenance"]["fields"]["origin"] == "webhook"


def test_after_an_hour_away_the_daemon_catches_up_and_says_how_many(make_daemon, vendor):
    made = small_plan(calls=60, start=hours_ago(1))
    away = vendor()
    daemon = make_daemon(joined(QUICK, {"backfill": {"sweep_overlap": "1m"}}, away.settings(**FAST))).start()
    settle_all(daemon)
    assert daemon.stop() == 0
    # An hour goes by, for the daemon: nobody takes the webhooks of these calls.
    daemon.database.execute(
        "UPDATE callhook.source_states SET known_since = now() - interval '3 hours', swept_until = now() - interval '65 minutes'"
    )
    for visitor in made.visitors.values():
        away.api.add(visitor)
    begun = time.monotonic()
    daemon.start()
    wait_until(lambda: [line for line in daemon.log_lines(daemon.starts_at) if line["message"] == "caught up with the vendor's history"], 60, "catching up")
    took = time.monotonic() - begun
    settle_all(daemon)
    (line,) = [line for line in daemon.log_lines(daemon.starts_at) if line["message"] == "caught up with the vendor's history"]
    known = {i for i, v in made.visitors.items() if v.created <= hours_ago(0)}
    assert line["never_heard_of"] == len(known) and line["gap_calls"] == len([i for i in known if dropped_all(made.truths[i])])
    assert set(reported(daemon)) == {i for i in known if dropped_all(made.truths[i])}
    print(f"\ncaught up with {line['never_heard_of']} calls in {took:.1f} s")


def dropped_all(truth):
    """As `dropped`, where no webhook came at all."""
    return {e for e in truth.events if e in LIFECYCLE and not (e == "call.missed" and truth.status == "failed")}


def test_while_the_api_is_away_ingest_is_untouched_and_afterwards_all_is_filled_in(make_daemon, vendor):
    made = small_plan(calls=80)
    away = vendor(made.visitors.values())
    limit, burst = 20, 5
    daemon = make_daemon(
        joined(
            QUICK,
            {"backfill": {"breaker_failures": 3, "retry_longest": "500ms"}},
            away.settings(api_requests_per_minute=limit * 60, api_burst=burst, api_concurrency=4),
        )
    )
    away.api.fault = Fault("status", status=503)
    daemon.start()
    wait_until(lambda: metric(daemon, "callhook_backfill_breaker_open", source="demo") == 1, 30, "an open breaker")
    ready = daemon.api("/readyz?verbose")
    assert ready.status == 200 and "answered 503" in ready.body.decode()
    taken = []
    for delivery in made.deliveries:
        begun = time.monotonic()
        daemon.deliver(delivery.body)
        taken.append(time.monotonic() - begun)
    daemon.settle()
    time.sleep(3)  # the length of the outage; nothing waits for it
    assert metric(daemon, "callhook_backfill_breaker_open", source="demo") == 1
    during = len(away.api.requests())
    away.api.fault = None
    wait_until(lambda: metric(daemon, "callhook_backfill_breaker_open", source="demo") == 0, 30, "a closed breaker")
    settle_all(daemon)
    assert_records_are_true(daemon, made)
    assert_each_fact_once(read_feed(daemon), made)
    assert away.api.highest_rate(1.0) <= limit + burst
    assert daemon.database.value("SELECT count(*) FROM callhook.jobs WHERE dead_at IS NOT NULL") == 0
    taken.sort()
    print(
        f"\n{during} requests in the outage, {len(away.api.requests())} in all, at most {away.api.highest_rate(1.0)} in a second "
        f"(limit {limit} and a burst of {burst}); webhooks answered in {taken[len(taken) // 2] * 1000:.1f} ms (median)"
    )
