"""What rigs need of the machine: mounts, loop devices, network namespaces. Each says why where it cannot be had."""

import contextlib
import functools
import itertools
import os
import pathlib
import subprocess
import tempfile

import pytest


class Unavailable(Exception):
    pass


def run(*command, timeout=60):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise Unavailable(f"{' '.join(str(c) for c in command)}: {done.stderr.strip() or done.returncode}")
    return done.stdout.strip()


def tried(attempt):
    """Why a thing cannot be had here, or an empty text; tried once."""

    @functools.lru_cache(maxsize=None)
    def why():
        if os.geteuid() != 0:
            return "it needs root"
        try:
            attempt()
        except (Unavailable, OSError, subprocess.TimeoutExpired) as reason:
            return str(reason)
        return ""

    return why


def needed(why):
    """Skips the test with the reason, where there is one."""
    if reason := why():
        pytest.skip(reason)


@contextlib.contextmanager
def tmpfs(directory, megabytes):
    """A file system of a fixed size in memory."""
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0755", "callhook-chaos", directory)
    try:
        yield directory
    finally:
        unmount(directory)


def unmount(directory):
    try:
        run("umount", directory)
    except Unavailable:
        run("umount", "--lazy", directory)  # something still has a file there; it goes when that ends


@tried
def no_tmpfs():
    with tempfile.TemporaryDirectory() as directory:
        with tmpfs(directory, 1):
            pass


class Ballast:
    """A file that takes up what is free."""

    def __init__(self, directory):
        self.file = pathlib.Path(directory) / "ballast"

    def fill(self, leave=0):
        with open(self.file, "ab", buffering=0) as file:
            for size in (1 << 20, 1 << 12):
                block = bytes(size)
                with contextlib.suppress(OSError):
                    while True:
                        file.write(block)
            if leave:
                file.truncate(max(file.tell() - leave, 0))

    def drop(self):
        self.file.unlink(missing_ok=True)


# Networks -------------------------------------------------------------------------------------------------------------


class Network:
    """A network namespace joined to this one by a pair of virtual links: `inside` is its address, `outside` ours."""

    numbers = itertools.count(os.getpid() * 7)

    def __init__(self):
        number = next(self.numbers) % (64 * 200)
        self.name = f"chaos{number}"
        net, low = f"10.203.{number // 64}", number % 64 * 4
        self.outside, self.inside = f"{net}.{low + 1}", f"{net}.{low + 2}"

    def __enter__(self):
        run("ip", "netns", "add", self.name)
        try:
            run("ip", "link", "add", self.name, "type", "veth", "peer", "name", "eth0", "netns", self.name)
            run("ip", "addr", "add", f"{self.outside}/30", "dev", self.name)
            run("ip", "link", "set", self.name, "up")
            self.inner("ip", "addr", "add", f"{self.inside}/30", "dev", "eth0")
            self.inner("ip", "link", "set", "eth0", "up")
            self.inner("ip", "link", "set", "lo", "up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for command in (("link", "del", self.name), ("netns", "del", self.name)):
            with contextlib.suppress(Unavailable):
                run("ip", *command)

    def inner(self, *command):
        return run("ip", "netns", "exec", self.name, *command)

    def prefix(self):
        return ("ip", "netns", "exec", self.name)

    def cut(self, how):
        """`how`: "drop" says nothing, "reject" answers with a reset. In both directions."""
        verdict = "drop" if how == "drop" else "reject with tcp reset"
        self.inner("nft", "add", "table", "inet", "chaos")
        for hook in ("input", "output"):
            self.inner("nft", "add", "chain", "inet", "chaos", hook, f"{{ type filter hook {hook} priority 0; }}")
            self.inner("nft", "add", "rule", "inet", "chaos", hook, *f"meta l4proto tcp {verdict}".split())

    def join(self):
        self.inner("nft", "delete", "table", "inet", "chaos")


@tried
def no_network():
    with Network() as network:
        network.cut("drop")
        network.join()
        network.cut("reject")
