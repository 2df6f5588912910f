"""The simulated CallPage API: its answers have the documented shapes, its filters filter, and its TLS is checked."""

import http.client
import json
import pathlib
import socket
import ssl
import zoneinfo

import pytest
from callpage_api import KEY, ApiServer, certificates
from callpage_records import record_of
from callpage_simulator import Options, plan
from support.daemon import wait_until
from support.vendor import HISTORY, ApiClient

PAYLOADS = pathlib.Path(__file__).resolve().parents[1] / "payloads" / "callpage"
SINGLE = "/api/v3/external/calls/10000"
PLAN = plan(Options(calls=120, seed=5, cancelled=0.3, failed=0.1))


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    return certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def api(tls):
    with ApiServer(PLAN, tls=tls) as server:
        yield server


@pytest.fixture
def client(api):
    with ApiClient(api) as made:
        yield made


def first(test):
    return next(visitor for visitor in PLAN.visitors.values() if test(visitor))


def documented(name):
    return json.loads((PAYLOADS / f"{name}.json").read_text(encoding="utf-8"))


def same_shape(got, sample, place=""):
    """The keys of both are the same in order; a value has the documented type, or one of them says nothing."""
    if got in (None, []) or sample in (None, []):
        return
    assert isinstance(got, type(sample)), place
    if isinstance(sample, dict):
        assert list(got) == list(sample), place
        for key, value in got.items():
            same_shape(value, sample[key], f"{place}/{key}")
    elif isinstance(sample, list):
        same_shape(got[0], sample[0], f"{place}/0")


# Answers --------------------------------------------------------------------------------------------------------------


def test_the_greeting_is_the_documented_one(client):
    assert client.get("/api/v1/external") == (200, documented("rest_greeting"))


def test_a_single_call_has_the_documented_shape(client):
    completed = first(lambda v: v.feedback and not v.scheduled)
    status, document = client.get(f"/api/v3/external/calls/{completed.id}")
    assert status == 200 and document["data"]["id"] == document["data"]["data"]["id"] == completed.id
    sample = documented("rest_call")
    for key in ("extension", "department", "feedback", "tags", "notes", "call_request_fields"):
        sample["data"]["data"][key] = {"data": []}  # the sample shows them empty
    sample["data"]["data"]["call"]["data"]["rating"] = {"data": []}
    same_shape(document, sample)
    assert document["data"]["data"]["call"]["data"]["id"] != completed.id
    assert client.get(f"/api/v1/external/calls/{completed.id}")[1] == document


def test_the_history_has_the_documented_shape(client):
    _, document = client.get(f"{HISTORY}?limit=2&display_hidden=1")
    sample = documented("rest_history")
    same_shape({**document, "data": []}, {**sample, "data": []})
    assert document["meta"] == {"offset": None, "limit": "2", "count": len(PLAN.visitors)}
    missed = first(lambda v: v.status() == "manager-failed")
    _, document = client.get(f"{HISTORY}?call_id[]={missed.id}")
    for key in ("extension", "tags", "notes", "department", "utm", "referer"):
        same_shape(document["data"][0]["data"][key], sample["data"][1]["data"][key])
    record, documented_one = document["data"][0]["data"], sample["data"][0]["data"]
    assert list(record) == list(documented_one)
    same_shape(record["call"], documented_one["call"])
    assert record["call"]["data"]["call_attempt"]["data"]["manager"] == {"data": []}
    assert record["call_request_fields"] == {"data": []}
    feedback = first(lambda v: v.feedback)
    _, document = client.get(f"{HISTORY}?call_id={feedback.id}")
    same_shape(document["data"][0]["data"]["call_request_fields"], documented_one["call_request_fields"])


def test_a_call_without_a_phone_call_has_an_empty_list_there(client):
    for visitor in (first(lambda v: v.cancelled_at), first(lambda v: v.failed)):
        record = client.get(f"/api/v3/external/calls/{visitor.id}")[1]["data"]["data"]
        assert record["call"] == {"data": []}
        assert record["human_status"] == visitor.status() == PLAN.truths[visitor.id].phase
        assert (record["cancelled_at"] is not None) == (visitor.status() == "cancelled")
        assert PLAN.truths[visitor.id].events == ["call.scheduled" if visitor.scheduled else "call.new"]


