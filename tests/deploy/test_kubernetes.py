"""The manifests are valid by Kubernetes' own schemas, and say of the server what is so."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import fields

import kubernetes_validate
import pytest
import yaml
from documented_metrics import documented
from kubernetes_objects import (
    APPLIED,
    BASE,
    FOLDER,
    KUBECTL,
    OBJECTS,
    OTHERS_KINDS,
    REPO,
    ROUTE,
    SERVER,
    containers,
    documents,
    is_selected,
    pod_of,
    rendered,
)

from benchmarks.replicas import PRESTOP_S
from server.api.gate import OPEN_PATHS
from server.master import GRACE_S
from server.setting_rows import variable
from server.settings import DEFAULT_PORT, SHIPPED_MODELS, Settings

VERSIONS = ("1.30", kubernetes_validate.latest_version())
END_S = 5  # of the grace period, for what follows the drain


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("document", OBJECTS, ids=lambda document: f"{document['kind']}-{document['metadata']['name']}")
def test_every_object_is_valid_and_has_no_field_that_kubernetes_does_not_know(document, version):
    if document["kind"] not in OTHERS_KINDS:
        kubernetes_validate.validate(document, version, strict=True)


@pytest.mark.skipif(KUBECTL is None, reason="kubectl, which has kustomize, is not installed")
@pytest.mark.parametrize("folder", ["base", "training", *APPLIED])
def test_what_kustomize_makes_is_valid_and_names_images_of_a_registry(folder):
    made = rendered(folder)
    for document in made:
        kubernetes_validate.validate(document, VERSIONS[-1], strict=True)
        assert document["metadata"].get("namespace", document["metadata"]["name"]) == "opsin"
        if folder != "base":
            assert all("/opsin:" in container["image"] for container in containers(document))


@pytest.mark.skipif(KUBECTL is None, reason="kubectl, which has kustomize, is not installed")
def test_overlays_have_the_replicas_and_the_devices_that_they_say():
    made = {folder: {document["kind"]: document for document in rendered(folder)} for folder in ("base", *APPLIED)}
    kinds = {"Namespace", "PersistentVolumeClaim", "Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy"}
    assert made["base"].keys() == kinds
    assert made["overlays/cpu"].keys() == made["overlays/gpu"].keys() == kinds | {"HorizontalPodAutoscaler"}
    assert made["rollouts/candidate"].keys() == {"Deployment", "Service"}
    specs = {folder: found["Deployment"]["spec"] for folder, found in made.items()}
    assert {folder: spec.get("replicas") for folder, spec in specs.items()} == {
        "base": 3,
        "overlays/cpu": None,  # the autoscaler's to say
        "overlays/gpu": None,
        "rollouts/candidate": 1,
    }
    assert made["overlays/cpu"]["HorizontalPodAutoscaler"]["spec"]["minReplicas"] == 3
    gpus = {
        folder: spec["template"]["spec"]["containers"][0]["resources"]["limits"].get("nvidia.com/gpu")
        for folder, spec in specs.items()
    }
    assert gpus == {"base": None, "overlays/cpu": None, "overlays/gpu": 1, "rollouts/candidate": None}


@pytest.mark.skipif(KUBECTL is None, reason="kubectl, which has kustomize, is not installed")
def test_components_fit_onto_an_overlay(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "kubernetes")
    overlay = tmp_path / "kubernetes" / "overlays" / "cpu" / "kustomization.yaml"
    overlay.write_text(re.sub(r"# (- \.\./\.\./components/)", r"\1", overlay.read_text()))
    made = subprocess.run([KUBECTL, "kustomize", overlay.parent], capture_output=True, text=True, check=True).stdout
    found = {document["kind"]: document for document in documents(made)}
    assert {"ServiceMonitor", "HTTPRoute"} < found.keys()
    for kind in ("Deployment", "NetworkPolicy"):
        kubernetes_validate.validate(found[kind], VERSIONS[-1], strict=True)
    [server] = found["Deployment"]["spec"]["template"]["spec"]["containers"]
    [port] = [str(each["containerPort"]) for each in server["ports"] if each["name"] == "grpc"]
    assert {"name": "OPSIN_GRPC_PORT", "value": port} in server["env"]
    assert [each["port"] for each in found["NetworkPolicy"]["spec"]["ingress"][0]["ports"]] == ["http", "grpc"]
    asked = [each["port"] for rule in found["NetworkPolicy"]["spec"]["egress"] for each in rule["ports"]]
    assert asked == [53, 53, 4318, 6379]  # DNS twice, OTLP over HTTP, Redis
    assert BASE["NetworkPolicy"]["spec"]["egress"] == []
    metrics = found["HorizontalPodAutoscaler"]["spec"]["metrics"]
    assert [metric["type"] for metric in metrics] == ["Pods", "Resource"]
    kubernetes_validate.validate(found["HorizontalPodAutoscaler"], VERSIONS[-1], strict=True)
    assert metrics[0]["pods"]["metric"]["name"] in documented()


@pytest.mark.parametrize("document", [each for each in OBJECTS if pod_of(each)], ids=lambda each: each["kind"])
def test_every_pod_keeps_to_the_restricted_standard(document):
    pod = pod_of(document)
    [user] = set(re.findall(r"^USER (\d+):\1$", (REPO / "Dockerfile.cpu").read_text(), re.MULTILINE))
    own = pod["securityContext"]
    assert own["runAsNonRoot"] is True
    assert {own["runAsUser"], own["runAsGroup"], own["fsGroup"]} == {int(user)}
    assert own["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is pod["enableServiceLinks"] is False
    for container in containers(document):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"].keys() >= {"cpu", "memory", "ephemeral-storage"}
    assert BASE["Namespace"]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.parametrize("document", [each for each in OBJECTS if pod_of(each)], ids=lambda each: each["kind"])
def test_every_server_is_guaranteed_what_it_may_take(document):
    resources = [container["resources"] for container in containers(document) if document["kind"] != "Job"]
    assert all(each["requests"][what] == each["limits"][what] for each in resources for what in ("cpu", "memory"))


def test_replicas_of_a_release_are_spread_over_nodes_and_zones():
    spread = SERVER["spec"]["topologySpreadConstraints"]
    assert [each["topologyKey"] for each in spread] == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
    for each in spread:
        assert each["labelSelector"]["matchLabels"] == SERVER["metadata"]["labels"]
        assert each["matchLabelKeys"] == ["pod-template-hash"]


@pytest.mark.parametrize("document", [each for each in OBJECTS if pod_of(each)], ids=lambda each: each["kind"])
def test_pod_has_time_to_be_forgotten_to_drain_and_to_end(document):
    for container in pod_of(document)["containers"]:
        if "lifecycle" in container:
            assert container["lifecycle"]["preStop"]["exec"]["command"] == ["sleep", f"{PRESTOP_S:g}"]
            assert pod_of(document)["terminationGracePeriodSeconds"] >= PRESTOP_S + GRACE_S + END_S
    if document["kind"] == "Deployment":
        assert document["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_probes_ask_paths_that_need_no_key_at_the_port_of_the_server():
    [server] = SERVER["spec"]["containers"]
    assert server["ports"] == [{"name": "http", "containerPort": DEFAULT_PORT}]
    asked = {kind: server[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")}
    assert {kind: probe["path"] for kind, probe in asked.items()} == {
        "startup": "/healthz",
        "liveness": "/healthz",
        "readiness": "/readyz",
    }
    assert {probe["port"] for probe in asked.values()} == {"http"}
    for document in OBJECTS:
        for container in containers(document):
            paths = {probe["httpGet"]["path"] for name, probe in container.items() if name.endswith("Probe")}
            assert paths <= OPEN_PATHS


def test_seeding_publishes_the_default_first_and_nothing_in_the_place_of_what_is_there(tmp_path):
    volume = tmp_path / "volume"
    (volume / "flowers").mkdir(parents=True)
    (volume / "flowers" / "routing.json").touch()
    program = tmp_path / "python"
    program.write_text(
        '#!/bin/sh\necho "$@"\nname=$(basename "$(dirname "$6")")\nmkdir "$5/$name"\ntouch "$5/$name/routing.json"\n'
    )
    program.chmod(0o755)
    [container] = pod_of(next(each for each in OBJECTS if each["metadata"]["name"] == "opsin-seed-repository"))[
        "containers"
    ]
    script = re.sub("(?<!-)/repository(?=/)", str(SHIPPED_MODELS), container["args"][0]).replace("/volume", str(volume))
    command = [*container["command"], script]
    environ = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    told = [subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout for _ in range(2)]
    assert re.findall(r"publish --repository \S+ \S+/(\w+)/\d+", told[0]) == ["imagenet", "cifar10"]
    assert "model flowers is there already" in told[0]
    assert told[1].count("is there already") == 4  # the default twice
    assert "publish" not in told[1]
    assert (volume / "repository.json").read_bytes() == (SHIPPED_MODELS / "repository.json").read_bytes()


def test_selectors_find_the_server():
    labels = SERVER["metadata"]["labels"]
    service, monitor = BASE["Service"], next(each for each in OBJECTS if each["kind"] == "ServiceMonitor")
    assert is_selected(BASE["Deployment"]["spec"]["selector"]["matchLabels"], labels)
    assert is_selected(service["spec"]["selector"], labels)
    assert is_selected(BASE["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"], labels)
    assert is_selected(BASE["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"], labels)
    assert is_selected(monitor["spec"]["selector"]["matchLabels"], service["metadata"]["labels"])
    assert monitor["spec"]["endpoints"][0]["port"] == service["spec"]["ports"][0]["name"]
    [backend] = ROUTE["spec"]["rules"][0]["backendRefs"]
    assert (backend["name"], backend["port"]) == (service["metadata"]["name"], service["spec"]["ports"][0]["port"])


def test_candidate_is_asked_by_nobody_who_asks_the_stable_release():
    stable = BASE["Service"]["spec"]["selector"]
    own = yaml.safe_load((FOLDER / "rollouts" / "candidate" / "kustomization.yaml").read_text())["labels"][0]["pairs"]
    assert not is_selected(stable, SERVER["metadata"]["labels"] | own)


def test_volumes_that_are_mounted_exist_and_the_repository_is_read_alone():
    claim, keys = BASE["PersistentVolumeClaim"]["metadata"]["name"], "opsin-keys"
    assert BASE["PersistentVolumeClaim"]["spec"]["accessModes"] == ["ReadWriteMany"]
    for document in [each for each in OBJECTS if pod_of(each)]:
        volumes = {volume.pop("name"): volume for volume in map(dict, pod_of(document)["volumes"])}
        for container in containers(document):
            mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
            assert mounts.keys() <= volumes.keys()
            assert document["kind"] == "Job" or mounts["repository"]["readOnly"] is True
        assert volumes["repository"] == {"persistentVolumeClaim": {"claimName": claim}}
        assert document["kind"] == "Job" or volumes["keys"]["secret"]["secretName"] == keys
    assert f"create secret generic {keys} --from-file=keys.txt" in (REPO / "docs" / "kubernetes.md").read_text()


def test_settings_are_those_of_the_server_and_the_keys_lie_where_they_are_mounted():
    known = {variable(row.name) for row in fields(Settings)}
    for document in OBJECTS:
        for container in containers(document):
            values = {each["name"]: each["value"] for each in container.get("env", [])}
            assert {name for name in values if name.startswith("OPSIN_")} <= known
            if keys := values.get("OPSIN_API_KEYS_FILE"):
                [mount] = [each for each in container["volumeMounts"] if each["name"] == "keys"]
                assert keys == f"{mount['mountPath']}/keys.txt"


def test_adapter_asks_for_a_metric_of_the_server():
    adapter = yaml.safe_load((FOLDER / "prometheus-adapter.yaml").read_text())
    [rule] = adapter["rules"]["custom"]
    queue = yaml.safe_load((FOLDER / "components" / "queue-autoscaling" / "kustomization.yaml").read_text())
    [patch] = yaml.safe_load(queue["patches"][0]["patch"])
    name = patch["value"]["pods"]["metric"]["name"]
    assert rule["name"]["as"] == name
    assert rule["seriesQuery"].startswith(f"{name}{{")
    assert name in documented()


def test_gateway_waits_for_as_long_as_an_upload_and_its_answer_may_take():
    timeout_s = int(ROUTE["spec"]["rules"][0]["timeouts"]["request"].removesuffix("s"))
    default = Settings()
    assert 1000 * timeout_s > default.read_timeout_ms + default.request_timeout_ms


@pytest.mark.parametrize("kind", sorted(OTHERS_KINDS))
def test_objects_of_others_have_only_fields_that_their_documentation_names(kind):
    documented_fields = {
        "ServiceMonitor": ("monitoring.coreos.com/v1", {"selector", "endpoints"}),
        "HTTPRoute": ("gateway.networking.k8s.io/v1", {"parentRefs", "hostnames", "rules"}),
        "InferenceService": ("serving.kserve.io/v1beta1", {"predictor"}),
    }
    api_version, spec = documented_fields[kind]
    [document] = [each for each in OBJECTS if each["kind"] == kind]
    assert (document["apiVersion"], document["spec"].keys()) == (api_version, spec)


def test_containers_of_kserve_are_valid_as_those_of_a_pod():
    [service] = [each for each in OBJECTS if each["kind"] == "InferenceService"]
    own = {"minReplicas", "maxReplicas", "scaleMetric", "scaleTarget", "timeout"}  # of KServe's ComponentExtensionSpec
    spec = {name: value for name, value in service["spec"]["predictor"].items() if name not in own}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "opsin"}, "spec": spec}
    kubernetes_validate.validate(pod, VERSIONS[-1], strict=True)
    assert spec["containers"][0]["name"] == "kserve-container"
    [deployed] = SERVER["spec"]["containers"]
    for name in ("lifecycle", "resources", "securityContext"):
        assert spec["containers"][0][name] == deployed[name]
