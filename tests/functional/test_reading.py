"""What the API tells beside the feed: calls, messages, health, metrics."""

import pytest
from support.daemon import NO_SPOOL, wait_until
from support.payloads import body, call_event, documented, message
from support.metrics import metric

METRICS = [
    "callhook_deliveries_total",
    "callhook_hook_request_duration_seconds",
    "callhook_inbox_commit_duration_seconds",
    "callhook_inbox_batch_size",
    "callhook_pipeline_lag_seconds",
    "callhook_pipeline_lag_events",
    "callhook_feed_position",
    "callhook_quarantined",
    "callhook_build_info",
]


def pages(daemon, path, key, limit):
    """All entries of a listing, page by page; yields after each page."""
    cursor = None
    while True:
        answer = daemon.api(f"{path}limit={limit}" + (f"&cursor={cursor}" if cursor else ""))
        assert answer.status == 200, answer
        page = answer.json()
        assert len(page[key]) <= limit
        yield page[key]
        cursor = page["next_cursor"]
        if cursor is None:
            return


def fill(daemon):
    for number in range(1, 31):
        when = f"2026-03-{number:02d} 10:00:00"
        changes = {"created_at": when, "widget_id": number % 3 + 1, "to": f"+485000000{number:02d}"}
        daemon.deliver(body(call_event("call.new", number, **changes)))
        if number % 2:
            daemon.deliver(body(call_event("call.completed", number, **changes)))
    daemon.settle()


def ids(daemon, query):
    answer = daemon.api(f"/v1/calls?limit=100&{query}")
    assert answer.status == 200, answer
    return sorted(call["id"] for call in answer.json()["calls"])


def test_calls_are_filtered(daemon):
    fill(daemon)
    assert ids(daemon, "") == list(range(1, 31))
    assert ids(daemon, "status=completed") == list(range(1, 31, 2))
    assert ids(daemon, "widget=2") == [n for n in range(1, 31) if n % 3 == 1]
    assert ids(daemon, "status=completed&widget=2") == [n for n in range(1, 31, 2) if n % 3 == 1]
    assert ids(daemon, "phone=%2B48500000007") == [7]
    assert ids(daemon, "phone=%2B48%20500%20000%20007") == [7]
    assert ids(daemon, "since=2026-03-21T00:00:00%2B01:00") == list(range(21, 31))
    assert ids(daemon, "status=cancelled") == []


def test_paging_is_stable_while_calls_come_in(daemon):
    fill(daemon)
    seen = []
    for number, page in enumerate(pages(daemon, "/v1/calls?", "calls", 7)):
        seen += [call["id"] for call in page]
        daemon.deliver(body(call_event("call.new", 1000 + number, created_at=f"2026-0{number + 4}-01 00:00:00")))
        daemon.settle()
        assert number < 20
    old = [number for number in seen if number <= 30]
    assert sorted(old) == list(range(1, 31)), "each call that was there comes once"
    assert len(seen) == len(set(seen))


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=x",
        "widget=x",
        "since=yesterday",
        "since=0000-01-01T00:00:00Z",
        "since=9999-12-31T23:59:20-23:59",
        "cursor=%21",
        "cursor=2026-01-01T00:00:00Z~%ff~1",
        "status=nonsense",
    ],
)
def test_a_bad_parameter_is_refused(daemon, query):
    answer = daemon.api(f"/v1/calls?{query}")
    assert answer.status == 400 and answer.header("Content-Type") == "application/problem+json"


def test_one_call_comes_with_its_timeline_and_messages(daemon):
    sent = [daemon.deliver(documented()[name]) for name in ("call.new", "call.completed", "call.completed", "data.added")]
    daemon.deliver(body(message(link="https://core.callpage.io/calls/3419")))
    daemon.settle()
    shown = daemon.call(3419)
    assert [(step["delivery"], step["event"]) for step in shown["timeline"]] == list(
        zip(sent, ["call.new", "call.completed", "call.completed", "data.added"])
    )
    assert [step["result"] for step in shown["timeline"]] == ["applied", "applied", "duplicate", "applied"]
    assert shown["messages"][0]["text"] == "Some text"
    assert shown["provenance"]["to"]["delivery"] in sent


@pytest.mark.parametrize("path", ["/v1/calls/demo/1", "/v1/calls/nobody/1", "/v1/nothing", "/"])
def test_what_is_not_there_is_answered_404(daemon, path):
    answer = daemon.api(path)
    assert answer.status == 404 and answer.header("Content-Type") == "application/problem+json"


def test_an_id_that_is_none_is_refused(daemon):
    assert daemon.api("/v1/calls/demo/x").status in (400, 404)


