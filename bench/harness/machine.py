"""On what and of what the measurement was made."""

import os
import pathlib
import platform
import re
import subprocess


def _first_line(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except OSError:
        return ""
    return (done.stdout or done.stderr).strip().partition("\n")[0]


def _cpu():
    found = re.search(r"^model name\s*:\s*(.+)$", pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    return found.group(1).strip() if found else platform.machine()


def _memory():
    return int(re.search(r"MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text(encoding="ascii")).group(1)) * 1024


def _system():
    found = re.search(r'^PRETTY_NAME="?([^"\n]+)', pathlib.Path("/etc/os-release").read_text(encoding="utf-8"), re.MULTILINE)
    return found.group(1) if found else platform.system()


def machine():
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_bytes": _memory(),
        "kernel": platform.release(),
        "system": _system(),
        "load_before": os.getloadavg(),
    }


def versions(root, binary, cluster):
    connection = cluster.connect()
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        postgres = cursor.fetchone()[0]
        cursor.execute("SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes', 'wal_sync_method')")
        durability = dict(cursor.fetchall())
    connection.close()
    return {
        "callhookd": _first_line(str(binary), "--version"),
        "commit": _first_line("git", "-C", str(root), "rev-parse", "HEAD"),
        "changed": bool(_first_line("git", "-C", str(root), "status", "--porcelain", "--untracked-files=no")),
        "postgresql": postgres,
        "durability": durability,
        "wrk": _first_line("wrk", "-v"),
        "node": _first_line("node", "--version"),
        "nginx": _first_line("/usr/sbin/nginx", "-v"),
    }
