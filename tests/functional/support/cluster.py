"""A private PostgreSQL cluster for the tests, started by the project's own script."""

import itertools
import os
import pathlib
import subprocess
import urllib.parse

import psycopg2

ROOT = pathlib.Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "scripts" / "postgres"


class Database:
    """One database of the cluster: its URL for the daemon, and SQL as the superuser for the test."""

    def __init__(self, cluster, name):
        self.cluster = cluster
        self.name = name
        self.url = cluster.url(name)

    def connect(self, autocommit=True):
        connection = self.cluster.connect(self.name)
        connection.autocommit = autocommit
        return connection

    def rows(self, statement, *values):
        connection = self.connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement, values or None)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def value(self, statement, *values):
        return self.rows(statement, *values)[0][0]

    def execute(self, statement, *values):
        self.rows(statement, *values)


class Cluster:
    """`options` are settings beside the defaults, `prefix` a command that the script is run by (in a network namespace, say),
    `environment` more variables for the server."""

    def __init__(self, directory, options=(), prefix=(), environment=None):
        self.directory = pathlib.Path(directory)
        self.options = tuple(options)
        self.prefix = tuple(prefix)
        self.environment = environment or {}
        self.numbers = itertools.count(1)

    def _script(self, command, *arguments):
        done = subprocess.run(
            [*self.prefix, str(SCRIPT), command, str(self.directory), *arguments],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=120,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"scripts/postgres {command} failed ({done.returncode}): {done.stderr}")
        return done.stdout.strip()

    def start(self):
        # Two daemons and their writers, and some to spare. What bears on durability keeps its default.
        self._script("start", "max_connections=100", *self.options)

    def answers(self):
        try:
            self.connect().close()
            return True
        except psycopg2.Error:
            return False

    def stop(self):
        self._script("stop")

    def kill(self):
        self._script("kill")

    def runs(self):
        try:
            self._script("status")
        except RuntimeError:
            return False
        return True

    def pause(self):
        self._script("pause")

    def resume(self):
        self._script("resume")

    def url(self, database="callhook", role="callhook"):
        return self._script("url", database, role)

    def connect(self, database="postgres"):
        parts = urllib.parse.urlsplit(self.url(database, "postgres"))
        host = urllib.parse.parse_qs(parts.query)["host"][0]
        return psycopg2.connect(host=host, user="postgres", dbname=database, connect_timeout=10)

    def standby(self, directory):
        """A running read replica of this cluster, as streaming replication keeps one; end it with `stop`."""
        made = Cluster(directory)
        made.directory.mkdir(parents=True)
        made.directory.chmod(0o755)
        owner = (self.directory / "data").stat()
        os.chown(made.directory, owner.st_uid, owner.st_gid)
        backup = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/pg_basebackup"))[-1]
        host = urllib.parse.parse_qs(urllib.parse.urlsplit(self.url()).query)["host"][0]
        subprocess.run(
            [backup, "-h", host, "-U", "postgres", "-D", made.directory / "data", "-R", "-X", "stream", "-c", "fast"],
            check=True,
            timeout=120,
            user=owner.st_uid,
            group=owner.st_gid,
        )
        made.start()
        return made

    def create(self, name=None, template="template1"):
        name = name or f"test_{os.getpid()}_{next(self.numbers)}"
        Database(self, "postgres").execute(f'CREATE DATABASE "{name}" OWNER callhook TEMPLATE "{template}"')
        made = Database(self, name)
        if template != "template1":
            # A copy is a log of its own to callhook; these are not meant as copies.
            made.execute("UPDATE callhook.feed_head SET place = callhook.feed_place()")
        return made

    def drop(self, name):
        Database(self, "postgres").execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
