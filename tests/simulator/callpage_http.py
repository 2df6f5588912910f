"""How the simulated CallPage API speaks HTTP over TLS: requests in, answers and faults out."""

import contextlib
import dataclasses
import http.server
import json
import re
import select
import socket
import socketserver
import time
import urllib.parse

REASONS = {
    401: "Your API key is incorrect.",
    403: "You do not have access to this resource.",
    404: "The specified kitten could not be found.",
    422: "Unprocessable entity",
    429: "Too many requests.",
    500: "We had a problem with our server or an application error occured. Try again later.",
    503: "We're temporarially offline for maintanance. Please try again later.",
}
ROUTES = [
    # path, operation, scope
    (r"/api/v1/external", "greet", None),
    (r"/api/v3/external/calls/history", "history", "calls.view"),
    (r"/api/v[13]/external/calls/(\d{1,18})", "call", "calls.view"),
    (r"/api/v1/external/widgets/all", "widgets", "widgets.view"),
    (r"/api/v1/external/users/all", "users", None),
    (r"/api/v1/external/managers/all", "managers", "managers.view"),
]


@dataclasses.dataclass
class Request:
    """One line of the log."""

    at: float  # time.monotonic()
    method: str
    path: str
    query: dict  # without the brackets of lists, whose values are lists
    status: int = 0  # 0: not answered
    operation: str = ""
    number: str = ""  # in the path
    authorization: str = ""


def query_of(text):
    query = {}
    for name, value in urllib.parse.parse_qsl(text, keep_blank_values=True):
        bare = re.sub(r"\[\d*\]$", "", name)
        if bare != name:
            query.setdefault(bare, [])
        if isinstance(query.get(bare), list):
            query[bare].append(value)
        else:
            query[bare] = value
    return query


def envelope(data, meta=None, failure=None):
    out = {"hasError": failure is not None, "errorCode": 0, "message": "", "data": data}
    if failure is not None:
        out.update(errorCode=f"E{failure[0]}", message=failure[1])
    return out if meta is None else {**out, "meta": meta}


def encode(data, pretty=False):
    """As PHP writes JSON: slashes and what is not ASCII escaped."""
    text = json.dumps(data, indent=4) if pretty else json.dumps(data, separators=(",", ":"))
    return text.replace("/", "\\/").encode()


class Listener(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address, api, context):
        self.api, self.context = api, context
        self.open = set()
        super().__init__(address, Handler)

    def finish_request(self, request, client_address):
        request.settimeout(10)
        try:
            secured = self.context.wrap_socket(request, server_side=True)
        except OSError:
            self.api.failed_handshakes += 1
            return
        with self.api.lock:
            self.api.handshakes += 1
            self.open.add(secured)
        try:
            super().finish_request(secured, client_address)
        finally:
            with self.api.lock:
                self.open.discard(secured)
            secured.close()

    def cut(self):
        with self.api.lock:
            for connection in self.open:
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)  # not the TLS one: its thread still reads

    def handle_error(self, request, client_address):
        pass  # the client went away


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 120

    def do_GET(self):  # noqa: N802 # the name that the base class calls
        api = self.server.api
        if (length := int(self.headers.get("Content-Length") or 0)) > 0:
            self.rfile.read(length)
        parts = urllib.parse.urlsplit(self.path)
        path = urllib.parse.unquote(parts.path)
        operation, number = self.route(path)
        query, authorization = query_of(parts.query), self.headers.get("Authorization", "")
        request = Request(time.monotonic(), self.command, path, query, 0, operation, number, authorization)
        with api.under_way(request):
            fault = api.struck_by(request)
            kind = fault.kind if fault else ""
            if kind == "hang":
                return self.hang()
            if kind == "slow":
                api.stopping.wait(fault.seconds)
            status, content, body = self.reply(request, fault, kind)
            head = [f"Content-Type: {content}", f"Content-Length: {len(body)}"]
            if kind == "status" and fault.retry_after is not None:
                head.append(f"Retry-After: {fault.retry_after}")
            request.status = status
        if kind == "truncated":
            body, self.close_connection = body[: len(body) // 2], True
        reason = self.responses.get(status, ("Unknown", ""))[0]
        lines = [f"HTTP/1.1 {status} {reason}", f"Date: {self.date_time_string()}", *head, "", ""]
        self.wfile.write("\r\n".join(lines).encode() + body)
        return None

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    @staticmethod
    def route(path):
        for pattern, operation, _ in ROUTES:
            if found := re.fullmatch(pattern + "/?", path):
                return operation, found[1] if found.groups() else ""
        return "", ""

    def reply(self, request, fault, kind):
        """(status, content type, body)"""
        if kind == "html":
            return 200, "text/html; charset=UTF-8", b"<!DOCTYPE html><html><body><h1>Back soon</h1></body></html>"
        if kind == "garbage":
            return 200, "application/json", b'{"hasError":false,"errorCode":0,"message":"","data":[{"data":'
        if kind == "oversize":
            body = encode(envelope([]))
            return 200, "application/json", body[:-1] + b',"padding":"' + b"x" * (fault.size - len(body) - 13) + b'"}'
        if kind in ("status", "has_error_200"):
            status = fault.status if kind == "status" else 200
            data = envelope([], failure=(fault.status, REASONS.get(fault.status, "The request was refused.")))
        else:
            status, data = self.server.api.answer(request, kind)
        return status, "application/json", encode(data, request.query.get("pretty_output") == "1")

    def hang(self):
        """Until the client goes away, or the server stops."""
        self.close_connection = True
        while not self.server.api.stopping.is_set() and not select.select([self.connection], [], [], 0.1)[0]:
            pass

    def log_message(self, *_):
        pass
