"""PostgreSQL in another network namespace, and the cut between it and the daemon."""

import contextlib

from rig.faults import Fault
from support.cluster import Cluster


class NetworkCut(Fault):
    """`how`: "drop" says nothing, "reject" answers with a reset."""

    spares_senders = True

    def __init__(self, network, how, seconds):
        self.network, self.how, self.lasts = network, how, seconds
        self.name = f"network cut, {how}"

    def begin(self, world):
        self.network.cut(self.how)

    def heal(self, world):
        self.network.join()


@contextlib.contextmanager
def far_cluster(network, directory):
    """(a cluster in the namespace, the URL of a database of it for a daemon outside). The tests' own statements go by its unix
    socket, which no cut reaches."""
    cluster = Cluster(directory, options=(f"listen_addresses={network.inside}",), prefix=network.prefix())
    cluster.start()
    try:
        with open(cluster.directory / "data" / "pg_hba.conf", "a", encoding="ascii") as rules:
            rules.write(f"host all all {network.outside}/32 trust\n")
        cluster.stop()
        cluster.start()
        yield cluster, lambda database: f"postgresql://callhook@{network.inside}/{database}"
    finally:
        with contextlib.suppress(RuntimeError):
            cluster.kill()
