"""What was answered 200 is kept: through kills, stops under load, and a second daemon beside the first."""

import collections
import itertools
import os
import signal
import threading
import time

import pytest
from support.daemon import PATIENCE, wait_until
from support.feed import FeedReader, assert_contiguous, read_feed
from support.http import RawConnection, post_bytes
from support.payloads import body, call_event, documented, message


class Load:
    """Writers that post different calls over kept connections, and remember what was answered 200."""

    def __init__(self, daemons, writers=4, first_id=1):
        self.daemons = daemons
        self.numbers = itertools.count(first_id)
        self.accepted = {}  # delivery id -> call id
        self.other = collections.Counter()
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self._write, args=(daemons[i % len(daemons)],), daemon=True) for i in range(writers)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(60)

    def _write(self, daemon):
        connection = None
        while not self.stopping.is_set():
            number = next(self.numbers)
            payload = body(call_event("call.new", number))
            try:
                connection = connection or RawConnection(daemon.hooks_port, 30)
                connection.send(post_bytes(daemon.hook_path(), payload))
                answer = connection.answer()
            except OSError as error:
                self.other[type(error).__name__] += 1
                if connection:
                    connection.close()
                connection = None
                time.sleep(0.02)
                continue
            if answer.status == 200:
                self.accepted[answer.json()["delivery"]] = number
            else:
                self.other[answer.status] += 1
                time.sleep(0.01)
        if connection:
            connection.close()

    def wait_for(self, more, timeout=20):
        goal = len(self.accepted) + more
        wait_until(lambda: len(self.accepted) >= goal, timeout, f"{more} more accepted")


def assert_all_kept(daemon, database, accepted):
    """Each accepted delivery has one outcome, and its fact one event; the ledger balances."""
    daemon.settle(60)
    outcomes = dict(database.rows("SELECT delivery_id::text, result FROM callhook.outcomes"))
    lost = [d for d in accepted if d not in outcomes]
    assert lost == [], f"{len(lost)} of {len(accepted)} accepted deliveries are lost"
    events = read_feed(daemon)
    assert_contiguous(events)
    news = collections.Counter(e["deliveryid"] for e in events if e["type"] == "call.new")
    subjects = collections.Counter(e["subject"] for e in events if e["type"] == "call.new")
    for delivery, call_id in accepted.items():
        if outcomes[delivery] == "applied":
            assert news[delivery] == 1
        assert subjects[f"calls/{call_id}"] == 1
    code, report = daemon.audit()
    assert code == 0, report


def test_ten_kills_in_the_middle_of_a_stream_lose_nothing_that_was_accepted(make_daemon, database):
    daemon = make_daemon({"log": {"level": "info"}}).start()
    with Load([daemon], writers=6) as load:
        for _ in range(10):
            load.wait_for(300)
            daemon.kill()
            daemon.start()
        load.wait_for(50)
    assert len(load.accepted) >= 3050
    assert_all_kept(daemon, database, load.accepted)
    assert daemon.stop() == 0


def test_sigterm_under_load_ends_in_time_and_loses_nothing(make_daemon, database):
    daemon = make_daemon({"log": {"level": "info"}}).start()
    with Load([daemon], writers=8) as load:
        load.wait_for(500)
        begun = time.monotonic()
        daemon.signal(signal.SIGTERM)
        assert daemon.process.wait(15 * PATIENCE) == 0
        assert time.monotonic() - begun < 5 * PATIENCE
        load.stop()
    assert not [status for status in load.other if isinstance(status, int) and status != 503]
    daemon.start()
    assert_all_kept(daemon, database, load.accepted)
    assert daemon.stop() == 0


def test_sigterm_ends_waiting_readers_in_order(make_daemon):
    daemon = make_daemon().start()
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(daemon.api("/v1/events?lastEventId=$&timeout=50000", timeout=60)), daemon=True)
        for _ in range(10)
    ]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    begun = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - begun < 5 * PATIENCE
    for thread in threads:
        thread.join(5)
    assert len(answers) == 10 and {a.status for a in answers} <= {200, 503}