@pytest.mark.parametrize(
    "path,sample",
    [("widgets/all", "rest_widgets"), ("users/all", "rest_users"), ("managers/all?widget_id=1", "rest_managers")],
)
def test_lists_have_the_documented_shape_and_pages(client, path, sample):
    status, document = client.get(f"/api/v1/external/{path}")
    assert status == 200 and document["meta"] == {"offset": 0, "limit": 100, "count": len(document["data"])}
    same_shape(document["data"], documented(sample)["data"])
    joint = "&" if "?" in path else "?"
    _, page = client.get(f"/api/v1/external/{path}{joint}offset=1&limit=1")
    assert page["data"] == document["data"][1:2]
    assert page["meta"] == {"offset": "1", "limit": "1", "count": len(document["data"])}


def test_slashes_and_other_alphabets_are_escaped_as_php_does(client):
    body = client.bytes("/api/v1/external/widgets/all")[2]
    assert b"https:\\/\\/" in body and body.isascii()
    assert b"\n    " in client.bytes("/api/v1/external?pretty_output=1")[2]


@pytest.mark.parametrize("key", [None, "", "wrong", f"Bearer {KEY}", f"{KEY}x"])
def test_a_wrong_key_is_refused(api, key):
    with ApiClient(api, key=key) as stranger:
        status, document = stranger.get(SINGLE)
    assert status == 401 and document["hasError"] is True and document["data"] == []


@pytest.mark.parametrize(
    "path,scope",
    [
        (SINGLE, "calls.view"),
        (HISTORY, "calls.view"),
        ("/api/v1/external/widgets/all", "widgets.view"),
        ("/api/v1/external/managers/all?widget_id=1", "managers.view"),
    ],
)
def test_a_key_without_the_scope_is_refused(api, client, path, scope):
    assert client.get(path)[0] == 200
    api.scopes.discard(scope)
    status, document = client.get(path)
    assert status == 403 and document["hasError"] is True
    assert client.get("/api/v1/external/users/all")[0] == client.get("/api/v1/external")[0] == 200


@pytest.mark.parametrize(
    "path,status",
    [
        ("/api/v3/external/calls/1", 404),
        ("/api/v3/external/calls/x", 404),
        ("/api/v1/external/calls/history", 404),
        ("/", 404),
        ("/api/v1/external/managers/all", 422),
        ("/api/v1/external/managers/all?widget_id=x", 422),
        ("/api/v1/external/managers/all?widget_id=99", 404),
        (HISTORY + "?limit=x", 422),
        (HISTORY + "?offset=-1", 422),
        (HISTORY + "?date_from=2026-03-02", 422),
    ],
)
def test_what_cannot_be_answered_is_refused_in_the_envelope(client, path, status):
    got, document = client.get(path)
    assert got == status
    assert document["hasError"] is True and document["errorCode"] and document["message"] and document["data"] == []


# Filters and pages ----------------------------------------------------------------------------------------------------


def seconds(visitor, zone="Europe/Warsaw"):
    return int(visitor.created.replace(tzinfo=zoneinfo.ZoneInfo(zone)).timestamp())


FILTERS = {
    "call_id[]=10003&call_id[]=10005": lambda v: v.id in (10003, 10005),
    "call_id%5B%5D=10003&call_id%5B%5D=10005&call_id[]=1": lambda v: v.id in (10003, 10005),
    "statuses[]=completed&statuses[]=in-progress": lambda v: v.status() == "completed",
    "statuses%5B%5D=cancelled": lambda v: v.cancelled_at,
    "widget_ids[]=2&widget_ids[]=3": lambda v: v.widget in (2, 3),
    "widget_id=2": lambda v: v.widget == 2,
    "user_ids[]=4&user_ids[]=9": lambda v: v.completed and v.manager["id"] in (4, 9),
    "tag_ids[]=105&tag_ids[]=106": lambda v: any(tag["id"] in (105, 106) for tag in record_of(v)["tags"]["data"]),
    "url=https%3A%2F%2Fblog.example": lambda v: v.widget == 3,
    "widget_ids[]=2&statuses[]=completed": lambda v: v.widget == 2 and v.completed,
    "incoming_number_ids[]=66": lambda v: False,
    "statuses[]=no-such": lambda v: False,
}


@pytest.mark.parametrize("query", FILTERS)
def test_filters(client, query):
    ids, meta = client.history(query + "&limit=100")
    matching = {v.id for v in PLAN.visitors.values() if FILTERS[query](v)}
    assert set(ids) == matching and meta["count"] == len(matching) == len(ids)


@pytest.mark.parametrize("name", ["phone_number", "tel"])
def test_the_filter_by_phone_number(client, name):
    visitor = first(lambda v: True)
    assert client.history(f"{name}=%2B{visitor.phone[1:]}")[0] == [visitor.id]
    assert client.history(f"{name}=+{visitor.phone[1:]}")[0] == []  # a plus that is not escaped is a space


