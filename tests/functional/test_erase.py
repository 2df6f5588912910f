"""Erase: a person is gone from everything, nobody else is, and positions stay valid."""

import datetime
import json
import subprocess
import urllib.parse
import zoneinfo

import pytest
from callpage_simulator import Options, plan
from support.backfill import FAST, QUICK, hours_ago, joined, quiet, settle_all
from support.daemon import PATIENCE, wait_until
from support.erasure import ANNA, BOB, erased_ids, pattern, places, traces
from support.event_stream import EventStream
from support.feed import position, read_feed
from support.payloads import FIELDS, MANAGER, call_event, message
from support.schemas import event_schema, faults
from support.subscriptions import OUTBOUND, subscribe, subscription, wait_level

EMPTY = "SELECT count(*) FROM callhook.deliveries WHERE octet_length(body) = 0"


def local_time(**ahead):
    """A moment from now as the vendor writes it."""
    now = datetime.datetime.now(zoneinfo.ZoneInfo("Europe/Warsaw"))
    return (now + datetime.timedelta(**ahead)).strftime("%Y-%m-%d %H:%M:%S")


def form(person):
    fields = json.loads(json.dumps(FIELDS))
    fields[0]["field_value"], fields[1]["field_value"] = person["email"], person["name"]
    return fields


def life(person, number, spelled=None, **changes):
    """All five events of a call of a person."""
    changes = {"created_at": local_time(hours=-1), **changes}
    out = [call_event(e, number, to=spelled or person["number"], **changes) for e in ("call.scheduled", "call.new", "call.completed")]
    out.append(call_event("data.added", number, to=spelled or person["number"], email=person["email"], fields=form(person), **changes))
    return out


def left(person, **changes):
    return message(
        **{
            "email": person["email"],
            "number": person["number"],
            "message_from_client": f"This is {person['name']}, call me",
            "link": None,
            **changes,
        }
    )


def erase(daemon, *words, stdin=None, code=0):
    """Runs the command; its JSON."""
    daemon.write_config()
    done = subprocess.run(
        [daemon.binary, "erase", *words, "--json", "--config", str(daemon.config)],
        capture_output=True, text=True, timeout=120 * PATIENCE, input=stdin or "", env=daemon._environment(), check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout) if code == 0 else done.stderr


def results(database):
    return dict(database.rows("SELECT result, count(*) FROM callhook.outcomes GROUP BY result"))


def records(database):
    return {
        "calls": {row[:2]: row for row in database.rows("SELECT source, id, phase, phone, record, provenance, facts FROM callhook.calls")},
        "messages": {row[0]: row for row in database.rows("SELECT id, phone, call_id, fact, record FROM callhook.messages")},
        "events": {row[0]: row for row in database.rows("SELECT position, recorded_at, type, subject, event FROM callhook.events")},
    }


def assert_sound(daemon):
    code, report = daemon.audit()
    assert code == 0, report


SPELLINGS = ["+48600100200", "600 100 200", "600-100-200", "0048 600 100 200", "48600100200", "(600) 100.200"]
UNREADABLE = [
    b'{"event": "call.new", "id": 4711, "to": "+48 600-100-200", "note": ',
    b"phone=%2B48600100200&name=Anna+Kowalczyk",
    b'{"event":"no.such","to":"\\u002b48600100200"}',
    b"Anna Kowalczyk <Anna.Kowalczyk@Poczta.EXAMPLE> 600100200",
    b"<lead><tel>&#43;48 600 100 200</tel></lead>",
]


