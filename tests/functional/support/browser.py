"""A real browser: headless Chromium with a page whose script reports to the test."""

import http.server
import json
import os
import shutil
import signal
import subprocess
import threading

from support.daemon import PATIENCE

PAGE = """<!doctype html>
<meta charset="utf-8">
<title>callhook</title>
<script>
const reports = [];
function report(value) { reports.push(value); }
async function post() {
  if (reports.length) await fetch("/reports", {method: "POST", body: JSON.stringify(reports.splice(0))});
  setTimeout(post, 50);
}
window.onerror = (message) => report({error: message});
post();
</script>
%s
"""


class Browser:
    """Opens a page with `content`, HTML whose scripts hand JSON values to the test by `report(value)`; `on_report(value)` is
    called on the server's thread, in the order of the reports. The page's origin is known before the start."""

    def __init__(self, directory, on_report=None):
        self.directory = directory
        self.reports = []
        self.on_report = on_report or self.reports.append
        self.content = ""
        self.process = None
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, status, body=b""):
                self.send_response(status)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                self.answer(200, PAGE.replace("%s", owner.content).encode()) if self.path == "/" else self.answer(404)

            def do_POST(self):
                for value in json.loads(self.rfile.read(int(self.headers["Content-Length"]))):
                    owner.on_report(value)
                self.answer(200)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.origin = f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self, content):
        program = shutil.which("chromium")
        assert program, "chromium not found; install it: apt-get install chromium"
        self.content = content
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-proxy-server"]
        self.process = subprocess.Popen(
            [program, *options, f"--user-data-dir={self.directory}", f"{self.origin}/"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        return self

    def stop(self):
        if self.process:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)  # its own session: the browser and its helpers
            except ProcessLookupError:
                pass
            self.process.wait(10 * PATIENCE)
            self._server.shutdown()
        self._server.server_close()
