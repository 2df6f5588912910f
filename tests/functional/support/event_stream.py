"""A client of Server-Sent Events as the HTML standard has it, over a plain socket; quick, and thousands fit a process."""

import json
import socket
import time
import urllib.parse


class Parser:
    """The standard's parsing of a stream: feed it text, take `events` (id, data), `comments`, `last_id` and `retry`."""

    def __init__(self):
        self.left = ""
        self.data = []
        self.id_buffer = ""
        self.id_came = False
        self.last_id = ""
        self.retry = None
        self.retries = []
        self.events = []
        self.comments = []
        self.places = []  # ids that came without data

    def feed(self, text):
        *lines, self.left = (self.left + text).split("\n")
        for line in lines:
            self._line(line)

    def _line(self, line):
        if not line:
            self.last_id = self.id_buffer
            if self.data:
                self.events.append((self.last_id, "\n".join(self.data)))
                self.data = []
            elif self.id_came:
                self.places.append(self.last_id)
            self.id_came = False
            return
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not name:
            self.comments.append(value)
        elif name == "id":
            self.id_buffer = value
            self.id_came = True
        elif name == "data":
            self.data.append(value)
        elif name == "retry":
            self.retry = int(value)
            self.retries.append(self.retry)
        else:
            raise AssertionError(f"a field that callhook does not send: {line!r}")


class EventStream:
    """One stream. `read_until` and the like raise TimeoutError; `ended` tells that the server ended it in order."""

    def __init__(self, port, path="/v1/events/stream", headers=None, timeout=20.0, receive_buffer=None, context=None, **query):
        self.parser = Parser()
        self.raw = b""
        self.status = None
        self.headers = []
        self.ended = False
        self.broken = False
        self.timeout = timeout
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        self.socket.connect(("127.0.0.1", port))
        if context:
            self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        target = path + ("?" + urllib.parse.urlencode(query) if query else "")
        lines = [f"GET {target} HTTP/1.1", "Host: localhost", "Accept: text/event-stream"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self.socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")

    # Reading ----------------------------------------------------------------------------------------------------------

    def _receive(self, seconds):
        self.socket.settimeout(max(seconds, 0.001))
        try:
            data = self.socket.recv(1 << 18)
        except ConnectionError:
            data = b""
        if not data:
            self.broken = not self.ended
            return False
        self.take(data)
        return True

    def take(self, data):
        """What came, also where somebody else read it off the socket."""
        self.raw += data
        if self.status is None and not self._head():
            return
        if self.status == 200:
            self._chunks()

    def _head(self):
        head, found, rest = self.raw.partition(b"\r\n\r\n")
        if not found:
            return False
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split(" ")[1])
        self.headers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:]]
        self.raw = rest
        return True

    def _chunks(self):
        at = 0
        while (end := self.raw.find(b"\r\n", at)) >= 0:
            size = int(self.raw[at:end], 16)
            if len(self.raw) < end + 2 + size + 2:
                break
            self.parser.feed(self.raw[end + 2 : end + 2 + size].decode())
            at = end + 2 + size + 2
            self.ended = self.ended or size == 0
        self.raw = self.raw[at:]

    def _wait(self, holds, timeout, what):
        deadline = time.monotonic() + (timeout or self.timeout)
        while not holds():
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"{what} did not come; events {len(self.parser.events)}")
            try:
                if not self.ended and not self.broken and self._receive(left):
                    continue
            except TimeoutError:
                continue
            if not holds():
                raise ConnectionError(f"the stream ended before {what}")

    def open(self, timeout=None):
        """Waits for the answer's head and the first place."""
        self._wait(lambda: self.parser.last_id or (self.status or 200) != 200, timeout, "the beginning")
        return self

    def read(self, count, timeout=None):
        """Waits until there have been so many events; all of them."""
        self._wait(lambda: len(self.parser.events) >= count, timeout, f"event {count}")
        return self.events()

    def read_comment(self, timeout=None):
        before = len(self.parser.comments)
        self._wait(lambda: len(self.parser.comments) > before, timeout, "a comment")
        return self.parser.comments[-1]

    def read_to_end(self, timeout=None):
        self._wait(lambda: self.ended or self.broken, timeout, "the end")
        return self.events()

    def body(self, timeout=None):
        """The whole body of an answer that is no stream."""
        self._wait(lambda: self.status is not None, timeout, "the head")
        size = int(self.header("Content-Length"))
        self._wait(lambda: len(self.raw) >= size, timeout, "the body")
        return json.loads(self.raw[:size])

    # What came --------------------------------------------------------------------------------------------------------

    def events(self):
        return [json.loads(data) for _, data in self.parser.events]

    @property
    def last_id(self):
        return self.parser.last_id

    def header(self, name):
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
