"""Two daemons on one database behind a load balancer: both accept, one leads, both serve the same log; when either goes, what
it did alone moves to the other."""

import contextlib
import http.client
import itertools
import signal
import time

import pytest
from callpage_simulator import Options, plan, send
from support.balancer import Balancer
from support.daemon import PATIENCE, wait_until
from support.feed import FeedReader, assert_contiguous, read_feed
from support.followers import Batches, FailingReceiver, JetStream, by_subject, database_log
from support.http import request
from support.metrics import metric
from support.nats import NatsServer
from support.payloads import body, call_event
from support.receiver import Receiver
from support.subscriptions import OUTBOUND, subscribe

LONGEST_MOVE = 5.0
ENDS = {"stopped": signal.SIGTERM, "killed": signal.SIGKILL}


@pytest.fixture
def balancer():
    made = []

    def make(*daemons):
        made.append(Balancer([daemon.hooks_port for daemon in daemons]))
        return made[-1].start()

    yield make
    for one in made:
        one.stop()


def leads(daemon):
    return metric(daemon, "callhook_pipeline_leader") == 1


def leader_and_other(pair):
    wait_until(lambda: sum(leads(daemon) for daemon in pair) == 1, 10, "one leader")
    return sorted(pair, key=leads, reverse=True)


def test_both_accept_one_leads_and_each_serves_the_whole_log(make_daemon, balancer):
    pair = [make_daemon().start(), make_daemon().start()]
    leader, _ = leader_and_other(pair)
    front = balancer(*pair)
    readers = [Batches(daemon.api_port).start() for daemon in pair]
    made = plan(Options(calls=600, seed=4, rate=100))
    try:
        url = f"http://127.0.0.1:{front.port}{leader.hook_path()}"
        # Short connections, so that the balancer has something to spread.
        parts = [made.deliveries[at : at + 50] for at in range(0, len(made.deliveries), 50)]
        for number, part in enumerate(parts):
            if number == len(parts) // 2:
                leader.kill()
            result = send(url, part, workers=2, paced=False, retries=50)
            assert result.by_status == {200: len(part)}, result.text()
            if number == len(parts) * 3 // 4:
                leader.start()
        leader.settle()
        log = database_log(leader.database)
        for reader in readers:
            wait_until(lambda: reader.has(log[-1][0]), 20, "a reader at the end")
    finally:
        for reader in readers:
            reader.stop()
    assert all(reader.seen == log for reader in readers)
    assert min(front.taken.values()) > len(parts) / 4, front.taken
    leader_and_other(pair)
    for daemon in pair:
        assert_contiguous(read_feed(daemon))
    assert pair[0].audit()[0] == 0
    print(f"\n{len(made.deliveries)} webhooks through {front.taken} connections: {len(log)} events")


class Moves:
    """Two daemons, and how long after the end of one its work goes on at the other. `told` says who is to be told of a call:
    name -> whether that was, for the daemon that is left and the call's subject."""

    def __init__(self, pair, front, told):
        self.pair, self.front, self.told = pair, front, told
        self.ids = itertools.count(1000)

    def measure(self, ending, how):
        """Ends one daemon and orders a call; how many seconds it took until each was told."""
        survivor = next(daemon for daemon in self.pair if daemon is not ending)
        begun = time.monotonic()
        ending.signal(ENDS[how])
        call = next(self.ids)
        # A client whose connection broke tries again, and the balancer hands it to the other one.
        wait_until(lambda: self.taken(body(call_event("call.new", call))), 10, "an accepted webhook")
        took, left = {}, dict(self.told)
        while left:
            for name, told in list(left.items()):
                if told(survivor, f"calls/{call}"):
                    took[name] = time.monotonic() - begun
                    del left[name]
            assert time.monotonic() - begun < 30 * PATIENCE, f"not told by {sorted(left)}"
            time.sleep(0.02)
        ending.stop()
        return took

    def taken(self, payload):
        try:
            return request(self.front.port, "POST", self.pair[0].hook_path(), payload).status == 200
        except (OSError, http.client.HTTPException):
            return False


@pytest.mark.parametrize("how", ENDS)
def test_work_moves_within_five_seconds(make_daemon, balancer, tmp_path, how):
    with contextlib.ExitStack() as cleanup:
        nats = NatsServer(tmp_path / "nats").start()
        cleanup.callback(nats.stop)
        nats.create_stream()
        stream = JetStream(nats).start()
        cleanup.callback(stream.stop)
        everything = FailingReceiver(0, 0)  # which never fails
        receiver = cleanup.enter_context(Receiver(everything.answer))
        told = {
            "the feed": lambda survivor, subject: bool(FeedReader(survivor, subject=subject).read()),
            "the stream": lambda survivor, subject: any(about.endswith(f" {subject}") for _, _, about in stream.seen),
            "the webhook": lambda survivor, subject: any(about.endswith(f" {subject}") for _, _, about in everything.seen),
        }
        pair = [make_daemon({"nats": {"servers": [nats.url]}, "outbound": OUTBOUND}).start() for _ in range(2)]
        subscribe(pair[0], "crm", receiver.url())
        moves = Moves(pair, balancer(*pair), told)
        print(f"\na daemon is {how}; seconds until a call that was ordered then is told by")
        for turn in ("the one that leads", "the other") * 2:
            leader, other = leader_and_other(pair)
            ending = leader if turn == "the one that leads" else other
            took = moves.measure(ending, how)
            print(f"  {turn}: " + ", ".join(f"{name} {seconds:.2f}" for name, seconds in took.items()))
            assert max(took.values()) < LONGEST_MOVE * PATIENCE, took
            ending.start()
        # Whoever told of it, nothing was left out or told out of order.
        log = database_log(pair[0].database)
        for follower in (stream, everything):
            wait_until(lambda: follower.has(log[-1][0]), 10, f"the last event at {follower.name}")
        assert stream.seen == log
        assert by_subject(everything.once()[0]) == by_subject(log)
        assert how == "killed" or everything.once()[1] == 0, "an orderly end tells nothing twice"
