"""callhookd healthcheck: what a container's runtime is told about the daemon beside it."""

import json
import socket
import threading

import pytest
from support.daemon import NO_SPOOL, wait_until
from support.ports import free_port
from support.tls import Authority
from support.tokens import Tokens

WELL, UNWELL, CONFIGURATION = 0, 1, 78


def asked(daemon, *arguments):
    code, out, _ = daemon.run("healthcheck", "--json", *arguments)
    found = json.loads(out)
    assert found["ok"] == (code == WELL)
    return code, found


def test_a_daemon_that_runs_is_alive_and_ready(make_daemon):
    daemon = make_daemon(Tokens().settings()).start()
    code, out, err = daemon.run("healthcheck")
    assert (code, out, err) == (WELL, "ok\n", "")
    assert asked(daemon) == (
        WELL,
        {"ok": True, "url": f"http://127.0.0.1:{daemon.api_port}/livez", "http_status": 200, "status": "ok", "reason": ""},
    )
    assert asked(daemon, "--ready")[1]["url"].endswith("/readyz")


def test_without_a_daemon_it_says_so(make_daemon):
    daemon = make_daemon({"api": {"port": free_port()}})
    code, out, err = daemon.run("healthcheck")
    assert code == UNWELL and not out
    assert f"127.0.0.1:{daemon.settings['api']['port']}" in err and "refused" in err
    assert asked(daemon)[1]["http_status"] is None


def test_a_daemon_without_its_database_is_alive_and_not_ready(make_daemon, postgres):
    daemon = make_daemon(NO_SPOOL).start()
    postgres.stop()
    wait_until(lambda: asked(daemon, "--ready")[0] == UNWELL, 20, "not being ready")
    assert asked(daemon, "--ready")[1]["reason"] == "not ready"
    assert asked(daemon)[0] == WELL


def test_what_does_not_answer_in_time_or_is_another_program(make_daemon):
    daemon = make_daemon()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        daemon.settings["api"]["port"] = silent.getsockname()[1]
        code, found = asked(daemon, "--timeout", "200ms")
        assert code == UNWELL and "timed out" in found["reason"]

        def answer():
            connection, _ = silent.accept()  # the one above
            connection.close()
            connection, _ = silent.accept()
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
            connection.close()

        other = threading.Thread(target=answer)
        other.start()
        code, found = asked(daemon)
        other.join(30)
        assert code == UNWELL and "not callhookd" in found["reason"]


@pytest.mark.parametrize("address", ["0.0.0.0", "127.0.0.2"])
def test_the_address_of_the_configuration_is_asked(make_daemon, address):
    daemon = make_daemon({"api": {"address": address}, **Tokens().settings()})
    daemon.start(ready=False)
    code, found = wait_until(lambda: (answer := asked(daemon))[0] == WELL and answer, 10, "an answer")
    assert found["url"].startswith("http://127.0.0.1:" if address == "0.0.0.0" else "http://127.0.0.2:")


def test_a_listener_with_tls_and_one_that_asks_for_certificates(make_daemon, tmp_path):
    authority = Authority(tmp_path / "authority")
    server, client = authority.issue("server"), authority.issue("client", "client")
    daemon = make_daemon({"api": server.settings()})
    daemon.api_context = authority.context()
    daemon.start()
    assert asked(daemon)[1]["url"].startswith("https://"), "nobody vouches for it here, and nothing is told to it"
    assert daemon.stop() == 0

    daemon.settings["api"]["tls_client_ca_file"] = str(authority.ca)
    daemon.api_context = authority.context(client)
    daemon.start()
    code, found = asked(daemon)
    assert code == UNWELL and "give --certificate and --key" in found["reason"]
    assert asked(daemon, "--certificate", str(client.file), "--key", str(client.key))[0] == WELL
    code, found = asked(daemon, "--certificate", str(client.file), "--key", str(server.file))
    assert code == UNWELL and str(server.file) in found["reason"]


def test_a_port_that_nobody_can_know_is_told(make_daemon):
    code, _, err = make_daemon().run("healthcheck")
    assert code == UNWELL and "api.port is 0" in err


def test_a_wrong_configuration_is_not_health(make_daemon):
    assert make_daemon({"api": {"port": -1}}).run("healthcheck")[0] == CONFIGURATION
