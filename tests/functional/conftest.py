"""Fixtures of the functional tests: a PostgreSQL cluster for the run, a database for each test, and the real daemon.

CALLHOOKD names the binary (default: the release build's). CALLHOOK_TEST_SANITIZER says that it is an instrumented one.
"""

import os
import pathlib
import resource
import shutil
import sys
import tempfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "simulator"))

from support.cluster import Cluster  # noqa: E402
from support.daemon import SANITIZER, Daemon  # noqa: E402
from support.personal import nothing_private_was_said  # noqa: E402
from support.receiver import Receiver  # noqa: E402
from support.vendor import Vendor  # noqa: E402
from support.verifier import Verifier  # noqa: E402

REPORTS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "WARNING: ThreadSanitizer", "runtime error:")


def pytest_configure(config):
    config.addinivalue_line("markers", "resources: measures time or memory; not with sanitizers")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 16384)), hard))


def pytest_collection_modifyitems(items):
    if not SANITIZER:
        return
    for item in items:
        if item.get_closest_marker("resources"):
            item.add_marker(pytest.mark.skip(reason="sanitizers change time and memory"))


@pytest.fixture(scope="session")
def binary():
    path = pathlib.Path(os.environ.get("CALLHOOKD", ROOT / "build" / "release" / "daemon" / "callhookd"))
    if not path.exists():
        pytest.fail(f"{path} is missing; build it (scripts/test does) or name another by CALLHOOKD", pytrace=False)
    return path.resolve()


@pytest.fixture(scope="session")
def cluster():
    directory = tempfile.mkdtemp(prefix="callhook-tests-")
    os.chmod(directory, 0o755)
    made = Cluster(os.path.join(directory, "postgres"))
    try:
        made.start()
        yield made
        made.stop()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def postgres(cluster):
    """The cluster, for tests that stop, pause or kill it; it runs again afterwards."""
    yield cluster
    try:
        cluster.resume()
    except RuntimeError:
        pass  # it does not run
    cluster.start()


@pytest.fixture(scope="session")
def template(cluster, binary, tmp_path_factory):
    """The name of a migrated database that each test's own is copied from."""
    database = cluster.create("callhook_template")
    code, _, err = Daemon(binary, tmp_path_factory.mktemp("template"), database).run("migrate")
    assert code == 0, err
    return database.name


@pytest.fixture
def empty_database(cluster):
    database = cluster.create()
    yield database
    cluster.drop(database.name)


@pytest.fixture
def database(cluster, template, request):
    made = cluster.create(template=template)
    yield made
    # Daemons that the test started have ended by now: `make_daemon` comes after this fixture and so ends before it.
    if "postgres" not in request.fixturenames:
        cluster.drop(made.name)


@pytest.fixture(autouse=True)
def discretion():
    """No error that the test was answered with tells a secret or of a person; `make_daemon` sees to the logs and metrics."""
    yield
    nothing_private_was_said()


@pytest.fixture
def make_daemon(binary, database, tmp_path):
    """Makes daemons on the test's database, not yet started; ends them all and looks at what they said."""
    made = []

    def make(settings=None, sources=("demo",), name=None, on=None, environment=None):
        directory = tmp_path / (name or f"daemon{len(made)}")
        made.append(Daemon(binary, directory, on or database, settings, sources, environment))
        return made[-1]

    yield make
    for one in made:
        if one.running():
            one.measure()
            one.kill()
        for report in REPORTS:
            assert report not in one.log_text(), one.log_text()[-8000:]
    nothing_private_was_said(made)


@pytest.fixture
def vendor(tmp_path):
    """Makes vendors whose API answers for the given calls; ends them all."""
    made = []

    def make(calls=(), **how):
        made.append(Vendor(tmp_path / f"vendor{len(made)}", calls, **how))
        return made[-1].start()

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def receiver():
    """Makes receivers of outbound webhooks, started; ends them all."""
    made = []

    def make(*arguments, **how):
        made.append(Receiver(*arguments, **how))
        return made[-1].start()

    yield make
    for one in made:
        one.stop()


@pytest.fixture(scope="session")
def verifier(tmp_path_factory):
    """Standard Webhooks' own library."""
    return Verifier(tmp_path_factory.mktemp("verifier"))


@pytest.fixture
def daemon(make_daemon):
    """One daemon with one source, ready; it must stop in order."""
    made = make_daemon().start()
    yield made
    if made.running():
        assert made.stop() == 0, made.log_text()[-3000:]
