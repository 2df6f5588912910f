"""Subscriptions as an operator makes and watches them through the API."""

import json

from support.daemon import wait_until
from support.http import request
from support.personal import private

# Receivers of the tests are on the loopback and speak plain HTTP; tries follow each other quickly.
OUTBOUND = {"allow": ["127.0.0.0/8"], "allow_http": True, "schedule": ["50ms", "50ms", "100ms", "1s", "1h"], "timeout": "5s"}


def ask(daemon, method, path, body=None):
    sent = None if body is None else json.dumps(body).encode()
    return request(daemon.api_port, method, f"/v1/subscriptions{path}", sent, {"Content-Type": "application/json"})


def subscribe(daemon, name, url, **more):
    """Makes one from the feed's beginning; its secret."""
    answer = ask(daemon, "PUT", f"/{name}", {"url": url, "start": "0", **more})
    assert answer.status == 201, answer
    private.secret(answer.json()["secret"])
    return answer.json()["secret"]


def attempts(daemon, name, query=""):
    """Newest first."""
    answer = ask(daemon, "GET", f"/{name}/attempts{query}")
    assert answer.status == 200, answer
    return answer.json()["attempts"]


def first_attempts(daemon, name, count=1, timeout=20.0):
    """Waits for so many; oldest first."""
    return wait_until(lambda: (a := attempts(daemon, name)) and len(a) >= count and a, timeout, f"attempt {count}")[::-1]


def subscription(daemon, name):
    answer = ask(daemon, "GET", f"/{name}")
    assert answer.status == 200, answer
    return answer.json()


def act(daemon, name, what, body=None):
    """`pause`, `resume`, `redrive` and the like."""
    answer = ask(daemon, "POST", f"/{name}/{what}", {} if body is None else body)
    assert answer.status == 200, answer
    return answer.json()


def wait_level(daemon, name, timeout=30):
    """Waits until the receiver has all there is."""
    daemon.settle()

    def level():
        row = subscription(daemon, name)
        return row["lag_events"] == 0 and row["waiting"] == 0

    wait_until(level, timeout, f"{name} level with the feed")
