"""Fixtures of the fault tests: those of the functional tests, and a cluster of their own, which is killed, paused and filled up.

CALLHOOKD names the binary, so that a daemon with a planted bug can be put in its place. CALLHOOK_CHAOS_SEED repeats a run.
"""

import importlib.util
import pathlib
import shutil
import sys
import tempfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FUNCTIONAL = ROOT / "tests" / "functional"
for folder in (FUNCTIONAL, pathlib.Path(__file__).parent):
    sys.path.insert(0, str(folder))


def load_functional():
    spec = importlib.util.spec_from_file_location("callhook_functional_conftest", FUNCTIONAL / "conftest.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


functional = load_functional()
binary, cluster, postgres = functional.binary, functional.cluster, functional.postgres
pytest_configure = functional.pytest_configure

from rig.world import World  # noqa: E402


@pytest.fixture
def directory():
    """A short path that the user of the cluster may enter too."""
    made = pathlib.Path(tempfile.mkdtemp(prefix="callhook-chaos-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def world(binary, directory):
    """Makes worlds; looks afterwards at what their daemons said."""
    made = []

    def make(cluster, seed, **how):
        made.append(World(binary, directory / f"world{len(made)}", cluster, seed, **how))
        return made[-1]

    yield make
    for one in made:
        for daemon in one.daemons:
            for report in functional.REPORTS if daemon else ():
                assert report not in daemon.log_text(), daemon.log_text()[-8000:]
