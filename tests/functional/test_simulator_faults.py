"""The simulated CallPage API: its faults strike when told, and its log tells how it was asked."""

import http.client
import json
import ssl
import threading
import time

import pytest
from callpage_api import ApiServer, Fault, certificates
from callpage_faults import KINDS
from callpage_records import record_of
from callpage_simulator import Options, plan
from support.daemon import wait_until
from support.vendor import HISTORY, ApiClient

SINGLE = "/api/v3/external/calls/10000"
PLAN = plan(Options(calls=120, seed=5, cancelled=0.3, failed=0.1))
UNREADABLE = (ConnectionError, http.client.HTTPException, ssl.SSLError, TimeoutError)


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


@pytest.mark.parametrize("status", [401, 403, 404, 422, 429, 500, 503])
def test_fault_status(api, client, status):
    api.fault = Fault("status", status=status, retry_after=7)
    got, headers, body = client.bytes(SINGLE)
    assert (got, headers["Retry-After"]) == (status, "7")
    assert json.loads(body)["hasError"] is True and json.loads(body)["message"]
    api.fault = Fault("status", status=status)
    assert "Retry-After" not in client.bytes(SINGLE)[1]
    api.fault = None
    assert client.get(SINGLE)[0] == 200


def test_fault_slow(api, client):
    api.fault = Fault("slow", seconds=0.2)
    begun = time.monotonic()
    assert client.get(SINGLE)[0] == 200
    assert time.monotonic() - begun >= 0.2


def test_fault_has_error_200(api, client):
    api.fault = Fault("has_error_200")
    status, document = client.get(HISTORY)
    assert status == 200 and document["hasError"] is True and document["message"] and document["data"] == []


def test_fault_truncated(api, client):
    api.fault = Fault("truncated")
    with pytest.raises(http.client.IncompleteRead):
        client.get(HISTORY)


def test_fault_hang_ends_with_the_client_or_the_server(api):
    api.fault = Fault("hang", first=2)
    with ApiClient(api) as impatient, pytest.raises(TimeoutError):
        impatient.connection.connect()
        impatient.connection.sock.settimeout(0.2)
        impatient.get(SINGLE)
    failures = []

    def wait_for_an_answer():
        with ApiClient(api, timeout=10) as patient:
            try:
                patient.get(SINGLE)
            except UNREADABLE as failure:
                failures.append(failure)

    waiting = threading.Thread(target=wait_for_an_answer)
    waiting.start()
    wait_until(lambda: len(api.requests("call")) == 2, 2)
    api.stop()
    waiting.join(2)
    assert len(failures) == 1 and not isinstance(failures[0], TimeoutError)
    assert [request.status for request in api.requests()] == [0, 0]


@pytest.mark.parametrize("kind", ["html", "garbage"])
def test_faults_that_are_no_json(api, client, kind):
    api.fault = Fault(kind)
    status, headers, body = client.bytes(SINGLE)
    assert status == 200 and headers.get_content_type() == {"html": "text/html", "garbage": "application/json"}[kind]
    with pytest.raises(ValueError):
        json.loads(body)


def test_fault_oversize(api, client):
    api.fault = Fault("oversize", size=3_000_000)
    status, _, body = client.bytes(SINGLE)
    assert status == 200 and len(body) == 3_000_000 and json.loads(body)["data"] == []


def test_fault_wrong_identity(api, client):
    api.fault = Fault("wrong_identity")
    visitor = PLAN.visitors[10000]
    records = [client.get(SINGLE)[1]["data"]["data"], client.get(f"{HISTORY}?call_id=10000")[1]["data"][0]["data"]]
    for record in records:
        assert record["id"] == visitor.id and record["to"] != visitor.phone
        assert record["created_at"] != record_of(visitor)["created_at"]
    assert api.calls[10000] == record_of(visitor)


def test_fault_nested_ids(api, client):
    api.fault = Fault("nested_ids")
    called, cancelled = first(lambda v: v.completed), first(lambda v: v.cancelled_at)
    record = client.get(f"/api/v3/external/calls/{called.id}")[1]["data"]
    assert record["data"]["call"]["data"]["id"] == called.id and record["id"] == record["data"]["id"] != called.id
    assert client.get(f"/api/v3/external/calls/{cancelled.id}")[0] == 404
    ids, meta = client.history(f"call_id[]={called.id}&call_id[]={cancelled.id}")
    assert ids == [record["id"]] and meta["count"] == 1
    assert len(client.history()[0]) == 100


def statuses(client, count, path=SINGLE):
    return [client.get(path)[0] for _ in range(count)]


def test_faults_strike_the_first_each_kth_some_or_only_some_paths(api, client):
    api.fault = Fault("status", first=2)
    assert statuses(client, 4) == [503, 503, 200, 200]
    api.fault = Fault("status", every=3)
    assert statuses(client, 6) == [200, 200, 503, 200, 200, 503]
    api.fault = Fault("status", odds=0.5, seed=1)
    some = statuses(client, 30)
    assert set(some) == {200, 503} and api.fault.fitting == 30 and api.fault.struck == some.count(503)
    api.fault = Fault("status", odds=0.5, seed=1)
    assert statuses(client, 30) == some
    api.fault = Fault("status", path=HISTORY)
    assert statuses(client, 1) == [200] and statuses(client, 1, HISTORY) == [503]
    api.fault = [Fault("status", operation="call", status=429), Fault("status", operation="greet", status=500)]
    assert [client.get(path)[0] for path in (SINGLE, HISTORY, "/api/v1/external")] == [429, 200, 500]


def test_every_fault_has_a_word_and_others_are_refused():
    assert len(KINDS) == 10
    with pytest.raises(ValueError):
        Fault("gremlins")


def test_the_log_tells_what_was_asked(api, client):
    client.get("/api/v1/external")
    client.get(f"{HISTORY}?statuses%5B%5D=new&statuses[]=completed&limit=3")
    client.get("/api/v3/external/calls/1")
    client.get("/elsewhere", method="POST")
    assert [(r.operation, r.method, r.status) for r in api.requests()] == [
        ("greet", "GET", 200),
        ("history", "GET", 200),
        ("call", "GET", 404),
        ("", "POST", 404),
    ]
    (history,) = api.requests("history")
    assert (history.path, history.query) == (HISTORY, {"statuses": ["new", "completed"], "limit": "3"})
    assert api.requests()[0].at <= history.at <= time.monotonic()
    api.forget_requests()
    assert api.requests() == [] and api.highest_rate(1) == 0


def test_the_highest_rate_is_of_any_stretch(api, client):
    client.get(SINGLE)
    shape = api.requests()[0]
    api.forget_requests()
    for at in (10.0, 10.9, 11.1, 11.2, 11.85, 15.0):
        api.log.append(type(shape)(at, "GET", SINGLE, {}, 200, "call"))
    assert [api.highest_rate(window) for window in (0.05, 0.35, 1.0, 100)] == [1, 3, 4, 6]
    assert api.highest_rate(1.0, "history") == 0


def test_the_highest_concurrency_is_that_of_requests_under_way(api):
    api.fault = Fault("hang")
    clients = [ApiClient(api) for _ in range(5)]
    for client in clients:
        client.connection.request("GET", SINGLE, headers=client.headers)
    wait_until(lambda: api.highest_concurrency == 5, 5)
    for client in clients:
        client.connection.close()

    def all_gone():
        api.forget_requests()
        return api.highest_concurrency == 0

    wait_until(all_gone, 5)
    api.fault = None
    with ApiClient(api) as client:
        statuses(client, 20)
    assert api.highest_concurrency == 1
