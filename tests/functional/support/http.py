"""HTTP from the outside: requests through the standard library, and raw bytes over plain sockets."""

import http.client
import json
import select
import socket
import time

from support.personal import said


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body
        if status >= 400:
            said(f"answer {status}", body)

    def json(self):
        return json.loads(self.body)

    def header(self, name, default=None):
        for key, value in self.headers:
            if key.lower() == name.lower():
                return value
        return default

    def __repr__(self):
        return f"<{self.status} {self.body[:400]!r}>"


def request(port, method, path, body=None, headers=None, timeout=30.0, context=None):
    """In TLS with a context."""
    if context:
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=timeout, context=context)
    else:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return Answer(answer.status, answer.getheaders(), answer.read())
    finally:
        connection.close()


def post_bytes(path, body, more=()):
    """A whole POST request as bytes."""
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *more]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class RawConnection:
    """A socket that sends what it is told and reads answers one by one; quick, for many requests."""

    def __init__(self, port, timeout=30.0, context=None):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context:
            self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        self.left = b""

    def send(self, data):
        self.socket.sendall(data)

    def _more(self):
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("the connection was closed")
        self.left += data

    def answer(self):
        while (end := self.left.find(b"\r\n\r\n")) < 0:
            self._more()
        head, self.left = self.left[:end], self.left[end + 4 :]
        lines = head.decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        headers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:]]
        if 100 <= status < 200:
            return Answer(status, headers, b"")
        length = next((int(v) for k, v in headers if k.lower() == "content-length"), 0)
        while len(self.left) < length:
            self._more()
        body, self.left = self.left[:length], self.left[length:]
        return Answer(status, headers, body)

    def closed_within(self, seconds):
        """Whether the other side closes in time; what comes before that is kept."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([self.socket], [], [], left)[0]:
                return False
            try:
                data = self.socket.recv(65536)
            except ConnectionError:
                return True
            if not data:
                return True
            self.left += data
        return False

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
