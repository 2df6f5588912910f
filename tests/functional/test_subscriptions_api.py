"""Subscriptions as operators make, see and change them, through the API and in the configuration file. What is then sent is
tested elsewhere; here nothing is: `outbound.enabled` is off, and what the sender would have written is written by the test."""

import base64
import json
import time

import pytest
from support.daemon import wait_until
from support.http import request
from support.payloads import body, call_event
from support.subscriptions import ask
from support.tokens import Tokens, bearer

SETTINGS = {"outbound": {"enabled": False, "allow": ["127.0.0.0/8"]}}
URL = "https://crm.example/hook"
WHSEC = "whsec_" + base64.b64encode(b"k" * 24).decode()


@pytest.fixture
def daemon(make_daemon):
    made = make_daemon(SETTINGS).start()
    yield made
    if made.running():
        assert made.stop() == 0, made.log_text()[-3000:]


def put(daemon, name="crm", expected=201, **body):
    answer = ask(daemon, "PUT", f"/{name}", {"url": URL, **body})
    assert answer.status == expected, answer
    return answer.json()


def show(daemon, name="crm"):
    answer = ask(daemon, "GET", f"/{name}")
    assert answer.status == 200, answer
    return answer.json()


def do(daemon, action, content=None, expected=200, name="crm"):
    answer = ask(daemon, "POST", f"/{name}/{action}", content)
    assert answer.status == expected, answer
    return answer.json()


def deliver_events(daemon, count):
    """So many events; the head's id."""
    for number in range(1, count + 1):
        daemon.deliver(body(call_event("call.new", number, created_at="2099-01-01 10:00:00")))
    daemon.settle()
    return head_of(daemon)


def head_of(daemon):
    return daemon.api("/v1/events?lastEventId=$").header("Last-Event-ID")


def id_of(daemon, position):
    return f"{head_of(daemon).partition('.')[0]}.{position:020d}"


def write_messages(database, count, dead_from):
    database.execute(
        "INSERT INTO callhook.outbound_messages (subscription, position, source, subject, attempts, due_at, dead_at, last_error) "
        "SELECT 'crm', n, 'demo', 'calls/' || n, 3, now() + interval '1 hour', "
        f"CASE WHEN n >= {dead_from} THEN now() END, 'status 500' FROM generate_series(1, {count}) n"
    )


def test_one_is_made_shown_changed_and_removed(daemon, database):
    assert ask(daemon, "GET", "").json() == {"subscriptions": []}
    whole = {
        "mode": "binary",
        "types": ["call.completed", "call.missed"],
        "sources": ["/callhook/demo"],
        "subjects": ["calls/1"],
        "widgets": [3, 4],
        "timeout_ms": 5000,
        "schedule_ms": [1000, 60000],
        "pause_after_ms": 3600000,
    }
    made = put(daemon, **whole)
    secret = made.pop("secret")
    assert secret.startswith("whsec_") and len(base64.b64decode(secret[6:], validate=True)) >= 24
    assert made == show(daemon)
    assert made | {**whole, "sources": ["demo"], "url": URL} == made
    assert (made["state"], made["reason"], made["origin"], made["configured"]) == ("active", None, "api", False)
    assert (made["waiting"], made["dead"], made["failing_since"]) == (0, 0, None)

    changed = put(daemon, expected=200, url="https://other.example/")
    assert "secret" not in changed and changed["url"] == "https://other.example/"
    assert changed["types"] == [] and changed["timeout_ms"] is None and changed["schedule_ms"] is None
    put(daemon, "another")
    listed = ask(daemon, "GET", "")
    assert [one["name"] for one in listed.json()["subscriptions"]] == ["another", "crm"]
    assert b"whsec_" not in listed.body and b"whsec_" not in ask(daemon, "GET", "/crm").body
    assert database.value("SELECT count(*) FROM callhook.subscription_secrets") == 2

    gone = ask(daemon, "DELETE", "/crm")
    assert gone.status == 204 and gone.body == b""
    assert ask(daemon, "DELETE", "/crm").status == 404
    assert ask(daemon, "GET", "/crm").status == 404
    assert database.value("SELECT count(*) FROM callhook.subscription_secrets") == 1
    log = daemon.log_text()
    assert secret not in log and "crm.example" not in log and "other.example" not in log


