"""Outbound webhooks are signed as Standard Webhooks 1.0 says: its own library takes them, and nothing else."""

import base64
import itertools
import json
import time

import pytest
from support.daemon import wait_until
from support.feed import read_feed
from support.payloads import body, call_event, message
from support.subscriptions import OUTBOUND, ask, subscribe

# The example that the specification's own libraries are tested with.
PUBLISHED = (
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    },
    b'{"test": 2432232314}',
    1614265330,
)
OTHER_SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
UNKNOWN = "No matching signature found"
# One event for each call and message: these calls are so old that each is overdue as well, a moment later.
TYPES = ["call.new", "new.message"]


@pytest.fixture
def daemon(make_daemon):
    made = make_daemon({"outbound": OUTBOUND}).start()
    yield made
    assert made.stop() == 0, made.log_text()[-3000:]


def deliver_calls(daemon, numbers):
    for number in numbers:
        daemon.deliver(body(call_event("call.new", number)))
    daemon.settle()


def asked(secret, request, **changes):
    """A question for the verifier: this request with this secret, with some fields changed."""
    changes = {name.replace("_", "-"): value for name, value in changes.items()}
    return secret, request.headers | changes, request.body


def test_the_verifier_itself_tells_good_from_bad(verifier):
    secret, headers, content, at = PUBLISHED
    assert verifier.verdicts(
        PUBLISHED, (secret, headers, content), (OTHER_SECRET, headers, content, at), (secret, {}, content, at)
    ) == ["", "Message timestamp too old", UNKNOWN, "Missing required headers"]


def test_structured_mode_is_taken_by_the_verifier(daemon, receiver, verifier):
    to = receiver()
    secret = subscribe(daemon, "crm", to.url(), types=TYPES)
    deliver_calls(daemon, range(1, 4))
    daemon.deliver(body(message(text="zażółć gęślą jaźń 🙂 \"quoted\" \\ and\nmore")))
    daemon.settle()
    events = read_feed(daemon, type=TYPES)
    requests = to.wait_for(len(events))
    assert verifier.verdicts(*(asked(secret, request) for request in requests)) == [""] * len(events)
    assert {request.id: request.json() for request in requests} == {event["id"]: event for event in events}
    for request in requests:
        assert (request.method, request.path) == ("POST", "/hook")
        assert request.headers["content-type"] == "application/cloudevents+json"
        assert request.headers["user-agent"].startswith("callhook/")
        assert abs(int(request.headers["webhook-timestamp"]) - request.at) < 30


def test_binary_mode_is_taken_by_the_verifier(daemon, receiver, verifier):
    to = receiver()
    secret = subscribe(daemon, "crm", to.url("/hook?to=crm"), types=TYPES, mode="binary")
    deliver_calls(daemon, range(1, 4))
    events = {event["id"]: event for event in read_feed(daemon, type=TYPES)}
    requests = to.wait_for(len(events))
    assert verifier.verdicts(*(asked(secret, request) for request in requests)) == [""] * len(events)
    for request in requests:
        event = events[request.id]
        assert request.path == "/hook?to=crm"
        assert request.headers["content-type"] == event["datacontenttype"] == "application/json"
        assert json.loads(request.body) == event["data"]
        attributes = {name: value for name, value in event.items() if name not in ("data", "datacontenttype")}
        assert {n.removeprefix("ce-"): v for n, v in request.headers.items() if n.startswith("ce-")} == attributes


