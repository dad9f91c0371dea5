"""The Job of a training by several workers: what each pod makes of it, and who reaches whom."""

from __future__ import annotations

import os
import subprocess

from kubernetes_objects import BASE, TRAINING, is_selected, pod_of

from training.cli import EXIT_BAD_ARGUMENTS
from training.config import preset, replaced
from training.distributed.asked_for import refuse_settings
from training.distributed.cluster import cluster_from
from training.options import changes_of, parser


def variables_of(folder, number):
    """The TF_CONFIG that the command of the Job makes for one of its pods, and the arguments of `python` there."""
    [container] = pod_of(TRAINING["Job"])["containers"]
    program = folder / "python"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$TF_CONFIG" "$@"\n')
    program.chmod(0o755)
    variables = {each["name"]: each["value"] for each in container["env"]}
    variables |= {"JOB_COMPLETION_INDEX": str(number), "PATH": f"{folder}:{os.environ['PATH']}"}
    words = [*container["command"], *container["args"]]
    config, *arguments = subprocess.run(
        words, env=variables, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return {"TF_CONFIG": config}, arguments


def test_every_pod_of_a_training_makes_its_own_number_and_the_names_of_all(tmp_path):
    job, service, pod = TRAINING["Job"], TRAINING["Service"], pod_of(TRAINING["Job"])
    [container], [port] = pod["containers"], service["spec"]["ports"]
    number = job["spec"]["completions"]
    assert job["spec"]["parallelism"] == number == int(container["env"][0]["value"])
    name, subdomain = job["metadata"]["name"], service["metadata"]["name"]
    for index in range(number):
        cluster = cluster_from(variables_of(tmp_path, index)[0])
        assert cluster.index == index
        assert cluster.addresses == tuple(f"{name}-{each}.{subdomain}:{port['port']}" for each in range(number))
    assert pod["subdomain"] == subdomain
    assert (service["spec"]["clusterIP"], service["spec"]["publishNotReadyAddresses"]) == ("None", True)
    assert is_selected(service["spec"]["selector"], job["spec"]["template"]["metadata"]["labels"])
    assert container["ports"] == [{"name": port["targetPort"], "containerPort": port["port"]}]


def test_training_of_the_job_is_one_that_the_command_takes(tmp_path):
    job = TRAINING["Job"]
    [container] = pod_of(job)["containers"]
    _, (_, module, *arguments) = variables_of(tmp_path, 0)
    assert module == "training"
    options = parser().parse_args(arguments)
    assert options.strategy == "multi-worker"
    refuse_settings(options.strategy, replaced(preset("scratch"), changes_of(options)))
    mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
    for path in (options.data, options.workdir, options.repository):
        assert mounts & {str(parent) for parent in (path, *path.parents)}
    [refused] = [rule["onExitCodes"] for rule in job["spec"]["podFailurePolicy"]["rules"] if "onExitCodes" in rule]
    assert refused == {"containerName": container["name"], "operator": "In", "values": [EXIT_BAD_ARGUMENTS]}
    assert pod_of(job)["restartPolicy"] == "Never"  # which a policy for failures needs


def test_workers_are_reached_by_workers_alone():
    labels = TRAINING["Job"]["spec"]["template"]["metadata"]["labels"]
    policy = TRAINING["NetworkPolicy"]["spec"]
    workers = [{"podSelector": {"matchLabels": labels}}]
    assert policy["podSelector"]["matchLabels"] == labels
    assert policy["ingress"] == [{"from": workers}]
    assert policy["egress"][0] == {"to": workers}
    assert not is_selected(BASE["Service"]["spec"]["selector"], labels)
    assert not is_selected(BASE["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"], labels)
