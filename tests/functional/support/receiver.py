"""A downstream system that is told by outbound webhooks: keeps every request and answers as the test says."""

import dataclasses
import http.server
import json
import ssl
import threading
import time

from support.daemon import wait_until


@dataclasses.dataclass
class Received:
    number: int  # from 1
    at: float  # time.time()
    method: str
    path: str
    headers: dict  # names in lower case
    body: bytes

    def json(self):
        return json.loads(self.body)

    @property
    def id(self):
        return self.headers["webhook-id"]


class Receiver:
    """`answer` says for each request what comes back: a status, or (status, headers, body); 200 when there is none. It
    runs on the connection's own thread and may sleep. `tls` is a pair (certificate file, key file)."""

    def __init__(self, answer=None, tls=None, port=0):
        self.answer = answer or (lambda request: 200)
        self.requests = []
        self.connections = 0
        self._lock = threading.Lock()
        self.tls = tls
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self):
                with owner._lock:
                    owner.connections += 1
                super().setup()

            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                with owner._lock:
                    request = Received(len(owner.requests) + 1, time.time(), self.command, self.path, headers, body)
                    owner.requests.append(request)
                said = owner.answer(request)
                status, more, text = said if isinstance(said, tuple) else (said, {}, b"")
                self.send_response(status)
                for name, value in more.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PUT = handle_any

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128
            allow_reuse_address = True

            def get_request(self):
                # The handshake belongs to the connection's thread, so that a slow one holds nobody else.
                connection, peer = super().get_request()
                if owner._context:
                    connection = owner._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
                return connection, peer

            def handle_error(self, *_):
                pass  # the daemon hung up or did not believe the certificate

        self._context = None
        if tls:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(*tls)
        self._server = Server(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def url(self, path="/hook", host="127.0.0.1"):
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}{path}"

    def start(self):
        self._thread.start()
        return self

    def stop(self):
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def wait_for(self, count, timeout=20.0):
        """Waits for so many requests; returns all there are."""
        wait_until(lambda: len(self.requests) >= count, timeout, f"request {count}")
        return list(self.requests)

    def ids(self):
        """The ids of the events received, in order, repeats among them."""
        return [request.id for request in self.requests]
