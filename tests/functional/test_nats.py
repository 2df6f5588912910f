"""Publishing to NATS JetStream: every event once and in order, whatever is killed; what is wrong is told."""

import json
import shutil
import signal
import subprocess
import threading
import time

import pytest
from support.daemon import PATIENCE, wait_until
from support.feed import position, read_feed
from support.http import request
from support.metrics import metric
from support.nats import NatsError, NatsServer
from support.payloads import body, call_event, message


@pytest.fixture
def nats(tmp_path):
    """A server that runs."""
    server = NatsServer(tmp_path / "nats").start()
    yield server
    server.stop()


@pytest.fixture
def publishing(make_daemon):
    """Makes daemons that publish to a server."""

    def make(server, name=None, url=None, settings=None, **more):
        keys = {"servers": [url or server.url], "timeout": "1s", **more}
        return make_daemon(settings={**(settings or {}), "nats": keys}, name=name)

    return make


def deliver(daemon, numbers):
    daemon.deliver_all(body(call_event("call.completed", number)) for number in numbers)


def trouble(daemon):
    parts = daemon.api("/readyz?verbose").json()["parts"]
    return "" if parts["nats"] == "ok" else parts["nats"]


def wait_for_trouble(daemon, text):
    wait_until(lambda: text in trouble(daemon), 15, f"'{text}' in readiness")


def wait_for_messages(server, count, timeout=30, stream="callhook"):
    def there():
        try:
            with server.client() as client:
                return client.state(stream)["messages"] >= count
        except NatsError:
            return False

    wait_until(there, timeout, f"{count} messages in the stream")


def assert_same(messages, events):
    """The stream holds just these events, in order, each once."""
    assert [m.id for m in messages] == [e["id"] for e in events]
    assert [m.event() for m in messages] == events


def place(database):
    rows = database.rows("SELECT position, stream_sequence FROM callhook.consumers WHERE name = 'nats'")
    return rows[0] if rows else (None, None)


# What is published ----------------------------------------------------------------------------------------------------


def test_an_event_is_published_with_subject_headers_and_body(nats, publishing, database):
    nats.create_stream()
    daemon = publishing(nats).start()
    daemon.deliver(body(call_event("call.completed", 1)))
    daemon.deliver(body(message()))
    wait_for_messages(nats, 2)
    events, messages = read_feed(daemon), nats.messages()
    assert_same(messages, events)
    assert [m.subject for m in messages] == ["callhook.demo.call.completed", "callhook.demo.new.message"]
    assert messages[0].headers["Content-Type"] == "application/cloudevents+json"
    assert messages[0].headers["Nats-Msg-Id"] == events[0]["id"]
    wait_until(lambda: place(database) == (2, 2), 5, "the cursor")
    assert metric(daemon, "callhook_nats_published_total") == 2
    assert metric(daemon, "callhook_nats_connected") == 1
    assert trouble(daemon) == ""


def test_a_filter_leaves_the_rest_out_and_the_cursor_moves_on(nats, publishing, database):
    nats.create_stream()
    daemon = publishing(nats, types=["new.message"]).start()
    deliver(daemon, range(1, 6))
    daemon.deliver(body(message()))
    deliver(daemon, range(6, 11))
    wait_for_messages(nats, 1)
    wait_until(lambda: place(database) == (11, 1), 10, "the cursor at the end")
    assert [m.event()["type"] for m in nats.messages()] == ["new.message"]


def test_another_prefix_and_stream(nats, publishing):
    nats.create_stream(name="CRM", subjects=["crm.events.>"])
    daemon = publishing(nats, stream="CRM", subject_prefix="crm.events").start()
    daemon.deliver(body(call_event("call.missed", 1)))
    wait_for_messages(nats, 1, stream="CRM")
    assert nats.messages("CRM")[0].subject == "crm.events.demo.call.missed"


def test_what_was_there_before_is_published_from_the_beginning(nats, publishing, make_daemon):
    early = make_daemon(name="early").start()
    deliver(early, range(1, 2_501))
    early.settle()
    events = read_feed(early)
    early.stop()
    nats.create_stream()
    publishing(nats).start()
    wait_for_messages(nats, len(events))
    assert_same(nats.messages(), events)


# Whatever is killed ---------------------------------------------------------------------------------------------------


