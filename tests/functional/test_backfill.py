"""What the webhooks did not say, and the webhooks that never came: the daemon asks the simulated vendor's API over TLS."""

import collections
import datetime
import json
import time
import zoneinfo

import pytest
from callpage_simulator import Options, plan
from support.daemon import wait_until
from support.expected import comparable, expected_record
from support.feed import assert_contiguous, read_feed
from support.metrics import metric
from support.vendor import Vendor

LIFECYCLE = {"call.new", "call.scheduled", "call.missed", "call.completed"}

# Short times, so that a test need not wait for what takes minutes in the field.
QUICK = {
    "backfill": {
        "sweep_interval": "1h",
        "settle": "500ms",
        "detail_delay": "100ms",
        "detail_again": "1h",
        "poll_interval": "50ms",
        "retry_first": "50ms",
        "retry_longest": "1s",
        "breaker_pause": "200ms",
        "widgets_interval": "1h",
    }
}
FAST = {"api_requests_per_minute": 60000, "api_burst": 100, "api_concurrency": 4}


def hours_ago(hours):
    """As the vendor's local time."""
    return (datetime.datetime.now(zoneinfo.ZoneInfo("Europe/Warsaw")) - datetime.timedelta(hours=hours)).replace(tzinfo=None, microsecond=0)


def joined(*parts):
    settings = {}
    for part in parts:
        for section, keys in part.items():
            settings.setdefault(section, {}).update(keys)
    return settings


@pytest.fixture
def vendor(tmp_path):
    made = []

    def make(calls=(), **how):
        made.append(Vendor(tmp_path / f"vendor{len(made)}", calls, **how))
        return made[-1].start()

    yield make
    for one in made:
        one.stop()


def sweeps(daemon):
    return daemon.database.value("SELECT count(*) FROM callhook.source_states WHERE swept_at IS NOT NULL")


def jobs_left(daemon):
    return daemon.database.value("SELECT count(*) FROM callhook.jobs WHERE kind = 'call' AND (due_at <= now() OR leased_by IS NOT NULL)")


def quiet(daemon):
    """Nothing waits and nothing is being asked for that is due."""
    head = daemon.database.value("SELECT position FROM callhook.feed_head")
    read = daemon.database.value("SELECT position FROM callhook.backfill_cursor")
    pending = daemon.database.value("SELECT count(*) FROM callhook.pending")
    return head == read and pending == 0 and jobs_left(daemon) == 0


def settle_all(daemon, timeout=120):
    wait_until(lambda: sweeps(daemon) >= 1, timeout, "the first sweep")
    wait_until(lambda: quiet(daemon), timeout, "nothing left to ask")


def dropped(truth):
    """The webhooks of a call that never came and that the API's record shows to be missing. A call that failed tells of no
    webhook, whatever one there was."""
    return {
        e for e in truth.events
        if e in LIFECYCLE and e not in truth.sent and not (e == "call.missed" and truth.status == "failed")
    }


def assert_records_are_true(daemon, made):
    wrong = []
    for visitor in made.visitors.values():
        want = expected_record(visitor, made.truths[visitor.id].sent, asked=True)
        shown = daemon.api(f"/v1/calls/demo/{visitor.id}")
        got = comparable(shown.json()["call"]) if shown.status == 200 else {}
        if got != want:
            wrong.append((visitor.id, {k: (got.get(k), want.get(k)) for k in got.keys() | want.keys() if got.get(k) != want.get(k)}))
    assert not wrong, (len(wrong), wrong[:5])


def reported(daemon):
    """What the gap reports name: call id -> events."""
    out = collections.defaultdict(set)
    for gap in daemon.api("/v1/gaps?limit=1000").json()["gaps"]:
        for one in daemon.api(f"/v1/gaps/{gap['id']}").json()["missing"]:
            assert one["event"] not in out[one["call_id"]], "a webhook is reported once"
            out[one["call_id"]].add(one["event"])
    return dict(out)


def must_tell(truth):
    """The events that the feed must have of a call, whoever told of them."""
    failed = truth.status == "failed" and "call.missed" not in truth.sent
    types = {e for e in truth.events if e in LIFECYCLE} - ({"call.missed"} if failed else set())
    types |= {"call.failed"} if failed else set()
    types |= {"call.cancelled"} if truth.phase == "cancelled" else set()
    return types | ({"data.added"} & set(truth.sent))


def assert_each_fact_once(events, made):
    told = collections.defaultdict(collections.Counter)
    for event in events:
        if event["subject"].startswith("calls/"):
            told[int(event["subject"].split("/")[1])][event["type"]] += 1
    for call_id, truth in made.truths.items():
        counts = told[call_id]
        once = {kind: n for kind, n in counts.items() if kind not in ("call.updated", "call.overdue")}
        assert set(once.values()) == {1}, (call_id, counts)
        assert must_tell(truth) <= once.keys(), (call_id, counts)


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
    assert len(found) == 1 and found[0]["data"]["calls"] == len(lost) and found[0]["origin"] == "backfill"
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
