"""Ports of 127.0.0.1 for programs that must be told theirs."""

import random
import socket

FIRST, LAST = 20_000, 32_000


def free_port(rng=random.SystemRandom()):
    """Below those that the kernel hands out to clients, of which one could take it before the program does, or while it is down."""
    for _ in range(200):
        port = rng.randrange(FIRST, LAST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise RuntimeError("no free port")