@pytest.fixture
def told(make_daemon):
    """A daemon that has been told of many people."""

    def make(settings=None, calls=60):
        daemon = make_daemon(settings).start()
        made = plan(Options(calls=calls, seed=11, twice=0.2, shuffle=0.2, message_share=0.2))
        daemon.deliver_all(d.body for d in made.deliveries)
        for number, spelled in enumerate(SPELLINGS, 900_001):
            for body in life(ANNA, number, spelled):
                daemon.deliver(body)
        for body in [*life(BOB, 800_001), left(ANNA), left(ANNA), left(BOB)]:
            daemon.deliver(body)
        # A call of hers that gives her number in the form alone.
        fields = form(ANNA)
        fields[1]["field_value"] = "600 100 200"
        form_only = {"to": "+48222333444", "email": "other@x.example", "fields": fields, "created_at": local_time(hours=-1)}
        daemon.deliver(call_event("data.added", 900_020, **form_only))
        for body in UNREADABLE:
            daemon.deliver(body)
        daemon.deliver(b"not JSON, and about nobody")
        daemon.settle()
        return daemon

    return make


def test_a_person_is_gone_and_nobody_else(told, database):
    daemon = told()
    assert {"calls", "messages", "events_default", "deliveries_default"} & places(traces(database, ANNA)) >= {"calls", "messages"}
    before = records(database)
    counted = results(database)
    code, _, err = daemon.run("audit")
    assert code == 0, err

    said = erase(daemon, "--phone", "600 100-200")
    counts = said["counts"]
    calls = len(SPELLINGS) + 1
    assert counts["calls"] == calls and counts["messages"] == 1
    assert counts["quarantined"] == len(UNREADABLE)
    assert counts["deliveries"] == 4 * len(SPELLINGS) + 1 + 2 + len(UNREADABLE)
    assert counts["events"] > 3 * calls and not said["not_vacuumed"] and not said["dry_run"]
    assert traces(database, ANNA) == []
    assert_sound(daemon)

    after = records(database)
    assert results(database)["erased"] == counts["deliveries"] == database.value(EMPTY)
    assert sum(results(database).values()) == sum(counted.values())
    gone = set(before["calls"]) - set(after["calls"])
    assert {call for _, call in gone} == {*range(900_001, 900_001 + len(SPELLINGS)), 900_020}
    for table in ("calls", "messages"):
        assert all(before[table][key] == row for key, row in after[table].items()), table
    for at, row in before["events"].items():
        subject = row[3]
        is_hers = subject.startswith("calls/9000") or (subject.startswith("messages/") and ANNA["name"] in row[4])
        assert after["events"][at] == (row if not is_hers else (at, row[1], "erased", subject, "")), subject
    assert not pattern(ANNA).search(daemon.log_text())

    # Others by address, in capitals; one act does not undo another.
    said = erase(daemon, "--email", "  bob.nowicki@MAIL.example ")
    assert said["counts"]["calls"] == 1 and said["counts"]["messages"] == 1
    assert traces(database, BOB) == [] == traces(database, ANNA)
    assert_sound(daemon)

    # What is derived again is what is there.
    whole = records(database)
    assert daemon.stop() == 0
    code, out, err = daemon.run("rebuild", "--json", timeout=300)
    assert code == 0 and json.loads(out)["calls_changed"] == 0 == json.loads(out)["messages_changed"], out + err
    assert records(database) == whole