def test_the_api_knows_the_method(daemon):
    for path in ("/v1/events", "/v1/calls", "/livez", "/metrics"):
        answer = daemon.api(path, method="POST")
        assert answer.status == 405 and "GET" in answer.header("Allow")


def test_calls_show_prints_what_the_api_answers(daemon):
    import json

    daemon.deliver(documented()["call.completed"])
    daemon.settle()
    code, out, err = daemon.run("calls", "show", "demo/3419", "--json")
    assert code == 0, err
    assert json.loads(out)["call"] == daemon.call(3419)["call"]
    code, out, _ = daemon.run("calls", "show", "demo/3419")
    assert code == 0 and "3419" in out and "completed" in out
    code, out, err = daemon.run("calls", "show", "demo/1")
    assert code == 1 and (out + err).strip()
    assert daemon.run("calls", "show", "nonsense")[0] == 64


def test_messages_are_listed_newest_first_in_pages(daemon):
    for number in range(10):
        daemon.deliver(body(message(message_from_client=f"text {number}")))
        daemon.settle()
    listed = [entry["text"] for page in pages(daemon, "/v1/messages?", "messages", 4) for entry in page]
    assert listed == [f"text {n}" for n in range(9, -1, -1)]


def test_the_same_message_again_is_one_message(daemon):
    for _ in range(3):
        daemon.deliver(documented()["new.message"])
    daemon.settle()
    assert len(daemon.api("/v1/messages").json()["messages"]) == 1


def test_without_a_spool_health_follows_the_database(make_daemon, postgres):
    daemon = make_daemon(NO_SPOOL).start()
    assert daemon.api("/livez").status == daemon.api("/readyz").status == 200
    parts = daemon.api("/readyz?verbose").json()["parts"]
    assert set(parts.values()) == {"ok"}
    postgres.stop()
    wait_until(lambda: daemon.api("/readyz").status == 503, 15, "not ready")
    assert daemon.api("/livez").status == 200
    said = daemon.api("/readyz?verbose").json()["parts"]
    assert set(said) == set(parts) and set(said.values()) != {"ok"}
    assert daemon.api("/v1/calls").status == 503
    postgres.start()
    wait_until(lambda: daemon.api("/readyz").status == 200, 20, "ready again")
    wait_until(lambda: daemon.api("/v1/calls").status == 200, 10, "reading again")


def test_without_a_spool_a_database_that_hangs_makes_it_unready(make_daemon, postgres):
    daemon = make_daemon(NO_SPOOL).start()
    postgres.pause()
    try:
        wait_until(lambda: daemon.api("/readyz").status == 503, 8, "not ready")
        assert daemon.api("/livez").status == 200
        assert daemon.post(documented()["call.new"]).status == 503
    finally:
        postgres.resume()
    wait_until(daemon.is_ready, 10, "ready again")


def test_a_daemon_that_starts_before_its_database_becomes_ready_when_it_comes(make_daemon, postgres):
    daemon = make_daemon(NO_SPOOL)
    postgres.stop()
    daemon.start(ready=False)
    assert daemon.api("/livez").status == 200 and daemon.api("/readyz").status == 503
    assert daemon.post(documented()["call.new"]).status == 503
    postgres.start()
    wait_until(daemon.is_ready, 20, "readiness")
    daemon.deliver(documented()["call.new"])
    daemon.settle()
    assert daemon.call(3419)["call"]["phase"] == "new"


def test_metrics_have_the_documented_names_and_the_right_counts(daemon):
    for payload in documented().values():
        daemon.deliver(payload)
    daemon.deliver(documented()["call.new"])
    daemon.deliver(b"not json")
    daemon.settle()
    answer = daemon.api("/metrics")
    assert answer.status == 200 and answer.header("Content-Type").startswith("text/plain")
    text = answer.body.decode()
    for name in METRICS:
        assert f"# TYPE {name} " in text, name
    assert wait_until(lambda: metric(daemon, "callhook_feed_position") or 0, 10, "a position") >= 6
    wait_until(lambda: metric(daemon, "callhook_quarantined") == 1, 10, "one quarantined")
    wait_until(lambda: metric(daemon, "callhook_deliveries_total") == 8, 10, "eight deliveries")
    assert metric(daemon, "callhook_hook_request_duration_seconds_count") >= 8
    assert metric(daemon, "callhook_pipeline_lag_events") == 0


def test_metrics_carry_nothing_personal(daemon):
    for payload in documented().values():
        daemon.deliver(payload)
    daemon.settle()
    text = daemon.api("/metrics").body.decode()
    for private in ("888888769", "happy@customer.com", "s3cret", '"3419"'):
        assert private not in text
