"""What goes wrong with the vendor's API, the network, the database and the daemon itself while backfill is at work: webhooks are
taken as ever, and once it is over all is filled in, each fact told once."""

import json
import signal
import time

import callpage_tls
import pytest
from callpage_faults import Fault
from support.backfill import (
    FAST,
    QUICK,
    appended,
    assert_each_fact_once,
    assert_records_are_true,
    dead_jobs,
    joined,
    leases,
    problems,
    said,
    settle_all,
    small_plan,
    utc,
)
from support.daemon import PATIENCE, SECRET, wait_until
from support.feed import assert_contiguous, read_feed
from support.metrics import metric
from support.vendor import KEY

JOBS_AT_ONCE = 4  # the default: what one daemon has under way at most

# A lost lease is found soon, and a request under way does not outlast one.
SHORT_LEASE = {"backfill": {"request_timeout": "900ms", "job_lease": "1s"}}


def deliver(daemon, made):
    """Every webhook of a plan, one after another; how long the slowest took to be answered."""
    slowest = 0.0
    for delivery in made.deliveries:
        begun = time.monotonic()
        daemon.deliver(delivery.body)
        slowest = max(slowest, time.monotonic() - begun)
    return slowest


def assert_all_is_filled_in(daemon, made):
    assert_records_are_true(daemon, made)
    events = read_feed(daemon)
    assert_contiguous(events)
    assert_each_fact_once(events, made)
    assert leases(daemon) == 0
    code, report = daemon.audit()
    assert code == 0, report


# The vendor's faults --------------------------------------------------------------------------------------------------------

FAULTS = {
    "slow": (Fault("slow", seconds=0.3), {}, ""),
    "401": (Fault("status", status=401), {}, "401"),
    "403": (Fault("status", status=403), {}, "403"),
    "422": (Fault("status", status=422), {}, ""),
    "429": (Fault("status", status=429, retry_after=1), {}, "left alone"),
    "500": (Fault("status", status=500), {}, "500"),
    "503": (Fault("status", status=503), {}, "503"),
    "503 with Retry-After": (Fault("status", status=503, retry_after=1), {}, "left alone"),
    "has_error_200": (Fault("has_error_200", status=500), {}, ""),
    "truncated": (Fault("truncated"), {}, "of its body"),
    "hang": (Fault("hang"), {"request_timeout": "300ms"}, "timed out"),
    "html": (Fault("html"), {}, ""),
    "garbage": (Fault("garbage"), {}, ""),
    "oversize": (Fault("oversize", size=200_000), {"max_answer": "64KiB"}, ""),
}


@pytest.mark.parametrize("name", FAULTS)
def test_after_a_fault_of_the_api_all_is_filled_in(make_daemon, vendor, name):
    fault, how, shown = FAULTS[name]
    # Each test has a fault of its own: it counts what it struck.
    fault = Fault(fault.kind, fault.seconds, fault.status, fault.retry_after, fault.size)
    made = small_plan(calls=20)
    away = vendor(made.visitors.values())
    away.api.fault = fault
    settings = {"backfill": {"breaker_failures": 3, "page_size": 7, **how}}
    daemon = make_daemon(joined(QUICK, settings, away.settings(**{**FAST, "api_concurrency": 2}))).start()
    slowest = deliver(daemon, made)
    daemon.settle()
    enough = 3 if fault.retry_after else 8
    wait_until(lambda: fault.struck >= enough, 30, "a fault that struck")
    if shown:
        wait_until(lambda: shown in problems(daemon), 20, "the fault in /readyz?verbose")
    # A fault that is over soon costs no call its look: what was asked in vain is asked again.
    away.api.fault = None
    begun = time.monotonic()
    settle_all(daemon)
    took = time.monotonic() - begun
    assert dead_jobs(daemon) == 0
    assert_all_is_filled_in(daemon, made)
    if shown:
        wait_until(lambda: shown not in problems(daemon), 20, "the end of the trouble in /readyz?verbose")
    print(
        f"\n{name}: {fault.struck} requests struck, {len(away.api.requests())} in all, filled in {took:.1f} s after its end; "
        f"webhooks answered in at most {slowest * 1000:.0f} ms"
    )


