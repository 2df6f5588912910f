"""Senders that never stop: simulated calls over kept connections, each request written to the ledger with what came of it."""

import json
import random
import threading
import time

from callpage_simulator import Options, plan
from rig.ledger import ACKED, REFUSED, UNKNOWN, Attempt, Fact, now
from support.daemon import wait_until
from support.http import RawConnection, post_bytes

CALLS_IN_A_PLAN = 200
UNREADABLE = 0.02  # the share of deliveries that are quarantined
SENT_AGAIN = 0.5  # the odds that a sender repeats what it got no acknowledgement for; CallPage itself never does


def bodies(seed):
    """Without end: (body, Fact or None). Late, doubled and out of order as the simulator makes them; some cannot be read."""
    rng = random.Random(f"bodies {seed}")
    number = 0
    while True:
        first = 10_000 + number * CALLS_IN_A_PLAN
        made = plan(Options(calls=CALLS_IN_A_PLAN, seed=seed * 100_003 + number, rate=2000, first_id=first, message_share=0.05))
        for delivery in made.deliveries:
            if delivery.event == "new.message":
                # The simulator counts its messages anew in each plan, and equal texts are repeats.
                yield with_text(delivery.body, first), Fact("new.message")
            else:
                yield delivery.body, Fact(delivery.event, f"calls/{delivery.call_id}")
            if rng.random() < UNREADABLE:
                yield json.dumps({"data": {"event": "call.unheard-of", "id": rng.getrandbits(40)}}).encode(), None
        number += 1


def with_text(body, first):
    return body.replace(b'"message_from_client":"', f'"message_from_client":"{first}: '.encode())


def request_once(connection, path, body, mark, ledger):
    """(what came of it, whether the connection is of no more use)"""
    try:
        connection.send(post_bytes(path, body))
        answer = connection.answer()
    except OSError:
        ledger.write(Attempt(mark, now(), UNKNOWN))
        return UNKNOWN, True
    ended = now()
    close = (answer.header("Connection") or "").lower() == "close"
    if answer.status in (200, 202):
        ledger.write(Attempt(mark, ended, ACKED, answer.status, answer.json()["delivery"]))
        return ACKED, close
    # Backpressure and outage are said in so many words; anything else is a fault of its own.
    assert answer.status == 503, answer
    assert answer.header("Retry-After"), answer
    ledger.write(Attempt(mark, ended, REFUSED, 503))
    return REFUSED, close


class Load:
    """`posters` threads that send to the daemons in turn, another one where one does not answer. `patience` is how long a
    sender waits for its answer; whoever is paused has no request open."""

    def __init__(self, daemons, ledger, seed, posters=4, patience=30.0, padding=0):
        self.daemons = list(daemons)
        self.ledger = ledger
        self.patience = patience
        self.padding = b" " * padding  # JSON may end in blanks
        self.source = bodies(seed)
        self.source_lock = threading.Lock()
        self.running = threading.Event()
        self.ending = threading.Event()
        self.idle = [threading.Event() for _ in range(posters)]
        self.faults = []
        self.threads = [threading.Thread(target=self._post, args=(i, random.Random(f"{seed} {i}")), daemon=True) for i in range(posters)]

    def start(self):
        self.running.set()
        for thread in self.threads:
            thread.start()
        return self

    def pause(self):
        self.running.clear()
        for idle in self.idle:
            assert idle.wait(self.patience + 30), "a sender does not come to an end"
        self._tell_faults()

    def resume(self):
        self.running.set()

    def stop(self):
        self.ending.set()
        self.running.set()
        for thread in self.threads:
            thread.join(self.patience + 30)
        self._tell_faults()

    def wait_for(self, more, timeout=60.0):
        """Until so many more are acknowledged."""
        goal = self.ledger.acked + more
        wait_until(lambda: self._tell_faults() or self.ledger.acked >= goal, timeout, f"{more} more acknowledgements")

    def _tell_faults(self):
        if self.faults:
            raise self.faults[0]

    def _post(self, lane, rng):
        try:
            self._post_until_the_end(lane, rng)
        except Exception as fault:  # pylint: disable=broad-except # for the test to tell
            self.faults.append(fault)
        finally:
            self.idle[lane].set()

    def _post_until_the_end(self, lane, rng):
        connection, body, at = None, None, lane
        while not self.ending.is_set():
            if not self.running.is_set():
                self.idle[lane].set()
                self.running.wait()
                self.idle[lane].clear()
                continue
            if body is None:
                with self.source_lock:
                    body, fact = next(self.source)
                body += self.padding
                mark = self.ledger.knows(body, fact)
            daemon = self.daemons[at % len(self.daemons)]
            try:
                connection = connection or RawConnection(daemon.hooks_port, self.patience)
            except OSError:
                self.ledger.found_nobody()
                at += 1
                time.sleep(0.02)
                continue
            outcome, close = request_once(connection, daemon.hook_path(), body, mark, self.ledger)
            if close:
                connection.close()
                connection = None
                at += 1
            if outcome == ACKED or rng.random() > SENT_AGAIN:
                body = None
            if outcome != ACKED:
                time.sleep(0.01)
        if connection:
            connection.close()
