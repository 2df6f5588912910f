"""What a thousand open streams cost, and how long an event takes from its answer 200 to a client. Prints the numbers (-s)."""

import contextlib
import json
import selectors
import statistics
import threading
import time

import pytest
from support.daemon import wait_until
from support.event_stream import EventStream
from support.http import RawConnection, post_bytes
from support.metrics import metric
from support.payloads import body, call_event

pytestmark = pytest.mark.resources

STREAMS = 1000
MIB = 1 << 20


def insert(connection, first, count, size=500):
    """Events as the sequencer commits them, with its signal; the moment after the commit."""
    event = json.dumps({"type": "call.new", "source": "/callhook/demo", "data": {"pad": "x" * size}})
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO callhook.events (position, recorded_at, type, source, subject, event) "
            "SELECT n, now(), 'call.new', 'demo', 'calls/' || n, %s FROM generate_series(%s, %s) n",
            (event, first, first + count - 1),
        )
        cursor.execute("UPDATE callhook.feed_head SET position = %s, recorded_at = now()", (first + count - 1,))
        cursor.execute("NOTIFY callhook_feed")
    connection.commit()
    return time.monotonic()


class Crowd:
    """Many streams read by one thread, which only counts events and notes when each was complete: parsing a thousand streams in
    Python would be what is measured."""

    MARK = b"\ndata: "

    def __init__(self, port, count, **query):
        self.streams = [EventStream(port, **query) for _ in range(count)]
        self.selector = selectors.DefaultSelector()
        for one in self.streams:
            one.seen, one.carry = 0, b""
            one.socket.setblocking(False)
            self.selector.register(one.socket, selectors.EVENT_READ, one)
        waiting = set(self.streams)
        self._read(lambda one: waiting.discard(one) or not waiting, 60)

    def _read(self, enough, timeout):
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            for key, _ in self.selector.select(1):
                one = key.data
                data = one.carry + one.socket.recv(MIB)
                assert len(data) > len(one.carry), "a stream ended"
                one.seen += data.count(self.MARK)
                one.carry = data[-len(self.MARK) + 1 :]
                if enough(one):
                    return
        raise AssertionError(f"{sum(one.seen for one in self.streams)} events came in time")

    def read(self, events, timeout=100):
        """Reads until each stream has told so many events in all; when each had."""
        done = {one: time.monotonic() for one in self.streams if one.seen >= events}

        def enough(one):
            if one.seen >= events:
                done.setdefault(one, time.monotonic())
            return len(done) == len(self.streams)

        if len(done) < len(self.streams):
            self._read(enough, timeout)
        return list(done.values())

    def close(self):
        for one in self.streams:
            one.close()


def transactions(database):
    time.sleep(1.5)  # sessions hand in their counts when they have been idle for a second
    return database.value("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")


def milliseconds(values):
    return ", ".join(f"{name} {1000 * value:.1f} ms" for name, value in values)


def quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def test_a_thousand_streams_cost_little_and_wake_at_once(make_daemon, database):
    daemon = make_daemon({"feed": {"tail_bytes": "4MiB"}, "log": {"level": "info"}}).start()
    with contextlib.closing(database.connect(autocommit=False)) as writer:
        insert(writer, 1, 200)
        wait_until(lambda: metric(daemon, "callhook_feed_position") == 200, 10, "the log")
        Crowd(daemon.api_port, 20, lastEventId="$").close()  # what the first of all costs is nobody's in particular
        before = daemon.rss()
        crowd = Crowd(daemon.api_port, STREAMS, lastEventId="$")
        open_rss = daemon.rss() - before
        assert metric(daemon, "callhook_feed_streams") >= STREAMS

        queries = transactions(database)
        firsts, medians, lasts = [], [], []
        for turn in range(20):
            committed = insert(writer, 201 + turn, 1)
            waits = [at - committed for at in crowd.read(turn + 1)]
            firsts.append(min(waits))
            medians.append(statistics.median(waits))
            lasts.append(max(waits))
            time.sleep(0.05)
        queries = transactions(database) - queries
        growth = daemon.rss() - before
    per_stream = growth / STREAMS / 1024
    print(f"\n{STREAMS} streams: {open_rss / MIB:.1f} MiB when open, {growth / MIB:.1f} MiB after 20 events ({per_stream:.1f} KiB a stream)")
    print(
        "from the commit to a client, median of 20 events: "
        + milliseconds([("first", statistics.median(firsts)), ("half of them", statistics.median(medians)), ("last", statistics.median(lasts))])
    )
    print(f"transactions of all the database's clients for 20 events: {queries}; pages read: {metric(daemon, 'callhook_feed_pages_read_total'):.0f}")
    assert growth < 64 * MIB
    assert queries < STREAMS / 2, "not one query a client"
    assert statistics.median(firsts) < 0.1 and statistics.median(lasts) < 1
    crowd.close()
    assert daemon.stop() == 0


