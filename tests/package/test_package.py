"""The Debian package on a fresh Debian: installed, run by its systemd, restarted under load, removed, purged. The tests go in order, on
one machine for each release. Where systemd cannot be booted, the daemon is run without it and the rest says so."""

import contextlib
import json
import os
import subprocess
import sys
import time

import pytest

from client import PROGRAM

SECRET = "s3cret-of-a-packaged-source-0123456789"
CONFIG = "/etc/callhook/callhookd.toml"
SOURCE = '[sources.main]\nsecret_files = ["main.secret"]\n'
UNITS = ["callhookd.service", "callhookd.socket", "callhookd-api.socket"]
WEBHOOK = '{"data":{"event":"call.new","id":%d,"status":"new","to":"+48888888769","widget_id":3,"created_at":"2026-09-08 13:32:54"}}'
AS_CALLHOOK = "setpriv --reuid callhook --regid callhook --clear-groups"
NO_BOOT = os.environ.get("CALLHOOK_NO_BOOT", "") not in ("", "0")


def wait_until(condition, timeout, what):
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what} did not happen in {timeout} s"
        time.sleep(0.1)
    return value


def configure(machine, database):
    text = machine.path(CONFIG).read_text(encoding="utf-8")
    machine.write(CONFIG, f'{text}\n# Added by the test.\n{SOURCE}\n')
    machine.write("/etc/callhook/environment", f"CALLHOOK_DATABASE_URL={database}\n", 0o600)


def post(machine, number):
    """The answer's status."""
    url = f"http://127.0.0.1:8080/hooks/main/{SECRET}"
    return int(machine.run("curl", "-sS", "-m", "20", "-o", "/dev/null", "-w", "%{http_code}", "-d", WEBHOOK % number, url)[1])


def knows(machine, number):
    """Whether a call's record is there."""
    return machine.run("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", f"http://127.0.0.1:8081/v1/calls/main/{number}")[1] == "200"


def main_process(machine):
    return int(machine.run("systemctl", "show", "-P", "MainPID", "callhookd")[1])


@pytest.fixture(scope="module")
def installed(machine, package):
    """The package as apt installs it before anything runs; its dependencies are found by apt alone."""
    target = machine.path("/srv/callhook.deb")
    target.write_bytes(package.read_bytes())
    machine.run("apt-get", "-q", "-y", "--no-install-recommends", "install", "/srv/callhook.deb", online=True, timeout=900)
    return machine


@pytest.fixture(scope="module")
def running(installed):
    """It, booted."""
    if NO_BOOT or not installed.boot():
        pytest.skip("systemd cannot be booted on this machine: " + ("not wanted" if NO_BOOT else installed.log.read_text(encoding="utf-8", errors="replace")[-500:]))
    wait_until(lambda: installed.run("su", "postgres", "-c", "psql -c 'SELECT 1'", check=False)[0] == 0, 60, "PostgreSQL")
    return installed


# In this order ------------------------------------------------------------------------------------------------------------------


def test_it_puts_everything_in_its_place(installed):
    listing = installed.run("dpkg", "-L", "callhook")[1].split()
    units = [f"/usr/lib/systemd/system/{unit}" for unit in UNITS]
    for path in ["/usr/sbin/callhookd", CONFIG, "/usr/lib/sysusers.d/callhook.conf", "/usr/share/man/man8/callhookd.8", "/usr/share/doc/callhook/README.md", "/usr/share/doc/callhook/copyright", *units]:
        assert path in listing and installed.path(path).exists(), path
    assert "ExecStart=/usr/sbin/callhookd serve" in installed.path(units[0]).read_text(encoding="utf-8")
    assert installed.run("id", "-un", "callhook")[1].strip() == "callhook"
    places = installed.run("stat", "-c", "%U:%G %a %n", "/etc/callhook", "/var/lib/callhook", "/usr/sbin/callhookd", CONFIG)[1].splitlines()
    assert places == ["root:callhook 750 /etc/callhook", "callhook:callhook 750 /var/lib/callhook", "root:root 755 /usr/sbin/callhookd", f"root:root 644 {CONFIG}"]
    assert installed.run("dpkg-query", "-W", "-f", "${Conffiles}", "callhook")[1].split()[0] == CONFIG
    assert installed.run("dpkg", "--verify", "callhook")[1] == ""
    # Nothing is started that nobody has configured.
    assert not list(installed.path("/etc/systemd/system").rglob("callhookd*"))


def test_the_configuration_is_checked(installed):
    code, said = installed.run("callhookd", "check-config", check=False)
    assert code == 78 and "database.url" in said and "sources" in said, said
    configure(installed, "postgresql:///callhook?host=/run/postgresql")
    installed.write("/etc/callhook/main.secret", SECRET + "\n", 0o600)
    code, said = installed.run("env", "CALLHOOK_DATABASE_URL=postgresql:///callhook", "callhookd", "check-config", check=False)
    assert code == 0, said