def test_hidden_calls_and_those_of_incoming_numbers(api, client):
    with api.lock:
        api.hidden.add(10003)
        api.incoming[10005] = 66
    assert client.history("display_hidden=1&call_id=10003")[0] == client.history("call_id=10003")[0] == [10003]
    assert client.history("display_hidden=0&call_id=10003")[0] == []
    assert client.history("incoming_number_ids[]=66&incoming_number_ids[]=1")[0] == [10005]


def test_both_bounds_of_time_are_seconds_in_the_accounts_zone_and_included(tls, client):
    visitors = sorted(PLAN.visitors.values(), key=lambda v: v.created)[10:21]
    since, until = seconds(visitors[0]), seconds(visitors[-1])
    wanted = [v.id for v in reversed(visitors)]
    assert client.history(f"date_from={since}&date_to={until}")[0] == wanted
    assert client.history(f"date_from={since + 1}&date_to={until - 1}")[0] == wanted[1:-1]
    assert client.history(f"date_from={since * 1000}")[0] == []
    with ApiServer(PLAN, tls=tls, zone="UTC") as other, ApiClient(other) as elsewhere:
        assert elsewhere.history(f"date_from={since + 3600}&date_to={until + 3600}")[0] == wanted


@pytest.mark.parametrize("oldest_first", [False, True])
def test_pages_are_disjoint_and_complete(api, client, oldest_first):
    api.oldest_first = oldest_first
    seen = []
    for offset in range(0, len(PLAN.visitors), 50):
        ids, meta = client.history(f"limit=50&offset={offset}")
        assert meta == {"offset": str(offset), "limit": "50", "count": len(PLAN.visitors)}
        seen.extend(ids)
    assert seen == sorted(PLAN.visitors, reverse=not oldest_first)


def test_a_page_holds_a_hundred_or_what_the_server_allows(api, client):
    assert len(client.history()[0]) == 100
    assert len(client.history("limit=1000")[0]) == 100
    api.page_limit = 7
    ids, meta = client.history("limit=50")
    assert len(ids) == 7 and meta["limit"] == "50"


def test_calls_change_come_and_go_while_it_runs(api, client):
    with api.lock:
        api.calls[10003]["human_status"] = "ringing"
        api.calls[10003]["tags"]["data"] = [{"id": 900, "name": "new"}]
    assert client.history("statuses[]=ringing&tag_ids[]=900")[0] == [10003]
    api.remove(10003)
    assert client.get("/api/v3/external/calls/10003")[0] == 404
    assert api.add(PLAN.visitors[10003]) == record_of(PLAN.visitors[10003])
    assert client.get("/api/v3/external/calls/10003")[0] == 200
    later = plan(Options(calls=1, first_id=500_000)).visitors[500_000]
    api.add(later)
    assert client.history("limit=1")[1]["count"] == len(PLAN.visitors) + 1


# TLS ------------------------------------------------------------------------------------------------------------------


def test_only_its_own_authority_and_names_are_believed(api, tmp_path):
    with ApiClient(api, host="localhost") as named:
        assert named.get("/api/v1/external")[0] == 200
    other = certificates(tmp_path / "other")
    for cafile, host in ((other.ca, "127.0.0.1"), (None, "127.0.0.1"), (api.tls.ca, "callpage.example")):
        context = ssl.create_default_context(cafile=cafile)
        with socket.create_connection(("127.0.0.1", api.port), 5) as plain, pytest.raises(ssl.SSLCertVerificationError):
            context.wrap_socket(plain, server_hostname=host)
    wait_until(lambda: api.failed_handshakes == 3, 2)


def test_certificates_are_private_and_can_be_kept(tmp_path):
    made = certificates(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ca.pem", "server.key", "server.pem"]
    assert made.key.stat().st_mode & 0o077 == 0
    before = made.ca.read_bytes()
    assert certificates(tmp_path, keep=True) == made and made.ca.read_bytes() == before
    assert certificates(tmp_path) == made and made.ca.read_bytes() != before


def test_a_connection_is_kept_and_the_port_survives_a_restart(api):
    with ApiClient(api) as client:
        for _ in range(5):
            assert client.get("/api/v1/external")[0] == 200
        assert api.handshakes == 1
        port = api.port
        api.stop()
        with pytest.raises((ConnectionError, http.client.HTTPException, ssl.SSLError)):
            client.get("/api/v1/external")
    with ApiClient(api) as client, pytest.raises(ConnectionRefusedError):
        client.get("/api/v1/external")
    api.start()
    assert api.port == port
    with ApiClient(api) as client:
        assert client.get("/api/v1/external")[0] == 200
