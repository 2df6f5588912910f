"""What callhook should show of a simulated call, told from the vendor's documentation alone: which webhook or API field each
field of a record stands for, and which of two says more."""

import datetime
import zoneinfo

from callpage_records import as_in_history, record_of

# The vendor's events from the lightest to the one that outweighs all others, and where each leaves the call.
EVENT_PHASES = {
    "call.scheduled": "scheduled",
    "call.new": "new",
    "call.missed": "missed",
    "call.completed": "completed",
    "data.added": "completed",
}
STATUS_PHASES = {
    "new": "new",
    "scheduled": "scheduled",
    "in-progress": "in-progress",
    "ringing": "in-progress",
    "completed": "completed",
    "manager-failed": "missed",
    "user-failed": "missed",
    "failed": "failed",
    "cancelled": "cancelled",
}
PHASES = ["scheduled", "new", "in-progress", "failed", "cancelled", "missed", "completed"]  # a later one outweighs

# The field in callhook, its kind, its place in webhooks, its place in the API's records (wrappers left out).
FIELDS = [
    ("status", "plain", "status", "human_status"),
    ("ref_id", "plain", "ref_id", None),
    ("to", "phone", "to", "to"),
    ("email", "plain", "email", None),
    ("widget_id", "number", "widget_id", "leadable_id"),
    ("created_at", "time", "created_at", "created_at"),
    ("scheduled_at", "time", "scheduled_at", "scheduled_at"),
    ("request", "plain", "request", "request"),
    ("direction", "plain", "call.direction", None),
    ("queued_at", "time", "call.queued_at", None),
    ("started_at", "time", "call.started_at", None),
    ("dialed_at_a", "time", "call.dialed_at_a", None),
    ("dialed_at_b", "time", "call.dialed_at_b", None),
    ("answered_at_a", "time", "call.answered_at_a", None),
    ("answered_at_b", "time", "call.answered_at_b", None),
    ("ended_at_a", "time", "call.ended_at_a", None),
    ("ended_at_b", "time", "call.ended_at_b", None),
    ("dialed_time_a", "number", "call.dialed_time_a", None),
    ("answered_time_a", "number", "call.answered_time_a", None),
    ("dialed_time_b", "number", "call.dialed_time_b", None),
    ("answered_time_b", "number", "call.answered_time_b", None),
    ("billing_time", "number", "call.billing_time", "call.billing_time"),
    ("recording", "plain", "call.recording", None),
    ("manager_id", "number", "call_attempt.manager.id", "call.call_attempt.manager.user.id"),
    ("manager_name", "plain", "call_attempt.manager.name", "call.call_attempt.manager.user.name"),
    ("manager_phone", "phone", "call_attempt.manager.tel", "call.call_attempt.manager.user.tel"),
    ("manager_email", "plain", "call_attempt.manager.email", "call.call_attempt.manager.user.email"),
    ("call_attempts_count", "number", "call_attempts_count", None),
    ("fields", "form", "fields", "call_request_fields"),
    ("widget_name", "plain", None, "leadable_description"),
    ("cancelled_at", "time", None, "cancelled_at"),
    ("widget_manager_id", "number", None, "call.call_attempt.manager.id"),
    ("phone_call_id", "number", None, "call.id"),
    ("phone_call_sid", "plain", None, "call.sid"),
    ("phone_call_type", "number", None, "call.type"),
    ("transcribed", "plain", None, "call.transcribed"),
    ("scheduled_success", "plain", None, "scheduled_success"),
    ("rating", "plain", None, "call.rating"),
    ("feedback", "plain", None, "feedback"),
    ("extension", "plain", None, "extension"),
    ("department", "plain", None, "department"),
    ("tags", "plain", None, "tags"),
    ("notes", "plain", None, "notes"),
    ("utm", "plain", None, "utm"),
    ("referer", "plain", None, "referer"),
    ("visited_pages", "plain", None, "traceroutes"),
]
CHANGEABLE = {"fields"}  # of those that both tell, the ones in which a later look at the API outweighs webhooks
EMPTY_WHEN_ALL_NULL = {"utm", "referer"}
NOT_COMPARED = {"anomalies", "clocks"}


def unwrapped(value):
    return value["data"] if isinstance(value, dict) and set(value) == {"data"} else value


def at(record, place):
    """The value at a place, None where something on the way is missing or empty."""
    value = record
    for key in place.split(".") if place else ["missing"]:
        value = unwrapped(value.get(key)) if isinstance(value, dict) else None
    return None if value in ([], {}) else value


def shown(name, kind, value, zone):
    """The part of a record that a value makes."""
    if kind == "time":
        local = datetime.datetime.strptime(value, "%Y-%m-%d %H:%M:%S").replace(tzinfo=zoneinfo.ZoneInfo(zone))
        return {name: local.isoformat(), f"{name}_raw": value}
    if kind == "phone":
        return {name: value.replace(" ", ""), f"{name}_raw": value}
    if kind == "number":
        return {name: int(value)}
    if kind == "form":
        return {name: [form_field(field) for field in value]}
    return {name: value}


def form_field(field):
    answer = field["field_value"] if field["field_value"] is not None else field["value"]
    shown_field = {"id": field["id"], "label": field["label"], "slug": field["slug"], "value": answer}
    return {key: value for key, value in shown_field.items() if value is not None}


def expected_record(visitor, sent_events, asked=True, source="demo", zone="Europe/Warsaw", record=None):
    """The record of a call of which the webhooks `sent_events` came, in whatever order, and for which the API was `asked`
    afterwards: True for the single call, "history" for lists only, False for not at all. `record` is the API's, where it is
    not the visitor's own. None where nothing is known."""
    told = {event: data for event, data in visitor.events() if event in sent_events}
    events = [event for event in EVENT_PHASES if event in told]
    webhooks = [told[event] for event in reversed(events)]  # the heaviest first
    known = record or record_of(visitor)
    known = {} if not asked else as_in_history(known) if asked == "history" else known
    if not webhooks and not known:
        return None

    phases = [EVENT_PHASES[event] for event in events]
    if known:
        phases.append(STATUS_PHASES[known["human_status"]])
    phase = max(phases, key=PHASES.index)
    out = {"source": source, "id": visitor.id, "phase": phase, "has_feedback": "data.added" in told, "events": events}
    for name, kind, in_webhooks, in_api in FIELDS:
        values = [at(data, in_webhooks) for data in webhooks]
        looked = at(known, in_api)
        if name in EMPTY_WHEN_ALL_NULL and isinstance(looked, dict) and all(v is None for v in looked.values()):
            looked = None
        values = [looked, *values] if name in CHANGEABLE else [*values, looked]
        value = next((v for v in values if v is not None), None)
        if value is not None:
            out.update(shown(name, kind, value, zone))
    # The status is the one that goes with the phase.
    said = [(EVENT_PHASES[event], told[event]["status"]) for event in reversed(events)]
    if known:
        said.append((STATUS_PHASES[known["human_status"]], known["human_status"]))
    out["status"] = next(status for where, status in said if where == phase)
    return out


def comparable(call):
    """What `GET /v1/calls/{source}/{id}` has under "call", without what `expected_record` leaves out."""
    return {key: value for key, value in call.items() if key not in NOT_COMPARED}
