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
    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.numbers = itertools.count(1)

    def _script(self, command, *arguments):
        done = subprocess.run(
            [str(SCRIPT), command, str(self.directory), *arguments],
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
        self._script("start", "max_connections=100")

    def stop(self):
        self._script("stop")

    def kill(self):
        self._script("kill")

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

    def create(self, name=None, template="template1"):
        name = name or f"test_{os.getpid()}_{next(self.numbers)}"
        Database(self, "postgres").execute(f'CREATE DATABASE "{name}" OWNER callhook TEMPLATE "{template}"')
        return Database(self, name)

    def drop(self, name):
        Database(self, "postgres").execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
