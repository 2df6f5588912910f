"""/metrics: well-formed under load, complete, bounded, and there when the database is not."""

import re
import subprocess
import threading
import time

import pytest
from callpage_simulator import Options, plan
from support.backfill import FAST, QUICK, joined
from support.daemon import NO_SPOOL, PATIENCE, wait_until
from support.feed import read_feed
from support.http import request
from support.metrics import metric
from support.monitoring import DASHBOARD, DOCUMENTED, RULES, metrics_in
from support.payloads import body, call_event, documented
from support.subscriptions import OUTBOUND, subscribe
from support.tls import Authority

CONTRACT = {
    "callhook_deliveries_total": {"source", "event", "result"},
    "callhook_hook_request_duration_seconds": {"result"},
    "callhook_inbox_commit_duration_seconds": set(),
    "callhook_inbox_batch_size": set(),
    "callhook_pipeline_lag_seconds": set(),
    "callhook_pipeline_lag_events": set(),
    "callhook_feed_position": set(),
    "callhook_feed_consumer_lag_events": {"consumer"},
    "callhook_spool_deliveries": set(),
    "callhook_quarantined": set(),
    "callhook_backfill_requests_total": {"source", "operation", "code"},
    "callhook_gap_calls_total": {"source"},
    "callhook_outbound_attempts_total": {"subscription", "result"},
    "callhook_db_pool_in_use": {"pool"},
    "callhook_build_info": {"version"},
}
SAMPLE = re.compile(r'^([a-z_]+)(?:\{((?:[a-z_]+="[^"\\]*",?)*)\})? (\S+)$')


def scrape(daemon):
    answer = daemon.api("/metrics")
    assert answer.status == 200 and answer.header("Content-Type") == "text/plain; version=0.0.4; charset=utf-8"
    return answer.body.decode()


def check(text):
    """Prometheus's own tool reads it and finds nothing against its conventions."""
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def families(text):
    """{name: its type}"""
    return dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))


def samples(text):
    """[(name, labels, value)]; every line that is no comment must be one."""
    found = []
    for line in text.splitlines():
        if not line.startswith("#"):
            name, labels, value = SAMPLE.match(line).groups()
            found.append((name, dict(re.findall(r'([a-z_]+)="([^"]*)"', labels or "")), float(value)))
    return found


@pytest.fixture
def busy(make_daemon, vendor, receiver, tmp_path):
    """A daemon in which every part has something to do."""
    made = plan(Options(calls=10, seed=6))
    away = vendor(made.visitors.values())
    authority = Authority(tmp_path / "authority")
    daemon = make_daemon(
        joined(
            QUICK,
            away.settings(**FAST),
            {"outbound": OUTBOUND, "hooks": authority.issue("server").settings(), "nats": {"servers": ["nats://127.0.0.1:1"]}},
        )
    )
    daemon.hooks_context = authority.context()
    daemon.start()
    subscribe(daemon, "crm", receiver().url())
    assert request(daemon.api_port, "PUT", "/v1/consumers/dwh", b"{}").status in (200, 201)
    return daemon