def test_a_key_that_is_refused_is_shown_and_costs_no_job_and_may_be_put_right(make_daemon, vendor):
    made = small_plan(calls=20)
    away = vendor(made.visitors.values())
    away.api.key = "another-key-altogether-0123456789"
    daemon = make_daemon(joined(QUICK, {"backfill": {"breaker_failures": 2, "job_attempts": 2}}, away.settings(**FAST))).start()
    deliver(daemon, made)
    daemon.settle()
    wait_until(lambda: "the API key is refused" in problems(daemon), 20, "the refusal in /readyz?verbose")
    wait_until(lambda: len(away.api.requests()) >= 8, 30, "further trials")
    assert daemon.api("/readyz").status == 200
    assert dead_jobs(daemon) == 0
    (line, *_) = said(daemon, "the circuit breaker opens, asking less", "warning")
    assert "401" in line["reason"]
    refused = len(away.api.requests())
    # The operator gives it another file, at a restart.
    assert daemon.stop() == 0
    away.key_file.write_text(away.api.key + "\n", encoding="utf-8")
    daemon.start()
    settle_all(daemon)
    assert_all_is_filled_in(daemon, made)
    assert "401" not in problems(daemon)
    print(f"\n{refused} requests with a refused key, {len(away.api.requests()) - refused} with the right one")


def test_without_the_scope_for_widgets_calls_are_asked_for_all_the_same(make_daemon, vendor):
    made = small_plan(calls=20)
    away = vendor(scopes={"calls.view"})
    daemon = make_daemon(joined(QUICK, {"backfill": {"breaker_failures": 3}}, away.settings(**FAST))).start()
    settle_all(daemon)
    # Widgets alone are asked for, and refused each time.
    wait_until(lambda: len(away.api.requests("widgets")) >= 5, 30, "several trials for the widgets")
    lines = said(daemon, "a job failed, it is tried again", "warning")
    assert lines and all(x["job"] == "widgets" and "403" in x["reason"] for x in lines)
    for visitor in made.visitors.values():
        away.api.add(visitor)
    begun = time.monotonic()
    deliver(daemon, made)
    settle_all(daemon)
    took = time.monotonic() - begun
    assert_all_is_filled_in(daemon, made)
    assert dead_jobs(daemon) == 0
    # A scope that the list of widgets asks for is no reason to leave calls alone.
    opened = said(daemon, "the circuit breaker opens, asking less")
    assert not opened, (len(opened), took)
    print(f"\n{len(away.api.requests('widgets'))} refusals; calls filled in within {took:.1f} s")


@pytest.mark.parametrize("status", [429, 503])
def test_during_a_retry_after_nothing_is_asked(make_daemon, vendor, status):
    made = small_plan(calls=20)
    away = vendor()
    daemon = make_daemon(joined(QUICK, away.settings(**{**FAST, "api_concurrency": 1}))).start()
    settle_all(daemon)
    away.api.forget_requests()
    for visitor in made.visitors.values():
        away.api.add(visitor)
    away.api.fault = Fault("status", status=status, retry_after=2, first=1)
    deliver(daemon, made)
    wait_until(lambda: len(away.api.requests()) >= 2, 20, "the next request")
    settle_all(daemon)
    first, second = (request.at for request in away.api.requests()[:2])
    assert [r.status for r in away.api.requests()][:2] == [status, 200]
    assert 1.95 <= second - first < 8 * PATIENCE
    assert dead_jobs(daemon) == 0
    assert_all_is_filled_in(daemon, made)
    assert metric(daemon, "callhook_backfill_requests_total", source="demo", operation="call", code=str(status)) == 1
    print(f"\n{status} with Retry-After 2: the next request {second - first:.2f} s later, {len(away.api.requests())} in all")


