"""The API's description against real answers: each operation is asked for each status that it promises, and what comes back is
what the description says, in media type, headers and every field. An operation that nothing here asks for fails the test."""

import json

import callpage_records
import pytest
from support.backfill import FAST, QUICK, hours_ago, joined, settle_all, small_plan
from support.daemon import NO_SPOOL, wait_until
from support.event_stream import EventStream
from support.feed import position, read_feed
from support.http import Answer, request
from support.payloads import body, call_event, message
from support.schemas import Description
from support.tokens import Tokens, bearer

# A subscription that the configuration has; nothing is sent.
FILED = {
    "outbound": {"enabled": False},
    "subscriptions.filed": {"url": "https://filed.example/hook", "secret_files": ["filed.whsec"]},
}
NOBODY = "00000000-0000-7000-8000-000000000000"


class Client:
    """Asks, and holds every answer against the description."""

    def __init__(self, daemon, description=None):
        self.daemon = daemon
        self.description = description or Description(daemon)

    def ask(self, method, target, expected, content=None, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if content is not None and not isinstance(content, (bytes, str)):
            content = json.dumps(content)
        answer = request(self.daemon.api_port, method, target, content, headers)
        assert answer.status == expected, f"{method} {target}: {answer}"
        return self.description.check(method, target, answer)

    def get(self, target, expected=200, **headers):
        return self.ask("GET", target, expected, **headers)

    def stream(self, target):
        """The beginning of a stream, up to its first event."""
        with EventStream(self.daemon.api_port, target) as one:
            assert not self.description.undescribed({"$ref": "#/components/schemas/Event"}, one.read(1)[0])
            answer = Answer(one.status, one.headers, one.parser.events[0][1].encode())
        return self.description.check("GET", target, answer)


@pytest.fixture
def client(make_daemon, vendor):
    """Of a daemon that has calls of every kind, messages, quarantined deliveries, reports of gaps, a silent widget and jobs."""
    made = small_plan(calls=60, never=0.2, cancelled=0.3, failed=0.2, message_share=0.3)
    widgets = callpage_records.widgets()
    away = vendor(made.visitors.values(), widgets=[*widgets, {**widgets[0], "id": 99}])
    settings = joined(QUICK, {"pipeline": {"outcome_deadline": "2s"}, "api": {"long_poll_max": "1s"}, **FILED, **NO_SPOOL}, away.settings(**FAST))
    daemon = make_daemon(settings)
    daemon.secret_file("filed.whsec", "whsec_" + "A" * 32)
    daemon.start()
    daemon.deliver_all(d.body for d in made.deliveries)
    daemon.deliver(b"no JSON")
    daemon.deliver(body(call_event("call.completed", 1, colour="red")))
    daemon.deliver(body(message(link="https://core.callpage.io/calls/1")))
    settle_all(daemon)
    wait_until(lambda: all(daemon.api("/v1/gaps").json()[what] for what in ("gaps", "silent_widgets")), 20, "a report of gaps")
    return Client(daemon)


def ask_for_events(client):
    head = client.get("/v1/events?lastEventId=$").header("Last-Event-ID")
    epoch = head.partition(".")[0]
    ahead, elsewhere = f"{epoch}.{position(head) + 1000:020d}", f"{int(epoch, 16) ^ 1:08x}.{1:020d}"
    assert len(client.get("/v1/events?limit=1000").json()) > 100
    assert client.get("/v1/events?lastEventId=0&limit=5", Accept="application/x-ndjson").body.count(b"\n") == 5
    assert client.get("/v1/events?widget=1&type=call.new,call.missed&source=demo").json()
    assert client.get("/v1/events?subject=calls/1&timeout=100").json()
    for path in ("/v1/events", "/v1/events/stream"):
        client.stream(path)
        client.get(f"{path}?colour=red", 400)
        client.get(f"{path}?lastEventId={ahead}", 409)
        client.get(f"{path}?lastEventId={elsewhere}", 410)
    ask_for_consumers(client, head, ahead, elsewhere)


def ask_for_consumers(client, head, ahead, elsewhere):
    crm = "/v1/consumers/crm"
    client.ask("PUT", crm, 201)
    client.ask("PUT", crm, 200, {"types": ["call.new"], "sources": ["demo"], "subjects": ["calls/1"], "widgets": [1]})
    client.ask("PUT", crm, 400, {"colour": "red"})
    client.ask("PUT", "/v1/consumers/other", 409, {"start": ahead})
    client.ask("PUT", "/v1/consumers/other", 410, {"start": elsewhere})
    assert client.get(crm).json()["lag_events"] > 100
    assert [one["name"] for one in client.get("/v1/consumers").json()["consumers"]] == ["crm"]
    client.get("/v1/consumers?colour=red", 400)
    client.get(f"{crm}?colour=red", 400)
    client.ask("PUT", crm, 200, {})
    assert len(client.get(f"{crm}/events?limit=5&timeout=100").json()) == 5
    assert client.get(f"{crm}/events", Accept="application/x-ndjson").body
    client.stream(f"{crm}/events")
    client.get(f"{crm}/events?type=call.new", 400)
    client.get(f"{crm}/events", 409, Last_Event_ID=ahead)
    client.get(f"{crm}/events", 410, Last_Event_ID=elsewhere)
    assert client.ask("POST", f"{crm}/ack", 200, {"position": head}).json()["acked_at"]
    for action in ("ack", "reset"):
        client.ask("POST", f"{crm}/{action}", 400, {"position": 1})
        client.ask("POST", f"{crm}/{action}", 409, {"position": ahead})
        client.ask("POST", f"{crm}/{action}", 410, {"position": elsewhere})
        client.ask("POST", f"/v1/consumers/other/{action}", 404, {"position": head})
    assert client.ask("POST", f"{crm}/reset", 200, {"position": "0"}).json()["lag_events"] > 100
    client.get("/v1/consumers/other", 404)
    client.get("/v1/consumers/other/events", 404)
    client.ask("DELETE", f"{crm}?colour=red", 400)
    client.ask("DELETE", crm, 204)
    client.ask("DELETE", crm, 404)
    client.daemon.database.execute(
        "INSERT INTO callhook.consumers (name, kind, epoch, position) VALUES ('published', 'publisher', %s, 0)", head[:8]
    )
    client.get("/v1/consumers/published")
    client.ask("DELETE", "/v1/consumers/published", 409)
    client.daemon.database.execute("DELETE FROM callhook.consumers WHERE name = 'published'")


def ask_for_records(client):
    listed = client.get("/v1/calls?limit=5").json()
    client.get(f"/v1/calls?limit=5&cursor={listed['next_cursor']}")
    assert client.get("/v1/calls?never_called_back=true&since=2020-01-01T00:00:00Z").json()["calls"]
    client.get("/v1/calls?status=done", 400)
    for call in client.get("/v1/calls?limit=1000").json()["calls"]:
        client.get(f"/v1/calls/demo/{call['id']}")
    client.get("/v1/calls/demo/987654321", 404)
    assert client.get("/v1/messages?limit=1000").json()["messages"]
    client.get("/v1/messages?cursor=x", 400)
    assert client.get("/v1/quarantine").json()["quarantine"]
    client.get("/v1/quarantine?limit=0", 400)


def ask_for_backfill(client):
    listed = client.get("/v1/gaps?source=demo").json()
    client.get("/v1/gaps?limit=none", 400)
    for gap in listed["gaps"]:
        assert client.get(f"/v1/gaps/{gap['id']}").json()["missing"]
    client.get(f"/v1/gaps/{NOBODY}", 404)
    assert client.get("/v1/jobs").json()["jobs"]
    client.get("/v1/jobs?state=tired", 400)


def ask_for_subscriptions(client, database):
    """Of a daemon whose subscription `filed` is the configuration's."""
    one, url, here = "/v1/subscriptions/crm", "https://crm.example/hook", "0"
    head = client.get("/v1/events?lastEventId=$").header("Last-Event-ID")
    ahead = f"{head.partition('.')[0]}.{position(head) + 1000:020d}"
    elsewhere = f"{int(head.partition('.')[0], 16) ^ 1:08x}.{1:020d}"

    client.ask("PUT", one, 409, {"url": url, "start": ahead})
    client.ask("PUT", one, 410, {"url": url, "start": elsewhere})
    client.ask("PUT", one, 400, {})
    client.ask("PUT", one, 201, {"url": url, "start": "$", "schedule_ms": [1000], "timeout_ms": 1000, "widgets": [1]})
    client.ask("PUT", one, 200, {"url": url})
    database.execute(
        "INSERT INTO callhook.outbound_attempts (subscription, position, attempt, at, duration_ms, status, error, response) "
        "VALUES ('crm', 1, 1, now(), 7, 500, '', 'no'), ('crm', 1, 2, now(), 7, NULL, 'timed out', '')"
    )
    database.execute(
        "INSERT INTO callhook.outbound_messages (subscription, position, source, subject, attempts, due_at, dead_at, last_error) "
        "VALUES ('crm', 1, 'demo', 'calls/1', 2, now(), now(), 'timed out')"
    )
    assert len(client.get("/v1/subscriptions").json()["subscriptions"]) == 2
    client.get("/v1/subscriptions?colour=red", 400)
    client.get(one)
    for what in ("attempts", "dead"):
        assert client.get(f"{one}/{what}").json()[what]
    client.get(f"{one}/attempts?position={ahead}", 409)
    client.get(f"{one}/attempts?position={elsewhere}", 410)
    client.ask("POST", f"{one}/redrive", 200, {"from": here, "to": "$"})
    client.ask("POST", f"{one}/reset", 200, {"position": here})
    for action in ("pause", "resume", "rotate"):
        client.ask("POST", f"{one}/{action}", 200)
    client.ask("POST", "/v1/subscriptions/filed/rotate", 409)
    client.ask("DELETE", "/v1/subscriptions/filed", 409)
    for place, status in ((ahead, 409), (elsewhere, 410)):
        client.ask("POST", f"{one}/redrive", status, {"from": place, "to": "$"})
        client.ask("POST", f"{one}/reset", status, {"position": place})
    client.ask("DELETE", one, 204)
    for method, pattern, status in sorted(client.description.promised()):
        if pattern.startswith("/v1/subscriptions/") and status in (400, 404) and (method, pattern) != ("PUT", one):
            client.ask(method, target_of(pattern) + ("?colour=red" if status == 400 else ""), status, content_of(method, pattern))


def ask_for_health(client):
    client.get("/livez")
    client.get("/readyz")
    client.get("/readyz?verbose")
    client.get("/metrics")
    client.get("/openapi.yaml")
    client.get("/schemas/events.json")


def content_of(method, pattern):
    """A body that is in order."""
    if method not in ("PUT", "POST"):
        return None
    return {"position": f"00c0ffee.{1:020d}"} if pattern.endswith(("/ack", "/reset")) else {}


def target_of(pattern):
    """With plausible values in its path."""
    return pattern.replace("{source}", "demo").replace("{id}", NOBODY if "gaps" in pattern else "1").replace("{name}", "crm")


def content_of(method, pattern):
    """What an operation takes that is asked for its own sake."""
    at = {"position": "0", "from": "0", "to": "$", "url": "https://crm.example/hook"}
    wanted = {"redrive": ("from", "to"), "reset": ("position",), "ack": ("position",)}.get(pattern.rpartition("/")[2], ())
    if method == "PUT" and "subscriptions" in pattern:
        wanted = ("url",)
    return {name: at[name] for name in wanted} if method in ("PUT", "POST") else None


def ask_with_tokens(client, tokens):
    """Of a daemon with tokens: each operation that promises it refuses who has none, and who has another one."""
    for method, pattern, status in sorted(client.description.promised()):
        content = content_of(method, pattern)
        if status == 401:
            client.ask(method, target_of(pattern) + ("?verbose" if pattern == "/readyz" else ""), 401, content)
        if status == 403:
            scope = client.description.operations()[method, pattern]["security"][0]["token"][0]
            client.ask(method, target_of(pattern), 403, content, **bearer(tokens.without(scope)))


def ask_without_database(client):
    """Each operation that promises it says 503 in the promised form."""
    for method, pattern, status in sorted(client.description.promised()):
        if status != 503:
            continue
        target = target_of(pattern)
        answer = client.ask(method, target, 503, content_of(method, pattern))
        if pattern != "/readyz":
            assert answer.header("Retry-After"), target


def test_real_answers_are_as_described(client, postgres, database, make_daemon):
    ask_for_events(client)
    ask_for_records(client)
    ask_for_backfill(client)
    ask_for_subscriptions(client, database)
    ask_for_health(client)
    tokens = Tokens()
    ask_with_tokens(Client(make_daemon(tokens.settings()).start(), client.description), tokens)
    postgres.kill()
    wait_until(lambda: client.daemon.api("/readyz").status == 503, 20, "an unready daemon")
    ask_without_database(client)

    promised = client.description.promised()
    left = sorted(promised - client.description.checked)
    assert not left, f"described, and not asked for: {left}"
    print(f"\n{len(client.description.operations())} operations, {len(promised)} answers as described")


def test_the_test_sees_what_the_description_leaves_out(daemon):
    """Of the judge itself: a field, a status, a media type and a route that the document lacks are faults."""
    daemon.deliver(body(call_event("call.new", 1)))
    daemon.settle()
    client = Client(daemon)
    client.get("/v1/calls/demo/1")
    document = client.description.document
    follow_up = document["components"]["schemas"]["FollowUp"]
    del follow_up["properties"]["never_called_back"], follow_up["required"]
    with pytest.raises(AssertionError, match="follow_up.never_called_back is not described"):
        client.get("/v1/calls/demo/1")
    del document["paths"]["/v1/jobs"]["get"]["responses"]["400"]
    with pytest.raises(AssertionError, match="/v1/jobs"):
        client.get("/v1/jobs?state=tired", 400)
    del document["components"]["responses"]["Events"]["content"]["application/x-ndjson"]
    with pytest.raises(AssertionError, match="application/x-ndjson"):
        client.get("/v1/events", Accept="application/x-ndjson")
    del document["paths"]["/livez"]
    with pytest.raises(AssertionError, match="not described"):
        client.get("/livez")
