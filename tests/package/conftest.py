"""The Debian package, made of the release build, and the machines that it is installed on.

CALLHOOK_PACKAGE_SUITES names the releases of Debian (default: this machine's own), CALLHOOK_PACKAGES a folder with a package for each that
was made elsewhere (scripts/package-test does that for other releases); CALLHOOK_NO_BOOT=1 does without booting."""

import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

from machine import Machine, missing_tools

ROOT = pathlib.Path(__file__).resolve().parents[2]
RELEASES = {"bookworm": "deb12", "trixie": "deb13"}


def own_suite():
    fields = dict(line.split("=", 1) for line in pathlib.Path("/etc/os-release").read_text(encoding="utf-8").splitlines() if "=" in line)
    return fields.get("VERSION_CODENAME", "").strip('"')


@pytest.fixture(scope="module", params=os.environ.get("CALLHOOK_PACKAGE_SUITES", "").split() or [own_suite()])
def suite(request):
    return request.param


@pytest.fixture(scope="module")
def package(suite, tmp_path_factory):
    """The package's file."""
    folder = os.environ.get("CALLHOOK_PACKAGES")
    if not folder:
        build = ROOT / "build" / "release"
        if missing_tools():
            pytest.skip(missing_tools())
        if not (build / "CPackConfig.cmake").exists():
            pytest.fail(f"{build} is missing; scripts/test builds it", pytrace=False)
        folder = tmp_path_factory.mktemp("package")
        done = subprocess.run(["cpack", "--config", build / "CPackConfig.cmake", "-B", folder], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    found = sorted(pathlib.Path(folder).glob(f"callhook_*{RELEASES.get(suite, suite)}_*.deb"))
    assert found, f"no package for {suite} in {folder}"
    return found[-1]


@pytest.fixture(scope="module")
def machine(suite):
    if missing_tools():
        pytest.skip(missing_tools())
    directory = tempfile.mkdtemp(prefix="callhook-machine-")
    made = Machine(suite, directory)
    try:
        yield made.install()
    finally:
        made.halt()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """What the daemon said, beside a failure."""
    report = (yield).get_result()
    made = item.funcargs.get("machine")
    if report.failed and made:
        report.sections.append(("journal of the machine", made.journal()))