def test_order_and_once_while_the_server_and_the_daemon_are_killed(nats, publishing, database):
    nats.create_stream()
    daemon = publishing(nats, batch=50).start()
    stopped = threading.Event()
    sent = []

    def send():
        while not stopped.is_set():
            numbers = range(len(sent) + 1, len(sent) + 41)
            try:
                deliver(daemon, numbers)
            except (OSError, AssertionError):
                time.sleep(0.05)  # it is being restarted; what it took nonetheless comes again as a repeat
                continue
            sent.extend(numbers)

    sender = threading.Thread(target=send, daemon=True)
    sender.start()

    def more():
        before = nats_count()
        wait_until(lambda: nats_count() >= before + 150, 30, "more messages")

    def nats_count():
        with nats.client() as client:
            return client.state()["messages"]

    def restart(what):
        what.kill()
        what.start()

    try:
        for victim in (daemon, nats, daemon, nats, daemon):
            more()
            restart(victim)
        more()
    finally:
        stopped.set()
        sender.join(60 * PATIENCE)
    daemon.settle()
    events = read_feed(daemon)
    assert len(events) >= 900
    wait_for_messages(nats, len(events), 60)
    assert_same(nats.messages(), events)
    wait_until(lambda: place(database)[0] == len(events), 10, "the cursor at the end")


def test_an_ack_that_was_lost_is_found_in_the_stream_also_after_the_duplicate_window(nats, publishing, database):
    """The daemon dies between the stream's acknowledgement and its own note of it."""
    nats.create_stream()
    daemon = publishing(nats).start()
    deliver(daemon, range(1, 11))
    wait_for_messages(nats, 10)
    wait_until(lambda: place(database) == (10, 10), 5, "the cursor")
    daemon.kill()
    database.execute("UPDATE callhook.consumers SET position = 4, stream_sequence = 4 WHERE name = 'nats'")
    with nats.client() as client:  # the server forgets the ids when the window passes; a restart with another one does the same
        client.update_stream(duplicate_window=120 * 10**9)
    nats.kill()
    nats.start()
    daemon.start()
    deliver(daemon, range(11, 13))
    wait_for_messages(nats, 12)
    assert_same(nats.messages(), read_feed(daemon))
    assert "the stream holds events whose acknowledgement was lost" in daemon.log_text(daemon.starts_at)


def test_a_tail_that_the_server_lost_is_published_again(nats, publishing, database, tmp_path):
    nats.create_stream()
    daemon = publishing(nats).start()
    deliver(daemon, range(1, 11))
    wait_for_messages(nats, 10)
    nats.stop()
    shutil.copytree(nats.directory / "store", tmp_path / "saved")
    nats.start()
    deliver(daemon, range(11, 31))
    wait_for_messages(nats, 30)
    wait_until(lambda: place(database) == (30, 30), 5, "the cursor")
    nats.kill()
    shutil.rmtree(nats.directory / "store")
    shutil.copytree(tmp_path / "saved", nats.directory / "store")
    nats.start()
    wait_for_messages(nats, 30)
    assert_same(nats.messages(), read_feed(daemon))
    assert "the stream has lost events that it had acknowledged" in daemon.log_text()


def test_another_daemon_takes_over_within_five_seconds(nats, publishing):
    nats.create_stream()
    first = publishing(nats, "first").start()
    wait_until(lambda: metric(first, "callhook_nats_connected") == 1, 10, "the connection")
    second = publishing(nats, "second").start()
    deliver(first, range(1, 21))
    wait_for_messages(nats, 20)
    assert metric(second, "callhook_nats_connected") == 0 and trouble(second) == ""
    for how, leader, other in ((first.kill, first, second), (second.stop, second, first)):
        if not other.running():
            other.start()
        before = len(nats.messages())
        how()
        begun = time.monotonic()
        deliver(other, range(before + 1, before + 11))
        wait_for_messages(nats, before + 10)
        took = time.monotonic() - begun
        assert took < 5 * PATIENCE, took
        assert not leader.running()
    assert_same(nats.messages(), read_feed(first))


@pytest.mark.resources
def test_a_server_that_hangs_slows_nothing_and_costs_no_memory(nats, publishing):
    nats.create_stream()
    daemon = publishing(nats, settings={"feed": {"tail_bytes": "1MiB"}}).start()
    wait_until(lambda: metric(daemon, "callhook_nats_connected") == 1, 10, "the connection")
    deliver(daemon, range(1, 2_001))
    wait_for_messages(nats, 2_000)

    def timed(numbers):
        begun = time.monotonic()
        deliver(daemon, numbers)
        return time.monotonic() - begun

    usual = timed(range(2_001, 6_001))
    daemon.settle()
    before = daemon.rss()
    nats.pause()
    hanging = timed(range(6_001, 10_001))
    print(f"\n4,000 webhooks: {usual:.2f} s, while nats-server hangs {hanging:.2f} s, ratio {hanging / usual:.2f}")
    assert hanging < usual * 3 + 1
    wait_until(lambda: trouble(daemon), 15, "the trouble in readiness")
    assert daemon.rss() - before < 48 << 20
    daemon.settle()
    events = read_feed(daemon)
    nats.resume()
    wait_for_messages(nats, 10_000)
    assert_same(nats.messages(), events)


