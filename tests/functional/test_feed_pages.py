"""What docs/feed.md and docs/webhooks.md show works: every program in them is taken out of the page and run against a real
daemon."""

import json
import pathlib

import pytest
from support.browser import Browser
from support.daemon import wait_until
from support.examples import Runner, sections
from support.feed import read_feed
from support.http import request
from support.ports import free_port
from support.payloads import documented
from support.schemas import event_schema, faults
from support.subscriptions import OUTBOUND, ask
from support.tokens import Tokens, new_token

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"
PAGE = DOCS / "feed.md"
API = "127.0.0.1:8081"
FORGED = {"webhook-id": "1", "webhook-timestamp": "1700000000", "webhook-signature": "v1,AAAA"}
SHOWN = "calls/3419"  # the call of the vendor's own samples
RUNNABLE = {"sh", "python", "js", "html"}


def blocks_of(heading, *languages):
    return [block for block in sections(PAGE)[heading] if block.language in (languages or RUNNABLE)]


@pytest.fixture
def told(make_daemon, tmp_path):
    """A daemon with the documented calls, and a runner of blocks against it."""

    def make(settings=None, **more):
        daemon = make_daemon(settings).start()
        for payload in documented().values():
            daemon.deliver(payload)
        daemon.settle()
        directory = tmp_path / "examples"
        directory.mkdir(exist_ok=True)
        return daemon, Runner(directory, {API: f"127.0.0.1:{daemon.api_port}", **more})

    return make


@pytest.mark.parametrize("heading", ["Batches", "Lines"])
def test_programs_that_read_show_the_event(told, heading):
    _, runner = told()
    outputs = runner.run(blocks_of(heading), SHOWN)
    assert len(outputs) >= 2 and all(SHOWN in output for output in outputs), outputs


def test_programs_that_read_a_stream_show_the_event(told):
    _, runner = told()
    outputs = runner.run(blocks_of("Server-Sent Events", "sh", "js", "python"), SHOWN)
    assert len(outputs) == 3


def test_consumers_show_the_event_and_are_acknowledged(told):
    daemon, runner = told()
    made, python, js, watched, _ = runner.run(blocks_of("Named consumers"), SHOWN)
    assert json.loads(made)["name"] == "crm"
    # The first of all events: a program is ended once it shows the call, which may be all that it has shown by then.
    assert "call.scheduled" not in python and "call.scheduled" in js, "only one of them has a filter"
    assert watched.count('"lag_events":') == 3
    assert [consumer["name"] for consumer in daemon.api("/v1/consumers").json()["consumers"]] == ["crm"]


def test_the_page_shows_the_event_in_a_browser(told, tmp_path):
    browser = Browser(tmp_path / "chromium")
    try:
        _, runner = told({"api": {"allowed_origins": [browser.origin]}})
        (page,) = blocks_of("Server-Sent Events", "html")
        browser.start(runner.text(page) + "<script>setInterval(() => report(document.body.innerText), 100);</script>")
        wait_until(lambda: any(f"call.completed {SHOWN}" in text for text in browser.reports), 30, "the event on the page")
    finally:
        browser.stop()


def test_programs_with_a_token_are_let_in_and_without_it_are_not(told):
    tokens = Tokens()
    _, runner = told(tokens.settings())
    blocks = blocks_of("With a token")
    runner.environment["CALLHOOK_TOKEN"] = tokens.without("calls:read")
    assert all(SHOWN in output for output in runner.run(blocks, SHOWN))
    runner.environment["CALLHOOK_TOKEN"] = new_token()
    for block in blocks:
        with pytest.raises(AssertionError, match="401"):
            runner.run([block], SHOWN)


def refuses_forged(port):
    try:
        return request(port, "POST", "/hook", b"{}", FORGED).status == 401
    except OSError:
        return False


def arrives(daemon, program):
    try:
        wait_until(lambda: program.shows(f"call.completed {SHOWN}"), 30, "the event at the receiver")
    except AssertionError as failure:
        tried = [ask(daemon, "GET", path).json() for path in ("/crm", "/crm/attempts")]
        raise AssertionError(f"{failure}; the receiver said {program.text()!r}, callhook {tried}") from failure


def test_receivers_of_webhooks_know_the_signature_and_the_commands_work(make_daemon, verifier):
    daemon = make_daemon({"outbound": OUTBOUND}).start()
    port = free_port()
    # The verifier's folder has the library; the secret is known once the first command has run.
    runner = Runner(
        verifier.directory,
        {API: f"127.0.0.1:{daemon.api_port}", "8090": str(port), "https://crm.example/": f"http://127.0.0.1:{port}/"},
    )
    page = sections(DOCS / "webhooks.md")
    (made,) = runner.run([block for block in page[""] if block.language == "sh"], SHOWN)
    runner.environment["WEBHOOK_SECRET"] = json.loads(made)["secret"]
    programs = [block for block in page["What arrives"] if block.language in ("js", "python")]
    assert [block.language for block in programs] == ["js", "python"]
    for program in map(runner.program, programs):
        try:
            # Before anything is sent, so that nothing fails first and is sent again only later.
            wait_until(lambda: refuses_forged(port), 30, "a receiver that listens")
            if not daemon.database.value("SELECT position FROM callhook.feed_head"):
                for payload in documented().values():
                    daemon.deliver(payload)
            assert ask(daemon, "POST", "/crm/reset", {"position": "0"}).status == 200
            arrives(daemon, program)
            assert refuses_forged(port)
            assert "call.new" not in program.text()
        finally:
            program.stop()
    runner.replaced['"ID"'] = json.dumps(read_feed(daemon)[0]["id"])
    (watched,) = runner.run([block for block in page["Watching and mending"] if block.language == "sh"], SHOWN)
    assert '"attempts"' in watched and '"redriven":0' in watched and ask(daemon, "GET", "/crm").status == 404


def test_no_program_is_left_out():
    ran = {"Batches", "Lines", "Server-Sent Events", "Named consumers", "With a token"}
    assert {heading for heading, blocks in sections(PAGE).items() if any(b.language in RUNNABLE for b in blocks)} == ran
    ran = {"", "What arrives", "Watching and mending"}
    page = sections(DOCS / "webhooks.md")
    assert {heading for heading, blocks in page.items() if any(b.language in RUNNABLE for b in blocks)} == ran


def test_the_sample_of_an_event_fits_the_schema(told):
    daemon, _ = told()
    (sample,) = [json.loads(block.text) for block in sections(PAGE)["An event"] if block.language == "json"]
    assert not faults(event_schema(daemon), sample)
    assert list(sample) == list(read_feed(daemon)[0])
