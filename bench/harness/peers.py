"""What callhook is compared with: how each is installed and started."""

import json
import pathlib
import shutil
import subprocess
import urllib.parse

from harness.crowd import Crowd
from harness.processes import Server
from support.daemon import SECRET
from support.ports import free_port

PEERS = pathlib.Path(__file__).resolve().parents[1] / "peers"


def find(program, package):
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
    if not found:
        raise RuntimeError(f"{program} not found; install it: scripts/install-packages --bench ({package})")
    return found


def install(name, say):
    """What the lock file says, unless it is there already."""
    folder = PEERS / name
    installed = folder / "node_modules" / ".package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= (folder / "package-lock.json").stat().st_mtime:
        return
    version = subprocess.run([find("node", "nodejs"), "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.removeprefix("v").split(".")[0]) < 20:
        raise RuntimeError(f"Fastify 5 needs Node.js 20 or newer, and this is {version}: Debian 13 has it, for Debian 12 nodejs.org does")
    say(f"installing peers/{name}")
    command = [find("npm", "npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"npm ci in {folder.name} failed: {done.stderr[-2000:]}")


def libpq_environment(database):
    """The database as libpq and its like read it from the environment."""
    host = urllib.parse.parse_qs(urllib.parse.urlsplit(database.url).query)["host"][0]
    return {"PGHOST": host, "PGUSER": "callhook", "PGDATABASE": database.name}


class Programs:
    """`directory` takes their logs and configurations; `build` is where callhook's programs are built."""

    def __init__(self, directory, build):
        self.directory = pathlib.Path(directory)
        self.limits = pathlib.Path(build) / "bench" / "limits"
        self.clients = pathlib.Path(build) / "bench" / "clients"

    def fastify(self, database, mode, pool):
        database.execute(f"SET ROLE callhook; {(PEERS / 'fastify' / 'schema.sql').read_text(encoding='utf-8')}")
        port = free_port()
        environment = {**libpq_environment(database), "NODE_ENV": "production", "SECRET": SECRET, "PORT": str(port), "MODE": mode, "POOL": str(pool)}
        return Server("fastify", [find("node", "nodejs"), "server.mjs"], port, self.directory / "fastify.log", PEERS / "fastify", environment)

    def nodered(self, database, pool):
        """Its user directory is a copy, since it writes there."""
        database.execute(f"SET ROLE callhook; {(PEERS / 'nodered' / 'schema.sql').read_text(encoding='utf-8')}")
        port, folder = free_port(), self.directory / "nodered"
        folder.mkdir(exist_ok=True)
        shutil.copy(PEERS / "nodered" / "flows.json", folder)
        environment = {**libpq_environment(database), "NODE_ENV": "production", "SECRET": SECRET, "PORT": str(port), "POOL": str(pool)}
        command = [find("node", "nodejs"), "node_modules/node-red/red.js", "--settings", "settings.cjs", "--userDir", str(folder)]
        return Server("node-red", command, port, self.directory / "nodered.log", PEERS / "nodered", environment)

    def nginx(self):
        """One worker that answers 200 to everything: as much as the load generator itself can do."""
        port = free_port()
        folder = self.directory / "nginx"
        folder.mkdir(exist_ok=True)
        text = (PEERS / "nginx" / "nginx.conf").read_text(encoding="ascii").replace("@folder@", str(folder)).replace("@port@", str(port))
        (folder / "nginx.conf").write_text(text, encoding="ascii")
        command = [find("nginx", "nginx"), "-e", str(folder / "error.log"), "-p", str(folder), "-c", str(folder / "nginx.conf")]
        return Server("nginx", command, port, self.directory / "nginx.log")

    def counting_receiver(self):
        port = free_port()
        return Server("counting_receiver", [str(self.limits / "counting_receiver"), str(port), SECRET], port, self.directory / "counting.log")

    def copy_rows(self, database, form, batch, connections, seconds, rows):
        """(rows a second, the command)"""
        command = [self.limits / "copy_rows", database.url, form, batch, connections, seconds, rows]
        told = self.ask(command)
        return told["rows"] / told["seconds"], f"copy_rows … bench/load/{form.name} {batch} {connections} {seconds} {rows}"

    def simdjson_pass(self, form, seconds):
        """(bodies a second, bytes a second)"""
        told = self.ask([self.limits / "simdjson_pass", form, seconds])
        return told["bodies"], told["bytes"]

    @staticmethod
    def ask(command):
        """What a program says in a line of JSON."""
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=600, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{command[0].name} failed: {done.stderr[-1000:]}")
        return json.loads(done.stdout)

    def stream_clients(self, port, clients, after):
        return Crowd(self.clients / "stream_clients", port, clients, after, self.directory / "streams.log")