@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"url": 1},
        {"url": ""},
        {"url": "ftp://crm.example"},
        {"url": "http://crm.example/"},
        {"url": "https://user:hunter2@crm.example/"},
        {"url": "https://crm.example/#x"},
        {"url": "https://10.0.0.1/"},
        {"url": "https://[::1]/"},
        {"url": "https://169.254.169.254/latest/meta-data"},
        {"url": "https://[::ffff:10.0.0.1]/"},
        {"url": URL, "colour": "red"},
        {"url": URL, "secret": WHSEC},
        {"url": URL, "mode": "xml"},
        {"url": URL, "types": "call.new"},
        {"url": URL, "types": [""]},
        {"url": URL, "widgets": ["3"]},
        {"url": URL, "start": "yesterday"},
        {"url": URL, "start": 0},
        {"url": URL, "timeout_ms": 99},
        {"url": URL, "timeout_ms": "5s"},
        {"url": URL, "schedule_ms": []},
        {"url": URL, "schedule_ms": [9]},
        {"url": URL, "schedule_ms": [1000] * 101},
        {"url": URL, "pause_after_ms": 0},
    ],
    ids=json.dumps,
)
def test_what_cannot_be_is_refused(daemon, wish):
    answer = ask(daemon, "PUT", "/crm", wish)
    assert answer.status == 400 and answer.header("Content-Type") == "application/problem+json"
    assert "hunter2" not in answer.body.decode() + daemon.log_text()
    assert ask(daemon, "GET", "/crm").status == 404


def test_bodies_names_and_queries_that_are_none(daemon):
    for name in ("Crm", "-crm", "a" * 65, "a.b", "%20"):
        assert ask(daemon, "PUT", f"/{name}", {"url": URL}).status == 400, name
    put(daemon, "a" * 64)
    for content in (b"no JSON", b"[]", b'"x"', b"{", b'{"url": "\xff"}'):
        answer = request(daemon.api_port, "PUT", "/v1/subscriptions/crm", content)
        assert answer.status == 400, content
    assert ask(daemon, "GET", "?name=crm").status == 400
    assert ask(daemon, "PATCH", "/crm", {}).status == 405
    for action in ("pause", "resume", "rotate"):
        do(daemon, action, expected=404, name="nobody")
        do(daemon, action, {"colour": "red"}, 400, name="nobody")
    do(daemon, "reset", {"position": "0"}, 404, name="nobody")
    do(daemon, "reset", {}, 400)
    do(daemon, "redrive", {"from": "0", "to": "$"}, 404, name="nobody")
    do(daemon, "redrive", {"from": "0"}, 400)
    for page in ("attempts", "dead"):
        assert ask(daemon, "GET", f"/nobody/{page}").status == 404
        assert ask(daemon, "GET", f"/crm/{page}?limit=0").status == 400
        assert ask(daemon, "GET", f"/crm/{page}?cursor=x").status == 400
        assert ask(daemon, "GET", f"/crm/{page}?colour=red").status == 400


def test_where_one_starts_and_where_it_is_moved(daemon):
    head = deliver_events(daemon, 3)
    assert put(daemon, "from-now")["position"] == head
    beginning = put(daemon, "from-the-beginning", start="0")
    assert beginning["position"] == id_of(daemon, 0) and beginning["lag_events"] == 3
    assert put(daemon, start=id_of(daemon, 2))["position"] == id_of(daemon, 2)
    put(daemon, "ahead", 409, start=id_of(daemon, 4))
    put(daemon, "elsewhere", 410, start=f"{'0' * 8}.{1:020d}")
    assert put(daemon, expected=200, start="0")["position"] == id_of(daemon, 2), "a start counts when it is made"

    assert do(daemon, "reset", {"position": "0"})["lag_events"] == 3
    assert do(daemon, "reset", {"position": "$"})["position"] == head
    do(daemon, "reset", {"position": id_of(daemon, 4)}, 409)
    do(daemon, "reset", {"position": f"{'0' * 8}.{1:020d}"}, 410)
    do(daemon, "reset", {"position": "there"}, 400)


def test_pause_and_resume(daemon, database):
    put(daemon)
    write_messages(database, 2, 3)
    paused = do(daemon, "pause")
    assert (paused["state"], paused["reason"]) == ("paused", "operator")
    assert do(daemon, "pause")["state_since"] == paused["state_since"]
    resumed = do(daemon, "resume")
    assert (resumed["state"], resumed["reason"], resumed["waiting"]) == ("active", None, 2)
    assert database.value("SELECT count(*) FROM callhook.outbound_messages WHERE due_at <= now()") == 2
    database.execute("UPDATE callhook.subscriptions SET state = 'disabled', state_reason = 'gone'")
    assert (show(daemon)["state"], show(daemon)["reason"]) == ("disabled", "gone")
    assert do(daemon, "resume")["state"] == "active"


