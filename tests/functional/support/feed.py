"""A reader of the feed, as a client would write it."""

import urllib.parse


def position(event_id):
    """The position in an id `<epoch>.<position>`; readers take ids as opaque, tests look inside."""
    epoch, _, digits = event_id.partition(".")
    assert len(epoch) == 8 and len(digits) == 20, event_id
    return int(digits)


class FeedReader:
    def __init__(self, daemon, after="0", **filters):
        self.daemon = daemon
        self.cursor = after
        self.filters = filters
        self.seen = []

    def read(self, limit=500, timeout=0):
        """One request; the events, and the cursor moved behind them."""
        query = {"lastEventId": self.cursor, "limit": limit, "timeout": timeout, **self.filters}
        answer = self.daemon.api(f"/v1/events?{urllib.parse.urlencode(query, doseq=True)}", timeout=30 + timeout / 1000)
        assert answer.status == 200, answer
        events = answer.json()
        if events:
            self.cursor = events[-1]["id"]
        self.cursor = answer.header("Last-Event-ID", self.cursor)
        self.seen.extend(events)
        return events

    def read_to_end(self, limit=500):
        while self.read(limit):
            pass
        return self.seen


def read_feed(daemon, after="0", **filters):
    return FeedReader(daemon, after, **filters).read_to_end()


def assert_contiguous(events, first=1):
    """Every position once, in order, with no holes."""
    positions = [position(event["id"]) for event in events]
    assert positions == list(range(first, first + len(positions)))
    assert [int(event["sequence"]) for event in events] == positions
    assert len({event["id"].split(".")[0] for event in events}) <= 1
