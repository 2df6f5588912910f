"""A TCP proxy in front of PostgreSQL that understands its protocol as far as where messages begin and end, and that can break a
connection at any one of them, in either direction."""

import dataclasses
import re
import socket
import struct
import threading
import time
import urllib.parse

TO_SERVER, TO_CLIENT = "to the server", "to the client"
CLOSE, RESET, HOLD = "close", "reset", "hold"


@dataclasses.dataclass
class Cut:
    """Does `how` in place of passing on the `at`-th message (from 1) that goes in `direction` on a connection of `role`: within a
    transaction, counted from its BEGIN, or from the start of a connection. Once. HOLD says nothing any more and closes nothing."""

    role: str  # as application_name says after "callhook-"
    direction: str
    at: int
    how: str = CLOSE
    of: str = "transaction"
    fired: threading.Event = dataclasses.field(default_factory=threading.Event)
    what: str = ""  # the message that it stopped


class Proxy:
    """Any number of connections, two threads each. `upstream` is the path of PostgreSQL's unix socket."""

    def __init__(self, upstream, address="127.0.0.1"):
        self.upstream = str(upstream)
        self.lock = threading.Lock()
        self.links = set()
        self.cut = None
        self.refusing = False
        self.ended = False
        self.listener = socket.create_server((address, 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, database):
        return f"postgresql://callhook@127.0.0.1:{self.port}/{database}?sslmode=disable&gssencmode=disable"

    def stop(self):
        self.ended = True
        self.listener.close()
        self.break_all()

    # Faults -----------------------------------------------------------------------------------------------------------

    def arm(self, cut):
        with self.lock:
            self.cut = cut
        return cut

    def disarm(self):
        with self.lock:
            self.cut = None

    def refuse(self):
        self.refusing = True

    def accept(self):
        self.refusing = False

    def break_all(self, reset=False, role=None):
        with self.lock:
            links = [link for link in self.links if role in (None, link.role)]
        for link in links:
            link.end(reset)
        return len(links)

    # Passing on -------------------------------------------------------------------------------------------------------

    def _accept(self):
        while not self.ended:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if self.refusing:
                client.close()
                continue
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(self.upstream)
            except OSError:
                client.close()
                server.close()
                continue
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link = Link(self, client, server)
            with self.lock:
                self.links.add(link)
            link.start()

    def gone(self, link):
        with self.lock:
            self.links.discard(link)

    def due(self, link, direction, count, of, what):
        """The cut that is to happen instead of this message, if one is."""
        with self.lock:
            cut = self.cut
            if cut is None or (cut.role, cut.direction, cut.at, cut.of) != (link.role, direction, count, of):
                return None
            self.cut = None
            cut.what = what
            return cut


def socket_of(cluster):
    """The path of a cluster's unix socket."""
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(cluster.url()).query)
    return f"{query['host'][0]}/.s.PGSQL.5432"


class Link:
    def __init__(self, proxy, client, server):
        self.proxy, self.client, self.server = proxy, client, server
        self.role = ""
        self.lock = threading.Lock()
        self.counts = {TO_SERVER: 0, TO_CLIENT: 0}  # since the connection began
        self.in_transaction = None  # the same, since BEGIN; None outside of one
        self.held = threading.Event()
        self.over = threading.Event()

    def start(self):
        threading.Thread(target=self._pump, args=(self.client, self.server, TO_SERVER), daemon=True).start()
        threading.Thread(target=self._pump, args=(self.server, self.client, TO_CLIENT), daemon=True).start()

    def end(self, reset=False):
        if self.over.is_set():
            return
        self.over.set()
        if reset:
            self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        for end in (self.client, self.server):
            try:
                # A thread that reads from it would keep it open. Shut for reading alone it says nothing to the other side.
                end.shutdown(socket.SHUT_RD if reset and end is self.client else socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()
        self.proxy.gone(self)

    def _pump(self, source, sink, direction):
        started = direction == TO_CLIENT  # the client's first message has no type
        buffer = b""
        try:
            while data := source.recv(65536):
                buffer += data
                while message := first_message(buffer, started):
                    buffer = buffer[len(message) :]
                    if not started:
                        self.role = role_of(message)
                        started = True
                    if not self._pass(message, sink, direction):
                        return
        except OSError:
            pass
        self.end()

    def _pass(self, message, sink, direction):
        """Passes a message on, or does what is to happen in its place; whether the connection goes on."""
        with self.lock:
            if direction == TO_SERVER and begins(message):
                self.in_transaction = {TO_SERVER: 0, TO_CLIENT: 0}
            self.counts[direction] += 1
            what = named(message)
            cut = self.proxy.due(self, direction, self.counts[direction], "connection", what)
            if self.in_transaction is not None:
                self.in_transaction[direction] += 1
                cut = cut or self.proxy.due(self, direction, self.in_transaction[direction], "transaction", what)
                if direction == TO_CLIENT and message[:1] == b"Z" and message[5:6] == b"I":
                    self.in_transaction = None
        if cut is not None:
            if cut.how == HOLD:
                self.held.set()
            else:
                self.end(cut.how == RESET)
            cut.fired.set()
        while self.held.is_set() and not self.over.is_set():
            time.sleep(0.01)
        if self.over.is_set():
            return False
        sink.sendall(message)
        return True


def first_message(buffer, started):
    """The first whole message at the start of the buffer, or nothing."""
    head = 1 if started else 0
    if len(buffer) < head + 4:
        return b""
    length = head + struct.unpack(">I", buffer[head : head + 4])[0]
    return buffer[:length] if len(buffer) >= length else b""


def role_of(startup):
    found = re.search(rb"application_name\0callhook-([^\0]*)\0", startup)
    return found[1].decode() if found else ""


def begins(message):
    return message[:1] == b"Q" and message[5:].lstrip()[:5].upper() == b"BEGIN"


def named(message):
    """For people: the type, and the start of a query."""
    kind = message[:1].decode("latin-1")
    return f"{kind} {message[5:45].rstrip(bytes(1)).decode('latin-1')!r}" if kind in "QPC" else kind
