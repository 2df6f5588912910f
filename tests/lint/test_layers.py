"""The house rules of daemon/ that a machine can check: includes point down only, each heavy third-party header has one
home, files stay short, and no capturing lambda stands inside a co_await or co_spawn(...) expression."""

import pathlib
import re

import pytest

DAEMON = pathlib.Path(__file__).resolve().parents[2] / "daemon"
LONGEST_FILE = 500

RANKS = {
    "base": 0,
    "lifecycle": 1,
    "async": 1,
    "records": 2,
    "store": 2,
    "spool": 2,
    "sources": 2,
    "http": 2,
    "ingest": 3,
    "pipeline": 3,
    "feed": 3,
    "backfill": 3,
    "api": 3,
    "app": 4,
    "main.cpp": 5,  # may include app
}

# Third-party headers, by the first match, and the folders that may include them.
HOMES = [
    (re.compile(r"boost/beast(/|\.)"), {"http"}),
    (re.compile(r"boost/asio(/|\.)"), {"async", "http", "store", "spool", "sources", "ingest", "pipeline", "feed", "backfill", "api", "app"}),
    (re.compile(r"boost/json(/|\.)"), {"base"}),
    (re.compile(r"boost/"), set(RANKS) - {"lifecycle"}),
    (re.compile(r"pqxx(/|$)"), {"store"}),
    (re.compile(r"libpq"), {"store"}),
    (re.compile(r"sqlite3"), {"spool"}),
    (re.compile(r"simdjson"), {"sources"}),
    (re.compile(r"date/"), {"sources"}),
    (re.compile(r"(spdlog|fmt)/"), {"base"}),
    (re.compile(r"prometheus/"), {"base"}),
    (re.compile(r"phonenumbers/"), {"base"}),
    (re.compile(r"openssl/"), {"base", "http"}),
    (re.compile(r"nats(\.h|/)"), {"feed"}),
    (re.compile(r"CLI/"), {"app"}),
    (re.compile(r"toml(\+\+|plusplus)?/"), {"app"}),
    (re.compile(r"systemd/"), {"app"}),
]

# The system's own headers that have a folder or an ending: no home needed, but none in the pure domain.
SYSTEM = re.compile(r"^(sys|netinet|arpa|linux)/|^[a-z0-9_]+\.h$")

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
STANDARD = re.compile(r"^[a-z_0-9]+$")


def sources(root):
    return sorted(p for p in root.rglob("*") if p.suffix in {".cpp", ".hpp", ".h", ".ipp"})


def home_of(path, root):
    return path.relative_to(root).parts[0]


def include_fault(folder, quote, target):
    """What is wrong with an #include in a folder, or nothing."""
    if quote == '"':
        other = target.split("/")[0]
        if "/" not in target or other not in RANKS:
            return f'"{target}" does not begin with a folder of daemon/'
        if other == folder:
            return None
        if RANKS[other] > RANKS[folder]:
            return f'"{target}" points up'
        if RANKS[other] == RANKS[folder]:
            return f'"{target}" points sideways'
        return None
    for pattern, homes in HOMES:
        if pattern.match(target):
            return None if folder in homes else f"<{target}> belongs in {', '.join(sorted(homes))}"
    if STANDARD.match(target):
        return None
    if SYSTEM.match(target):
        return f"<{target}> has no place in the pure domain" if folder == "lifecycle" else None
    return f"<{target}> is not known here; give it a home in tests/lint/test_layers.py"


def include_faults(root):
    faults = []
    for path in sources(root):
        folder = home_of(path, root)
        if folder not in RANKS:
            faults.append(f"{path.relative_to(root)}: the folder {folder} has no rank")
            continue
        text = path.read_text(encoding="utf-8")
        for match in INCLUDE.finditer(text):
            fault = include_fault(folder, match[1], match[2])
            if fault:
                line = text.count("\n", 0, match.start()) + 1
                faults.append(f"{path.relative_to(root)}:{line}: {fault}")
    return faults


def without_comments_and_strings(text):
    """The same text, each comment and literal blanked out, so that lines and brackets can be counted."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|R"([^()\\ ]*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.DOTALL)
    return pattern.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)


def arguments_after(text, opening):
    """What stands between the bracket at `opening` and the one that closes it."""
    depth = 0
    for at in range(opening, len(text)):
        if text[at] in "([{":
            depth += 1
        elif text[at] in ")]}":
            depth -= 1
            if depth == 0:
                return text[opening + 1 : at]
    return text[opening + 1 :]


# A lambda: a bracket that does not follow a value (as an index would), with something captured.
CAPTURING_LAMBDA = re.compile(r"(?:^|[(,{=;&|?:]|\breturn\b)\s*\[\s*([^\[\]\s][^\[\]]*)\]\s*(?:<[^>]*>\s*)?[({m]")


def rest_of_expression(text, start):
    """From `start` to the end of its statement, or to the bracket that closes around it."""
    depth = 0
    for at in range(start, len(text)):
        if text[at] in "([{":
            depth += 1
        elif text[at] in ")]}":
            depth -= 1
            if depth < 0:
                return text[start:at]
        elif text[at] == ";" and depth == 0:
            return text[start:at]
    return text[start:]


def without_bodies(expression):
    """Blanks out the bodies of lambdas: what stands in one is no part of the expression around it."""
    out, at = [], 0
    while at < len(expression):
        if expression[at] == "{" and ";" in (inside := arguments_after(expression, at)):
            out.append("{}")
            at += len(inside) + 2
        else:
            out.append(expression[at])
            at += 1
    return "".join(out)


def owns_something(captures):
    """Whether a lambda's captures could need a destructor: all but `this` and references."""
    return any(one.strip() != "this" and not one.strip().startswith("&") for one in captures.split(","))