def test_readers_skip_what_was_erased_and_every_place_works(told, database):
    daemon = told(calls=20)
    everything = read_feed(daemon)
    erase(daemon, "--phone", ANNA["number"])
    head = database.value("SELECT position FROM callhook.feed_head")
    gone = erased_ids(database)
    assert len(gone) > 20 and head == len(everything) + 1
    expected = [e for e in everything if e["id"] not in gone]

    def pages(daemon, limit):
        events, after = [], "0"
        while True:
            answer = daemon.api(f"/v1/events?lastEventId={urllib.parse.quote(after)}&limit={limit}")
            assert answer.status == 200 and len(answer.json()) <= limit, answer
            events.extend(answer.json())
            moved = answer.header("Last-Event-ID")
            if moved == after:
                return events
            after = moved

    def lines():
        answer = daemon.api("/v1/events?lastEventId=0&limit=1000", {"Accept": "application/x-ndjson"})
        return [json.loads(line) for line in answer.body.decode().splitlines()]

    def stream():
        with EventStream(daemon.api_port, lastEventId="0") as reading:
            return reading.read(len(expected) + 1)

    for read in (lambda: read_feed(daemon), lambda: pages(daemon, 1), lambda: pages(daemon, 7), lines, stream):
        events = read()
        assert [e for e in events if e["type"] != "subject.erased"] == expected
        assert not pattern(ANNA).search(json.dumps(events, ensure_ascii=False))
    # Each place is one to read on from, and the answer says how far it read.
    for at in gone:
        answer = daemon.api(f"/v1/events?lastEventId={at}&limit=1")
        assert answer.status == 200
        following = [e for e in [*expected, events[-1]] if position(e["id"]) > position(at)]
        assert [e["id"] for e in answer.json()] == [following[0]["id"]]
    nothing = daemon.api("/v1/events?lastEventId=0&subject=calls/900001")
    assert nothing.json() == [] and position(nothing.header("Last-Event-ID")) == head
    assert daemon.api("/v1/events?lastEventId=0&type=erased").json() == []
    assert daemon.api("/v1/calls/demo/900001").status == 404

    # What tells of it.
    (notice,) = [e for e in events if e["type"] == "subject.erased"]
    assert faults(event_schema(daemon), notice) == []
    assert notice["source"] == "/callhook/demo" and notice["data"]["kind"] == "phone"
    assert {s for s in notice["data"]["subjects"] if s.startswith("calls/")} == {
        *(f"calls/{n}" for n in range(900_001, 900_001 + len(SPELLINGS))), "calls/900020"
    }
    assert len(notice["data"]["subjects"]) == len(SPELLINGS) + 2


def test_what_is_said_without_being_done_and_done_twice(told, database):
    daemon = told(calls=10)
    before = records(database)
    would = erase(daemon, "--phone", "600100200", "--dry-run")
    assert would["dry_run"] and "id" not in would
    assert records(database) == before and results(database).get("erased") is None
    assert database.value("SELECT count(*) FROM callhook.erasures") == 0
    # A command line can be seen by others; stdin cannot.
    did = erase(daemon, "--phone", "-", stdin="600 100 200\n")
    assert did["counts"] == would["counts"] and did["counts"]["calls"] > 0
    again = erase(daemon, "--phone", "+48600100200")
    assert set(again["counts"].values()) == {0} and again["identifier_hash"] == did["identifier_hash"]
    nobody = erase(daemon, "--email", "-", stdin="nobody@nowhere.example")
    assert set(nobody["counts"].values()) == {0} and nobody["identifier_hash"] != did["identifier_hash"]

    code, out, _ = daemon.run("erasures", "list", "--json")
    listed = json.loads(out)["erasures"]
    assert code == 0 and [one["id"] for one in listed] == [nobody["id"], again["id"], did["id"]]
    assert listed[2] == {key: did[key] for key in listed[2]}
    code, out, _ = daemon.run("erasures", "list")
    assert code == 0 and did["id"] in out and did["identifier_hash"] in out
    told = [e for e in read_feed(daemon) if e["type"] == "subject.erased"]
    assert [e["data"]["id"] for e in told] == [did["id"], again["id"], nobody["id"]]
    assert [e["source"] for e in told] == ["/callhook/demo", "/callhook", "/callhook"]
    assert all(faults(event_schema(daemon), e) == [] for e in told)
    assert_sound(daemon)
    code, out, err = daemon.run("erase", "--email", "nobody@nowhere.example")
    assert code == 0 and "receipt" in out and "nowhere" not in out + err

    for words in (["--phone", "anna"], ["--email", "anna"], ["--phone", "600100200", "--region", "XX"]):
        said = erase(daemon, *words, code=64)
        assert "anna" not in said and "600" not in said, said
    for words in ([], ["--phone", "1", "--email", "a@b.example"]):
        code, out, err = daemon.run("erase", *words)
        assert code == 64 and not out, err


