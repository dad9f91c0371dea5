"""docs/kubernetes.md names what is there, and its recipes change what they say."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import pytest
import yaml
from kubernetes_objects import BASE, FOLDER, KUBECTL, OBJECTS, REPO, ROUTE, SERVER, is_selected

BASH = shutil.which("bash")
PATCH = (
    """kubectl() { shift 2; local kind=$2; shift 3; "$KUBECTL" patch --local -f "$FOLDER/$kind.yaml" -o yaml "$@"; }"""
)


@pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed")
def test_recipes_for_roll_outs_change_what_they_say(tmp_path):
    for kind, document in (("service", BASE["Service"]), ("httproute", ROUTE)):
        (tmp_path / f"{kind}.yaml").write_text(yaml.safe_dump(document))
    text = (REPO / "docs" / "kubernetes.md").read_text()
    switch, weigh = (
        re.search(rf"^{name}\(\) {{.*?}}$", text, re.MULTILINE | re.DOTALL)[0] for name in ("switch", "weigh")
    )
    [remove] = re.findall(r"^kubectl -n opsin patch service .*$", text, re.MULTILINE)

    def patched(*lines):
        ran = subprocess.run(
            [BASH, "-c", "\n".join([PATCH, *lines])],
            env={"KUBECTL": KUBECTL, "FOLDER": str(tmp_path), "PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            check=True,
        )
        return yaml.safe_load(ran.stdout)["spec"]

    labels = SERVER["metadata"]["labels"]
    assert patched(switch, "switch candidate")["selector"] == labels | {"app.kubernetes.io/instance": "candidate"}
    assert patched(switch, "switch stable")["selector"] == BASE["Service"]["spec"]["selector"]
    assert patched(weigh, "weigh 5")["rules"][0]["backendRefs"] == [
        {"name": "opsin", "port": 80, "weight": 95},
        {"name": "opsin-candidate", "port": 80, "weight": 5},
    ]
    found = patched(remove)["selector"]
    assert is_selected(found, labels)
    assert is_selected(found, labels | {"app.kubernetes.io/instance": "candidate"})


def test_autoscalers_may_make_as_many_replicas_as_the_documents_say():
    found = {each["kind"]: each.get("spec") for each in OBJECTS}
    autoscaler, kserve = found["HorizontalPodAutoscaler"], found["InferenceService"]["predictor"]
    least, most = autoscaler["minReplicas"], autoscaler["maxReplicas"]
    assert (kserve["minReplicas"], kserve["maxReplicas"]) == (least, most)
    assert f"{least} to {most} replicas at 70 %" in (REPO / "docs" / "kubernetes.md").read_text()
    assert f"or {most} replicas of two cores" in (REPO / "docs" / "scale.md").read_text()


def test_folders_and_commands_of_the_document_exist():
    text = (REPO / "docs" / "kubernetes.md").read_text()
    for folder in re.findall(r"`((?:components|overlays|rollouts)/[a-z-]+|base|kserve|training)`", text):
        assert (FOLDER / folder).is_dir(), folder
    for path in re.findall(r"deploy/kubernetes/[\w./-]*[\w-]", text):
        assert (REPO / path).exists(), path


def test_alerts_become_a_rule_of_the_prometheus_operator_as_the_document_says():
    text = (REPO / "docs" / "kubernetes.md").read_text()
    [recipe] = re.findall(r"^ *(\{ printf .*?\}) \| kubectl apply -f -$", text, re.MULTILINE | re.DOTALL)
    made = subprocess.run([BASH, "-c", recipe], cwd=REPO, capture_output=True, text=True, check=True).stdout
    [monitor] = [document for document in OBJECTS if document["kind"] == "ServiceMonitor"]
    assert yaml.safe_load(made) == {
        "apiVersion": monitor["apiVersion"],
        "kind": "PrometheusRule",
        "metadata": {"name": "opsin", "namespace": "opsin"},
        "spec": yaml.safe_load((REPO / "deploy" / "prometheus" / "alerts.yml").read_text()),
    }
