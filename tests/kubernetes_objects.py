"""The objects of deploy/kubernetes, as they lie there and as kustomize makes them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import yaml

REPO = Path(__file__).resolve().parent.parent
FOLDER = REPO / "deploy" / "kubernetes"
APPLIED = ("overlays/cpu", "overlays/gpu", "rollouts/candidate")
KUBECTL = shutil.which("kubectl")
OTHERS_KINDS = {"ServiceMonitor", "HTTPRoute", "InferenceService"}  # whose schemas come with what they are for
FRAGMENTS = {"kustomization.yaml", "prometheus-adapter.yaml", "gpu.yaml"}  # for other programs, or no whole object


def documents(text):
    return [document for document in yaml.safe_load_all(text) if document]


FILES = {path: documents(path.read_text()) for path in FOLDER.rglob("*.yaml") if path.name not in FRAGMENTS}
OBJECTS = [document for found in FILES.values() for document in found]
BASE, TRAINING = (
    {document["kind"]: document for path, found in FILES.items() if path.parent.name == folder for document in found}
    for folder in ("base", "training")
)
SERVER = BASE["Deployment"]["spec"]["template"]
[ROUTE] = [document for document in OBJECTS if document["kind"] == "HTTPRoute"]


def rendered(folder):
    """The objects that kustomize makes of a folder."""
    made = subprocess.run([KUBECTL, "kustomize", FOLDER / folder], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    return documents(made.stdout)


def pod_of(document):
    """The specification of the pod that an object makes; None where it makes none."""
    spec = document.get("spec", {})
    return spec.get("predictor") or spec.get("template", {}).get("spec")


def containers(document):
    pod = pod_of(document) or {}
    return [*pod.get("initContainers", []), *pod.get("containers", [])]


def is_selected(selector, labels):
    return selector.items() <= labels.items()