def test_what_comes_late_does_not_bring_a_person_back(told, database):
    daemon = told(calls=5)
    database.execute("INSERT INTO callhook.jobs (source, kind, call_id, reason, due_at) VALUES ('demo', 'call', 900001, 'outcome', now() + interval '1 h')")
    assert erase(daemon, "--phone", ANNA["number"])["counts"]["jobs"] == 1
    erased = results(database)["erased"]
    # Of her erased calls anything, whatever it says of her; and calls of before that were not known.
    late = [
        call_event("call.missed", 900_001, to=None, created_at=local_time(hours=-1)),
        *life(ANNA, 900_002),
        call_event("call.new", 900_100, to="600 100 200", created_at=local_time(hours=-2)),
        call_event("data.added", 900_100, to=None, email=None, created_at=None, fields=form(ANNA)),
        left({**ANNA, "number": None, "email": "a@b.example"}, link="https://core.callpage.io/calls/900003"),
    ]
    ids = [daemon.deliver(body) for body in late]
    daemon.settle()
    assert results(database)["erased"] == erased + len(late)
    assert traces(database, ANNA) == []
    assert database.value("SELECT count(*) FROM callhook.calls WHERE id >= 900000") == 0
    assert database.value("SELECT count(*) FROM callhook.outcomes WHERE delivery_id = ANY (%s::uuid[]) AND result = 'erased'", ids) == len(late)
    assert_sound(daemon)

    # What she does from now on is a new matter.
    daemon.deliver(call_event("call.new", 900_200, to="600 100 200", created_at=local_time(hours=1)))
    daemon.deliver(left(ANNA))
    daemon.settle()
    assert daemon.call(900_200)["call"]["to"] == ANNA["number"]
    assert places(traces(database, ANNA)) >= {"calls", "messages"}
    # Until she wants that gone, too.
    counts = erase(daemon, "--phone", ANNA["number"])["counts"]
    assert (counts["calls"], counts["messages"]) == (1, 1) and traces(database, ANNA) == []
    assert_sound(daemon)


def test_what_was_under_way_on_another_machine_takes_its_call_with_it(daemon, database):
    """A delivery of before the erasure that comes after it, about a call that did not name the person so far."""
    daemon.deliver(call_event("call.missed", 900_300, to=None, created_at=None))
    daemon.settle()
    erase(daemon, "--phone", ANNA["number"])
    assert daemon.call(900_300)["call"]["id"] == 900_300
    daemon.deliver(call_event("call.new", 900_300, to="600100200", created_at=local_time(hours=-1)))
    daemon.settle()
    assert daemon.api("/v1/calls/demo/900300").status == 404
    assert results(database) == {"erased": 2} and traces(database, ANNA) == []
    notice = read_feed(daemon)[-1]
    assert notice["type"] == "subject.erased" and notice["data"]["subjects"] == ["calls/900300"]
    assert faults(event_schema(daemon), notice) == []
    assert_sound(daemon)


def test_later_requests_go_too_where_the_policy_says_so(make_daemon, database):
    daemon = make_daemon({"erasure": {"later": "erase"}}).start()
    erase(daemon, "--email", ANNA["email"])
    daemon.deliver(call_event("call.new", 900_001, created_at=local_time(hours=1)))
    daemon.settle()
    daemon.deliver(call_event("data.added", 900_001, email=ANNA["email"], fields=form(ANNA), created_at=local_time(hours=1)))
    for body in life(ANNA, 900_002, created_at=local_time(hours=1)):
        daemon.deliver(body)
    daemon.deliver(left(ANNA))
    daemon.deliver(left(BOB))
    daemon.deliver(UNREADABLE[3])
    daemon.settle()
    # A call of hers that began without her address.
    assert traces(database, ANNA) == []
    assert database.value("SELECT count(*) FROM callhook.messages") == 1
    assert_sound(daemon)