def lambda_faults(root):
    """GCC 12 destroys a lambda twice that is written inside a co_await expression and owns what it captured; in a
    co_spawn(...) it may also be gone before its coroutine runs. Name it first and move it in."""
    faults = []
    for path in sources(root):
        text = without_comments_and_strings(path.read_text(encoding="utf-8"))
        suspects = [(m.start(), arguments_after(text, m.end() - 1), lambda _: True) for m in re.finditer(r"\bco_spawn\s*\(", text)]
        suspects += [(m.start(), rest_of_expression(text, m.end()), owns_something) for m in re.finditer(r"\bco_await\b", text)]
        lines = set()
        for start, expression, is_bad in suspects:
            if any(is_bad(found[1]) for found in CAPTURING_LAMBDA.finditer(without_bodies(expression))):
                lines.add(text.count("\n", 0, start) + 1)
        faults += [f"{path.relative_to(root)}:{line}: name the lambda before co_await or co_spawn(...)" for line in sorted(lines)]
    return faults


def length_faults(root):
    faults = []
    for path in sources(root):
        lines = path.read_text(encoding="utf-8").count("\n")
        if lines > LONGEST_FILE:
            faults.append(f"{path.relative_to(root)}: {lines} lines, at most {LONGEST_FILE}")
    return faults


def test_includes_point_down_and_third_party_headers_stay_at_home():
    assert sources(DAEMON), "daemon/ has no sources"
    assert include_faults(DAEMON) == []


def test_no_capturing_lambda_inside_co_await_or_co_spawn():
    assert lambda_faults(DAEMON) == []


def test_files_are_short():
    assert length_faults(DAEMON) == []


@pytest.fixture
def planted(tmp_path):
    def plant(path, text):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return tmp_path

    return plant


@pytest.mark.parametrize(
    "path, include",
    [
        ("base/a.cpp", '"store/session.hpp"'),
        ("lifecycle/a.hpp", '"async/scope.hpp"'),
        ("lifecycle/a.hpp", "<boost/asio/awaitable.hpp>"),
        ("lifecycle/a.hpp", "<boost/system/result.hpp>"),
        ("lifecycle/a.hpp", "<unistd.h>"),
        ("base/a.hpp", "<boost/asio/post.hpp>"),
        ("http/a.cpp", '"store/session.hpp"'),
        ("ingest/deep/a.cpp", '"pipeline/worker.hpp"'),
        ("feed/a.cpp", '"app/run.hpp"'),
        ("api/a.cpp", "<boost/beast/http.hpp>"),
        ("pipeline/a.cpp", "<pqxx/pqxx>"),
        ("ingest/a.cpp", "<simdjson.h>"),
        ("app/a.cpp", "<spdlog/spdlog.h>"),
        ("store/a.cpp", "<openssl/sha.h>"),
        ("http/a.cpp", "<CLI/CLI.hpp>"),
        ("app/a.cpp", "<nats/nats.h>"),
        ("base/a.cpp", "<toml++/toml.h>"),
        ("base/a.cpp", "<curl/curl.h>"),
        ("base/a.cpp", '"other.hpp"'),
        ("gossip/a.cpp", "<string>"),
    ],
)
def test_a_planted_bad_include_is_caught(planted, path, include):
    assert len(include_faults(planted(path, f"#pragma once\n  #  include {include}\n"))) == 1


@pytest.mark.parametrize(
    "path, include",
    [
        ("main.cpp", '"app/commands.hpp"'),
        ("app/a.cpp", '"base/log.hpp"'),
        ("api/a.cpp", '"http/router.hpp"'),
        ("sources/callpage/a.cpp", '"sources/callpage/decode.hpp"'),
        ("lifecycle/a.hpp", "<vector>"),
        ("http/a.cpp", "<sys/socket.h>"),
        ("store/a.cpp", "<pqxx/pqxx>"),
    ],
)
def test_a_good_include_is_let_through(planted, path, include):
    assert include_faults(planted(path, f"#include {include}\n")) == []


@pytest.mark.parametrize(
    "code, faults",
    [
        ("co_await asio::co_spawn(loop, [this, id = 3]() -> awaitable<void> { co_return; }, use_awaitable);", 1),
        ("co_spawn(\n  loop,\n  [&] { return run(); },\n  detached);", 1),
        ("co_spawn(loop, [=]() mutable -> awaitable<void> { co_return; }, detached);", 1),
        ("co_spawn(loop, run(*this), [self = shared_from_this()](std::exception_ptr) {});", 1),
        ("co_spawn(loop, []() -> awaitable<void> { co_return; }, detached);", 0),
        ("co_spawn(loop, jobs[next](), detached);", 0),
        ("auto job = [this]() -> awaitable<void> { co_return; };\nco_spawn(loop, std::move(job), detached);", 0),
        ("const auto found = co_await readers.run([query = *query](queries& q) { return q.calls(query); });", 1),
        ("if (!co_await run([key](queries& q) { return q.call(key); })) return;", 1),
        ("co_await run([this, &found](queries& q) { return q.head(); });", 0),
        ("co_await suspend([&](done d) { post(executor, [d] { d(); }); });", 0),
        ("auto read = [key](queries& q) { return q.call(key); };\nco_await run(std::move(read));", 0),
        ("co_await ready();\nauto read = [key](queries& q) { return q.call(key); };", 0),
        ("// co_spawn(loop, [this] {}, detached)\nint x;", 0),
    ],
)
def test_a_planted_lambda_is_caught(planted, code, faults):
    assert len(lambda_faults(planted("http/a.cpp", code))) == faults


def test_a_planted_long_file_is_caught(planted):
    assert len(length_faults(planted("http/a.cpp", "\n" * (LONGEST_FILE + 1)))) == 1
