"""The connection to PostgreSQL breaks at each single message of the transactions that matter, in both directions. Only what is
stored is acknowledged; who is told 503 may send again, and nothing is there twice."""

import contextlib
import itertools
import json
import os

import pytest
from rig.faults import Cut as CutAll
from rig.faults import seeded
from rig.ledger import ACKED, Fact
from rig.load import request_once
from rig.proxy import CLOSE, HOLD, RESET, TO_CLIENT, TO_SERVER, Cut, Proxy, socket_of
from rig.world import assert_clean
from support.daemon import wait_until
from support.http import RawConnection
from support.payloads import body, call_event, message

LONG = bool(os.environ.get("CALLHOOK_CHAOS_LONG"))
LONGEST_TRANSACTION = 100  # messages; more would mean that a sweep does not end
SOON = {"pipeline": {"takeover_interval": "100ms"}}


@pytest.fixture
def proxy(postgres):
    made = Proxy(socket_of(postgres))
    yield made
    made.stop()


class Sender:
    """Posts one body after the other and keeps the ledger. The kinds take turns: a call, a message, one that cannot be read."""

    def __init__(self, world):
        self.world = world
        self.numbers = itertools.count(1)

    def body(self, kind):
        number = next(self.numbers)
        if kind == "call":
            return body(call_event("call.new", number)), Fact("call.new", f"calls/{number}")
        if kind == "message":
            return body(message(message_from_client=f"message {number}")), Fact("new.message")
        return json.dumps({"data": {"event": "call.unheard-of", "id": number}}).encode(), None

    def post(self, payload, fact):
        ledger, daemon = self.world.ledger, self.world.daemons[0]
        with contextlib.closing(RawConnection(daemon.hooks_port, 30)) as connection:
            return request_once(connection, daemon.hook_path(), payload, ledger.knows(payload, fact), ledger)[0]

    def post_until_taken(self, payload, fact):
        wait_until(lambda: self.post(payload, fact) == ACKED, 30, "an acknowledgement")


def sweep(world, proxy, role, direction, how, kind, warm, step=1):
    """Cuts at the 1st, 2nd, ... message (or every `step`-th) until a transaction ends before it is reached; what was cut, and how
    often the sender was refused."""
    sender, stopped, refused = Sender(world), [], 0
    sender.numbers = world.numbers
    for at in range(world.rng.randint(1, step), LONGEST_TRANSACTION, step):
        if warm:  # statements are prepared then
            sender.post_until_taken(*sender.body("call"))
        else:
            proxy.break_all(role=role)
        cut = proxy.arm(Cut(role, direction, at, how))
        made = sender.body(kind)
        outcome = sender.post(*made)
        refused += outcome != ACKED
        if role == "inbox":
            sender.post_until_taken(*made)
        else:
            world.settle()
        proxy.disarm()
        if not cut.fired.is_set():
            return stopped, refused
        stopped.append(cut.what)
        if how == HOLD:
            proxy.break_all(role=role)
    raise AssertionError(f"no transaction is longer than {LONGEST_TRANSACTION} messages: {stopped}")


@pytest.fixture
def behind_proxy(world, postgres, proxy):
    """A world whose daemons reach PostgreSQL through the proxy."""

    def make(name, **how):
        made = world(postgres, seeded(name), url=proxy.url, **how)
        made.proxy = proxy
        made.numbers = itertools.count(1)
        return made

    return make


@pytest.mark.parametrize("how", [CLOSE, RESET])
@pytest.mark.parametrize("direction", [TO_SERVER, TO_CLIENT])
def test_a_cut_at_every_message_of_the_transaction_that_stores(behind_proxy, proxy, direction, how):
    # With a spool the first failure would send what follows there, and no transaction of the inbox to be cut would begin.
    with behind_proxy(f"cut {direction}, {how}", posters=0, settings={"spool": {"directory": ""}}) as world:
        total = 0
        for kind, warm in itertools.product(("call", "message", "unreadable"), (False, True)):
            stopped, _ = sweep(world, proxy, "inbox", direction, how, kind, warm)
            assert len(stopped) >= 6, stopped
            if direction == TO_SERVER:
                assert any("COMMIT" in what for what in stopped), stopped
            total += len(stopped)
        assert_clean(world.check(), world.daemons)
        print(f"{total} cuts {direction} ({how}): {world.ledger.acked} acknowledged, {world.ledger.refusals()} refused; the last: {stopped}")


@pytest.mark.parametrize("direction", [TO_SERVER, TO_CLIENT])
def test_a_cut_at_every_message_of_the_transaction_that_sequences(behind_proxy, proxy, direction):
    with behind_proxy(f"sequencer cut {direction}", posters=0, settings=SOON) as world:
        stopped, refused = sweep(world, proxy, "sequencer", direction, CLOSE, "call", False, step=1 if LONG else 5)
        assert refused == 0, "the sequencer's connection is not the inbox's"
        assert_clean(world.check(), world.daemons)
        print(f"{len(stopped)} cuts: {stopped}")


@pytest.mark.parametrize("role", ["inbox", "sequencer"])
@pytest.mark.parametrize("direction", [TO_SERVER, TO_CLIENT])
def test_a_connection_that_says_nothing_any_more_is_given_up(behind_proxy, proxy, direction, role):
    """Nothing is closed and every packet is acknowledged, as by a pooler that hangs: the daemon's own deadline must end it. What
    the server still holds for it, the row of the sequencer among it, ends by the server's."""
    with behind_proxy(f"{role} held {direction}", posters=0) as world:
        sender = Sender(world)
        cut = proxy.arm(Cut(role, direction, 2, HOLD))
        made = sender.body("call")
        outcome = sender.post(*made)
        wait_until(cut.fired.is_set, 10, "the silence")
        if role == "sequencer" or world.has_spool():
            assert outcome == ACKED
        sender.post_until_taken(*made)
        assert_clean(world.check(), world.daemons)


def test_all_connections_cut_under_load(behind_proxy):
    with behind_proxy(CutAll.name) as world:
        for _ in range(4):
            assert_clean(world.round(CutAll()), world.daemons)