def test_a_changed_byte_an_old_timestamp_and_a_wrong_secret_are_rejected(daemon, receiver, verifier):
    to = receiver()
    secret = subscribe(daemon, "crm", to.url(), types=TYPES)
    deliver_calls(daemon, [1])
    request = to.wait_for(1)[0]
    sent_at = int(request.headers["webhook-timestamp"])
    assert verifier.refusal(*asked(secret, request)) == ""

    flipped = [
        (secret, request.headers, request.body[:at] + bytes([request.body[at] ^ 1]) + request.body[at + 1 :])
        for at in range(0, len(request.body), max(1, len(request.body) // 50))
    ]
    assert set(verifier.verdicts(*flipped, (secret, request.headers, request.body + b"\n"))) == {UNKNOWN}

    signature = request.headers["webhook-signature"]
    assert verifier.verdicts(
        asked(secret, request, webhook_id=request.id[:-1] + "x"),
        asked(secret, request, webhook_timestamp=str(sent_at - 1)),
        asked(secret, request, webhook_signature=signature[:5] + ("A" if signature[5] != "A" else "B") + signature[6:]),
        asked(secret, request, webhook_signature="v2" + signature[2:]),
        asked(OTHER_SECRET, request),
    ) == [UNKNOWN] * 5
    # The same request again, as somebody who kept it would send it.
    assert verifier.verdicts((*asked(secret, request), sent_at + 299), (*asked(secret, request), sent_at + 301)) == [
        "",
        "Message timestamp too old",
    ]


def test_a_retry_is_the_same_message_signed_anew(daemon, receiver, verifier):
    def answer(request):
        if request.number == 1:
            time.sleep(1.1)  # so that the next second has begun
        return 200 if request.number > 2 else 503

    to = receiver(answer)
    secret = subscribe(daemon, "crm", to.url(), types=TYPES)
    deliver_calls(daemon, [1])
    tries = to.wait_for(3)
    assert len({request.id for request in tries}) == 1 and len({request.body for request in tries}) == 1
    assert len({request.headers["webhook-timestamp"] for request in tries}) > 1
    assert verifier.verdicts(*(asked(secret, request) for request in tries)) == [""] * 3


def test_both_secrets_sign_while_one_replaces_the_other(daemon, receiver, verifier):
    to = receiver()
    old = subscribe(daemon, "crm", to.url(), types=TYPES)
    deliver_calls(daemon, [1])
    before = to.wait_for(1)[-1]
    answer = ask(daemon, "POST", "/crm/rotate", {"overlap_seconds": 3600})
    assert answer.status == 200, answer
    new = answer.json()["secret"]
    assert new != old and new.startswith("whsec_")

    numbers = itertools.count(2)

    def signed_by(count):
        """A request with so many signatures; the worker of before may send a last one meanwhile."""
        number = next(numbers)
        deliver_calls(daemon, [number])
        request = to.wait_for(number)[-1]
        return request if len(request.headers["webhook-signature"].split(" ")) == count else None

    during = wait_until(lambda: signed_by(2), what="both secrets at work")
    assert verifier.verdicts(*(asked(s, r) for r in (before, during) for s in (old, new))) == ["", UNKNOWN, "", ""]
    assert verifier.refusal(*asked(OTHER_SECRET, during)) == UNKNOWN

    # The hour passes.
    daemon.database.execute("UPDATE callhook.subscription_secrets SET expires_at = now() WHERE expires_at IS NOT NULL")
    after = wait_until(lambda: signed_by(1), what="the end of the old secret")
    assert verifier.verdicts(asked(old, after), asked(new, after)) == [UNKNOWN, ""]


def test_a_configured_subscription_signs_with_the_secrets_of_its_files(make_daemon, receiver, verifier):
    to = receiver()
    daemon = make_daemon({"outbound": OUTBOUND})
    secrets = [PUBLISHED[0], OTHER_SECRET]
    files = [daemon.secret_file(f"crm{number}.secret", secret) for number, secret in enumerate(secrets)]
    daemon.settings["subscriptions.crm"] = {"url": to.url(), "secret_files": files, "start": "0", "types": TYPES}
    daemon.start()
    deliver_calls(daemon, [1])
    request = to.wait_for(1)[0]
    assert verifier.verdicts(*(asked(secret, request) for secret in secrets)) == ["", ""]
    assert daemon.stop() == 0


def test_secrets_are_told_once_and_never_again(daemon, receiver):
    to = receiver(lambda _: 500)
    first = subscribe(daemon, "crm", to.url("/hook?token=of-the-url"))
    second = ask(daemon, "POST", "/crm/rotate", {"overlap_seconds": 60}).json()["secret"]
    deliver_calls(daemon, [1])
    to.wait_for(3)
    told = [ask(daemon, "GET", path).body.decode() for path in ("", "/crm", "/crm/attempts", "/crm/dead")]
    told += [daemon.log_text(), daemon.api("/metrics").body.decode()]
    for text in told:
        for secret in (first, second):
            assert secret.removeprefix("whsec_") not in text
    assert all("of-the-url" not in text for text in told[-2:]), "in the log or the metrics"
