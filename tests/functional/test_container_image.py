"""The image that scripts/container-test built: run as its own configuration says, from its own root file system, which is read-only
and has no shell, by a user without privileges. CALLHOOK_TEST_IMAGE names it; without a container engine a chroot has to do."""

import json
import os
import pathlib
import shlex
import signal
import subprocess
import urllib.parse

import pytest
from support.daemon import SECRET, wait_until
from support.http import post_bytes, request, RawConnection
from support.ports import free_port
from support.payloads import body, call_event

IMAGE = os.environ.get("CALLHOOK_TEST_IMAGE", "")
pytestmark = pytest.mark.skipif(not IMAGE, reason="scripts/container-test builds an image and runs this")

# In namespaces of its own: the root read-only, a volume, the database's socket at /mnt, and every shell out of reach.
ENTER = """
mount --make-rprivate /
mount --bind {root} {root}
mount -t proc proc {root}/proc
mount --bind {volume} {root}/var/lib/callhook
mount --bind {door} {root}/mnt
mount --bind {socket}/.s.PGSQL.5432 {root}/mnt/.s.PGSQL.5432
for shell in bash dash; do mount --bind /dev/null {root}/usr/bin/$shell; done
mount -o remount,bind,ro {root}
exec env -i {environment} chroot --userspec={user} --groups= {root} {command}
"""


def buildah(*arguments):
    done = subprocess.run(["buildah", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def image():
    """(its configuration, its root file system)"""
    container = buildah("from", "--pull-never", IMAGE)
    try:
        settings = json.loads(buildah("inspect", "--type", "image", IMAGE))["Docker"]["config"]
        yield settings, pathlib.Path(buildah("mount", container))
    finally:
        buildah("rm", container)


class Container:
    def __init__(self, image, directory, database, variables):
        self.settings, self.root = image
        self.volume = directory / "volume"
        self.volume.mkdir()
        user = int(self.settings["User"].split(":")[0])
        os.chown(self.volume, user, user)  # as a new volume gets the owner of the folder that it is mounted on
        # The folder of the database's socket is its owner's alone, the socket itself is not.
        self.door = directory / "door"
        self.door.mkdir()
        (self.door / ".s.PGSQL.5432").touch()
        self.socket = urllib.parse.parse_qs(urllib.parse.urlsplit(database.url).query)["host"][0]
        url = database.url.replace(urllib.parse.quote(self.socket, safe=""), "%2Fmnt").replace(self.socket, "/mnt")
        self.environment = [*self.settings["Env"], f"CALLHOOK_DATABASE_URL={url}", *variables]
        self.log = directory / "container.log"
        self.process = None

    def command(self, words):
        text = ENTER.format(
            root=self.root,
            volume=self.volume,
            door=self.door,
            socket=self.socket,
            environment=shlex.join(self.environment),
            user=self.settings["User"],
            command=shlex.join(words),
        )
        return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-euc", text]

    def start(self):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(self.command(self.settings["Entrypoint"] + self.settings["Cmd"]), stdout=log, stderr=log)
        return self

    def run(self, *words):
        done = subprocess.run(self.command(words), capture_output=True, text=True, check=False, timeout=60)
        return done.returncode, done.stdout + done.stderr

    def says(self):
        return self.log.read_text(encoding="utf-8")

    def stop(self):
        """The image's stop signal to its first process; the exit code."""
        (first,) = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text(encoding="ascii").split()
        status = pathlib.Path(f"/proc/{first}/status").read_text(encoding="ascii")
        assert f"Uid:\t{self.settings['User'].split(':')[0]}\t" in status and "CapEff:\t0000000000000000" in status
        os.kill(int(first), signal.Signals[self.settings.get("StopSignal", "SIGTERM")])
        return self.process.wait(30)


def test_the_image_runs_as_it_says(image, cluster, tmp_path):
    settings, root = image
    database = cluster.create()
    hooks, api = free_port(), free_port()
    variables = [f"CALLHOOK_HOOKS_PORT={hooks}", f"CALLHOOK_API_PORT={api}", f"CALLHOOK_SOURCES_DEMO_SECRETS={SECRET}"]
    container = Container(image, tmp_path, database, variables).start()
    kind, *question = settings["Healthcheck"]["Test"]
    assert kind == "CMD"
    try:
        answers = []

        def healthy():
            assert container.process.poll() is None, container.says()
            answers[:] = container.run(*question)
            return answers[0] == 0

        try:
            wait_until(healthy, 60, "health")
        except AssertionError as failure:
            raise AssertionError(f"{failure}: {answers} {container.says()}") from None
        with RawConnection(hooks) as sender:
            sender.send(post_bytes(f"/hooks/demo/{SECRET}", body(call_event("call.missed", 1))))
            assert sender.answer().status == 200
        wait_until(lambda: len(request(api, "GET", "/v1/events?lastEventId=0").json()) == 1, 30, "the event")
        assert (container.volume / "spool" / "spool.db").exists(), "the spool is on the volume"
        assert '"status":"ok"' in request(api, "GET", "/readyz").body.decode().replace(" ", "")
        # No other place can be written to, and there is no shell to do it with.
        assert container.run("/usr/bin/touch", "/var/tmp/x")[0] != 0
        assert container.run("/bin/sh", "-c", "true")[0] != 0
        assert container.stop() == 0, container.says()
    finally:
        if container.process.poll() is None:
            container.process.kill()
            container.process.wait()
    code, said = container.run(*question)
    assert code == 1, said
    assert not list(root.glob("usr/bin/*g++*")) and not (root / "src").exists(), "nothing of what it was built with"
    size = sum(path.lstat().st_size for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    print(f"\n{IMAGE}: {size / 1e6:.0f} MB, of which callhookd {(root / 'usr/sbin/callhookd').stat().st_size / 1e6:.0f} MB")