def unknown_authority(_away, tmp_path):
    return {"api_ca_file": str(callpage_tls.certificates(tmp_path / "stranger").ca)}, "certificate"


def wrong_name(_away, _tmp_path):
    return {}, "certificate"


@pytest.mark.parametrize("how", [unknown_authority, wrong_name])
def test_a_server_that_cannot_prove_who_it_is_is_told_nothing(make_daemon, vendor, tmp_path, monkeypatch, how):
    if how is wrong_name:
        own = callpage_tls.OPENSSL
        assert "DNS:localhost, IP:127.0.0.1" in own
        monkeypatch.setattr(callpage_tls, "OPENSSL", own.replace("DNS:localhost, IP:127.0.0.1", "DNS:elsewhere.example"))
    made = small_plan(calls=10)
    away = vendor(made.visitors.values())
    changed, reason = how(away, tmp_path)
    settings = joined(QUICK, {"backfill": {"breaker_failures": 2}}, away.settings(**FAST, **changed))
    daemon = make_daemon(settings).start()
    slowest = deliver(daemon, made)
    daemon.settle()
    shown = wait_until(lambda: problems(daemon) != "ok" and problems(daemon), 20, "the reason in /readyz?verbose")
    assert reason in shown, shown
    (line, *_) = said(daemon, "the circuit breaker opens, asking less")
    assert reason in line["reason"], line
    assert away.api.requests() == [] and away.api.failed_handshakes >= 2
    assert dead_jobs(daemon) == 0
    assert_records_are_true(daemon, made, asked=False)
    assert KEY not in daemon.log_text()
    print(f"\n{shown!r}; webhooks answered in at most {slowest * 1000:.0f} ms")
    assert daemon.stop() == 0


def test_a_vendor_that_goes_away_and_comes_back(make_daemon, vendor):
    made = small_plan(calls=20)
    away = vendor()
    daemon = make_daemon(joined(QUICK, {"backfill": {"breaker_failures": 3}}, away.settings(**FAST))).start()
    settle_all(daemon)
    away.stop()
    for visitor in made.visitors.values():
        away.api.add(visitor)
    deliver(daemon, made)
    daemon.settle()
    wait_until(lambda: str(away.api.port) in problems(daemon), 20, "the reason in /readyz?verbose")
    shown = problems(daemon)
    assert "demo: " in shown, shown
    assert metric(daemon, "callhook_backfill_breaker_open", source="demo") == 1
    away.start()
    settle_all(daemon)
    assert_all_is_filled_in(daemon, made)
    assert dead_jobs(daemon) == 0
    assert metric(daemon, "callhook_backfill_breaker_open", source="demo") == 0
    print(f"\n{shown!r}; afterwards {len(away.api.requests())} requests")


# The daemon's own end, and the database's -----------------------------------------------------------------------------------


def test_killed_in_the_middle_of_a_sweep_again_and_again(make_daemon, vendor):
    made = small_plan(calls=60, never=0.3)
    away = vendor(made.visitors.values())
    settings = joined(QUICK, SHORT_LEASE, {"backfill": {"page_size": 5, "enabled": False}}, away.settings(**FAST))
    daemon = make_daemon(settings).start()
    deliver(daemon, made)
    daemon.settle()
    assert daemon.stop() == 0
    daemon.settings["backfill"]["enabled"] = True
    kills = [1, 3, 6, 10]
    for pages in kills:
        away.api.forget_requests()
        daemon.start()
        wait_until(lambda pages=pages: len(away.api.requests("history")) >= pages, 20, "a sweep under way")
        daemon.kill()
    daemon.start()
    settle_all(daemon)
    assert_all_is_filled_in(daemon, made)
    by_call, in_vain = appended(daemon)
    # One from the list and one from the look by id, at most. What a kill leaves in the inbox before it has been worked on is
    # asked for again, a page of it at most.
    assert in_vain <= 5 * len(kills) and max(by_call.values()) <= 2 + in_vain, (by_call, in_vain)
    assert dead_jobs(daemon) == 0
    print(f"\nkilled {len(kills)} times; {sum(by_call.values())} records of {len(by_call)} calls stored, {in_vain} in vain")


