"""A server program of Debian, run without privileges in a directory of its own, on ports of this machine."""

import os
import pathlib
import shutil
import socket
import subprocess
import tempfile

from support.daemon import wait_until


def find(name):
    """Where it is; daemons are in folders that not everybody has in PATH."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    assert found, f"{name} is missing; scripts/install-packages --test installs it"
    return found


def nobody():
    """For subprocess: a user who may do nothing, where we are one who may do everything."""
    return {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.getuid() == 0 else {}


class Program:
    def __init__(self, name):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix=f"callhook-{name}-"))
        self.process = None

    def run(self, command, ports, environment=None):
        """Until it listens on all of them."""
        # From its first breath without privileges: it needs none.
        who = nobody()
        if who:
            for path in (self.directory, *self.directory.iterdir()):
                shutil.chown(path, "nobody", "nogroup")
        with open(self.directory / "stderr", "wb") as stderr:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr, env=environment, **who)
        wait_until(lambda: self._listens(ports), 20, f"{pathlib.Path(command[0]).name} listening")

    def _listens(self, ports):
        assert self.process.poll() is None, self.said()
        try:
            for port in ports:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            return False
        return True

    def said(self):
        """What it wrote where it ended unasked."""
        return (self.directory / "stderr").read_text(encoding="utf-8", errors="replace")

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)