def test_what_waits_is_found_too(make_daemon, database):
    """With nobody to sequence it, what was received waits."""
    daemon = make_daemon({"pipeline": {"enabled": False}}).start()
    for body in [*life(ANNA, 900_001), left(ANNA), UNREADABLE[0], *life(BOB, 800_001)]:
        daemon.deliver(body)
    assert database.value("SELECT sum(deliveries) FROM callhook.pending") == 10
    said = erase(daemon, "--phone", ANNA["number"])
    assert said["counts"]["deliveries"] == 6 and said["counts"]["calls"] == 1
    assert traces(database, ANNA) == [] and traces(database, BOB) != []
    assert database.value("SELECT count(*) FROM callhook.calls") == 1
    assert_sound(daemon)


def test_who_took_the_calls_is_not_who_asked_for_them(daemon, database):
    for number in range(3):
        for body in life(BOB, 800_000 + number):
            daemon.deliver(body)
    daemon.settle()
    assert MANAGER["tel"] == "+48570934649"
    assert set(erase(daemon, "--phone", MANAGER["tel"])["counts"].values()) == {0}
    assert set(erase(daemon, "--email", MANAGER["email"])["counts"].values()) == {0}
    # Unless they asked for one themselves.
    daemon.deliver(call_event("call.new", 800_010, to="570 934 649", created_at=local_time(hours=1)))
    daemon.settle()
    assert erase(daemon, "--phone", MANAGER["tel"])["counts"]["calls"] == 1
    assert database.value("SELECT count(*) FROM callhook.calls") == 3
    assert_sound(daemon)


def test_a_record_whose_deliveries_are_gone_is_found_by_its_facts(daemon, database):
    for body in [*life(ANNA, 900_001), left(ANNA), *life(BOB, 800_001)]:
        daemon.deliver(body)
    daemon.settle()
    database.execute("DELETE FROM callhook.deliveries")
    database.execute("DELETE FROM callhook.outcomes")
    counts = erase(daemon, "--phone", ANNA["number"])["counts"]
    assert (counts["deliveries"], counts["calls"], counts["messages"]) == (0, 1, 1)
    assert traces(database, ANNA) == [] and "calls" in places(traces(database, BOB))


def test_running_daemons_forget(make_daemon, database):
    first, second = make_daemon(name="first").start(), make_daemon(name="second").start()
    for body in [*life(ANNA, 900_001), left(ANNA), *life(BOB, 800_001)]:
        first.deliver(body)
    first.settle()
    for daemon in (first, second):
        wait_until(lambda: len(read_feed(daemon)) > 8, 20, "the events")
        # Through the pages of the cache and from the tail, with filters and without.
        assert read_feed(daemon, subject="calls/900001")
        assert pattern(ANNA).search(json.dumps(read_feed(daemon), ensure_ascii=False))
    erase(first, "--phone", ANNA["number"])
    for daemon in (first, second):
        wait_until(lambda: not read_feed(daemon, subject="calls/900001"), 20, "forgetting")
        wait_until(lambda: not pattern(ANNA).search(json.dumps(read_feed(daemon), ensure_ascii=False)), 20, "forgetting all")
        assert read_feed(daemon, subject="calls/800001")
        assert read_feed(daemon)[-1]["type"] == "subject.erased"
        assert not pattern(ANNA).search(daemon.log_text())