def test_units_are_sound_and_shut_in(installed):
    said = installed.shell(f"systemd-analyze verify {' '.join('/usr/lib/systemd/system/' + unit for unit in UNITS)} 2>&1")
    assert "callhookd" not in said, said
    # 12 is an exposure of 1.2 of 10.
    code, said = installed.run("systemd-analyze", "security", "--offline=true", "--threshold=12", "/usr/lib/systemd/system/callhookd.service", check=False)
    assert code == 0, said


def test_without_systemd_it_migrates_and_serves(installed):
    """In the folder alone: PostgreSQL and the daemon by their commands, as the user that the package made."""
    script = f"""
        pg_ctlcluster $(ls /etc/postgresql) main start
        trap 'pg_ctlcluster $(ls /etc/postgresql) main stop -m immediate' EXIT
        su postgres -c 'createuser callhook && createdb -O callhook callhook'
        chown callhook /etc/callhook/main.secret
        export CALLHOOK_DATABASE_URL='postgresql:///callhook?host=/run/postgresql'
        {AS_CALLHOOK} callhookd migrate
        {AS_CALLHOOK} callhookd migrate --status
        {AS_CALLHOOK} callhookd serve 2>/tmp/serve.log & daemon=$!
        for i in $(seq 100); do curl -fsS -o /dev/null http://127.0.0.1:8081/readyz 2>/dev/null && break; sleep 0.2; done
        curl -sS -d '{WEBHOOK % 1}' http://127.0.0.1:8080/hooks/main/{SECRET}
        kill $daemon; wait $daemon
        {AS_CALLHOOK} callhookd audit
        chown root /etc/callhook/main.secret
    """
    said = installed.shell(script)
    assert '"status":"accepted"' in said and "NOT balanced" not in said and "balanced" in said, said


def test_systemd_runs_it_with_its_sockets_and_credentials(running):
    """The secret is root's alone: it comes as a credential. The database is reached through its socket, as the daemon's own user."""
    running.run("systemctl", "stop", "callhookd*")
    running.write("/etc/systemd/system/callhookd.service.d/test.conf", "[Service]\nLoadCredential=main.secret:/etc/callhook/main.secret\nWatchdogSec=3s\n")
    running.run("systemctl", "daemon-reload")
    running.run("systemctl", "enable", "--now", "callhookd")
    assert running.run("systemctl", "is-active", *UNITS)[1].split() == ["active"] * 3
    assert running.run("systemctl", "is-enabled", *UNITS)[1].split() == ["enabled"] * 3
    wait_until(lambda: running.run("systemctl", "show", "-P", "StatusText", "callhookd")[1].strip() == "ok", 30, "the status ok")
    assert running.run("systemctl", "show", "-P", "User", "callhookd")[1].strip() == "callhook"
    assert post(running, 2) == 200
    wait_until(lambda: knows(running, 1) and knows(running, 2), 20, "both calls")
    status = running.run("cat", f"/proc/{main_process(running)}/status")[1]
    fields = dict(line.split(":", 1) for line in status.splitlines())
    assert fields["NoNewPrivs"].strip() == "1" and fields["Seccomp"].strip() == "2" and int(fields["CapBnd"], 16) == 0
    warned = [line for line in running.journal().splitlines() if '"level":"warning"' in line or '"level":"error"' in line]
    assert warned == []  # what it is forbidden is nothing that it misses


