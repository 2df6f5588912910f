"""A daemon on a read replica of the database serves the same feed, and only that."""

import os
import shutil
import tempfile
import threading
import time

import pytest
from support.cluster import Database
from support.daemon import NO_SPOOL, PATIENCE, wait_until
from support.feed import FeedReader, assert_contiguous, read_feed
from support.followers import Batches, Curl, Lines, database_log
from support.payloads import body, call_event

# It neither works on what came in nor tells anybody by itself: both need to write.
READER = {"pipeline": {"enabled": False}, "outbound": {"enabled": False}, "feed": {"poll_interval": "50ms"}, **NO_SPOOL}


@pytest.fixture
def standby(cluster):
    directory = tempfile.mkdtemp(prefix="callhook-standby-")
    os.chmod(directory, 0o755)
    made = cluster.standby(os.path.join(directory, "postgres"))
    yield made
    made.stop()
    shutil.rmtree(directory, ignore_errors=True)


def test_the_feed_of_a_replica_is_the_same_and_comes_as_it_grows(make_daemon, database, standby):
    daemon = make_daemon().start()
    reader = make_daemon(READER, on=Database(standby, database.name)).start()
    followers = [kind(reader.api_port).start() for kind in (Batches, Lines, Curl)]
    try:
        for call in range(1, 201):
            daemon.deliver(body(call_event("call.new", call)))
        daemon.settle()
        log = database_log(database)
        for follower in followers:
            wait_until(lambda: follower.has(log[-1][0]), 20, f"the last event at {follower.name}")
    finally:
        for follower in followers:
            follower.stop()
    assert all(follower.seen == log for follower in followers)
    assert_contiguous(read_feed(reader))
    assert reader.call(7)["call"] == daemon.call(7)["call"]

    # What it cannot do it refuses, and goes on.
    assert reader.post(body(call_event("call.new", 1000))).status == 503
    assert reader.api("/v1/consumers/crm", method="PUT").status == 503
    assert reader.api("/v1/events?lastEventId=0&limit=1").status == 200

    waits = FeedReader(reader, after=log[-1][0], type="call.new")
    thread = threading.Thread(target=waits.read, kwargs={"timeout": 20000})
    thread.start()
    time.sleep(0.3)
    begun = time.monotonic()
    daemon.deliver(body(call_event("call.new", 1001)))
    thread.join(20 * PATIENCE)
    assert [event["subject"] for event in waits.seen] == ["calls/1001"]
    print(f"\n{len(log)} events at the replica; the next one {time.monotonic() - begun:.3f} s after its webhook was sent")
