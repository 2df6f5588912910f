"""A private nats-server with JetStream, and a small client of the NATS protocol to look into its streams.

Debian packages no Python client, so this one speaks as much of the protocol as the tests need: connect, request, and
JetStream's API by JSON. https://docs.nats.io/reference/reference-protocols/nats-protocol has the protocol.
"""

import base64
import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import time

from support.daemon import PATIENCE, wait_until
from support.ports import free_port

STREAM = {
    "name": "callhook",
    "subjects": ["callhook.>"],
    "storage": "file",
    "num_replicas": 1,
    "retention": "limits",
    "discard": "old",
    "duplicate_window": 600 * 10**9,
}


class NatsError(Exception):
    pass


class NatsServer:
    """A server in `directory`, on one port of 127.0.0.1 through all its restarts. `config` is more of its configuration
    file, `tls` has the files `ca`, `certificate` and `key` where it is to speak TLS, and with `verify` it asks for a
    certificate of theirs. `login` is how this module's own client gets in."""

    def __init__(self, directory, config="", tls=None, login=None, verify=False):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.config, self.tls, self.login, self.verify = config, tls, login, verify
        self.process = None

    @property
    def url(self):
        return f"nats://127.0.0.1:{self.port}"

    def start(self):
        text = f'listen: "127.0.0.1:{self.port}"\njetstream {{ store_dir: "{self.directory}/store" }}\n{self.config}\n'
        if self.tls:
            more = f', ca_file: "{self.tls.ca}", verify: true' if self.verify else ""
            text += f'tls {{ cert_file: "{self.tls.certificate}", key_file: "{self.tls.key}"{more} }}\n'
        file = self.directory / "nats.conf"
        file.write_text(text, encoding="utf-8")
        with open(self.directory / "nats.log", "ab") as log:
            self.process = subprocess.Popen(["nats-server", "-c", str(file)], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(self._answers, 20, "nats-server")
        return self

    def _answers(self):
        assert self.process.poll() is None, self.log()[-3000:]
        try:
            with self.client() as client:
                return client.api("INFO")
        except (OSError, NatsError):
            return False

    def log(self):
        return (self.directory / "nats.log").read_text(encoding="utf-8", errors="replace")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
        self.process.wait(20 * PATIENCE)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def pause(self):
        os.kill(self.process.pid, signal.SIGSTOP)

    def resume(self):
        os.kill(self.process.pid, signal.SIGCONT)

    def client(self, **how):
        return NatsClient(self.port, tls=self.tls, **{**(self.login or {}), **how})

    def create_stream(self, **changes):
        with self.client() as client:
            return client.create_stream(**changes)

    def messages(self, stream="callhook"):
        with self.client() as client:
            return client.messages(stream)


class Message:
    """A message of a stream."""

    def __init__(self, stored):
        self.sequence, self.subject = stored["seq"], stored["subject"]
        self.headers = parse_headers(base64.b64decode(stored.get("hdrs", "")))
        self.body = base64.b64decode(stored.get("data", ""))

    @property
    def id(self):
        return self.headers.get("Nats-Msg-Id")

    def event(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.sequence} {self.subject} {self.id}>"


def parse_headers(raw):
    lines = raw.decode().split("\r\n")[1:]
    return {name: value.strip() for name, value in (line.split(":", 1) for line in lines if line)}


class NatsClient:
    def __init__(self, port, tls=None, user=None, password=None, token=None, jwt=None, sign=None, timeout=10.0):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout * PATIENCE)
        self.buffer = b""
        try:
            self._greet(tls, user, password, token, jwt, sign)
        except BaseException:
            self.socket.close()
            raise

    def _greet(self, tls, user, password, token, jwt, sign):
        info = json.loads(self._line().split(b" ", 1)[1])
        if tls:
            context = ssl.create_default_context(cafile=tls.ca)
            context.load_cert_chain(tls.certificate, tls.key)
            self.socket = context.wrap_socket(self.socket, server_hostname="127.0.0.1")
        hello = {"verbose": False, "pedantic": False, "headers": True, "no_responders": True, "lang": "python", "version": "1", "protocol": 1}
        if user:
            hello |= {"user": user, "pass": password}
        if token:
            hello |= {"auth_token": token}
        if jwt:
            hello |= {"jwt": jwt, "sig": base64.urlsafe_b64encode(sign(info["nonce"].encode())).decode().rstrip("=")}
        self.inbox = f"_INBOX.test{time.monotonic_ns()}"
        self.asked = 0
        self._send(f"CONNECT {json.dumps(hello)}\r\nSUB {self.inbox}.* 1\r\nPING\r\n".encode())
        while (line := self._line()) != b"PONG":
            if line.startswith(b"-ERR"):
                raise NatsError(line.decode())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def _send(self, data):
        self.socket.sendall(data)

    def _fill(self):
        data = self.socket.recv(1 << 16)
        if not data:
            raise NatsError("the server closed the connection")
        self.buffer += data

    def _line(self):
        while b"\r\n" not in self.buffer:
            self._fill()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def _bytes(self, size):
        while len(self.buffer) < size + 2:
            self._fill()
        data, self.buffer = self.buffer[:size], self.buffer[size + 2 :]
        return data

    def _delivered(self):
        """(subject, where to answer, headers, body) of the next message."""
        while True:
            words = self._line().decode().split()
            if words[0] == "PING":
                self._send(b"PONG\r\n")
            elif words[0] == "-ERR":
                raise NatsError(" ".join(words))
            elif words[0] == "MSG":
                return words[1], "".join(words[3:-1]), b"", self._bytes(int(words[-1]))
            elif words[0] == "HMSG":
                head, whole = int(words[-2]), int(words[-1])
                data = self._bytes(whole)
                return words[1], "".join(words[3:-2]), data[:head], data[head:]

    def _request_bytes(self, subject, body, headers):
        self.asked += 1
        reply = f"{self.inbox}.{self.asked}"
        if headers is None:
            return f"PUB {subject} {reply} {len(body)}\r\n".encode() + body + b"\r\n"
        head = ("NATS/1.0\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items()) + "\r\n").encode()
        return f"HPUB {subject} {reply} {len(head)} {len(head) + len(body)}\r\n".encode() + head + body + b"\r\n"

    def request_all(self, requests):
        """Sends [(subject, body, headers or None)] at once; the answers as documents, in their order."""
        first = self.asked + 1
        self._send(b"".join(self._request_bytes(*one) for one in requests))
        answers = {}
        while len(answers) < len(requests):
            subject, _, head, body = self._delivered()
            number = int(subject.rsplit(".", 1)[1])
            if head.startswith(b"NATS/1.0 503"):
                raise NatsError("no responders")
            if number >= first:
                answers[number] = json.loads(body)
        return [answers[number] for number in sorted(answers)]

    def request(self, subject, body=b"", headers=None):
        return self.request_all([(subject, body, headers)])[0]

    # JetStream --------------------------------------------------------------------------------------------------------

    def api(self, call, document=None):
        answer = self.request(f"$JS.API.{call}", json.dumps(document).encode() if document is not None else b"")
        if "error" in answer:
            raise NatsError(answer["error"])
        return answer

    def create_stream(self, **changes):
        config = {**STREAM, **changes}
        return self.api(f"STREAM.CREATE.{config['name']}", config)

    def update_stream(self, **changes):
        config = {**STREAM, **changes}
        return self.api(f"STREAM.UPDATE.{config['name']}", config)

    def delete_stream(self, stream="callhook"):
        return self.api(f"STREAM.DELETE.{stream}")

    def purge_stream(self, stream="callhook", **what):
        return self.api(f"STREAM.PURGE.{stream}", what or None)

    def info(self, stream="callhook"):
        return self.api(f"STREAM.INFO.{stream}")

    def state(self, stream="callhook"):
        return self.info(stream)["state"]

    def publish(self, subject, body=b"", **headers):
        """Publishes to a stream; the acknowledgement, or the error within it."""
        return self.request(subject, body, {name.replace("_", "-"): value for name, value in headers.items()})

    def messages(self, stream="callhook"):
        """All messages of a stream, in its order."""
        state, out = self.state(stream), []
        for start in range(state["first_seq"], state["last_seq"] + 1, 500):
            numbers = range(start, min(start + 500, state["last_seq"] + 1))
            asked = [(f"$JS.API.STREAM.MSG.GET.{stream}", json.dumps({"seq": n}).encode(), None) for n in numbers]
            out += [Message(answer["message"]) for answer in self.request_all(asked) if "message" in answer]
        return out

    def next_messages(self, stream, consumer, most, wait=1.0):
        """What a consumer of a stream has next, at most so many, waited for so long: (sequence in the stream, body)."""
        self.asked += 1
        reply = f"{self.inbox}.{self.asked}"
        wanted = json.dumps({"batch": most, "expires": int(wait * 10**9)}).encode()
        self._send(f"PUB $JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer} {reply} {len(wanted)}\r\n".encode() + wanted + b"\r\n")
        for _ in range(most):
            subject, answer_to, head, body = self._delivered()
            if not answer_to:  # a status: 404 and 408 say that there is no more for now
                if not head.startswith((b"NATS/1.0 404", b"NATS/1.0 408")):
                    raise NatsError(head.decode())
                return
            yield int(answer_to.split(".")[5]), body