def test_a_thousand_that_catch_up_read_the_log_once(make_daemon, database):
    """Out of the database: the tail is too short for it."""
    daemon = make_daemon({"feed": {"tail_bytes": "64KiB"}, "log": {"level": "info"}}).start()
    events = 1000
    with contextlib.closing(database.connect(autocommit=False)) as writer:
        insert(writer, 1, events)
    wait_until(lambda: metric(daemon, "callhook_feed_position") == events, 10, "the log")
    Crowd(daemon.api_port, 20, lastEventId="$").close()
    before, pages = daemon.rss(), metric(daemon, "callhook_feed_pages_read_total")
    queries = transactions(database)
    begun = time.monotonic()
    crowd = Crowd(daemon.api_port, STREAMS, lastEventId="0")
    crowd.read(events)
    took = time.monotonic() - begun
    growth = daemon.rss() - before
    queries = transactions(database) - queries
    pages = metric(daemon, "callhook_feed_pages_read_total") - pages
    print(f"\n{STREAMS} streams that read {events} events from the beginning: {took:.1f} s, {growth / MIB:.1f} MiB, {pages:.0f} pages, {queries} transactions")
    assert growth < 64 * MIB
    assert pages <= 20, "a page is read once, not once a client"
    crowd.close()
    assert daemon.stop() == 0


def test_from_answer_200_to_an_event_in_a_client(make_daemon):
    """1,000 events a second for 5 seconds; a client that stays level."""
    rate, seconds, lanes = 1000, 5, 8
    daemon = make_daemon({"log": {"level": "info"}}).start()
    answered, told = {}, {}
    with EventStream(daemon.api_port, lastEventId="$").open() as stream:

        def read():
            parsed = 0
            while len(told) < rate * seconds:
                try:
                    if not stream._receive(30):
                        return
                except TimeoutError:
                    return
                now = time.monotonic()
                for _, data in stream.parser.events[parsed:]:
                    told.setdefault(int(data.partition('"subject":"calls/')[2].partition('"')[0]), now)
                parsed = len(stream.parser.events)

        def write(lane):
            with RawConnection(daemon.hooks_port, 30) as connection:
                for number in range(lane + 1, rate * seconds + 1, lanes):
                    due = begun + number / rate
                    if (left := due - time.monotonic()) > 0:
                        time.sleep(left)
                    connection.send(post_bytes(daemon.hook_path(), bodies[number]))
                    assert connection.answer().status == 200
                    answered[number] = time.monotonic()

        # Ordered now, or each would be overdue at once.
        now = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime())
        bodies = [body(call_event("call.new", number, created_at=now)) for number in range(rate * seconds + 1)]
        reader = threading.Thread(target=read)
        reader.start()
        begun = time.monotonic()
        writers = [threading.Thread(target=write, args=(lane,)) for lane in range(lanes)]
        for one in writers:
            one.start()
        for one in writers:
            one.join(60)
        took = time.monotonic() - begun
        reader.join(60)
    waits = [told[number] - at for number, at in answered.items() if number in told]
    print(
        f"\nfrom answer 200 to the event in a client, {len(answered) / took:.0f} events/s for {took:.1f} s: "
        + milliseconds([("median", statistics.median(waits)), ("p99", quantile(waits, 0.99)), ("longest", max(waits))])
    )
    assert len(waits) == rate * seconds
    assert statistics.median(waits) < 1 and quantile(waits, 0.99) < 5
    assert daemon.stop() == 0