def test_a_stop_does_not_wait_for_a_server_that_hangs(nats, publishing):
    nats.create_stream()
    daemon = publishing(nats, timeout="30s").start()
    wait_until(lambda: metric(daemon, "callhook_nats_connected") == 1, 10, "the connection")
    nats.pause()
    deliver(daemon, range(1, 101))
    time.sleep(0.3)
    begun = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - begun < 8 * PATIENCE
    nats.resume()
    daemon.start()
    wait_for_messages(nats, 100)
    assert_same(nats.messages(), read_feed(daemon))


def test_a_start_does_not_wait_for_a_server_that_is_not_there(nats, publishing):
    nats.create_stream()
    nats.stop()
    daemon = publishing(nats).start()
    wait_for_trouble(daemon, f"cannot connect to 127.0.0.1:{nats.port}")
    assert daemon.api("/readyz").status == 200
    deliver(daemon, range(1, 11))
    nats.start()
    wait_for_messages(nats, 10, 10)
    wait_until(lambda: trouble(daemon) == "", 5, "the end of the trouble")


def test_of_several_servers_one_that_answers_is_found(nats, publishing, tmp_path):
    dead = NatsServer(tmp_path / "dead")
    nats.create_stream()
    daemon = publishing(nats, servers=[dead.url, nats.url]).start()
    daemon.deliver(body(call_event("call.completed", 1)))
    wait_for_messages(nats, 1)


# The stream -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong, told",
    [
        ({"storage": "memory"}, "its storage is memory and must be file"),
        ({"retention": "workqueue"}, "its retention is workqueue and must be limits"),
        ({"discard": "new"}, "its discard policy is new and must be old"),
        ({"duplicate_window": 10 * 10**9}, "its duplicate window is 10 s and must be 2 minutes at least"),
        ({"subjects": ["callhook.demo.>"]}, "its subjects are callhook.demo.> and must be callhook.> alone"),
        ({"subjects": ["callhook.>", "other.>"]}, "its subjects are callhook.>, other.> and must be callhook.> alone"),
        ({"max_msgs_per_subject": 5}, "it limits the messages per subject"),
        ({"max_msg_size": 1000}, "it limits the size of a message"),
        ({"no_ack": True}, "it acknowledges nothing"),
    ],
)
def test_a_stream_that_would_break_the_promise_is_refused_until_it_is_right(nats, publishing, wrong, told):
    nats.create_stream(**wrong)
    daemon = publishing(nats).start()
    daemon.deliver(body(call_event("call.completed", 1)))
    wait_for_trouble(daemon, told)
    assert told in daemon.log_text() and daemon.api("/readyz").status == 200
    assert nats.messages() == []
    with nats.client() as client:
        client.delete_stream()
        client.create_stream()
    wait_for_messages(nats, 1)
    wait_until(lambda: trouble(daemon) == "", 5, "the end of the trouble")


def test_too_few_replicas_are_told(nats, publishing):
    nats.create_stream()
    daemon = publishing(nats, replicas=3).start()
    wait_for_trouble(daemon, "it has 1 replicas, and nats.replicas asks for 3")


def test_a_stream_that_is_not_there_is_told_and_made_only_where_that_is_wanted(nats, publishing):
    daemon = publishing(nats, "first").start()
    daemon.deliver(body(call_event("call.completed", 1)))
    wait_for_trouble(daemon, "the stream does not exist on the NATS server: callhook")
    daemon.stop()
    publishing(nats, "second", create_stream=True).start()
    wait_for_messages(nats, 1)
    with nats.client() as client:
        config = client.info()["config"]
    assert config["storage"] == "file" and config["duplicate_window"] == 600 * 10**9 and config["discard"] == "old"


def test_a_server_without_jetstream_is_told(publishing, nats):
    nats.stop()
    file = nats.directory / "nats.conf"
    file.write_text(f'listen: "127.0.0.1:{nats.port}"\n', encoding="utf-8")
    with open(nats.directory / "nats.log", "ab") as log:
        nats.process = subprocess.Popen(["nats-server", "-c", str(file)], stdout=log, stderr=log)
    daemon = publishing(nats).start()
    wait_for_trouble(daemon, "has no JetStream for this user")


