"""Alert rules, dashboard and docs/monitoring.md: well-formed, tested, and of one mind. That the daemon has every metric they name is for
tests/functional/test_metrics.py."""

import json
import pathlib
import re
import subprocess
import sys

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "functional"))

from support.monitoring import DASHBOARD, DOCUMENTED, RULES, metrics_in  # noqa: E402

ALERTS = [rule["alert"] for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]
BOARD = json.loads(DASHBOARD.read_text(encoding="utf-8"))
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
CASES = ROOT / "tests" / "prometheus" / "callhook.rules.test.yaml"


def promtool(*arguments):
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_and_the_example_of_a_configuration_are_valid():
    promtool("check", "rules", RULES)
    promtool("check", "config", RULES.parent / "prometheus.yaml")


def test_the_rules_do_what_they_should():
    promtool("test", "rules", CASES)


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_is_tested_and_documented(alert):
    cases = [case for test in yaml.safe_load(CASES.read_text(encoding="utf-8"))["tests"] for case in test["alert_rule_test"]]
    expected = [case["exp_alerts"] for case in cases if case["alertname"] == alert]
    assert [] in expected and any(expected), "once it fires, once it does not"
    page = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
    assert len(re.findall(rf"^### {alert}$", page, re.MULTILINE)) == 1


def test_no_other_alert_is_documented():
    page = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
    assert re.findall(r"^### (Callhook\w+)$", page, re.MULTILINE) == ALERTS, "in the order of the rules"


def test_all_metrics_of_rules_and_dashboard_are_documented():
    used = metrics_in(RULES.read_text(encoding="utf-8")) | {m for panel in PANELS for t in panel["targets"] for m in metrics_in(t["expr"])}
    assert used - DOCUMENTED == set()
    assert len(used) > 40


def test_the_dashboards_queries_are_valid(tmp_path):
    """As rules, which promtool can check."""
    queries = [target["expr"] for panel in PANELS for target in panel["targets"]]
    for variable, value in (("$__rate_interval", "1m"), ("$__range", "6h"), ("$instance", ".*"), ("$job", "callhook")):
        queries = [query.replace(variable, value) for query in queries]
    assert len(queries) > 40 and not any("$" in query for query in queries)
    rules = [{"record": f"query:{at}", "expr": query} for at, query in enumerate(queries)]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}), encoding="utf-8")
    promtool("check", "rules", file)


def test_the_dashboard_can_be_imported():
    """What Grafana asks of one: ids that differ, places that do not overlap, and no data source but the variable."""
    assert BOARD["title"] == BOARD["uid"] == "callhook" and "__inputs" not in BOARD
    variables = [variable["name"] for variable in BOARD["templating"]["list"]]
    assert variables == ["datasource", "job", "instance"]
    ids = [panel["id"] for panel in BOARD["panels"]]
    assert len(set(ids)) == len(ids)
    taken = set()
    for panel in BOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken and at["x"] + at["w"] <= 24, panel["title"]
        taken |= cells
    found = set(re.findall(r'"uid": "([^"]+)"', json.dumps(BOARD)))
    assert found == {"${datasource}", "callhook"}


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"].replace(" ", "-"))
def test_a_panel_says_what_it_shows_and_in_which_unit(panel):
    assert panel["description"].endswith(".") and panel["fieldConfig"]["defaults"]["unit"]
    assert panel["targets"] and all(target["expr"] for target in panel["targets"])


def test_what_grafana_reads_at_its_start_is_valid():
    folder = ROOT / "config" / "grafana" / "provisioning"
    source = yaml.safe_load((folder / "datasources" / "prometheus.yaml").read_text(encoding="utf-8"))["datasources"]
    assert [(one["type"], one["access"]) for one in source] == [("prometheus", "proxy")]
    provider = yaml.safe_load((folder / "dashboards" / "callhook.yaml").read_text(encoding="utf-8"))["providers"]
    assert [(one["type"], bool(one["options"]["path"])) for one in provider] == [("file", True)]
