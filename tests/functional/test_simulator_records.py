"""The simulated calls as the API's records, what is expected of callhook from them, and the API as tests and the program serve it."""

import datetime
import http.client
import json
import pathlib
import ssl
import subprocess
import sys
import urllib.parse

import pytest
from callpage_api import KEY
from callpage_records import record_of
from callpage_simulator import Options, plan
from support.daemon import wait_until
from support.expected import FIELDS, expected_record
from support.vendor import HISTORY, ApiClient, Vendor

PROGRAM = pathlib.Path(__file__).resolve().parents[1] / "simulator" / "callpage_simulator.py"
PLAN = plan(Options(calls=120, seed=5, cancelled=0.3, failed=0.1))


def first(test):
    return next(visitor for visitor in PLAN.visitors.values() if test(visitor))


def test_shares_of_unheard_ends_leave_the_other_calls_as_they_were():
    plain, ended = plan(Options(calls=200, seed=4, shuffle=0)), plan(Options(calls=200, seed=4, shuffle=0, cancelled=1, failed=0.5))
    assert all(v.cancelled_at for v in ended.visitors.values() if v.scheduled)
    assert {v.status() for v in ended.visitors.values() if not v.scheduled} >= {"failed", "completed"}
    assert not any(v.cancelled_at or v.failed for v in plain.visitors.values())
    assert all(v.created < v.cancelled_at < v.slot for v in ended.visitors.values() if v.cancelled_at)


def test_a_stream_starts_when_told():
    noon = datetime.datetime(2026, 7, 1, 10, 0, tzinfo=datetime.timezone.utc)
    for start in ("2026-07-01 12:00:00", datetime.datetime(2026, 7, 1, 12), noon):
        assert plan(Options(calls=1, start=start)).visitors[10_000].created == datetime.datetime(2026, 7, 1, 12)
    created = [v.created for v in plan(Options(calls=9, rate=2, start=noon, real_time=True)).visitors.values()]
    assert (created[-1] - created[0]).total_seconds() == 4


def test_records_of_the_same_visitor_are_the_same():
    assert [record_of(v) for v in PLAN.visitors.values()] == [record_of(v) for v in PLAN.visitors.values()]
    text = json.dumps([record_of(v) for v in PLAN.visitors.values()])
    for wanted in ('"medium": null, "source": null', '"utm_source": "source', '"rating": {"data": {"', '"department": {"data": {"'):
        assert wanted in text


def test_what_is_expected_of_a_call_follows_from_what_came():
    visitor = first(lambda v: v.feedback and not v.scheduled)
    record = record_of(visitor)
    whole = expected_record(visitor, ["call.new", "call.completed", "data.added"])
    assert whole["events"] == ["call.new", "call.completed", "data.added"] and whole["has_feedback"] is True
    assert whole["billing_time"] == int(visitor.call["billing_time"]) == record["call"]["data"]["billing_time"]
    assert whole["manager_id"] == visitor.manager["id"] != whole["widget_manager_id"]
    assert whole["fields"][0] == {"id": 3, "label": "E-mail", "slug": "email", "value": visitor.email}
    assert whole["created_at"] == whole["created_at_raw"].replace(" ", "T") + "+01:00"
    assert whole["phone_call_id"] != whole["id"] and whole["request"]["id"] == record["request"]["data"]["id"]
    names = {name for name, _, _, _ in FIELDS}
    assert {key.removesuffix("_raw") for key in whole} - names == {"source", "id", "phase", "has_feedback", "events"}

    unheard = expected_record(visitor, [])
    assert (unheard["phase"], unheard["status"], unheard["events"], unheard["has_feedback"]) == ("completed", "completed", [], False)
    assert unheard["manager_id"] == record["call"]["data"]["call_attempt"]["data"]["manager"]["data"]["user"]["data"]["id"]
    assert "email" not in unheard and "started_at" not in unheard and unheard["fields"] == whole["fields"]

    ordered = expected_record(visitor, ["call.new"], asked=False)
    assert (ordered["phase"], ordered["status"]) == ("new", "new") and "widget_name" not in ordered and "request" not in ordered
    assert expected_record(visitor, [], asked=False) is None
    listed = expected_record(visitor, ["call.new"], asked="history")
    assert "phone_call_sid" not in listed and "transcribed" not in listed and listed["phone_call_id"]
    changed = {**record, "tags": {"data": [{"id": 1, "name": "x"}]}}
    assert expected_record(visitor, ["call.new"], record=changed)["tags"] == [{"id": 1, "name": "x"}]


@pytest.mark.parametrize("ended", ["cancelled", "failed"])
def test_an_end_that_no_webhook_tells_is_expected_from_the_api_only(ended):
    visitor = first(lambda v: v.status() == ended and (v.cancelled_at or v.failed))
    events = PLAN.truths[visitor.id].events
    assert expected_record(visitor, events)["status"] == expected_record(visitor, events)["phase"] == ended
    assert expected_record(visitor, events, asked=False)["phase"] in ("scheduled", "new")
    assert ("cancelled_at" in expected_record(visitor, events)) == (ended == "cancelled")


def test_a_vendor_tells_a_daemon_how_to_find_it(tmp_path):
    with Vendor(tmp_path / "vendor", PLAN, page_limit=5) as vendor, ApiClient(vendor.api) as client:
        assert len(client.history()[0]) == 5
        keys = vendor.settings(time_zone="UTC")["sources.demo"]
        assert keys["api_url"] == f"https://127.0.0.1:{vendor.api.port}" and keys["time_zone"] == "UTC"
        key_file = pathlib.Path(keys["api_key_file"])
        assert key_file.read_text(encoding="utf-8").strip() == KEY and key_file.stat().st_mode & 0o077 == 0
        assert vendor.text().splitlines()[:2] == ["[sources.demo]", f'api_url = "{vendor.api.url}"']
        assert vendor.environment()["CALLHOOK_SOURCES_DEMO_API_CA_FILE"] == str(vendor.tls.ca)


def test_the_program_serves_the_api_until_it_is_stopped(tmp_path):
    command = [sys.executable, PROGRAM, "--api-dir", tmp_path, "--calls", "5", "--flat-out"]
    subprocess.run([*command, "--api-files"], check=True, timeout=20)
    authority = (tmp_path / "ca.pem").read_bytes()
    with subprocess.Popen([*command, "--api-port", "0"], stdout=subprocess.PIPE, text=True) as program:
        try:
            url = next(word for word in program.stdout.readline().split() if word.startswith("https:")).rstrip(",")
            assert (tmp_path / "ca.pem").read_bytes() == authority
            key = (tmp_path / "api.key").read_text(encoding="ascii").strip()
            context = ssl.create_default_context(cafile=tmp_path / "ca.pem")
            connection = http.client.HTTPSConnection("127.0.0.1", urllib.parse.urlsplit(url).port, timeout=5, context=context)

            def count():
                connection.request("GET", HISTORY, headers={"Authorization": key})
                return json.loads(connection.getresponse().read())["meta"]["count"]

            wait_until(lambda: count() == 5, 5)
            connection.close()
        finally:
            program.terminate()


@pytest.mark.parametrize("arguments", [["--api-port", "0"], ["--api-port", "70000", "--api-dir", "."], ["--api-files"]])
def test_the_program_refuses_half_of_what_it_needs(arguments):
    done = subprocess.run([sys.executable, PROGRAM, *arguments], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2 and "--api-" in done.stderr
