"""A sender that never rests."""

import threading

from support.payloads import body, call_event


class Stream:
    """Sends one call after the other while it is entered; every webhook must be taken. `kept` are the deliveries' ids."""

    def __init__(self, daemon, first):
        self.daemon, self.next, self.kept, self.fault = daemon, first, [], None
        self.resting = threading.Event()
        self.thread = threading.Thread(target=self._send, daemon=True)

    def _send(self):
        try:
            while not self.resting.is_set():
                self.kept.append(self.daemon.deliver(body(call_event("call.new", self.next))))
                self.next += 1
        except (AssertionError, OSError) as fault:
            self.fault = fault

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.resting.set()
        self.thread.join()
        assert self.fault is None and self.kept, self.fault