def test_two_daemons_share_jobs_and_pace_and_one_takes_over_from_the_other(make_daemon, vendor):
    made = small_plan(calls=60, never=0.2)
    away = vendor()
    limit, burst = 20, 5
    settings = joined(
        QUICK,
        SHORT_LEASE,
        {"backfill": {"page_size": 20}},
        away.settings(api_requests_per_minute=limit * 60, api_burst=burst, api_concurrency=1),
    )
    one, other = make_daemon(settings).start(), make_daemon(settings).start()
    settle_all(one)
    away.api.forget_requests()
    away.api.fault = Fault("slow", seconds=0.15)
    for visitor in made.visitors.values():
        away.api.add(visitor)

    def asked(daemon):
        return metric(daemon, "callhook_backfill_requests_total", operation="call", code="200") or 0

    for delivery in made.deliveries:
        one.deliver(delivery.body)
    wait_until(lambda: asked(one) >= 3 and asked(other) >= 3, 30, "both asking")
    shares = asked(one), asked(other)
    one.kill()
    killed_at = len(away.api.requests("call"))
    away.api.fault = None
    settle_all(other)
    # What no webhook told of is the sweep's business.
    code, _, err = other.run("backfill", "--source", "demo", "--from", utc(days=-1), "--to", utc(), "--json")
    assert code == 0, err
    settle_all(other)
    assert_all_is_filled_in(other, made)
    looks = len(away.api.requests("call"))
    # Those under way in the daemon that was killed are asked for again; no others.
    assert len(made.truths) <= looks <= len(made.truths) + JOBS_AT_ONCE, looks
    assert away.api.highest_rate(1.0) <= limit + burst
    print(
        f"\n{shares[0]:.0f} and {shares[1]:.0f} looks when one was killed (after {killed_at}), {looks} in all for {len(made.truths)} calls; "
        f"at most {away.api.highest_rate(1.0)} requests in a second (limit {limit} and a burst of {burst})"
    )


def test_a_sweep_is_taken_over_from_a_daemon_that_was_killed(make_daemon, vendor):
    made = small_plan(calls=40)
    away = vendor(made.visitors.values())
    settings = joined(QUICK, SHORT_LEASE, {"backfill": {"page_size": 5}}, away.settings(**FAST))
    away.api.fault = Fault("slow", seconds=0.2)
    one = make_daemon(settings).start()
    wait_until(lambda: len(away.api.requests("history")) >= 3, 20, "a sweep under way")
    other = make_daemon(settings).start()
    one.kill()
    begun = time.monotonic()
    away.api.fault = None
    settle_all(other)
    took = time.monotonic() - begun
    assert_records_are_true(other, made, sent={})
    assert leases(other) == 0 and dead_jobs(other) == 0
    print(f"\ntaken over and finished {took:.1f} s after the kill (lease 1 s)")


def test_while_a_daemon_holds_a_sweep_longer_than_its_lease_no_other_begins_it(make_daemon, vendor):
    made = small_plan(calls=40)
    away = vendor(made.visitors.values())
    settings = joined(QUICK, SHORT_LEASE, {"backfill": {"page_size": 4}}, away.settings(**FAST))
    away.api.fault = Fault("slow", seconds=0.3, operation="history")
    one = make_daemon(settings).start()
    wait_until(lambda: away.api.requests("history"), 20, "a sweep under way")
    other = make_daemon(settings).start()
    settle_all(one)
    firsts = [r for r in away.api.requests("history") if r.query.get("offset", "0") == "0"]
    assert len(firsts) == 1, len(firsts)
    assert_records_are_true(other, made, sent={})
    print(f"\n{len(away.api.requests('history'))} pages at 0.3 s each under a lease of 1 s, by one daemon")


