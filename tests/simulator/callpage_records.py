"""What CallPage's REST API says of the simulator's calls, widgets and people, in the shapes of its documentation."""

import random

from callpage_simulator import MANAGERS, clock

# What an id of the REST API is when it is not the webhook's: that of the phone call nested in a call request.
PHONE_CALL_IDS = 1_000_000

WIDGETS = {
    1: ("Shop", "https://shop.example"),
    2: ("Offer", "https://shop.example/offer"),
    3: ("Blog", "https://blog.example"),
    4: ("Clinic Łódź", "https://clinic.example"),
    5: ("plan", "https://plan.example"),
}
DEPARTMENTS = [{"id": 1, "name": "Sales"}, {"id": 2, "name": "Tech"}]
TAGS = [{"id": 105, "name": "hot"}, {"id": 106, "name": "returning"}, {"id": 107, "name": "żółta kartka"}]
PLACES = [
    ("Krakow", "Lesser Poland", "31-008", "50.0585,19.9342", "PL", "Poland"),
    ("Warsaw", "Mazovia", "00-001", "52.2298,21.0118", "PL", "Poland"),
    ("Berlin", "Land Berlin", "10178", "52.5244,13.4105", "DE", "Germany"),
]
DEVICES = [("Macintosh, Chrome, OS X", "desktop"), ("iPhone, Safari, iOS", "mobile"), ("Windows, Firefox, Windows", "desktop")]
UTM = ("utm_medium", "utm_source", "utm_content", "utm_campaign")


def wrap(value):
    """An object as the vendor writes it; PHP writes [] for an empty one."""
    return {"data": value or []}


def formatted(phone):
    return f"{phone[:3]} {phone[3:6]} {phone[6:9]} {phone[9:]}"


def manager_id(widget, user):
    """A manager is a user at one widget and has an id of its own; webhooks carry the user's."""
    return widget * 100 + user


def manager_of(visitor):
    who = visitor.manager
    tel = {"tel": who["tel"], "activated_at": "2023-02-21 15:35:58", "tel_formatted": formatted(who["tel"])}
    user = {
        "id": who["id"],
        "tel": who["tel"],
        "name": who["name"],
        "email": who["email"],
        "avatar": None,
        "caller_id": wrap({"id": 80_000 + who["id"], **tel}),
        "tel_formatted": formatted(who["tel"]),
    }
    return {"id": manager_id(visitor.widget, who["id"]), "user": wrap(user)}


def phone_call_of(visitor, rng):
    """The call nested in a call request; nothing where nobody was dialed."""
    sid, attempt, rating = f"{rng.getrandbits(160):040x}", 5_000_000 + rng.randint(0, 999_999), rng.randint(1, 5)
    transcribed = rng.random() < 0.3
    if visitor.cancelled_at or visitor.failed:
        return {}
    return {
        "id": visitor.id + PHONE_CALL_IDS,
        "sid": sid,
        "type": 1,
        "rating": wrap({"value": rating} if visitor.feedback else {}),
        "transcribed": visitor.completed and transcribed,
        "billing_time": int(visitor.call["billing_time"]) if visitor.completed else 0,
        "call_attempt": wrap({"id": attempt, "manager": wrap(manager_of(visitor) if visitor.completed else {})}),
    }


def request_of(visitor, rng):
    city, region, postal, place, country, country_name = rng.choice(PLACES)
    device, kind = rng.choice(DEVICES)
    return {
        "id": 2_000_000_000 + rng.randint(0, 999_999_999),
        "ip": f"203.0.113.{rng.randint(1, 254)}",
        "url": f"{WIDGETS[visitor.widget][1]}/page-{rng.randint(1, 9)}?visitor={visitor.id}",
        "locale": rng.choice(["pl", "en", "de"]),
        "geo_loc": place,
        "geo_org": rng.choice(["CETI s.c.", "Example Net", None]),
        "geo_city": city,
        "geo_full": f"{country}, {city}, {region}, {postal}",
        "geo_postal": postal,
        "geo_region": region,
        "geo_country_code": country,
        "geo_country_name": country_name,
        "user_agent_device": device,
        "geo_continent_code": "EU",
        "geo_continent_name": "Europe",
        "user_agent_device_type": kind,
    }


