"""A real Prometheus (Debian: prometheus) asks a real server, and every panel of the dashboard has something to show."""

from __future__ import annotations

import contextlib
import itertools
import json
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import numpy as np
import pytest
from pictures import encode
from PIL import Image
from running_server import ROOT, ZOO, RunningServer, wait_until

from models.store.canary import Canary
from models.store.repository import Repository
from models.store.rollout import start_canary

PROMETHEUS = shutil.which("prometheus")
NEEDS = "no prometheus: apt-get install --no-install-recommends prometheus"
CONFIG = """
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%s]
scrape_configs: [{job_name: opsin, static_configs: [{targets: ["127.0.0.1:%d"]}]}]
"""
GRAFANAS = {"$__rate_interval": "10s", "$instance": ".*"}  # what Grafana puts in their place
NUM_ANSWERS = 120  # drift is told from 100 on

WATCHED = ["deploy/grafana/opsin.json", "deploy/prometheus/alerts.yml", "server/*metric*.py"]

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.extended(covers=WATCHED),
    pytest.mark.skipif(PROMETHEUS is None, reason=NEEDS),
]


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """The shipped models, one with a canary and one with a shadow, each the same network as the stable version."""
    repository = Repository(shutil.copytree(ZOO, tmp_path_factory.mktemp("shipped") / "repository"))
    for name, is_shadow in (("cifar10", False), ("flowers", True)):
        first = repository.load(name)
        files = {file: first.path / file for file in first.manifest.files}
        candidate = repository.publish(first.manifest, files, becomes_stable=False)
        start_canary(repository, name, Canary(candidate.manifest.version, 50, is_shadow))
    return repository


@pytest.fixture(scope="module")
def server(repository):
    """Versions that have answered photos and refused what is none."""
    running = RunningServer(["-m", "server"], {"OPSIN_WORKERS": "1", "OPSIN_REPOSITORY": str(repository.root)})
    with contextlib.ExitStack() as ends:
        ends.callback(running.end)
        yield running.wait_until_ready()


@pytest.fixture(scope="module")
def ask(server, tmp_path_factory):
    """Ask a Prometheus that watches the server; gives the samples of a query."""
    folder = tmp_path_factory.mktemp("prometheus")
    config = folder / "prometheus.yml"
    config.write_text(CONFIG % (ROOT / "deploy" / "prometheus" / "alerts.yml", server.port))
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    options = [f"--config.file={config}", f"--storage.tsdb.path={folder}", f"--web.listen-address={address}"]
    process = subprocess.Popen([PROMETHEUS, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def get(path, **query):
        url = f"http://{address}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]

    def is_ready():
        with contextlib.suppress(urllib.error.URLError):
            return get("query", query="opsin_build_info")["result"]

    try:
        wait_until(is_ready)
        yield get
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def traffic(server, ask):
    """Photos without end, and now and then what is none; begun when Prometheus has seen the counts at 0."""
    photos = np.load(ROOT / "tests" / "data" / "cifar10_sample.npz")["images"]
    bodies = [*(encode(Image.fromarray(photo), "PNG") for photo in photos[:NUM_ANSWERS]), b"no photo"]
    is_over = threading.Event()

    def send():
        for body in itertools.cycle(bodies):
            if is_over.is_set():
                return
            server.request("POST", "/predict?model=cifar10", body)  # which has a reference for drift
            server.request("POST", "/predict?model=flowers", body)
            time.sleep(0.01)

    thread = threading.Thread(target=send)
    thread.start()
    yield
    is_over.set()
    thread.join()


def test_every_panel_has_something_to_show_and_no_alert_fires(ask, traffic, server):
    dashboard = json.loads((ROOT / "deploy" / "grafana" / "opsin.json").read_text())
    queries = {target["expr"] for panel in dashboard["panels"] for target in panel["targets"]}
    assert len(queries) > 20

    def has_numbers(query):
        for name, value in GRAFANAS.items():
            query = query.replace(name, value)
        return any(each["value"][1] != "NaN" for each in ask("query", query=query)["result"])

    def forget_what_has_numbers():
        queries.difference_update([query for query in queries if has_numbers(query)])
        return not queries

    with contextlib.suppress(AssertionError):
        wait_until(forget_what_has_numbers)
    assert queries == set()

    (variable,) = dashboard["templating"]["list"]
    assert variable["query"]["query"] == "label_values(opsin_build_info, instance)"
    (found,) = ask("query", query="opsin_build_info")["result"]
    assert found["metric"]["instance"] == f"127.0.0.1:{server.port}"

    (group,) = ask("rules")["groups"]
    assert "OpsinDown" in [rule["name"] for rule in group["rules"]]
    assert {rule["health"] for rule in group["rules"]} == {"ok"}
    assert [alert["labels"]["alertname"] for alert in ask("alerts")["alerts"] if alert["state"] == "firing"] == []