def test_a_stop_does_not_wait_for_an_api_that_hangs(make_daemon, vendor):
    made = small_plan(calls=10)
    away = vendor(made.visitors.values())
    away.api.fault = Fault("hang")
    daemon = make_daemon(joined(QUICK, away.settings(**FAST))).start()
    wait_until(lambda: away.api.requests(), 20, "a request under way")
    begun = time.monotonic()
    assert daemon.stop() == 0
    took = time.monotonic() - begun
    assert took < 8 * PATIENCE
    assert leases(daemon) == 0, "jobs under way are given back"
    assert dead_jobs(daemon) == 0
    away.api.fault = None
    daemon.start()
    settle_all(daemon)
    assert_records_are_true(daemon, made, sent={})
    print(f"\nstopped in {took:.2f} s")


def test_a_stop_during_a_retry_after_is_quick_too(make_daemon, vendor):
    away = vendor()
    away.api.fault = Fault("status", status=429, retry_after=600)
    daemon = make_daemon(joined(QUICK, away.settings(**FAST))).start()
    wait_until(lambda: away.api.requests(), 20, "a request")
    begun = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - begun < 8 * PATIENCE
    assert leases(daemon) == 0


def test_the_database_restarts_during_a_sweep(make_daemon, vendor, postgres):
    made = small_plan(calls=40, never=0.2)
    away = vendor(made.visitors.values())
    settings = joined(QUICK, SHORT_LEASE, {"backfill": {"page_size": 5, "enabled": False}}, away.settings(**FAST))
    daemon = make_daemon(settings).start()
    deliver(daemon, made)
    daemon.settle()
    assert daemon.stop() == 0
    daemon.settings["backfill"]["enabled"] = True
    away.api.fault = Fault("slow", seconds=0.1)
    daemon.start()
    for pages in (2, 6):
        wait_until(lambda pages=pages: len(away.api.requests("history")) >= pages, 30, "a sweep under way")
        postgres.kill()
        postgres.start()
        wait_until(daemon.is_ready, 30, "readiness")
    away.api.fault = None
    settle_all(daemon)
    assert_all_is_filled_in(daemon, made)
    by_call, in_vain = appended(daemon)
    # A crash leaves one commit in doubt at most, of a page at most: those are stored again, and change nothing.
    assert set(by_call.values()) <= {1, 2, 3} and in_vain <= 2 * 5, (by_call, in_vain)
    assert dead_jobs(daemon) == 0
    print(f"\n{len(away.api.requests('history'))} pages asked for over two crashes of PostgreSQL; {in_vain} records stored in vain")


# Jobs that cannot be done ---------------------------------------------------------------------------------------------------


def not_found(api, call_id):
    kept = api.calls[call_id]
    api.remove(call_id)
    return kept, "404"


def unreadable(api, call_id):
    with api.lock:
        kept = api.calls[call_id]
        api.calls[call_id] = {**kept, "to": {"surprise": 1}}
    return kept, "cannot be read"