def test_what_waits_for_a_receiver_is_not_sent_any_more(make_daemon, database, receiver):
    daemon = make_daemon({"outbound": OUTBOUND}).start()
    refusing = [True]
    # An answer may repeat what it was asked.
    crm = receiver(lambda request: (500, {}, b"no room for " + request.body) if refusing[0] else 200)
    subscribe(daemon, "crm", crm.url("/in"), schedule_ms=[200] * 100)
    for body in [*life(ANNA, 900_001), left(ANNA), *life(BOB, 800_001)]:
        daemon.deliver(body)
    daemon.settle()
    # So many failures that only one request at a time goes out.
    wait_until(lambda: len({r.json()["subject"] for r in crm.requests}) == 3 and len(crm.requests) >= 8, 60, "attempts")
    wait_until(lambda: "outbound_attempts" in places(traces(database, ANNA)), 30, "the answer")
    erase(daemon, "--phone", ANNA["number"])
    wait_until(lambda: read_feed(daemon)[-1]["type"] == "subject.erased", 20, "the event")
    wait_until(lambda: not pattern(ANNA).search(json.dumps(read_feed(daemon))), 20, "forgetting")
    heard = len(crm.requests)
    refusing[0] = False
    wait_level(daemon, "crm", 120)
    # One may have been on its way.
    later = crm.requests[heard + 1 :]
    assert {r.json()["type"] for r in later} >= {"call.completed", "data.added", "subject.erased"}
    assert not any(pattern(ANNA).search(r.body.decode()) for r in later)
    assert traces(database, ANNA) == []
    assert subscription(daemon, "crm")["dead"] == 0
    assert database.value("SELECT count(*) FROM callhook.outbound_messages") == 0


def test_backfill_does_not_ask_again(make_daemon, vendor, database):
    made = plan(Options(calls=40, seed=5, never=0.3, start=hours_ago(20)))
    away = vendor(made.visitors.values())
    daemon = make_daemon(joined(QUICK, {"backfill": {"first_sweep": "48h"}}, away.settings(**FAST))).start()
    daemon.deliver_all(d.body for d in made.deliveries)
    daemon.settle()
    settle_all(daemon)
    number, phone = database.rows("SELECT id, phone FROM callhook.calls WHERE phone IS NOT NULL ORDER BY id LIMIT 1")[0]
    counts = erase(daemon, "--phone", phone)["counts"]
    assert counts["calls"] >= 1
    for _ in range(2):
        code, out, err = daemon.run("backfill", "--source", "demo", "--json", timeout=300)
        assert code == 0, err
        assert json.loads(out)["appended"] == 0 == json.loads(out)["gap_calls"], out
    wait_until(lambda: quiet(daemon), 60, "nothing left to ask")
    assert database.value("SELECT count(*) FROM callhook.calls WHERE id = %s OR phone = %s", number, phone) == 0
    assert traces(database, {"number": phone, "email": "-@-.-", "name": "- nobody-at-all-"}) == []
    assert_sound(daemon)


def test_what_waits_in_the_spool_is_emptied_there(make_daemon, database, postgres):
    daemon = make_daemon({"spool": {"directory": "spool", "after": "500ms", "keep_free": "1MiB"}}).start()
    daemon.deliver(life(BOB, 800_001)[0])
    daemon.settle()
    postgres.kill()
    for body in [*life(ANNA, 900_001), UNREADABLE[1], *life(BOB, 800_002)]:
        daemon.deliver(body)
    assert daemon.stop() == 0

    def files():
        return b"".join(path.read_bytes() for path in (daemon.directory / "spool").iterdir() if path.is_file())

    assert ANNA["email"].encode() in files()
    postgres.start()
    said = erase(daemon, "--phone", ANNA["number"])
    assert said["spooled"] == 5 and said["counts"]["deliveries"] == 0
    left_over = files()
    assert ANNA["email"].encode() not in left_over and ANNA["number"].encode() not in left_over
    assert BOB["email"].encode() in left_over
    daemon.start()
    wait_until(lambda: database.value("SELECT count(*) FROM callhook.deliveries") == 10, 60, "the spool's deliveries")
    daemon.settle()
    assert traces(database, ANNA) == []
    assert database.value("SELECT count(*) FROM callhook.calls") == 2 and database.value(EMPTY) == 5
    assert_sound(daemon)
