"""The files for Prometheus speak of metrics that the server has, with labels that these have."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from documented_metrics import OPERATIONS, documented

REPO = Path(__file__).resolve().parent.parent.parent
FOLDER = REPO / "deploy" / "prometheus"
ALERTS = (FOLDER / "alerts.yml").read_text()
QUERIES = OPERATIONS.split("## Queries")[1]
DASHBOARD = json.loads((REPO / "deploy" / "grafana" / "opsin.json").read_text())
PANELS = "\n".join(target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"])
PROMTOOL = shutil.which("promtool")


@pytest.mark.parametrize("text", [ALERTS, QUERIES, PANELS], ids=["alerts", "operations.md", "grafana"])
def test_queries_use_metrics_and_labels_that_there_are(text):
    used = re.findall(r"\b(opsin_[a-z_]+)(?:\{([^}]*)\})?", text)
    assert used
    for name, selector in used:
        assert name in documented(), name
        assert set(re.findall(r"(\w+)\s*[=!]", selector)) <= documented()[name], name


def test_every_alert_says_what_it_means():
    alerts = re.split(r"\n\s*- alert: ", ALERTS)[1:]
    assert len(alerts) == len({alert.split()[0] for alert in alerts})
    for alert in alerts:
        for field in ("expr:", "severity:", "summary:", "description:"):
            assert field in alert, alert


@pytest.mark.skipif(PROMTOOL is None, reason="promtool (Debian: prometheus) is not installed")
def test_prometheus_takes_the_files():
    checked = subprocess.run(
        [PROMTOOL, "check", "config", FOLDER / "prometheus.yml"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    assert re.search(r"SUCCESS: \d+ rules found", checked.stdout)


@pytest.mark.skipif(PROMTOOL is None, reason="promtool (Debian: prometheus) is not installed")
def test_alerts_fire_when_they_should_and_only_then():
    command = [PROMTOOL, "test", "rules", "alerts_test.yml"]
    tested = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stderr + tested.stdout


def test_every_alert_is_tested_both_ways():
    tests = (FOLDER / "alerts_test.yml").read_text()
    for name in re.findall(r"- alert: (\w+)", ALERTS):
        assert re.search(rf"\{{eval_time: \w+, alertname: {name}\}}", tests), name  # does not fire
        assert re.search(rf"alertname: {name}\n +exp_alerts:", tests), name


def test_dashboard_asks_the_data_source_that_compose_provides():
    folder = REPO / "deploy" / "grafana" / "provisioning"
    assert "uid: prometheus" in (folder / "datasources" / "prometheus.yml").read_text()
    assert {panel["datasource"]["uid"] for panel in DASHBOARD["panels"]} == {"prometheus"}
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    compose = (REPO / "compose.yaml").read_text()
    path = re.search(r"path: (/[\w/]+)", (folder / "dashboards" / "opsin.yml").read_text())[1]
    assert f"./deploy/grafana/opsin.json:{path}/opsin.json:ro" in compose
    assert "./deploy/grafana/provisioning:/etc/grafana/provisioning:ro" in compose


def test_labels_that_an_alert_tells_are_those_of_its_metric():
    for alert in re.split(r"\n\s*- alert: ", ALERTS)[1:]:
        told = set(re.findall(r"\$labels\.(\w+)", alert))
        names = re.findall(r"\b(opsin_[a-z_]+)", alert.split("annotations:")[0])
        assert all(told <= documented()[name] for name in names), alert


def test_prometheus_of_compose_finds_whichever_server_runs():
    compose, prometheus = (REPO / "compose.yaml").read_text(), (FOLDER / "prometheus.yml").read_text()
    shared, services = compose.split("\nservices:\n")
    assert 'networks: {default: {aliases: ["server"]}}' in shared
    assert "- names: [server]" in prometheus
    assert "port: 5000" in prometheus
    (service,) = re.findall(r"\n  prometheus:\n(.*?)\n\n", services, re.DOTALL)
    assert re.search(r"image: prom/prometheus:v\d+\.\d+\.\d+$", service, re.MULTILINE)
    assert "profiles" not in service
    assert "127.0.0.1:" in service
    for line in ("read_only: true", 'cap_drop: ["ALL"]', 'security_opt: ["no-new-privileges:true"]'):
        assert line in service


def test_files_that_are_mounted_and_included_exist():
    assert "./deploy/prometheus:/etc/prometheus:ro" in (REPO / "compose.yaml").read_text()
    for name in re.findall(r"^rule_files: \[(.*)\]$", (FOLDER / "prometheus.yml").read_text(), re.MULTILINE):
        assert (FOLDER / name).is_file()
