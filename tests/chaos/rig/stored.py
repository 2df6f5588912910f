"""What the database holds, read as of one moment."""

import dataclasses
import hashlib
import json

SETTLED = """
SELECT (SELECT count(*) FROM callhook.pending) = 0
   AND NOT EXISTS (SELECT FROM unnest(%s::uuid[]) AS acked(id) WHERE NOT EXISTS (SELECT FROM callhook.outcomes o WHERE o.delivery_id = acked.id))
"""


@dataclasses.dataclass
class Event:
    position: int
    type: str
    subject: str
    delivery: str | None
    digest: bytes


@dataclasses.dataclass
class Stored:
    deliveries: dict  # id -> fingerprint of the body
    outcomes: list  # (delivery id, result)
    events: list  # Event, in the order of position
    head: int
    floor: int = 0
    records: dict = dataclasses.field(default_factory=dict)  # call id -> the vendor's events that its record rests on


def digest(event):
    return hashlib.blake2b(json.dumps(event).encode(), digest_size=16).digest()


def read(database):
    connection = database.connect(autocommit=False)
    try:
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        with connection.cursor() as cursor:

            def rows(statement):
                cursor.execute(statement)
                return cursor.fetchall()

            ((epoch, head, floor),) = rows("SELECT epoch, position, floor FROM callhook.feed_head")
            return Stored(
                deliveries={i: bytes(h) for i, h in rows("SELECT id::text, substr(sha256(body), 1, 16) FROM callhook.deliveries")},
                outcomes=rows("SELECT delivery_id::text, result FROM callhook.outcomes"),
                events=[
                    as_event(epoch, *row)
                    for row in rows(
                        "SELECT position, type, subject, delivery_id::text, event FROM callhook.events ORDER BY position, recorded_at"
                    )
                ],
                head=head,
                floor=floor,
                records={call: json.loads(record).get("events", []) for call, record in rows("SELECT id, record FROM callhook.calls")},
            )
    finally:
        connection.close()


def as_event(epoch, position, kind, subject, delivery, text):
    """With the digest that a follower has of it."""
    sequence = f"{position:020d}"
    told = {"id": f"{epoch}.{sequence}", "sequence": sequence, **json.loads(text)}
    return Event(position, kind, subject, delivery, digest(told))


def settled(database, acked):
    """Whether everything acknowledged has its outcome and nothing waits."""
    return database.value(SETTLED, list(acked))
