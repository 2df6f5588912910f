"""The programs in a Markdown page: fenced blocks, run as a reader of the page would run them."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

from support.daemon import PATIENCE, wait_until

FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ENDLESS = "curl -N"


class Block:
    def __init__(self, language, text):
        self.language, self.text = language, text

    def __repr__(self):
        return f"{self.language}: {self.text[:60]!r}"


def sections(page):
    """{heading: [Block]} of the level-two headings; "" is what comes before the first."""
    out = {}
    for part in re.split(r"^## ", "\n" + page.read_text(encoding="utf-8"), flags=re.MULTILINE):
        heading, _, rest = part.partition("\n")
        out[heading] = [Block(*match.groups()) for match in FENCE.finditer(rest)]
    return out


class Program:
    """A block at work: its output so far."""

    def __init__(self, command, directory, environment):
        self.output = tempfile.TemporaryFile()  # pylint: disable=consider-using-with # closed in stop()
        self.process = subprocess.Popen(
            command, cwd=directory, stdin=subprocess.DEVNULL, stdout=self.output, stderr=subprocess.STDOUT, env=environment
        )

    def text(self):
        return os.pread(self.output.fileno(), 1 << 20, 0).decode()

    def shows(self, wanted):
        if wanted in self.text():
            return True
        assert self.process.poll() in (None, 0), f"exit code {self.process.returncode}: {self.text()}"
        return False

    def wait(self, timeout=30):
        """Of one that ends by itself: its output."""
        self.process.wait(timeout * PATIENCE)
        assert self.process.returncode == 0, f"exit code {self.process.returncode}: {self.text()}"
        return self.text()

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.output.close()


class Runner:
    """Runs blocks in `directory`. `replaced` are texts that stand for others in this test, such as the page's ports."""

    def __init__(self, directory, replaced):
        self.directory = pathlib.Path(directory)
        self.replaced = dict(replaced)
        self.environment = {**os.environ, "PYTHONUNBUFFERED": "1", "CURL_HOME": str(directory), "no_proxy": "*"}
        # What a person would see in a terminal must be an error here.
        (self.directory / ".curlrc").write_text("fail-with-body\nsilent\nshow-error\nmax-time = 60\n", encoding="ascii")
        self.count = 0

    def text(self, block):
        text = block.text
        for before, after in self.replaced.items():
            text = text.replace(before, after)
        return text

    def program(self, block):
        self.count += 1
        ending, command = {
            "sh": (".sh", ["bash", "-euo", "pipefail"]),
            "python": (".py", [sys.executable]),
            "js": (".mjs", ["node"]),
        }[block.language]
        file = self.directory / f"block{self.count}{ending}"
        file.write_text(self.text(block), encoding="utf-8")
        return Program([*command, str(file)], self.directory, self.environment)

    def run(self, blocks, wanted):
        """One after the other; what each printed. Shell blocks end by themselves, with success; a program is ended once it has
        shown `wanted`."""
        outputs = []
        for block in blocks:
            program = self.program(block)
            try:
                if block.language == "sh" and ENDLESS not in block.text:
                    outputs.append(program.wait())
                else:
                    wait_until(lambda: program.shows(wanted), 30, f"{wanted!r} in what {block} prints")
                    outputs.append(program.text())
            finally:
                program.stop()
        return outputs