@contextlib.contextmanager
def stream(machine):
    """A steady stream of webhooks meanwhile, of which none may fail; what became of it is in the dictionary afterwards."""
    client = machine.path("/tmp/client.py")
    client.write_text(PROGRAM, encoding="utf-8")
    sender = subprocess.Popen(
        ["nsenter", "-t", str(machine.leader), "--net", "--", sys.executable, str(client), f"/hooks/main/{SECRET}", WEBHOOK],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    outcome = {}
    try:
        yield outcome
        time.sleep(1)
        outcome.update(json.loads(sender.communicate("\n", timeout=120)[0]))
    finally:
        sender.kill()
    assert outcome["failures"] == [] and outcome["accepted"] > 50, outcome


def stored(machine):
    return int(machine.run("su", "postgres", "-c", "psql -tA -d callhook -c 'SELECT count(*) FROM callhook.deliveries'")[1])


def test_ten_restarts_refuse_no_connection(running):
    before, pids = stored(running), set()
    with stream(running) as outcome:
        for _ in range(10):
            running.run("systemctl", "restart", "callhookd")
            pids.add(main_process(running))
    assert len(pids) == 10
    wait_until(lambda: stored(running) == before + outcome["accepted"], 30, "all of them in the database, also by way of the spool")
    said = running.shell(f"{AS_CALLHOOK} env CALLHOOK_DATABASE_URL=postgresql:///callhook callhookd audit")
    assert "NOT balanced" not in said, said
    print(f"{running.suite}: {outcome['accepted']} webhooks across ten restarts by systemd, no failure")


def test_a_reload_is_checked_first(running):
    good = running.path(CONFIG).read_text(encoding="utf-8")
    pid = main_process(running)
    running.run("systemctl", "reload", "callhookd")
    running.write(CONFIG, good + 'colour = "red"\n')
    code, _ = running.run("systemctl", "reload", "callhookd", check=False)
    assert code != 0 and post(running, 3) == 200
    running.write(CONFIG, good)
    running.run("systemctl", "reload", "callhookd")
    assert main_process(running) == pid and post(running, 4) == 200


def test_it_comes_back_when_it_crashes_or_hangs(running):
    for signal_name in ("KILL", "STOP"):  # the second is found out by the watchdog
        pid = main_process(running)
        running.run("kill", f"-{signal_name}", str(pid))
        wait_until(lambda: main_process(running) not in (0, pid), 30, f"another process after SIG{signal_name}")
        assert post(running, 5) == 200
    assert running.run("systemctl", "show", "-P", "NRestarts", "callhookd")[1].strip() == "2"


def test_a_database_over_tcp_with_a_password(running):
    """And one that is away: webhooks are taken all the same, also by a daemon that starts."""
    running.shell("su postgres -c \"psql -c \\\"ALTER ROLE callhook PASSWORD 'a-pass-word-for-tcp'\\\"\"")
    running.write("/etc/callhook/environment", "CALLHOOK_DATABASE_URL=postgresql://callhook:a-pass-word-for-tcp@127.0.0.1/callhook\n", 0o600)
    running.run("systemctl", "stop", "postgresql@*")
    running.run("systemctl", "restart", "callhookd")
    assert post(running, 6) == 200
    assert "degraded" in wait_until(lambda: (text := running.run("systemctl", "show", "-P", "StatusText", "callhookd")[1]).startswith("degraded") and text, 30, "a degraded status")
    running.shell("systemctl start postgresql@$(ls /etc/postgresql)-main")
    wait_until(lambda: knows(running, 6), 60, "the call from the spool")
    assert "a-pass-word-for-tcp" not in running.run("journalctl", "--no-pager")[1]


def test_a_wrong_configuration_is_not_tried_again(running):
    good = running.path(CONFIG).read_text(encoding="utf-8")
    running.run("systemctl", "stop", *UNITS)
    running.write(CONFIG, good + 'colour = "red"\n')
    assert running.run("systemctl", "start", "callhookd", check=False)[0] != 0
    time.sleep(3)  # longer than RestartSec
    assert running.run("systemctl", "show", "-P", "ActiveState", "callhookd")[1].strip() == "failed"
    assert running.run("systemctl", "show", "-P", "ExecMainStatus", "callhookd")[1].strip() == "78"
    running.write(CONFIG, good)
    running.run("systemctl", "start", "callhookd")
    assert post(running, 7) == 200


def test_removal_leaves_data_and_configuration(running):
    running.run("apt-get", "-q", "-y", "remove", "callhook")
    assert not running.path("/usr/sbin/callhookd").exists()
    assert running.run("curl", "-sS", "http://127.0.0.1:8080/", check=False)[0] == 7  # refused
    assert "main.secret" in running.path(CONFIG).read_text(encoding="utf-8")
    assert running.path("/etc/callhook/main.secret").exists() and running.path("/var/lib/callhook/spool").is_dir()
    assert int(running.run("su", "postgres", "-c", "psql -tA -d callhook -c 'SELECT count(*) FROM callhook.calls'")[1]) > 6

    running.run("dpkg", "-i", "/srv/callhook.deb")
    running.run("systemctl", "enable", "--now", "callhookd")
    assert post(running, 8) == 200
    wait_until(lambda: knows(running, 8), 20, "the next call")


def test_an_upgrade_under_load_refuses_no_connection(running):
    """The same package again, which to dpkg is an upgrade."""
    before, pid = stored(running), main_process(running)
    with stream(running) as outcome:
        running.run("dpkg", "-i", "/srv/callhook.deb")
    assert main_process(running) not in (0, pid)
    wait_until(lambda: stored(running) == before + outcome["accepted"], 30, "all of them in the database")
    assert running.run("systemctl", "is-active", *UNITS)[1].split() == ["active"] * 3


def test_purging_takes_the_rest(installed):
    installed.run("apt-get", "-q", "-y", "purge", "callhook")
    assert not installed.path("/etc/callhook").exists() and not installed.path("/var/lib/callhook").exists()
    assert installed.run("id", "-u", "callhook")[0] == 0  # its number must not become another's
