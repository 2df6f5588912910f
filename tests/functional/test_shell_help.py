"""The manual pages and the shells' completions, made of the same tables as --help: man, bash, zsh and fish themselves take them, and
they tell of every command, option and setting."""

import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import time

import pytest
from support.daemon import PATIENCE

ROOT = pathlib.Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHELLS = ("bash", "zsh", "fish")
PAGES = {"callhookd": 8, "callhookd.toml": 5}


@pytest.fixture(scope="module")
def said(binary):
    """What the binary prints for some words."""

    def ask(*words):
        done = subprocess.run([binary, *words], capture_output=True, text=True, timeout=30, check=True, env={"PATH": os.environ["PATH"]})
        assert not done.stderr
        return done.stdout

    return ask


@pytest.fixture(scope="module")
def shown(said, tmp_path_factory):
    """A manual page as man(1) shows it, without a warning."""

    def show(name):
        file = tmp_path_factory.mktemp("man") / f"{name}.{PAGES[name]}"
        file.write_text(said("man", name), encoding="utf-8")
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "MANWIDTH": "120", "MANROFFOPT": "-wall"}
        done = subprocess.run(
            ["man", "--warnings=w", "--no-hyphenation", "-E", "UTF-8", "-l", file], capture_output=True, text=True, env=environment, timeout=60, check=False
        )
        assert done.returncode == 0 and not done.stderr, done.stderr
        return re.sub(r".\x08", "", done.stdout)

    return show


def commands(said):
    """The words of every command, from the headings of the manual page."""
    headings = re.findall(r'^\.SS "callhookd ([a-z\\ -]+)', said("man"), re.MULTILINE)
    return [heading.replace("\\", "").split() for heading in headings]


def test_every_command_is_in_help_manual_and_readme(said, shown):
    found = commands(said)
    assert len(found) == len({tuple(words) for words in found}) > 20
    rows = [line.split("|")[1] for line in README.splitlines() if line.startswith("| `callhookd ")]
    top = said("--help")
    page = shown("callhookd")
    for words in found:
        assert re.search(rf"^  {words[0]} ", top, re.MULTILINE), words
        assert any(row.startswith(f" `callhookd {words[0]}") and words[-1] in row for row in rows), f"{words} is missing in the README"
        assert f"callhookd {' '.join(words)}" in page
    for row in rows:
        assert any(row.startswith(f" `callhookd {words[0]}") for words in found), row


def test_the_manual_has_every_option_of_help(said, shown):
    page = shown("callhookd")
    for words in commands(said):
        section = page[page.index(f"   callhookd {' '.join(words)}") :]
        for option in re.findall(r"^  (?:-\w,)?(--[a-z-]+)", said(*words, "--help"), re.MULTILINE):
            assert option in (page if option in ("--help", "--config") else section), (words, option)


def test_the_manual_has_every_setting(said, shown):
    page = shown("callhookd.toml")
    variables = set(re.findall(r"`(CALLHOOK_[A-Z_]+)`", said("reference")))
    variables = {name for name in variables if name not in ("CALLHOOK_CONFIG", "CALLHOOK_")}
    assert len(variables) > 100
    assert [name for name in sorted(variables) if name not in page] == []


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_takes_its_completion(said, tmp_path, shell):
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    script = tmp_path / "completion"
    script.write_text(said("completion", shell), encoding="utf-8")
    done = subprocess.run([shell, "-n", script], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0 and not done.stderr, done.stderr


@pytest.fixture(scope="module")
def completed(said, tmp_path_factory):
    """What bash offers for words of which the last one is being written."""
    directory = tmp_path_factory.mktemp("bash")
    (directory / "completion").write_text(said("completion", "bash"), encoding="utf-8")
    (directory / "some file.toml").touch()

    def complete(*words):
        script = 'source ./completion; COMP_WORDS=(callhookd "$@"); COMP_CWORD=$#; compopt() { :; }; _callhookd; printf "%s\\n" "${COMPREPLY[@]}"'
        done = subprocess.run(
            ["bash", "--norc", "-uc", script, "bash", *words], capture_output=True, text=True, cwd=directory, timeout=30, check=True
        )
        assert not done.stderr, done.stderr
        return done.stdout.split("\n")[:-1]

    return complete


def test_bash_completes_commands_options_and_words(completed, said):
    assert set(completed("")) == {words[0] for words in commands(said)}
    assert completed("mig") == ["migrate"]
    assert completed("calls", "") == ["show"]
    assert completed("quarantine", "r") == ["retry"]
    assert set(completed("serve", "--")) == {"--migrate", "--config", "--help"}
    assert {"--source", "--dry-run", "--check", "--json"} <= set(completed("backfill", "--"))
    assert completed("backfill", "--source", "") == [""], "nobody knows"
    assert completed("backfill", "--source", "serve", "--dr") == ["--dry-run"], "a source of a command's name"
    assert set(completed("reference", "--format", "")) == set(completed("reference", "--format", "=", "")) == {"markdown", "toml"}
    assert completed("reference", "--format", "=") == ["markdown", "toml"]
    assert completed("token", "new", "--scope", "f") == ["feed:read"]
    assert completed("--config", "some") == ["some file.toml"] == completed("migrate", "--config", "some")
    assert completed("--config", "serve", "completion", "f") == ["fish"]
    assert completed("--config", "=", "serve", "completion", "f") == ["fish"]


def test_bash_completes_what_somebody_types(said, tmp_path):
    (tmp_path / "completion").write_text(said("completion", "bash"), encoding="utf-8")
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(tmp_path)
        os.execvpe("bash", ["bash", "--norc", "--noprofile", "-i"], {"PATH": os.environ["PATH"], "PS1": "$ ", "TERM": "dumb", "HOME": str(tmp_path)})
    try:
        text = ""
        os.write(terminal, b"source ./completion; echo loaded-$((40 + 2))\n")
        end = time.monotonic() + 20 * PATIENCE
        while "loaded-42" not in text:
            assert time.monotonic() < end, text
            if select.select([terminal], [], [], 0.1)[0]:
                text += os.read(terminal, 65536).decode()
        os.write(terminal, b"callhookd migr\t--sta\t")
        text = ""
        while "callhookd migrate --status" not in text:
            assert time.monotonic() < end, text
            if select.select([terminal], [], [], 0.1)[0]:
                text += os.read(terminal, 65536).decode()
    finally:
        os.close(terminal)
        os.kill(child, 9)
        os.waitpid(child, 0)


def test_fish_completes(said, tmp_path):
    if not shutil.which("fish"):
        pytest.skip("fish is not installed")
    (tmp_path / "completion").write_text(said("completion", "fish"), encoding="utf-8")

    def complete(line):
        command = f"source {tmp_path}/completion; complete -C '{line}'"
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        done = subprocess.run(["fish", "-c", command], capture_output=True, text=True, timeout=30, check=True, env=environment)
        return [word.split("\t")[0] for word in done.stdout.splitlines()]

    assert complete("callhookd migr") == ["migrate"]
    assert set(complete("callhookd quarantine ")) == {"list", "show", "retry"}
    assert set(complete("callhookd reference --format ")) == {"markdown", "toml"}
    assert complete("callhookd backfill --so") == ["--source"]
