"""CallPage's six documented webhook payloads, as its documentation has them."""

import copy
import json

CALL = {
    "direction": "ab",
    "queued_at": "2016-09-08 13:33:03",
    "started_at": "2016-09-08 13:33:25",
    "dialed_at_a": "2016-09-08 13:33:17",
    "dialed_at_b": "2016-09-08 13:33:21",
    "answered_at_a": "2016-09-08 13:33:22",
    "answered_at_b": "2016-09-08 13:33:25",
    "ended_at_a": "2016-09-08 13:37:33",
    "ended_at_b": "2016-09-08 13:37:25",
    "dialed_time_a": "14",
    "answered_time_a": "5",
    "dialed_time_b": "18",
    "answered_time_b": "4",
    "billing_time": "248",
    "recording": None,
}
MANAGER = {"id": 4, "name": "Admin", "tel": "+48570934649", "email": "admin@callpage.io"}
FIELDS = [
    {
        "id": 3,
        "label": "E-mail",
        "placeholder": None,
        "hint": None,
        "value": None,
        "slug": "email",
        "field_value": "customer@example.com",
    },
    {
        "id": 4,
        "label": "Your name",
        "placeholder": None,
        "hint": None,
        "value": None,
        "slug": "name",
        "field_value": "Happy Customer",
    },
]
EVENTS = ("call.scheduled", "call.new", "call.missed", "call.completed", "data.added")


def call_event(event, call_id=3419, /, **changes):
    """The `data` of one of the five events about a call."""
    status = {"call.scheduled": "scheduled", "call.new": "new", "call.missed": "manager-failed"}.get(event, "completed")
    data = {"event": event, "id": call_id, "status": status, "ref_id": None, "to": "+48888888769"}
    if event == "data.added":
        data["email"] = "happy@customer.com"
    data.update(
        widget_id=3,
        created_at="2016-09-08 13:32:54",
        scheduled_at="2016-09-08 14:30:00" if event == "call.scheduled" else None,
        request=None,
    )
    if event == "call.missed":
        data["call_attempts_count"] = 3
    if event in ("call.completed", "data.added"):
        data.update(call=copy.deepcopy(CALL), call_attempt={"manager": dict(MANAGER)}, call_attempts_count=1)
    data["fields"] = copy.deepcopy(FIELDS) if event == "data.added" else None
    data.update(changes)
    return data


def message(**changes):
    """The `data` of new.message: no event, no id, no time."""
    data = {
        "email": "happy@customer.com",
        "message_from_client": "Some text",
        "call_request": ["$this->callRequest"],
        "number": "+48 123 123 123",
        "widget": "1",
        "user": "2",
        "url": "https://test.com",
        "link": "https://core.callpage.io/calls/1",
    }
    data.update(changes)
    return data


def body(data):
    return json.dumps({"data": data}, indent=4).encode()


def documented():
    """The six, by event name, each as the exact bytes of a delivery."""
    return {**{event: body(call_event(event)) for event in EVENTS}, "new.message": body(message())}
