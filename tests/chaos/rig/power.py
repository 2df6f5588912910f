"""Power loss. PostgreSQL's data and the spool are on an ext4 file system in a file, which a loop device without a cache of its own
serves. The file lies on XFS, where a copy that shares its blocks is made at one moment, while everything goes on: the copy is
what would have reached the disk had the power failed then. The page cache, and with it all that was not synced, is not in it.

What this cannot show: a disk with a volatile cache that ignores a flush, since each write of the loop device is in the copy."""

import contextlib
import pathlib
import shutil
import tempfile
import time

from rig.machine import Unavailable, run, tried, unmount

HOST_SIZE, IMAGE_SIZE = "6G", "1536M"  # sparse
SMALL_HOST, SMALL_IMAGE = "400M", "64M"


class PoweredDisk:
    """A file system at `mount` whose power can be cut without stopping it."""

    def __init__(self, directory, host_size=HOST_SIZE, image_size=IMAGE_SIZE):
        self.directory = pathlib.Path(directory)
        self.host_size, self.image_size = host_size, image_size
        self.host, self.mount = self.directory / "host", self.directory / "disk"
        self.image = self.host / "disk.img"
        self.cleanup = contextlib.ExitStack()

    def __enter__(self):
        try:
            self._make()
        except BaseException:
            self.cleanup.close()
            raise
        return self

    def __exit__(self, *_):
        self.cleanup.close()

    def _make(self):
        for folder in (self.directory, self.host, self.mount):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o755)
        backing = self.directory / "host.img"
        run("truncate", "-s", self.host_size, backing)
        self.cleanup.callback(backing.unlink, missing_ok=True)
        run("mkfs.xfs", "-q", "-m", "reflink=1", backing)
        run("mount", "-o", "loop", backing, self.host)
        self.cleanup.callback(unmount, self.host)
        run("truncate", "-s", self.image_size, self.image)
        run("mkfs.ext4", "-q", "-b", "4096", "-E", "lazy_itable_init=0,lazy_journal_init=0", self.image)
        self.cleanup.enter_context(attached(self.image, self.mount))

    def cut(self):
        """(the moment before the copy was begun, the copy): all that was durable at that moment is in it."""
        copy = self.host / f"cut-{time.monotonic_ns()}.img"
        moment = time.monotonic()
        run("cp", "--reflink=always", self.image, copy)
        return moment, copy

    @contextlib.contextmanager
    def after_power_loss(self, copy):
        """Where the copy is mounted; its journal is replayed as at a start of the machine."""
        where = pathlib.Path(tempfile.mkdtemp(prefix="recovered-", dir=self.directory))
        where.chmod(0o755)
        try:
            with attached(copy, where):
                yield where
        finally:
            copy.unlink(missing_ok=True)
            shutil.rmtree(where, ignore_errors=True)


@contextlib.contextmanager
def attached(image, mount):
    device = run("losetup", "--find", "--show", "--direct-io=on", image)
    try:
        run("mount", "-o", "noatime", device, mount)
        pathlib.Path(mount).chmod(0o755)
        try:
            yield
        finally:
            unmount(mount)
    finally:
        with contextlib.suppress(Unavailable):
            run("losetup", "--detach", device)


@tried
def no_power_loss():
    directory = tempfile.mkdtemp(prefix="callhook-chaos-probe-")
    try:
        with PoweredDisk(directory, SMALL_HOST, SMALL_IMAGE) as disk:
            _, copy = disk.cut()
            with disk.after_power_loss(copy):
                pass
    finally:
        shutil.rmtree(directory, ignore_errors=True)
