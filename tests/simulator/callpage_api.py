"""CallPage's REST API over TLS, from the calls of callpage_simulator: the documented endpoints with the vendor's quirks, faults
on demand, and a log of what was asked and how fast."""

import bisect
import contextlib
import copy
import datetime
import functools
import re
import ssl
import threading
import zoneinfo

import callpage_records
from callpage_faults import Fault
from callpage_http import REASONS, ROUTES, Listener, envelope
from callpage_records import PHONE_CALL_IDS, as_in_history, record_of, wrap
from callpage_tls import Tls, certificates

__all__ = ["KEY", "SCOPES", "ApiServer", "Fault", "Tls", "certificates"]

KEY = "simulated-callpage-key-0123456789abcdef"
SCOPES = frozenset({"calls.view", "widgets.view", "managers.view"})
GREETING = (
    "Hello there! I am the CallPage API. To fully grasp my superpowers, head down to https://developers.callpage.io for documentation."
)


class Refused(Exception):
    def __init__(self, status, message=None):
        super().__init__(message or REASONS[status])
        self.status = status


def whole(query, name, default):
    text = query.get(name, str(default))
    if not re.fullmatch(r"\d{1,18}", str(text)):
        raise Refused(422, f"The {name} must be an integer.")
    return int(text)


def wanted(query, *names):
    """The values asked for under any of the names; empty where none is."""
    values = []
    for value in (query[name] for name in names if name in query):
        values.extend(value if isinstance(value, list) else [value])
    return {value for value in values if value}


@functools.lru_cache(maxsize=100_000)
def seconds_of(zone, text):
    """The instant of a vendor's local time; of two the earlier."""
    return int(datetime.datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=zoneinfo.ZoneInfo(zone)).timestamp())


def numbered_by_nested(record):
    """The record in an account whose webhooks carry the nested call's id."""
    record = copy.deepcopy(record)
    if record["call"]["data"]:
        record["call"]["data"]["id"] = record["id"]
    record["id"] += 2 * PHONE_CALL_IDS
    return record


def of_somebody_else(record):
    return {**record, "to": "+48601602603", "created_at": "2019-01-17 10:59:07"}