def form_field(field):
    keys = ("id", "hint", "slug", "label", "value", "field_value", "placeholder")
    return {**{key: field[key] for key in keys}, "value": field["field_value"]}


def record_of(visitor):
    """The record of one call, without the wrapper that answers put around it. The same visitor has the same record."""
    rng = random.Random(f"record {visitor.id}")
    campaign = rng.random() < 0.4
    phone_call, request = phone_call_of(visitor, rng), request_of(visitor, rng)
    pages = [request["url"], f"{WIDGETS[visitor.widget][1]}/pricing"][: rng.randint(1, 2)]
    return {
        "id": visitor.id,
        "to": visitor.phone,
        "utm": wrap({key: f"{key[4:]}-{rng.randint(1, 3)}" if campaign else None for key in UTM}),
        "call": wrap(phone_call),
        "tags": wrap([dict(tag) for tag in rng.sample(TAGS, rng.choice([0, 0, 1, 2]))]),
        "notes": wrap([{"id": visitor.id, "content": f"Zadzwonić ponownie ({visitor.id})"}] if rng.random() < 0.2 else []),
        "referer": wrap(rng.choice([dict.fromkeys(("medium", "source")), {"medium": None, "source": "internal"}])),
        "request": wrap(request),
        "feedback": wrap({"content": f"Dziękuję, {visitor.name}"} if visitor.feedback else {}),
        "extension": wrap({"email": visitor.email, "message": "test"} if rng.random() < 0.2 else {}),
        "created_at": clock(visitor.created),
        "department": wrap(dict(rng.choice(DEPARTMENTS)) if rng.random() < 0.3 else {}),
        "leadable_id": visitor.widget,
        "traceroutes": wrap([{"url": url, "count": rng.randint(1, 4), "title": None} for url in pages]),
        "cancelled_at": clock(visitor.cancelled_at) if visitor.cancelled_at else None,
        "human_status": visitor.status(),
        "scheduled_at": clock(visitor.slot) if visitor.slot else None,
        "to_formatted": formatted(visitor.phone),
        "leadable_type": "Widget",
        "scheduled_success": visitor.scheduled and visitor.completed,
        "call_request_fields": wrap([form_field(field) for field in visitor.fields()] if visitor.feedback else []),
        "leadable_description": WIDGETS[visitor.widget][0],
    }


def as_in_history(record):
    """A record as lists show it: what of the phone call only the single call tells is left out."""
    call = record["call"]["data"]
    if not call:
        return record
    return {**record, "call": wrap({key: value for key, value in call.items() if key not in ("sid", "transcribed")})}


def business_times():
    week = []
    for day in range(7):
        opened = 1 <= day <= 5
        hours = ("09:00:00", "17:00:00") if opened else (None, None)
        week.append({"day_of_week": day, "enabled": opened, "timezone": "Europe/Warsaw", "start_time": hours[0], "end_time": hours[1]})
    return week


def managers(widget):
    return [
        {
            "id": manager_id(widget, who["id"]),
            "enabled": True,
            "user": {"id": who["id"], "name": who["name"], "tel": who["tel"], "email": who["email"], "avatar": None},
            "departments": [dict(department) for department in DEPARTMENTS] if who is MANAGERS[0] else [],
            "business_times": business_times(),
        }
        for who in MANAGERS
    ]


def widget(number, description, url, enabled=True):
    return {
        "id": number,
        "description": description,
        "url": url,
        "enabled": enabled,
        "locale_code": "en",
        "installation_status": 0,
        "installed_at": None,
        "company_sms_name": None,
        "call_requests_count": 0,
        "managers": managers(number),
    }


def widgets():
    return [widget(number, *about) for number, about in WIDGETS.items()]


def users():
    return [
        {
            "id": who["id"],
            "name": who["name"],
            "email": who["email"],
            "tel": who["tel"],
            "tel_formatted": formatted(who["tel"])[4:],
            "tel_extension": None,
            "last_online": None,
            "parent_id": 1,
            "activated_at": "2016-09-08 13:32:54",
            "role": {"slug": "manager"},
            "avatar": None,
            "caller_id": {"id": 1, "activated_at": None, "updated_at": "2016-09-08 13:32:54"},
        }
        for who in MANAGERS
    ]
