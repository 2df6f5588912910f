"""What the daemon takes of the machine: memory, CPU, time to start, size."""

import pathlib
import socket
import subprocess
import tempfile
import time

from harness import wrk
from harness.processes import cpu_seconds, memory
from harness.world import HOOK, hook_url, until_level

MIB = 1 << 20


def footprint(world):
    """Memory and CPU at rest, with 1,000 idle connections, and at full load of 512; start on a database that has calls; size."""
    with world.callhook() as daemon:
        _at_rest(world, daemon.process.pid, "idle")
        idle = [socket.create_connection(("127.0.0.1", daemon.hooks_port), 5) for _ in range(1000)]
        _at_rest(world, daemon.process.pid, "with 1,000 idle connections")
        for one in idle:
            one.close()
        _at_full_load(world, "callhook", daemon.process.pid, hook_url(daemon), daemon.database)
        until_level(daemon.database)
        world.keep("footprint", "callhook", "memory after it", "MiB", memory(daemon.process.pid) / MIB, "VmRSS")
        for _ in range(3):
            world.keep("footprint", "callhook", "start to ready", "ms", _start_to_ready(daemon) * 1000, "callhookd serve until /readyz says ok, asked each 2 ms")
    with world.fastify() as (server, database):
        world.keep("footprint", "fastify", "memory idle", "MiB", memory(server.pid) / MIB, "VmRSS")
        _at_full_load(world, "fastify", server.pid, server.url(HOOK), database)
    if world.round == 1:
        world.keep("footprint", "callhook", "binary", "MiB", _stripped(world.how.binary) / MIB, "strip")


def _at_rest(world, pid, label):
    time.sleep(0.5)
    before, seconds = cpu_seconds(pid), world.seconds(4)
    time.sleep(seconds)
    world.keep("footprint", "callhook", f"memory {label}", "MiB", memory(pid) / MIB, "VmRSS")
    world.keep("footprint", "callhook", f"CPU {label}", "% of a core", (cpu_seconds(pid) - before) / seconds * 100, f"/proc/PID/stat over {seconds} s")


def _at_full_load(world, subject, pid, url, database):
    database.execute("CHECKPOINT")
    before, begun = cpu_seconds(pid), time.monotonic()
    running = wrk.start(url, wrk.Plan(512, world.seconds(5)))
    most = 0
    while running.poll() is None:
        most = max(most, memory(pid))
        time.sleep(0.05)
    load = wrk.finish(running)
    cpu = (cpu_seconds(pid) - before) / (time.monotonic() - begun) * 100
    world.keep("footprint", subject, "memory at 512, full load", "MiB", most / MIB, f"VmRSS, the most of one each 50 ms; {load.command}")
    world.keep("footprint", subject, "CPU at 512, full load", "% of a core", cpu, load.command)


def _start_to_ready(daemon):
    """Seconds, with the ports it had before."""
    daemon.stop()
    daemon.write_config()
    with open(daemon.log_file, "ab") as log:
        begun = time.monotonic()
        daemon.process = subprocess.Popen(
            [daemon.binary, "serve", "--config", str(daemon.config)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log
        )
    while time.monotonic() - begun < 30:
        try:
            if daemon.is_ready():
                return time.monotonic() - begun
        except OSError:
            pass  # it does not listen yet
        time.sleep(0.002)
    raise RuntimeError("callhookd was not ready in 30 s")


def _stripped(binary):
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder) / "callhookd"
        subprocess.run(["strip", "-o", copy, binary], check=True)
        return copy.stat().st_size
