"""The network between the daemon and PostgreSQL is cut: silently, and with resets."""

import pytest
from rig.faults import seeded
from rig.machine import Network, needed, no_network
from rig.network import NetworkCut, far_cluster
from rig.world import assert_clean


@pytest.mark.parametrize("how, seconds", [("drop", (5.0, 6.0)), ("reject", (0.5, 1.0))])
def test_the_network_is_cut(world, directory, how, seconds):
    needed(no_network)
    with Network() as network, far_cluster(network, directory / "far") as (cluster, url):
        with world(cluster, seeded(f"network cut, {how}"), url=url) as one:
            for _ in range(2):
                assert_clean(one.round(NetworkCut(network, how, seconds), acks=200), one.daemons)
            print(f"ready again {one.longest_recovery:.1f} s after the healing at most; refused {one.ledger.refused}")
