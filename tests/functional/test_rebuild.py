"""Rebuild: what is derived can be derived anew, and comes out the same."""

import pytest
from callpage_simulator import Options, plan
from support.feed import assert_contiguous, read_feed
from support.payloads import documented

DERIVED = {
    "calls": "SELECT * FROM callhook.calls ORDER BY source, id",
    "messages": "SELECT * FROM callhook.messages ORDER BY id",
    "events": "SELECT * FROM callhook.events ORDER BY position",
}


def dump(database):
    return {table: [tuple(map(bytes_of, row)) for row in database.rows(query)] for table, query in DERIVED.items()}


def bytes_of(value):
    return bytes(value) if isinstance(value, memoryview) else value


def assert_same(before, after):
    for table in DERIVED:
        assert len(before[table]) == len(after[table]), table
        for old, new in zip(before[table], after[table]):
            assert old == new, table


def rebuild(daemon):
    code, out, err = daemon.run("rebuild", timeout=300)
    assert code == 0, out + err


def test_rebuild_of_a_few_deliveries_changes_nothing(daemon, database):
    for payload in [*documented().values(), b"not json", documented()["call.new"]]:
        daemon.deliver(payload)
    daemon.settle()
    before = dump(database)
    assert daemon.stop() == 0
    rebuild(daemon)
    assert_same(before, dump(database))
    assert daemon.audit()[0] == 0


def test_rebuild_restores_what_was_damaged(daemon, database):
    for payload in documented().values():
        daemon.deliver(payload)
    daemon.settle()
    before = dump(database)
    assert daemon.stop() == 0
    database.execute("DELETE FROM callhook.messages")
    database.execute("UPDATE callhook.calls SET record = '{}', facts = '[]', phase = 'new'")
    rebuild(daemon)
    after = dump(database)
    assert_same({**before, "events": []}, {**after, "events": []})


@pytest.mark.parametrize("calls", [10_000])
def test_rebuild_after_ten_thousand_calls_leaves_everything_identical(make_daemon, database, calls):
    daemon = make_daemon({"log": {"level": "info"}}).start()
    stream = plan(Options(calls=calls, seed=20260302, late=0.2, twice=0.15, never=0.05, shuffle=0.3))
    taken = daemon.deliver_all((d.body for d in stream.deliveries), connections=16, window=32)
    assert len(taken) == len(stream.deliveries) > 2 * calls
    daemon.settle(60)
    for call_id, truth in list(stream.truths.items())[:: calls // 50]:
        if set(truth.sent) == set(truth.events):
            call = daemon.call(call_id)["call"]
            assert (call["phase"], call["has_feedback"], call["to"]) == (truth.phase, truth.has_feedback, truth.to)
    before = dump(database)
    assert [row[0] for row in before["events"]] == list(range(1, len(before["events"]) + 1))
    assert daemon.stop() == 0
    rebuild(daemon)
    assert_same(before, dump(database))
    assert daemon.audit()[0] == 0
    daemon.start()
    assert_contiguous(read_feed(daemon)[:1000])
