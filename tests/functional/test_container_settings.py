"""What compose.yaml and config/kubernetes give to callhook is a configuration that it takes, with the secrets as the containers get
them: as files of other users than root."""

import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest
import yaml
from support.program import nobody

ROOT = pathlib.Path(__file__).resolve().parents[2]
USER = 10001
AS_ROOT = pytest.mark.skipif(os.getuid() != 0, reason="gives files to other users")


@pytest.fixture
def place(binary):
    """A folder that other users reach, with the script and the binary in it."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="callhook-compose-"))
    directory.chmod(0o755)
    (directory / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "compose-secrets", directory / "scripts")
    shutil.copy(binary, directory)
    yield directory
    shutil.rmtree(directory)


def make_secrets(place, *arguments, **how):
    return subprocess.run([place / "scripts" / "compose-secrets", *arguments], capture_output=True, text=True, check=False, **how)


def checked(place, environment, *arguments, user=USER):
    """check-config as the container's user; what it says."""
    command = [place / "callhookd", "check-config", *arguments]
    who = {"user": user, "group": user, "extra_groups": []}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd="/", **who)
    return done.returncode, done.stdout + done.stderr


@AS_ROOT
def test_compose_gives_what_callhook_takes(place):
    made = make_secrets(place, "hooks.example.com")
    assert made.returncode == 0, made.stderr
    secrets = place / "secrets"
    hook = (secrets / "hook").read_text(encoding="ascii").strip()
    assert made.stdout == f"Webhooks go to https://hooks.example.com/hooks/main/{hook}\n"
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    for name in ("callhook-a", "callhook-b"):
        given = compose["services"][name]["environment"]
        environment = {key: value.replace("/run/secrets", str(secrets)) for key, value in given.items()}
        nats = environment.pop("CALLHOOK_NATS_SERVERS")
        assert nats == "${CALLHOOK_NATS_SERVERS:-}"
        image = {"CALLHOOK_HOOKS_ADDRESS": "0.0.0.0", "CALLHOOK_LOG_FORMAT": "json"}
        for servers in ("", "nats://nats:4222"):
            code, said = checked(place, {**image, **environment, "CALLHOOK_NATS_SERVERS": servers})
            assert code == 0, said
    # None of it is for others: not for a container of another user, and nothing has stayed half made.
    code, said = checked(place, environment, user=USER + 1)
    assert code == 78 and "hook" in said, said
    assert {path.name for path in secrets.iterdir()} == {path["file"].rpartition("/")[2] for path in compose["secrets"].values()} | {"tls"}
    assert all(path.stat().st_mode & 0o777 == 0o400 for path in secrets.iterdir() if path.is_file())


@AS_ROOT
def test_secrets_that_are_there_stay(place):
    assert make_secrets(place).returncode == 0
    before = {path: path.read_bytes() for path in (place / "secrets").rglob("*") if path.is_file()}
    again = make_secrets(place, "another.example.com")
    assert again.returncode == 0, again.stderr
    assert {path: path.read_bytes() for path in (place / "secrets").rglob("*") if path.is_file()} == before


def test_without_root_the_script_says_why_it_needs_it(place):
    done = make_secrets(place, **nobody())
    assert done.returncode == 77 and "root is needed" in done.stderr and not (place / "secrets").exists()


@AS_ROOT
def test_kubernetes_gives_what_callhook_takes(place):
    """The mounts are folders here; owner, group and mode are those that fsGroup and defaultMode make."""
    things = [
        thing for path in (ROOT / "config" / "kubernetes").glob("*.yaml") for thing in yaml.safe_load_all(path.read_text(encoding="utf-8"))
    ]
    found = {thing["kind"]: thing for thing in things}
    (container,) = found["StatefulSet"]["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["serve", "--migrate"]
    digest = "a" * 64
    values = {**found["Secret"]["stringData"], "hook": "0123456789abcdef-hook", "metrics-token-hash": f"sha256:{digest}"}
    for key in ("hook", "metrics-token-hash"):
        path = place / key
        path.write_text(values[key], encoding="ascii")
        os.chown(path, 0, USER)
        path.chmod(0o440)
    config = place / "callhookd.toml"
    config.write_text(found["ConfigMap"]["data"]["callhookd.toml"].replace("/run/secrets/callhook", str(place)), encoding="utf-8")
    environment = {
        "CALLHOOK_HOOKS_ADDRESS": "0.0.0.0",
        "CALLHOOK_LOG_FORMAT": "json",
        **{variable["name"]: values[variable["valueFrom"]["secretKeyRef"]["key"]] for variable in container["env"]},
    }
    code, said = checked(place, environment, "--config", str(config))
    assert code == 0, said
