"""Where outbound webhooks may go: the public internet, and what the operator allows; never where an answer points."""

import pytest
from callpage_tls import certificates
from support.payloads import body, call_event
from support.subscriptions import OUTBOUND, ask, attempts, first_attempts, subscribe

GUARDED = {**OUTBOUND, "allow": []}


@pytest.fixture
def run(make_daemon):
    """Starts a daemon with these settings of [outbound] and one event in its feed."""
    made = []

    def start(settings):
        made.append(make_daemon({"outbound": settings}).start())
        made[-1].deliver(body(call_event("call.new", 1)))
        made[-1].settle()
        return made[-1]

    yield start
    for one in made:
        assert one.stop() == 0, one.log_text()[-3000:]


def refusal(daemon, name, url):
    """Why nothing goes to this URL: from the answer to PUT, or from the first attempt."""
    answer = ask(daemon, "PUT", f"/{name}", {"url": url, "start": "0"})
    if answer.status == 400:
        return answer.json()["detail"]
    assert answer.status == 201, answer
    attempt = first_attempts(daemon, name)[0]
    assert attempt["status"] is None and attempt["response"] == "", attempt
    return attempt["error"]


def test_forbidden_addresses_are_refused_in_every_spelling(run, receiver):
    to = receiver()
    daemon = run(GUARDED)
    hosts = ("127.0.0.1", "127.8.8.8", "0.0.0.0", "localhost", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]")
    hosts += ("169.254.169.254", "10.0.0.1", "192.168.0.1", "172.16.0.1", "100.64.0.1", "[fe80::1]", "[fd00:ec2::254]")
    hosts += ("[64:ff9b::7f00:1]", "[2002:7f00:1::1]", "[::127.0.0.1]", "224.0.0.1", "255.255.255.255")
    for number, host in enumerate(hosts):
        assert "address" in refusal(daemon, f"s{number}", f"http://{host}:{to.port}/hook"), host
    # What the system, but not a check of the text, could take for an address.
    for number, host in enumerate(("2130706433", "0x7f000001", "0x7f.1", "127.1", "0177.0.0.1", "017700000001", "127.0.0.1.", "[::1%251]")):
        answer = ask(daemon, "PUT", f"/odd{number}", {"url": f"http://{host}:{to.port}/hook"})
        assert answer.status == 400, (host, answer)
    assert to.connections == 0


def test_urls_that_are_no_plain_http_ones_are_refused(run, receiver):
    to = receiver()
    daemon = run(OUTBOUND)
    for url in (
        "",
        "/hook",
        "ftp://example.com/hook",
        "file:///etc/passwd",
        "gopher://127.0.0.1:70/x",
        f"http://user:password@127.0.0.1:{to.port}/hook",
        f"http://example.com@127.0.0.1:{to.port}/hook",
        f"http://127.0.0.1:{to.port}/hook#fragment",
        f"http://127.0.0.1:{to.port}/a b",
        f"http://127.0.0.1:{to.port}/a\r\nX-Smuggled: y",
        f"http://127.0.0.1:{to.port}\\@example.com/",
        "http://127.0.0.1:0/hook",
        "http://127.0.0.1:65536/hook",
    ):
        answer = ask(daemon, "PUT", "/odd", {"url": url})
        assert answer.status == 400, (url, answer)
        assert "password" not in answer.json().get("detail", "").replace("a user or a password", "")
    assert ask(daemon, "GET", "/odd").status == 404
    assert to.connections == 0


def test_plain_http_needs_to_be_allowed(run, receiver):
    daemon = run({**OUTBOUND, "allow_http": False})
    assert ask(daemon, "PUT", "/crm", {"url": receiver().url()}).status == 400


def test_an_allowed_network_is_called_by_address_and_by_name(run, receiver):
    to = receiver()
    daemon = run(OUTBOUND)
    subscribe(daemon, "address", to.url("/address"), types=["call.new"])
    subscribe(daemon, "name", to.url("/name", host="localhost"), types=["call.new"])
    assert {request.path for request in to.wait_for(2)} == {"/address", "/name"}


# What is allowed may change: the address is asked about at every connect, not when the subscription is made.
def test_what_was_allowed_is_refused_once_it_is_no_more(make_daemon, receiver):
    to = receiver(lambda _: (200, {"Connection": "close"}, b""))
    daemon = make_daemon({"outbound": OUTBOUND}).start()
    subscribe(daemon, "crm", to.url(host="localhost"), types=["call.new"])
    daemon.deliver(body(call_event("call.new", 1)))
    first_attempts(daemon, "crm")
    assert daemon.stop() == 0
    daemon.settings["outbound"] = GUARDED
    daemon.start()
    daemon.deliver(body(call_event("call.new", 2)))
    daemon.settle()
    assert "address" in first_attempts(daemon, "crm", 2)[-1]["error"]
    assert len(to.requests) == 1
    assert daemon.stop() == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(run, receiver, status):
    elsewhere = receiver()
    to = receiver(lambda _: (status, {"Location": elsewhere.url("/internal")}, b"moved"))
    daemon = run(OUTBOUND)
    subscribe(daemon, "crm", to.url())
    tried = first_attempts(daemon, "crm", 2)
    assert {attempt["status"] for attempt in tried} == {status}
    assert [attempt["attempt"] for attempt in tried[:2]] == [1, 2], "not taken for a delivery: the same event again"
    assert tried[0]["response"] == "moved"
    assert elsewhere.connections == 0


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    return certificates(tmp_path_factory.mktemp("tls"))


def test_a_receiver_that_nobody_vouches_for_is_refused(run, receiver, tls):
    to = receiver(tls=(tls.certificate, tls.key))
    daemon = run(OUTBOUND)
    assert "certificate" in refusal(daemon, "crm", to.url())
    assert to.requests == []


def test_the_authority_of_ca_file_is_believed_for_its_names_only(run, receiver, tls, tmp_path):
    to = receiver(tls=(tls.certificate, tls.key))
    daemon = run({**OUTBOUND, "ca_file": str(tls.ca)})
    subscribe(daemon, "crm", to.url(), types=["call.new"])
    subscribe(daemon, "name", to.url(host="localhost"), types=["call.new"])
    assert len(to.wait_for(2)) == 2

    other = certificates(tmp_path / "other")
    stranger = receiver(tls=(other.certificate, other.key))
    assert "certificate" in refusal(daemon, "stranger", stranger.url())
    assert stranger.requests == []


def test_a_certificate_of_another_name_is_refused(run, receiver, tmp_path):
    named = certificates(tmp_path / "named", names="DNS:receiver.example, IP:127.0.0.2")
    to = receiver(tls=(named.certificate, named.key))
    daemon = run({**OUTBOUND, "ca_file": str(named.ca)})
    for name, host in (("address", "127.0.0.1"), ("name", "localhost")):
        error = refusal(daemon, name, to.url(host=host))
        assert "certificate" in error and "mismatch" in error, error
    assert to.requests == []


def test_a_refused_receiver_is_told_of_without_its_address(run):
    daemon = run(GUARDED)
    subscribe(daemon, "crm", "http://localhost:1/hook/with-a-token")
    assert attempts(daemon, "crm") is not None
    error = first_attempts(daemon, "crm")[0]["error"]
    assert "127.0.0.1" not in error and "::1" not in error
    assert "with-a-token" not in error + daemon.log_text()
