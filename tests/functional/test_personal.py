"""The search for what may not be said finds it in every spelling, so that its silence after a test means something."""

import json

import pytest

from support.daemon import SECRET, wait_until
from support.payloads import body, call_event, message
from support.personal import Private, nothing_private_was_said, private, said
from support.tokens import new_token

PHONE, SPACED = "+48501234567", "+48 501 234 567"


@pytest.fixture
def known():
    made = Private()
    made.body(body(call_event("data.added", to=PHONE)))
    made.body(body(message(message_from_client="Proszę o kontakt jutro")))
    made.secret("whsec_c2VjcmV0IG9mIHRoZSB0ZXN0")
    made.secret("vendor:pass:word")
    made.addresses.add("2001:db8::17")
    return made


LEAKS = {
    "a phone number": ("phone", f"call of {PHONE} failed"),
    "with spaces": ("phone", f"call of {SPACED} failed"),
    "with dashes": ("phone", "call of +48-501-234-567 failed"),
    "without the plus sign": ("phone", 'field "48501234567"'),
    "without the country": ("phone", "(501234567)"),
    "in a query": ("phone", "/v1/calls?phone=%2B48501234567"),
    "a manager's": ("phone", "dialing +48570934649"),
    "an e-mail address": ("e-mail", "mail to happy@customer.com"),
    "that nobody knows": ("e-mail", "mail to stranger@nowhere.example"),
    "in a URL": ("e-mail", "GET /x?to=happy%40customer.com"),
    "a name": ("name", "manager Anna Admin did not answer"),
    "as JSON has it": ("name", '{"who": "\\u0141ukasz"}'),
    "of a field": ("name", "feedback of Happy Customer"),
    "an IP address": ("IP", "refused 203.0.113.9"),
    "with a port": ("IP", "refused 203.0.113.9:50123"),
    "of IPv6": ("IP", "refused [2001:db8::17]"),
    "a message": ("text", "cannot read Proszę o kontakt jutro"),
    "a signing secret": ("secret", "bad key whsec_c2VjcmV0IG9mIHRoZSB0ZXN0"),
    "a login": ("secret", "wanted vendor:pass:word"),
    "a password alone": ("secret", "wanted pass:word"),
    "the vendor's key": ("secret", "Authorization: simulated-callpage-key-0123456789abcdef"),
}


@pytest.mark.parametrize("name", LEAKS)
def test_each_kind_is_found_in_each_spelling(known, name):
    kind, line = LEAKS[name]
    assert kind in [found for found, _ in known.leaks(json.dumps({"message": "before"}) + "\n" + line)], name


def test_what_the_daemon_does_say_is_let_pass(known):
    lines = [
        '{"time":"2026-11-25T19:02:00.123456Z","level":"info","message":"listening","address":"127.0.0.1","port":50123}',
        'callhook_http_rejected_total{listener="hooks",reason="not_found"} 3',
        "callhook_config_last_reload_timestamp_seconds 1795633320.5",
        '{"delivery":"019a3c5e-7b1f-7c2d-8a4e-501234567000","reason":"not JSON"}',
    ]
    assert known.leaks("\n".join(lines)) == []


def test_a_leak_fails_the_test_that_it_happened_in(make_daemon):
    daemon = make_daemon().start()
    daemon.deliver(body(call_event("call.new", to=PHONE)))
    assert daemon.post(b"x", secret="wrong" * 4).status == 404
    assert daemon.stop() == 0
    assert [what for what, _ in daemon.measured] == [f"metrics of {daemon.directory.name}"]
    nothing_private_was_said([daemon])

    log = daemon.log_text()
    for leak in (SECRET, SPACED, new_token()):
        daemon.log_file.write_text(log + json.dumps({"message": "oops", "what": leak}), encoding="utf-8")
        with pytest.raises(AssertionError, match="in log of"):
            nothing_private_was_said([daemon])
    daemon.log_file.write_text(log, encoding="utf-8")
    daemon.measured.append(("metrics", f'callhook_x{{who="{PHONE}"}} 1'))
    with pytest.raises(AssertionError, match="phone in metrics"):
        nothing_private_was_said([daemon])
    daemon.measured.pop()
    said("answer 400", b'{"detail":"happy@customer.com is not a phone number"}')
    with pytest.raises(AssertionError, match="e-mail in answer 400"):
        nothing_private_was_said()


def test_what_came_in_by_other_ways_is_known_from_the_database(make_daemon, database):
    daemon = make_daemon().start()
    delivery = daemon.deliver(body(call_event("call.new", to=PHONE)))
    wait_until(lambda: database.value("SELECT count(*) FROM callhook.deliveries WHERE id = %s", delivery) == 1)
    known = Private()
    assert known.leaks(PHONE) == []
    known.database(database)
    assert [kind for kind, _ in known.leaks(PHONE)] == ["phone"]
    assert SECRET in private.secrets