@pytest.mark.parametrize("how", [not_found, unreadable])
def test_a_job_that_fails_again_and_again_is_dead_until_somebody_retries_it(make_daemon, vendor, how):
    made = small_plan(calls=6)
    away = vendor()
    attempts = 3
    daemon = make_daemon(joined(QUICK, {"backfill": {"job_attempts": attempts}}, away.settings(**FAST))).start()
    settle_all(daemon)
    for visitor in made.visitors.values():
        away.api.add(visitor)
    lost = next(iter(made.visitors))
    kept, reason = how(away.api, lost)
    deliver(daemon, made)
    wait_until(lambda: dead_jobs(daemon) == 1, 20, "a dead job")
    settle_all(daemon)
    assert dead_jobs(daemon) == 1, "the others are done"

    (job,) = daemon.api("/v1/jobs?state=dead").json()["jobs"]
    assert (job["kind"], job["call_id"], job["source"]) == ("call", lost, "demo")
    assert reason in job["last_error"] and job["dead_at"], job
    assert kept["to"] not in json.dumps(job)
    code, out, err = daemon.run("jobs", "list", "--dead")
    assert code == 0, err
    (line,) = out.splitlines()[1:]
    assert line.split()[:4] == [str(job["id"]), "demo", "call", str(lost)] and "dead: " in line and reason in line
    code, out, _ = daemon.run("jobs", "list", "--dead", "--json")
    assert (code, json.loads(out)["jobs"]) == (0, [job])
    assert said(daemon, "a call could not be asked for, given up", "warning")
    asked = sum(r.path.endswith(f"/{lost}") for r in away.api.requests("call"))
    # On a slow machine one of them may have had no answer in time, which is no failure of this job.
    assert job["attempts"] == attempts <= asked < 2 * attempts, (job, asked)

    away.api.calls[lost] = kept
    code, out, err = daemon.run("jobs", "retry", str(job["id"]))
    assert (code, out) == (0, "1 due again\n"), err
    settle_all(daemon)
    assert_all_is_filled_in(daemon, made)
    assert daemon.api("/v1/jobs?state=dead").json()["jobs"] == []
    code, out, err = daemon.run("jobs", "retry", str(job["id"]))
    assert code == 1 and "not dead" in err


# Secrets --------------------------------------------------------------------------------------------------------------------


def test_logs_metrics_and_jobs_hold_nothing_secret_or_personal(make_daemon, vendor):
    made = small_plan(calls=30, never=0.2, message_share=0.2)
    away = vendor(made.visitors.values())
    faults = [
        Fault("status", status=500, every=7),
        Fault("truncated", every=11),
        Fault("has_error_200", every=13, operation="call"),
        Fault("garbage", every=17),
        Fault("wrong_identity", every=9, operation="call"),
    ]
    settings = {"log": {"level": "trace"}, "backfill": {"page_size": 7, "sweep_interval": "1s", "job_attempts": 2}}
    daemon = make_daemon(joined(QUICK, settings, away.settings(**FAST))).start()
    deliver(daemon, made)
    settle_all(daemon)
    away.api.fault = faults
    daemon.database.execute("UPDATE callhook.jobs SET due_at = now() WHERE kind = 'call'")
    lines = [*daemon.run("backfill", "--source", "demo"), *daemon.run("backfill", "--source", "demo", "--dry-run")]
    lines += [*daemon.run("backfill", "--source", "demo", "--check")]
    wait_until(lambda: sum(f.struck for f in faults) >= 4, 20, "faults")
    with away.api.lock:
        for record in list(away.api.calls.values())[::3]:
            record["to"] = {"surprise": record["to"]}
    lines += [*daemon.run("backfill", "--source", "demo")]
    lines += [daemon.api(path).body.decode() for path in ("/metrics", "/v1/jobs", "/v1/gaps", "/readyz?verbose")]
    assert daemon.stop() == 0
    text = daemon.log_text() + "\n".join(str(x) for x in lines)
    secrets = {KEY, SECRET}
    for visitor in made.visitors.values():
        record = away.api.calls[visitor.id]
        secrets |= {visitor.phone, visitor.phone[3:], visitor.email, record["to_formatted"], record["request"]["data"]["ip"]}
        secrets |= {note["content"] for note in record["notes"]["data"]}
        secrets |= {visitor.manager["name"], visitor.manager["tel"], visitor.manager["email"]}
    names = {visitor.name for visitor in made.visitors.values()}
    secrets |= {message[key] for message in made.messages for key in ("email", "message_from_client", "number")}
    found = sorted(secret for secret in secrets if secret in text) + [n for n in names if f'"{n}"' in text or f" {n} " in text]
    assert found == []
    # Nor any place that tells them: a target with the caller's number, the Authorization field.
    assert "Authorization" not in text and "/hooks/demo/" not in text
    print(f"\n{len(secrets) + len(names)} secrets looked for in {len(text)} characters; {sum(f.struck for f in faults)} faults")