def test_a_crash_of_the_database_loses_nothing_that_was_accepted(make_daemon, database, postgres):
    daemon = make_daemon({"log": {"level": "info"}}).start()
    with Load([daemon], writers=4) as load:
        for _ in range(2):
            load.wait_for(200)
            postgres.kill()
            time.sleep(0.3)
            postgres.start()
            wait_until(daemon.is_ready, 30, "readiness")
        load.wait_for(100)
    assert_all_kept(daemon, database, load.accepted)
    assert daemon.stop() == 0


class FollowingReader(threading.Thread):
    """Follows the feed from the start with long polls, over whichever of the daemons answers."""

    def __init__(self, daemons):
        super().__init__(daemon=True)
        self.readers = [FeedReader(daemon) for daemon in daemons]
        self.seen = []
        self.done = threading.Event()

    def run(self):
        cursor = "0"
        while not self.done.is_set():
            for reader in self.readers:
                reader.cursor, reader.seen = cursor, []
                try:
                    self.seen += reader.read(timeout=300)
                    cursor = reader.cursor
                    break
                except OSError:
                    continue


def test_two_daemons_one_killed_and_no_reader_skips(make_daemon, database):
    """With an open write transaction and rollbacks beside them: the sequencer's positions stay contiguous."""
    quiet = {"log": {"level": "info"}}
    first, second = make_daemon(quiet, name="first").start(), make_daemon(quiet, name="second").start()
    database.execute("CREATE TABLE public.beside (id bigint GENERATED ALWAYS AS IDENTITY, who text)")
    open_transaction = database.connect(autocommit=False)
    open_transaction.cursor().execute("INSERT INTO public.beside (who) VALUES ('open all the time')")
    reader = FollowingReader([first, second])
    reader.start()
    with Load([first, second], writers=6) as load:
        load.wait_for(400)
        for _ in range(20):
            rolled_back = database.connect(autocommit=False)
            rolled_back.cursor().execute("INSERT INTO public.beside (who) VALUES ('rolled back')")
            rolled_back.rollback()
            rolled_back.close()
        first.kill()
        killed = time.monotonic()
        goal = second.deliver(body(call_event("call.new", 9_000_001)))
        probe = FeedReader(second, subject="calls/9000001")
        wait_until(lambda: probe.read(timeout=200), 6, "the standby taking over")
        assert time.monotonic() - killed < 5 * PATIENCE
        load.wait_for(200)
    second.settle()
    last = read_feed(second)[-1]["id"]
    wait_until(lambda: reader.seen and reader.seen[-1]["id"] == last, 15, "the reader at the end")
    reader.done.set()
    reader.join(10)
    open_transaction.rollback()
    open_transaction.close()
    assert_contiguous(reader.seen)
    assert goal in {event.get("deliveryid") for event in reader.seen}
    assert_all_kept(second, database, load.accepted)
    assert second.stop() == 0


def test_the_control_a_naive_reader_of_an_identity_column_skips(daemon, database):
    """`id > cursor` on an identity column misses what commits late; the feed, beside it, does not wait and does not skip."""
    database.execute("CREATE TABLE public.naive (id bigint GENERATED ALWAYS AS IDENTITY, who text)")
    slow, fast = database.connect(autocommit=False), database.connect()
    slow.cursor().execute("INSERT INTO public.naive (who) VALUES ('slow')")
    fast.cursor().execute("INSERT INTO public.naive (who) VALUES ('fast')")
    cursor, naive = 0, []

    def read_naively():
        nonlocal cursor
        for number, who in database.rows("SELECT id, who FROM public.naive WHERE id > %s ORDER BY id", cursor):
            naive.append(who)
            cursor = number

    read_naively()
    reader = FeedReader(daemon)
    daemon.deliver(documented()["call.new"])
    wait_until(reader.read, 5, "the event, though a write transaction is open")
    slow.commit()
    read_naively()
    daemon.deliver(documented()["call.completed"])
    daemon.settle()
    reader.read_to_end()
    slow.close()
    fast.close()
    assert naive == ["fast"], "the control must skip, or this test shows nothing"
    assert [e["type"] for e in reader.seen if e["type"] != "call.overdue"] == ["call.new", "call.completed"]
    assert_contiguous(reader.seen)


