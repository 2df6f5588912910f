"""What systemd does for a service, as far as the daemon sees it: it holds the listening sockets and hands them over, and hears what
the daemon says of itself."""

import os
import socket
import sys
import threading
import time

# Moves the sockets to where they belong, says for whom they are, and becomes the daemon.
HAND_OVER = """
import os, sys
count = int(sys.argv[1])
sockets, command = [int(word) for word in sys.argv[2:2 + count]], sys.argv[2 + count:]
above = [os.dup(one) for one in sockets]
while min(above, default=100) < 3 + count:
    above = [os.dup(one) for one in above]
for at, one in enumerate(above):
    os.dup2(one, 3 + at)
os.closerange(3 + count, 256)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(command[0], command)
"""


def listening(address="127.0.0.1", port=0, family=socket.AF_INET):
    """A socket as a .socket unit has it."""
    one = socket.socket(family, socket.SOCK_STREAM)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind((address, port))
    one.listen(4096)
    return one


class ServiceManager:
    """`sockets` are pairs of name and socket."""

    def __init__(self, directory, sockets=(), watchdog=None):
        self.sockets = list(sockets)
        self.watchdog = watchdog  # seconds
        self.heard = []  # (when, {what: value}), in order
        self.path = os.path.join(directory, "notify")
        self.inbox = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.inbox.bind(self.path)
        self.ending = False
        self.inbox.settimeout(0.2)
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()

    def _listen(self):
        while not self.ending:
            try:
                text = self.inbox.recv(65536).decode()
            except TimeoutError:
                continue
            self.heard.append((time.monotonic(), dict(line.split("=", 1) for line in text.splitlines())))

    def prepare(self, command, environment):
        """(command, environment, descriptors to pass) that start the same with what it is handed."""
        environment = {**environment, "NOTIFY_SOCKET": self.path}
        if self.watchdog:
            environment["WATCHDOG_USEC"] = str(int(self.watchdog * 1_000_000))
        numbers = [one.fileno() for _, one in self.sockets]
        if not numbers:
            return command, environment, ()
        environment.update(LISTEN_FDS=str(len(numbers)), LISTEN_FDNAMES=":".join(name for name, _ in self.sockets))
        passing = [sys.executable, "-c", HAND_OVER, str(len(numbers)), *(str(number) for number in numbers)]
        return [*passing, *command], environment, numbers

    def said(self, what):
        """All values that were given for it, in order."""
        return [message[what] for _, message in list(self.heard) if what in message]

    def last(self, what):
        """The last value; nothing before there is one."""
        return next(iter(self.said(what)[::-1]), None)

    def times(self, what):
        return [when for when, message in list(self.heard) if what in message]

    def close(self):
        self.ending = True
        self.thread.join(5)
        self.inbox.close()
        for _, one in self.sockets:
            one.close()