def test_a_secret_is_rotated(daemon, database):
    first = put(daemon)["secret"]
    live = "SELECT string_agg(secret, ' ' ORDER BY created_at) FROM callhook.subscription_secrets WHERE coalesce(expires_at > now(), true)"
    second = do(daemon, "rotate")["secret"]
    assert database.value(live) == f"{first} {second}"
    left = "SELECT extract(epoch FROM expires_at - now())::float FROM callhook.subscription_secrets WHERE expires_at IS NOT NULL"
    assert 86300 < database.value(left) <= 86400
    third = do(daemon, "rotate", {"overlap_seconds": 1})["secret"]
    assert database.value(live) == f"{second} {third}"
    time.sleep(1.1)
    assert database.value(live) == third
    fourth = do(daemon, "rotate", {"overlap_seconds": 0})["secret"]
    assert database.value(live) == fourth and len({first, second, third, fourth}) == 4
    for overlap in (-1, 2592001, "1h", 1.5):
        do(daemon, "rotate", {"overlap_seconds": overlap}, 400)


def test_dead_letters_are_listed_and_driven_again(daemon, database):
    deliver_events(daemon, 10)
    put(daemon)
    write_messages(database, 10, 5)
    assert (show(daemon)["waiting"], show(daemon)["dead"]) == (4, 6)
    page = ask(daemon, "GET", "/crm/dead?limit=4").json()
    assert [one["position"] for one in page["dead"]] == [id_of(daemon, n) for n in (5, 6, 7, 8)]
    one = page["dead"][0]
    assert (one["source"], one["subject"], one["attempts"], one["error"]) == ("demo", "calls/5", 3, "status 500")
    rest = ask(daemon, "GET", f"/crm/dead?limit=4&cursor={page['next_cursor']}").json()
    assert len(rest["dead"]) == 2 and rest["next_cursor"] is None

    assert do(daemon, "redrive", {"from": id_of(daemon, 6), "to": id_of(daemon, 7)}) == {"redriven": 2}
    assert do(daemon, "redrive", {"from": id_of(daemon, 6), "to": id_of(daemon, 7)}) == {"redriven": 0}
    assert (show(daemon)["waiting"], show(daemon)["dead"]) == (6, 4)
    assert database.value("SELECT sum(attempts) FROM callhook.outbound_messages WHERE position IN (6, 7)") == 0
    assert do(daemon, "redrive", {"from": "0", "to": "$"}) == {"redriven": 4}
    do(daemon, "redrive", {"from": "0", "to": f"{'0' * 8}.{1:020d}"}, 410)


def test_a_reset_drops_what_waits_and_what_comes_again(daemon, database):
    deliver_events(daemon, 10)
    put(daemon)
    write_messages(database, 10, 4)
    now = do(daemon, "reset", {"position": id_of(daemon, 6)})
    assert (now["waiting"], now["dead"]) == (0, 3)


def test_attempts_are_listed(daemon, database):
    deliver_events(daemon, 3)
    put(daemon)
    database.execute(
        "INSERT INTO callhook.outbound_attempts (subscription, position, attempt, at, duration_ms, status, error, response) "
        "SELECT 'crm', 1 + n % 2, n, now(), 10 * n, CASE WHEN n > 1 THEN 500 END, CASE WHEN n = 1 THEN 'timed out' ELSE '' END, "
        "'\\x66c5bc00ff66' FROM generate_series(1, 5) n"
    )
    page = ask(daemon, "GET", "/crm/attempts?limit=3").json()
    assert [one["attempt"] for one in page["attempts"]] == [5, 4, 3]
    newest = page["attempts"][0]
    assert (newest["position"], newest["status"], newest["error"], newest["duration_ms"]) == (id_of(daemon, 2), 500, None, 50)
    assert newest["response"] == "f\u017c\0\ufffdf", "bytes that are no text are marked"
    rest = ask(daemon, "GET", f"/crm/attempts?limit=3&cursor={page['next_cursor']}").json()
    assert [one["attempt"] for one in rest["attempts"]] == [2, 1] and rest["next_cursor"] is None
    assert (rest["attempts"][1]["status"], rest["attempts"][1]["error"]) == (None, "timed out")
    of_one = ask(daemon, "GET", f"/crm/attempts?position={id_of(daemon, 1)}").json()
    assert [one["attempt"] for one in of_one["attempts"]] == [4, 2]
    assert ask(daemon, "GET", "/crm/attempts?position=x").status == 400


