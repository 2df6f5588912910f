"""What the tests of backfill share: short times, and when a daemon has asked all it is going to ask."""

import collections
import dataclasses
import datetime
import zoneinfo

from callpage_simulator import Options, plan
from support.daemon import wait_until
from support.expected import comparable, expected_record

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


def utc(**ahead):
    """A moment from now, as the commands take it."""
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**ahead)).strftime("%Y-%m-%dT%H:%M:%SZ")


def joined(*parts):
    settings = {}
    for part in parts:
        for section, keys in part.items():
            settings.setdefault(section, {}).update(keys)
    return settings


def sweeps(daemon):
    return daemon.database.value("SELECT count(*) FROM callhook.source_states WHERE swept_at IS NOT NULL")


# Looks at calls that are under way or soon due.
JOBS_LEFT = (
    "(SELECT count(*) FROM callhook.jobs WHERE kind = 'call' AND dead_at IS NULL"
    " AND (due_at <= now() + interval '10 s' OR leased_by IS NOT NULL))"
)


def jobs_left(daemon):
    return daemon.database.value(f"SELECT {JOBS_LEFT}")


def quiet(daemon):
    """Nothing waits and nothing is being asked for that is due. Of one moment: what a look brought waits before its job ends,
    so that statements of several moments could miss it in both places."""
    return daemon.database.value(
        "SELECT (SELECT position FROM callhook.feed_head) = (SELECT position FROM callhook.backfill_cursor)"
        f" AND NOT EXISTS (SELECT FROM callhook.pending) AND {JOBS_LEFT} = 0"
    )


def settle_all(daemon, timeout=120):
    wait_until(lambda: sweeps(daemon) >= 1, timeout, "the first sweep")
    wait_until(lambda: quiet(daemon), timeout, "nothing left to ask")


# Plans, and what must be true once all is filled in -------------------------------------------------------------------------

LIFECYCLE = {"call.new", "call.scheduled", "call.missed", "call.completed"}


def small_plan(calls=30, seed=3, **how):
    how = {"never": 0.0, "twice": 0.0, "late": 0.0, "shuffle": 0.0, "message_share": 0.0, "start": hours_ago(2), **how}
    return plan(Options(calls=calls, seed=seed, **how))


def told(made):
    """The webhooks of each call that are sent, as `assert_records_are_true` takes them."""
    return {call_id: truth.sent for call_id, truth in made.truths.items()}


def assert_records_are_true(daemon, made, sent=None, asked=True):
    """`sent` has the webhooks that came of each call, where those are not the plan's."""
    wrong = []
    for visitor in made.visitors.values():
        want = expected_record(visitor, (told(made) if sent is None else sent).get(visitor.id, []), asked)
        shown = daemon.api(f"/v1/calls/demo/{visitor.id}")
        got = comparable(shown.json()["call"]) if shown.status == 200 else {}
        if got != want:
            wrong.append((visitor.id, {k: (got.get(k), want.get(k)) for k in got.keys() | want.keys() if got.get(k) != want.get(k)}))
    assert not wrong, (len(wrong), wrong[:3])


def must_tell(truth):
    """The events that the feed must have of a call, whoever told of them."""
    failed = truth.status == "failed" and "call.missed" not in truth.sent
    types = {e for e in truth.events if e in LIFECYCLE} - ({"call.missed"} if failed else set())
    types |= {"call.failed"} if failed else set()
    types |= {"call.cancelled"} if truth.phase == "cancelled" else set()
    return types | ({"data.added"} & set(truth.sent))


def assert_each_fact_once(events, made, sent=None):
    counts = collections.defaultdict(collections.Counter)
    for event in events:
        if event["subject"].startswith("calls/"):
            counts[int(event["subject"].split("/")[1])][event["type"]] += 1
    for call_id, truth in made.truths.items():
        truth = truth if sent is None else dataclasses.replace(truth, sent=sent.get(call_id, []))
        once = {kind: n for kind, n in counts[call_id].items() if kind not in ("call.updated", "call.overdue")}
        assert set(once.values()) == {1}, (call_id, counts[call_id])
        assert must_tell(truth) <= once.keys(), (call_id, truth, counts[call_id])


def reported(daemon):
    """What the gap reports name: call id -> events."""
    out = collections.defaultdict(set)
    for gap in daemon.api("/v1/gaps?limit=1000").json()["gaps"]:
        for one in daemon.api(f"/v1/gaps/{gap['id']}").json()["missing"]:
            assert one["event"] not in out[one["call_id"]], "a webhook is reported once"
            out[one["call_id"]].add(one["event"])
    return dict(out)


# What a daemon says of backfill ---------------------------------------------------------------------------------------------


def problems(daemon):
    """What /readyz?verbose says of backfill; the daemon must be ready all the same."""
    answer = daemon.api("/readyz?verbose")
    assert answer.status == 200, answer
    return answer.json()["parts"]["backfill"]


def said(daemon, message, level=None):
    """The log lines with this message, since the daemon's last start."""
    return [x for x in daemon.log_lines(daemon.starts_at) if x["message"] == message and level in (None, x["level"])]


def dead_jobs(daemon):
    return daemon.database.value("SELECT count(*) FROM callhook.jobs WHERE dead_at IS NOT NULL")


def leases(daemon):
    return daemon.database.value("SELECT count(*) FROM callhook.jobs WHERE leased_by IS NOT NULL")


def appended(daemon):
    """How many of the API's records were put into the inbox of each call, and how many in vain."""
    rows = daemon.database.rows(
        "SELECT o.call_id, count(*), count(*) FILTER (WHERE o.result <> 'applied') FROM callhook.outcomes o"
        " JOIN callhook.deliveries d ON d.id = o.delivery_id WHERE d.origin = 'backfill' GROUP BY o.call_id"
    )
    return {call_id: n for call_id, n, _ in rows}, sum(vain for _, _, vain in rows)