class ApiServer:
    """Made of a Plan, of visitors by id, or of visitors; `calls` then has their records by id. The attributes up to `fault` (a
    Fault, several, or None) may be changed while it runs, what is inside of them under `lock`."""

    def __init__(
        self, calls=(), key=KEY, widgets=None, tls=None, page_limit=100, zone="Europe/Warsaw", scopes=SCOPES, oldest_first=False, port=0
    ):
        visitors = getattr(calls, "visitors", calls)
        visitors = visitors.values() if isinstance(visitors, dict) else visitors
        self.lock = threading.RLock()
        self.calls = {visitor.id: record_of(visitor) for visitor in visitors}
        self.widgets = callpage_records.widgets() if widgets is None else widgets
        self.users = callpage_records.users()
        self.managers = {widget["id"]: widget["managers"] for widget in self.widgets}
        self.hidden = set()  # ids of calls that display_hidden=0 leaves out
        self.incoming = {}  # call id -> id of the number that was called
        self.key, self.scopes, self.oldest_first = key, set(scopes), oldest_first
        self.page_limit = page_limit  # the most that one page holds, whatever is asked for
        self.zone = zone
        self.fault = None
        self.log = []
        self.handshakes = self.failed_handshakes = 0
        self.highest_concurrency = self._under_way = 0
        self.port = port
        self.tls = tls
        self._listener = self._thread = None
        self.stopping = threading.Event()

    # Start and end ----------------------------------------------------------------------------------------------------

    def start(self):
        """Listens on 127.0.0.1; after a stop on the same port."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.tls.certificate, self.tls.key)
        self.stopping.clear()
        self._listener = Listener(("127.0.0.1", self.port), self, context)
        self.port = self._listener.server_address[1]
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def stop(self):
        """Cuts every connection."""
        if self._listener is None:
            return
        self.stopping.set()
        self._listener.shutdown()
        self._listener.server_close()
        self._listener.cut()
        self._thread.join()
        self._listener = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}"

    # What it knows, and what was asked --------------------------------------------------------------------------------

    def add(self, visitor):
        with self.lock:
            self.calls[visitor.id] = record_of(visitor)
            return self.calls[visitor.id]

    def remove(self, call_id):
        with self.lock:
            self.calls.pop(call_id, None)

    def requests(self, operation=None):
        """Those of one operation (greet, call, history, widgets, users, managers; empty: unknown paths), or all."""
        with self.lock:
            return [request for request in self.log if operation in (None, request.operation)]

    def highest_rate(self, window_seconds, operation=None):
        """The most requests that came in any stretch of so many seconds."""
        times = sorted(request.at for request in self.requests(operation))
        return max((bisect.bisect_left(times, at + window_seconds) - i for i, at in enumerate(times)), default=0)

    def forget_requests(self):
        with self.lock:
            self.log.clear()
            self.highest_concurrency = self._under_way

    # Answers ----------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def under_way(self, request):
        """A request from when it came until its answer is about to go."""
        with self.lock:
            self.log.append(request)
            self._under_way += 1
            self.highest_concurrency = max(self.highest_concurrency, self._under_way)
        try:
            yield
        finally:
            with self.lock:
                self._under_way -= 1

    def struck_by(self, request):
        with self.lock:
            faults = self.fault if isinstance(self.fault, (list, tuple)) else [self.fault]
            return next((fault for fault in faults if fault is not None and fault.strikes(request)), None)

    def answer(self, request, kind):
        """(status, what to encode)"""
        try:
            if request.authorization != self.key:
                raise Refused(401)
            scope = next((scope for _, operation, scope in ROUTES if operation == request.operation), None)
            if scope is not None and scope not in self.scopes:
                raise Refused(403)
            if request.operation == "" or request.method != "GET":
                raise Refused(404)
            with self.lock:
                return 200, copy.deepcopy(getattr(self, f"_{request.operation}")(request, kind))
        except Refused as refused:
            return refused.status, envelope([], failure=(refused.status, str(refused)))

    def _greet(self, _request, _kind):
        return {**envelope([]), "message": GREETING}

    def _shown(self, record, kind):
        if kind == "nested_ids":
            record = numbered_by_nested(record)
        return of_somebody_else(record) if kind == "wrong_identity" else record

    def _call(self, request, kind):
        record = self.calls.get(int(request.number))
        if record is None or (kind == "nested_ids" and not record["call"]["data"]):
            raise Refused(404)
        record = self._shown(record, kind)
        return envelope({"data": record, "id": record["id"]}, [])

    def _history(self, request, kind):
        query = request.query
        fits = self._filter(query)
        records = [record for record in self.calls.values() if fits(record)]
        if kind == "nested_ids" and "call_id" in query:
            records = [record for record in records if record["call"]["data"]]
        records.sort(key=lambda record: (record["created_at"], record["id"]), reverse=not self.oldest_first)
        page = [self._shown(as_in_history(record), kind) for record in self._page(query, records)]
        meta = {"offset": query.get("offset"), "limit": query.get("limit", self.page_limit), "count": len(records)}
        return envelope([{"data": record, "id": record["id"]} for record in page], meta)

    def _page(self, query, items):
        offset, limit = whole(query, "offset", 0), whole(query, "limit", 100)
        return items[offset : offset + min(limit, self.page_limit)]

    def _filter(self, query):
        """What tells whether a record is asked for."""
        ids, phones = wanted(query, "call_id"), wanted(query, "phone_number", "tel")
        statuses, widgets = wanted(query, "statuses"), wanted(query, "widget_ids", "widget_id")
        users, tags = wanted(query, "user_ids"), wanted(query, "tag_ids")
        numbers, urls = wanted(query, "incoming_number_ids"), wanted(query, "url")
        since, until = whole(query, "date_from", 0), whole(query, "date_to", 10**17)
        hidden_too = whole(query, "display_hidden", 1) != 0
        at_url = {str(widget["id"]) for widget in self.widgets if widget["url"] in urls}

        def fits(record):
            manager = (record["call"]["data"] or {}).get("call_attempt", wrap({}))["data"] or {}
            user = (manager.get("manager", wrap({}))["data"] or {}).get("user", wrap({}))["data"] or {}
            return (
                (not ids or str(record["id"]) in ids)
                and (not phones or record["to"] in phones)
                and (not statuses or record["human_status"] in statuses)
                and (not widgets or str(record["leadable_id"]) in widgets)
                and (not users or str(user.get("id")) in users)
                and (not tags or any(str(tag["id"]) in tags for tag in record["tags"]["data"]))
                and (not numbers or str(self.incoming.get(record["id"])) in numbers)
                and (not urls or str(record["leadable_id"]) in at_url)
                and (hidden_too or record["id"] not in self.hidden)
                and since <= seconds_of(self.zone, record["created_at"]) <= until
            )

        return fits

    def _list(self, query, items):
        meta = {"offset": query.get("offset", 0), "limit": query.get("limit", 100), "count": len(items)}
        return envelope(self._page(query, items), meta)

    def _widgets(self, request, _kind):
        return self._list(request.query, self.widgets)

    def _users(self, request, _kind):
        return self._list(request.query, self.users)

    def _managers(self, request, _kind):
        if "widget_id" not in request.query:
            raise Refused(422, "The widget id field is required.")
        widget = whole(request.query, "widget_id", 0)
        if widget not in self.managers:
            raise Refused(404)
        return self._list(request.query, self.managers[widget])