def test_a_stopped_sequencer_loses_its_lead(make_daemon):
    """A daemon that is frozen, not dead, must not hold up the other for ever once its connection is cut."""
    first = make_daemon(name="first").start()
    second = make_daemon(name="second").start()
    first.deliver(body(call_event("call.completed", 1)))
    first.settle()
    os.kill(first.process.pid, signal.SIGSTOP)
    try:
        first.database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        reader = FeedReader(second, subject="calls/2")
        wait_until(lambda: second.post(body(call_event("call.completed", 2))).status == 200, 10, "taking")
        wait_until(lambda: reader.read(timeout=200), 10, "the standby taking over")
    finally:
        os.kill(first.process.pid, signal.SIGCONT)
    wait_until(first.is_ready, 20, "the first ready again")
    wait_until(lambda: first.post(body(call_event("call.completed", 3))).status == 200, 10, "the first taking again")
    first.settle()
    assert_contiguous(read_feed(first))
    assert read_feed(first) == read_feed(second)
    assert first.audit()[0] == 0


@pytest.mark.resources
def test_a_thousand_idle_connections_take_little_memory(make_daemon):
    daemon = make_daemon({"hooks": {"idle_timeout": "5m", "header_timeout": "1m"}, "log": {"level": "info"}}).start()
    connections = [RawConnection(daemon.hooks_port) for _ in range(1000)]
    try:
        request = post_bytes(daemon.hook_path(), documented()["call.new"])
        for raw in connections:
            raw.send(request)
        for raw in connections:
            assert raw.answer().status == 200
        time.sleep(0.5)
        assert daemon.rss() < 64 * 1024 * 1024, f"{daemon.rss() / 1024 / 1024:.0f} MiB"
        for raw in connections[::100]:  # still alive
            raw.send(request)
            assert raw.answer().status == 200
    finally:
        for raw in connections:
            raw.close()
    assert daemon.stop() == 0


def test_logs_hold_no_phone_number_no_email_and_no_secret(make_daemon, postgres):
    daemon = make_daemon({"log": {"level": "trace"}, "hooks": {"answer_timeout": "1s"}}).start()
    for payload in documented().values():
        daemon.deliver(payload)
    daemon.deliver(body(message(number="+48 601 602 603", email="other@person.example", message_from_client="a very private matter")))
    daemon.deliver(b'{"data":{"event":"call.new","id":1,"to":"+48699888777","to":"x","email":"dup@person.example"}}')
    daemon.deliver(b'{"data":{"event":"call.secretevent","to":"+48699888776"}}')
    daemon.post(b"{}", secret="a-wrong-secret-that-nobody-should-read")
    daemon.api("/v1/calls?phone=%2B48888888769")
    daemon.settle()
    postgres.stop()
    daemon.post(documented()["data.added"])
    daemon.api("/v1/calls?phone=%2B48888888769")
    postgres.start()
    wait_until(daemon.is_ready, 20, "readiness")
    assert daemon.stop() == 0
    text = daemon.log_text()
    assert len(text.splitlines()) > 3
    private = [
        *("888888769", "888 888 769", "570934649", "123 123 123", "601 602 603", "601602603", "699888777", "699888776"),
        *("happy@customer.com", "customer@example.com", "admin@callpage.io", "other@person.example", "dup@person.example"),
        *("Happy Customer", "a very private matter", "Some text"),
        *("s3cret-of-the-demo", "a-wrong-secret-that-nobody", "127.0.0.1"),
    ]
    # The daemon's own listening address is no visitor's.
    lines = [line for line in text.splitlines() if '"listening"' not in line]
    for token in private:
        assert not [line for line in lines if token in line], token
    for line in daemon.log_lines():
        assert line["level"] != "raw", f"not a JSON line: {line['message']}"
