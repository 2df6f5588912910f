"""A planted bug: a patch of daemon/ with a header that says which promise it breaks and which tests must see it.

The header is the patch's text before its first `---`:

    Promise: what the bug breaks, in a sentence
    Unit: ROOM SUITE.NAME             a test of build/*/tests/unit/ROOM/test_ROOM, as GoogleTest names it
    Functional: FILE.py::NAME         a test of tests/functional, as pytest names it, parameters left out
"""

import dataclasses
import pathlib
import re

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]


@dataclasses.dataclass(frozen=True)
class Bug:
    name: str
    path: pathlib.Path
    promise: str
    unit: tuple  # (room, "suite.name")
    functional: tuple  # "file.py::name"
    touched: tuple  # files of the repository


def read(path):
    text = path.read_text(encoding="utf-8")
    head = text.split("\n--- ", 1)[0]
    found = lambda key: re.findall(rf"^{key}: (.+)$", head, re.MULTILINE)  # noqa: E731
    unit = tuple(tuple(line.split()) for line in found("Unit"))
    touched = tuple(re.findall(r"^\+\+\+ b/(\S+)", text, re.MULTILINE))
    return Bug(path.stem, path, " ".join(found("Promise")), unit, tuple(found("Functional")), touched)


def all_bugs():
    return [read(path) for path in sorted(HERE.glob("*.patch"))]