def test_only_an_admin_may(make_daemon):
    tokens = Tokens()
    daemon = make_daemon({**SETTINGS, **tokens.settings()}).start()

    def ask_with(token):
        return request(daemon.api_port, "PUT", "/v1/subscriptions/crm", json.dumps({"url": URL}), bearer(token)).status

    assert ask(daemon, "PUT", "/crm", {"url": URL}).status == 401
    assert [ask_with(tokens.of[scope]) for scope in ("feed:read", "calls:read", "metrics:read")] == [403] * 3
    assert ask_with(tokens.of["admin"]) == 201


def configured(**section):
    return {**SETTINGS, "subscriptions.crm": {"url": URL, "secret_files": ["crm.whsec"], **section}}


def start_configured(make_daemon, **section):
    daemon = make_daemon(configured(**section))
    daemon.secret_file("crm.whsec", WHSEC)
    daemon.start()
    wait_until(lambda: ask(daemon, "GET", "/crm").status == 200, 10, "the configured subscription")
    return daemon


def test_one_of_the_configuration_is_operated_but_not_changed(make_daemon, database):
    daemon = start_configured(make_daemon, types=["call.new"], sources=["demo"], widgets=[3], schedule=["1s", "2m"], timeout="5s")
    one = show(daemon)
    assert (one["origin"], one["configured"], one["url"], one["types"], one["widgets"]) == ("config", True, URL, ["call.new"], [3])
    assert (one["schedule_ms"], one["timeout_ms"], one["pause_after_ms"]) == ([1000, 120000], 5000, None)
    assert database.value("SELECT count(*) FROM callhook.subscription_secrets") == 0
    assert ask(daemon, "PUT", "/crm", {"url": URL}).status == 409
    assert ask(daemon, "DELETE", "/crm").status == 409
    do(daemon, "rotate", expected=409)
    assert do(daemon, "pause")["state"] == "paused"
    assert do(daemon, "resume")["state"] == "active"
    do(daemon, "reset", {"position": "0"})
    do(daemon, "redrive", {"from": "0", "to": "$"})


def test_a_restart_brings_what_the_file_says_now(make_daemon):
    daemon = start_configured(make_daemon)
    head = deliver_events(daemon, 3)
    assert show(daemon)["position"] == id_of(daemon, 0)
    do(daemon, "pause")
    assert daemon.stop() == 0
    daemon.settings["subscriptions.crm"]["mode"] = "binary"
    daemon.start()
    wait_until(lambda: show(daemon)["mode"] == "binary")
    assert show(daemon)["state"] == "paused" and show(daemon)["position"] == id_of(daemon, 0)

    assert daemon.stop() == 0
    del daemon.settings["subscriptions.crm"]
    daemon.start()
    one = show(daemon)
    assert (one["origin"], one["configured"]) == ("config", False)
    put(daemon, expected=409)
    assert ask(daemon, "DELETE", "/crm").status == 204
    assert put(daemon)["position"] == head


def test_a_section_takes_over_what_a_client_has_made(make_daemon, database):
    daemon = make_daemon(SETTINGS).start()
    put(daemon)
    deliver_events(daemon, 2)
    assert daemon.stop() == 0
    daemon.settings.update(configured(start="$"))
    daemon.secret_file("crm.whsec", WHSEC)
    daemon.start()
    wait_until(lambda: show(daemon)["origin"] == "config")
    assert show(daemon)["position"] == id_of(daemon, 0), "it keeps its place"
    assert database.value("SELECT count(*) FROM callhook.subscription_secrets") == 0


def test_one_of_the_configuration_comes_once_the_database_does(make_daemon, postgres):
    daemon = make_daemon(configured())
    daemon.secret_file("crm.whsec", WHSEC)
    postgres.kill()
    daemon.start(ready=False)
    assert ask(daemon, "GET", "/crm").status == 503
    postgres.start()
    wait_until(lambda: ask(daemon, "GET", "/crm").status == 200, 20, "the configured subscription")
    assert daemon.stop() == 0


def test_a_start_that_is_not_in_the_feed_is_no_start(make_daemon):
    daemon = make_daemon(configured(start=f"{'0' * 8}.{1:020d}"))
    daemon.secret_file("crm.whsec", WHSEC)
    daemon.start()
    wait_until(lambda: "a subscription of the configuration cannot be made" in daemon.log_text(), 10, "the complaint")
    assert ask(daemon, "GET", "/crm").status == 404