def test_every_metric_is_there_and_well_formed_under_load(busy):
    calls = [body(call_event("call.new", number)) for number in range(20_000, 21_000)]
    sender = threading.Thread(target=busy.deliver_all, args=(calls,))
    sender.start()
    scraped = []
    while sender.is_alive():
        scraped.append(scrape(busy))
    sender.join()
    busy.deliver(b"not json")
    busy.settle()
    wait_until(lambda: metric(busy, "callhook_outbound_attempts_total", subscription="crm"), 20, "an attempt")
    wait_until(lambda: metric(busy, "callhook_backfill_swept_until_timestamp_seconds", source="demo"), 20, "a sweep")
    wait_until(lambda: metric(busy, "callhook_feed_consumer_lag_events", consumer="dwh") is not None, 20, "a consumer's lag")
    wait_until(lambda: metric(busy, "callhook_retention_oldest_timestamp_seconds") is not None, 20, "a look at what is old")
    wait_until(lambda: metric(busy, "callhook_retention_dropped_partitions_total") is not None, 20, "what was dropped")
    text = scrape(busy)
    check(text)
    check(scraped[len(scraped) // 2])

    found = families(text)
    named = metrics_in(RULES.read_text(encoding="utf-8")) | metrics_in(DASHBOARD.read_text(encoding="utf-8"))
    assert named - set(found) == set(), "of rules and dashboard"
    assert DOCUMENTED == set(found), "docs/monitoring.md has exactly these"
    labels = {}
    for name, of, _ in samples(text):
        labels.setdefault(re.sub(r"_(bucket|sum|count)$", "", name), set()).update(set(of) - {"le"})
    for name, wanted in CONTRACT.items():
        assert labels[name] == wanted, name
    # A thousand calls add a handful of series, not one each.
    assert len(samples(text)) < 400, len(samples(text))


def test_numbers_agree_with_what_happened(daemon):
    for payload in documented().values():
        daemon.deliver(payload)
    before = time.time()
    daemon.deliver(b"not json")
    daemon.settle()
    wait_until(lambda: metric(daemon, "callhook_deliveries_total") == len(documented()) + 1, 10, "the sequencer's count")
    assert metric(daemon, "callhook_quarantined") == 1
    assert metric(daemon, "callhook_hook_request_duration_seconds_count", result="quarantined") == 1
    assert metric(daemon, "callhook_hook_request_duration_seconds_count", result="refused") == 0
    assert metric(daemon, "callhook_last_webhook_timestamp_seconds", source="demo") >= before - 1
    assert metric(daemon, "callhook_ready") == 1
    assert metric(daemon, "callhook_part_ok", part="inbox") == 1
    wait_until(lambda: metric(daemon, "callhook_feed_position") == len(read_feed(daemon)), 10, "the feed's position")
    assert metric(daemon, "process_resident_memory_bytes") == pytest.approx(daemon.rss(), rel=0.5)
    assert 10 < metric(daemon, "process_open_fds") < metric(daemon, "process_max_fds")
    assert before - 600 < metric(daemon, "process_start_time_seconds") < before + 1
    assert metric(daemon, "process_cpu_seconds_total") > 0


def test_what_waits_for_a_pipeline_is_told_whoever_works_on_it(make_daemon):
    """A daemon that only receives, and no other: what waits shows, and grows old."""
    daemon = make_daemon({"pipeline": {"enabled": False}}).start()
    for payload in list(documented().values())[:3]:
        daemon.deliver(payload)
    assert metric(daemon, "callhook_pipeline_lag_events") == 3
    first = metric(daemon, "callhook_pipeline_lag_seconds")
    wait_until(lambda: metric(daemon, "callhook_pipeline_lag_seconds") > first, 10, "an older age")
    other = make_daemon().start()
    wait_until(lambda: metric(daemon, "callhook_pipeline_lag_events") == 0, 20, "nothing that waits")
    assert metric(daemon, "callhook_pipeline_lag_seconds") == 0
    assert metric(other, "callhook_pipeline_leader") == 1


def test_without_a_spool_its_metrics_are_0(make_daemon):
    daemon = make_daemon(NO_SPOOL).start()
    text = scrape(daemon)
    check(text)
    spool = [(name, value) for name, _, value in samples(text) if name.startswith("callhook_spool")]
    assert "callhook_spool_deliveries" in dict(spool) and not any(dict(spool).values())
    assert "callhook_spool_room_bytes" not in dict(spool), "or an alert would tell of a disk that is none"


def test_metrics_answer_while_the_database_is_frozen(make_daemon, postgres):
    """Whoever looks at them then needs them most. Many scrapes at once ask the database once."""
    daemon = make_daemon().start()
    daemon.deliver(b"not json")
    daemon.settle()
    assert metric(daemon, "callhook_quarantined") == 1
    postgres.pause()
    took = []

    def one():
        begun = time.monotonic()
        text = daemon.api("/metrics", timeout=30).body.decode()
        took.append((time.monotonic() - begun, text))

    for _ in range(3):
        many = [threading.Thread(target=one) for _ in range(8)]
        for thread in many:
            thread.start()
        for thread in many:
            thread.join()
    assert len(took) == 24
    assert max(seconds for seconds, _ in took) < 5 * PATIENCE, sorted(seconds for seconds, _ in took)
    assert all("callhook_quarantined 1\n" in text for _, text in took), "the last word stands"
    wait_until(lambda: metric(daemon, "callhook_part_ok", part="inbox") == 0, 20, "the inbox's trouble")
    assert metric(daemon, "callhook_ready") == 1, "the spool takes webhooks"
    postgres.resume()
    wait_until(daemon.is_ready, 60, "readiness")
    daemon.deliver(b"not json either")
    daemon.settle()
    wait_until(lambda: metric(daemon, "callhook_quarantined") == 2, 60, "fresh counts")