def reset(daemon, where):
    """As an operator does."""
    wanted = json.dumps({"position": where}).encode()
    answer = request(daemon.api_port, "POST", "/v1/consumers/nats/reset", wanted, {"Content-Type": "application/json"})
    assert answer.status == 200, answer


def test_a_stream_made_anew_waits_for_a_decision(nats, publishing, database):
    nats.create_stream()
    daemon = publishing(nats).start()
    deliver(daemon, range(1, 11))
    wait_for_messages(nats, 10)
    wait_until(lambda: place(database) == (10, 10), 5, "the cursor")
    with nats.client() as client:
        client.delete_stream()
        client.create_stream()
    deliver(daemon, range(11, 14))
    wait_for_trouble(daemon, "the stream was emptied or made anew since events were published to it")
    assert nats.messages() == []
    reset(daemon, "0")
    wait_for_messages(nats, 13)
    assert_same(nats.messages(), read_feed(daemon))


def test_after_a_reset_order_holds_and_the_duplicate_window_leaves_repetitions_out(nats, publishing, database):
    nats.create_stream()
    daemon = publishing(nats, batch=7).start()
    deliver(daemon, range(1, 31))
    wait_for_messages(nats, 30)
    wait_until(lambda: place(database) == (30, 30), 5, "the cursor")
    reset(daemon, "0")
    wait_until(lambda: place(database) == (30, 30), 10, "the cursor at the end again")
    reset(daemon, read_feed(daemon)[9]["id"])
    deliver(daemon, range(31, 41))
    wait_for_messages(nats, 40)
    wait_until(lambda: place(database) == (40, 40), 10, "the cursor at the end")
    assert_same(nats.messages(), read_feed(daemon))


def test_a_purge_is_the_operators_right(nats, publishing, database):
    nats.create_stream()
    daemon = publishing(nats).start()
    deliver(daemon, range(1, 11))
    wait_until(lambda: place(database) == (10, 10), 30, "all told: what was purged before its ack counted would be published again")
    with nats.client() as client:
        client.purge_stream()
    nats.kill()
    nats.start()
    deliver(daemon, range(11, 14))
    wait_for_messages(nats, 3)
    assert_same(nats.messages(), read_feed(daemon)[10:])


def test_messages_of_others_are_told_and_disturb_no_order(nats, publishing, make_daemon):
    """Each of these stands where callhook expects to go on, while it has several events to publish."""
    nats.create_stream()
    daemon = publishing(nats, settings={"pipeline": {"enabled": False}}).start()
    other = make_daemon(name="receives").start()
    deliver(other, range(1, 6))
    wait_for_messages(nats, 5)
    for turn in range(1, 4):
        daemon.signal(signal.SIGSTOP)
        try:
            deliver(other, range(turn * 10, turn * 10 + 5))
            other.settle()
            with nats.client() as client:
                assert client.publish("callhook.demo.x", b"{}")["seq"] == turn * 6
        finally:
            daemon.signal(signal.SIGCONT)
        wait_for_messages(nats, turn * 6 + 5)
    assert_same([m for m in nats.messages() if m.id], read_feed(daemon))
    assert "the stream holds messages that callhook does not know" in daemon.log_text()


# The log --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE callhook.feed_head SET floor = 8; DELETE FROM callhook.events WHERE position <= 8",
        "UPDATE callhook.feed_head SET epoch = '0badcafe'",
    ],
)
def test_events_lost_before_they_were_published_are_no_silent_jump(nats, publishing, database, change):
    nats.create_stream()
    daemon = publishing(nats).start()
    deliver(daemon, range(1, 5))
    wait_for_messages(nats, 4)
    wait_until(lambda: place(database)[0] == 4, 5, "the cursor")
    nats.stop()
    deliver(daemon, range(5, 11))
    daemon.settle()
    daemon.stop()
    database.execute(change)
    nats.start()
    daemon.start()
    wait_for_trouble(daemon, "events of the feed were lost, rewritten or expired before they were published")
    assert len(nats.messages()) == 4
    reset(daemon, "0")
    kept = read_feed(daemon)
    wait_for_messages(nats, 4 + len(kept))
    assert [m.id for m in nats.messages()][4:] == [e["id"] for e in kept]
    assert position(kept[-1]["id"]) == 10
