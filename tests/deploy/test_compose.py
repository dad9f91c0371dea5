"""compose.yaml is whole: what it mounts exists, ports stay on this machine, Grafana loads the dashboards."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

REPO = Path(__file__).resolve().parent.parent.parent
COMPOSE = yaml.safe_load((REPO / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
PROVISIONING = REPO / "deploy" / "grafana" / "provisioning"


def substituted(text):
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def mounts(service):
    return [substituted(volume).split(":") for volume in SERVICES[service]["volumes"]]


def test_there_are_the_server_prometheus_and_grafana():
    assert SERVICES.keys() == {"cpu", "gpu", "prometheus", "grafana"}
    assert [name for name, service in SERVICES.items() if "profiles" in service] == ["gpu"]


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_hardened_and_published_to_this_machine_alone(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert (service["cap_drop"], service["security_opt"]) == (["ALL"], ["no-new-privileges:true"])
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_mounted_exists_or_is_a_volume(name):
    for source, *_ in mounts(name):
        assert (REPO / source).exists() if source.startswith("./") else source in COMPOSE["volumes"], source


def test_grafana_loads_every_dashboard_from_where_it_is_mounted():
    [provider] = yaml.safe_load((PROVISIONING / "dashboards" / "opsin.yml").read_text())["providers"]
    loaded = [
        source for source, target, *_ in mounts("grafana") if target.startswith(provider["options"]["path"] + "/")
    ]
    assert sorted(REPO / source for source in loaded) == sorted((REPO / "deploy" / "grafana").glob("*.json"))


def test_dashboards_ask_the_prometheus_of_compose_by_its_uid():
    [source] = yaml.safe_load((PROVISIONING / "datasources" / "prometheus.yml").read_text())["datasources"]
    host, port = re.fullmatch(r"http://(\w+):(\d+)", source["url"]).groups()
    assert substituted(SERVICES[host]["ports"][0]).endswith(f":{port}")
    for path in (REPO / "deploy" / "grafana").glob("*.json"):
        uids = set(re.findall(r'"datasource": \{[^}]*"uid": "([^"]*)"', json.dumps(json.loads(path.read_text()))))
        assert uids == {source["uid"]}


def test_home_dashboard_is_one_that_is_mounted():
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home in [target for _, target, *_ in mounts("grafana")]
