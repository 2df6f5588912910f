"""A whole Debian in a folder: installed by mmdebstrap and, where this machine can, booted with its own systemd by systemd-nspawn, in
a network of its own. What it is made of is Debian's; nothing in it stands in for anything."""

import os
import pathlib
import shutil
import signal
import subprocess
import time

# What a server has anyway, and the database.
PACKAGES = ["systemd", "systemd-sysv", "procps", "postgresql", "curl"]


def missing_tools():
    """Why no such machine can be made here; empty where one can."""
    if os.geteuid() != 0:
        return "needs root"
    absent = [tool for tool in ("mmdebstrap", "cpack", "unshare") if not shutil.which(tool)]
    return f"{', '.join(absent)} missing" if absent else ""


def apt_options():
    """What apt was told here about mirrors that lag behind holds there too."""
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
    return [line for line in dump.splitlines() if line.startswith(("Acquire::Check-Valid-Until ", "Acquire::Check-Date "))]


class Machine:
    def __init__(self, suite, directory):
        self.suite = suite
        self.root = pathlib.Path(directory) / suite
        self.log = pathlib.Path(directory) / f"{suite}.log"
        self.booted = None  # the process of systemd-nspawn
        self.leader = 0  # its init, as seen from here

    def install(self):
        command = ["mmdebstrap", "--quiet", "--variant=apt", "--skip=cleanup/apt", "--dpkgopt=force-unsafe-io", f"--include={','.join(PACKAGES)}"]
        command += [f"--aptopt={line}" for line in apt_options()]
        done = subprocess.run([*command, self.suite, self.root], capture_output=True, text=True, timeout=900, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        return self

    def path(self, name):
        return self.root / name.lstrip("/")

    def write(self, name, text, mode=0o644):
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)

    # Running something in it ------------------------------------------------------------------------------------------

    def _inside(self, command):
        """Where it is booted, as a process of it; else in its folder, with /proc and a network that has nothing but itself."""
        if self.booted:
            return ["nsenter", "-t", str(self.leader), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd", "--", *command]
        return self._chroot(command, "--net")

    def _chroot(self, command, *options):
        inner = 'mount -t proc proc "$0/proc" && mount -t tmpfs tmpfs "$0/dev/shm" && { ip link set lo up 2>/dev/null || true; } && exec chroot "$0" "$@"'
        return ["unshare", "--mount", "--pid", "--fork", "--kill-child", *options, "sh", "-c", inner, str(self.root), *command]

    def start(self, *command, online=False, **how):
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
        command = self._chroot(command) if online else self._inside(command)
        return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, text=True, **how)

    def run(self, *command, check=True, online=False, timeout=300):
        """(exit code, all that it printed). `online`: not booted, with the network of this machine, for apt."""
        process = self.start(*command, online=online, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        out, _ = process.communicate(timeout=timeout)
        assert not check or process.returncode == 0, f"{command} ended with {process.returncode}: {out[-4000:]}\n{self.journal()}"
        return process.returncode, out

    def shell(self, script, **how):
        return self.run("sh", "-ec", script, **how)[1]

    def journal(self):
        if not self.booted:
            return ""
        reading = self.start("journalctl", "--no-pager", "-n", "40", "-u", "callhookd*", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return reading.communicate(timeout=60)[0]

    def in_its_network(self, *command, **how):
        """A program of this machine that sees that one's network."""
        assert self.booted
        return subprocess.run(["nsenter", "-t", str(self.leader), "--net", "--", *command], capture_output=True, text=True, check=False, **how)

    # The whole of it --------------------------------------------------------------------------------------------------

    def boot(self):
        """Whether its systemd runs now."""
        if not shutil.which("systemd-nspawn"):
            return False
        with open(self.log, "wb") as log:
            self.booted = subprocess.Popen(
                ["systemd-nspawn", "--quiet", f"--directory={self.root}", "--register=no", "--keep-unit", "--private-network", "--boot", "--console=pipe"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
            )
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline and self.booted.poll() is None:
            children = pathlib.Path(f"/proc/{self.booted.pid}/task/{self.booted.pid}/children").read_text(encoding="ascii").split()
            self.leader = int(children[0]) if children else 0
            if self.leader and self.run("systemctl", "is-system-running", check=False)[1].strip() in ("running", "degraded"):
                return True
            time.sleep(0.3)
        self.halt()
        return False

    def halt(self):
        if not self.booted:
            return
        if self.booted.poll() is None:
            self.booted.send_signal(signal.SIGTERM)  # an orderly shutdown of what is inside
            try:
                self.booted.wait(60)
            except subprocess.TimeoutExpired:
                self.booted.kill()
                self.booted.wait()
        self.booted, self.leader = None, 0
