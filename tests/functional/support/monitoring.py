"""What rules, dashboard and docs/monitoring.md name of the daemon's metrics."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[3]
RULES = ROOT / "config" / "prometheus" / "callhook.rules.yaml"
DASHBOARD = ROOT / "config" / "grafana" / "callhook.json"
PAGE = ROOT / "docs" / "monitoring.md"


def metrics_in(text):
    """The metrics that queries name, a histogram's without what its series end in."""
    names = set(re.findall(r"\b(?:callhook|process)_[a-z_]+", re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE)))
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in names}


def documented():
    return set(re.findall(r"^\| `((?:callhook|process)_\w+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE))


DOCUMENTED = documented()
