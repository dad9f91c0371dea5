import json

import pytest

from training.distributed.cluster import Cluster, cluster_from

TWO = ["10.0.0.1:2222", "train-1.train:2222"]


def environment(cluster=None, task=None) -> dict[str, str]:
    values = {
        "cluster": {"worker": TWO} if cluster is None else cluster,
        "task": task or {"type": "worker", "index": 1},
    }
    return {"TF_CONFIG": json.dumps(values)}


def test_workers_and_own_number_are_read():
    cluster = cluster_from(environment())
    assert cluster == Cluster(tuple(TWO), 1)
    assert cluster.address == "train-1.train:2222"


@pytest.mark.parametrize("host", ["[::1]", "localhost", "a_b.example"])
def test_hosts_may_be_names_and_addresses_of_both_kinds(host):
    assert cluster_from(environment({"worker": [f"{host}:1", "other:65535"]})).addresses[0] == f"{host}:1"


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({}, "reads the workers from TF_CONFIG, which is not set"),
        ({"TF_CONFIG": "  "}, "which is not set"),
        ({"TF_CONFIG": "{"}, "TF_CONFIG is no JSON"),
        ({"TF_CONFIG": "[]"}, 'TF_CONFIG has no "cluster"'),
        ({"TF_CONFIG": '{"cluster": {"worker": ["a:1"]}}'}, 'TF_CONFIG has no "task"'),
        (environment({}), 'has no list of addresses in "cluster"."worker"'),
        (environment({"worker": []}), 'has no list of addresses in "cluster"."worker"'),
        (environment({"worker": "a:1"}), 'has no list of addresses in "cluster"."worker"'),
        (environment({"worker": TWO, "ps": ["a:1"]}), r"has jobs that this training has not \(ps\)"),
        (environment({"worker": TWO, "chief": ["a:1"]}), r"has jobs that this training has not \(chief\)"),
        (environment({"worker": ["a", "b:1"]}), 'has the worker "a": expected host:port with a port of 1 to 65535'),
        (environment({"worker": ["a:0", "b:1"]}), 'has the worker "a:0"'),
        (environment({"worker": ["a:1", "b:65536"]}), 'has the worker "b:65536"'),
        (environment({"worker": [7, "b:1"]}), "has the worker 7"),
        (environment({"worker": ["a:1", "b:1", "a:1"]}), "has a worker twice: a:1"),
        (environment(task={"type": "chief", "index": 0}), 'has the task type "chief"'),
        (environment(task={"index": 0}), "has the task type null"),
        (environment(task={"type": "worker", "index": 2}), "has the task index 2: expected 0 to 1"),
        (environment(task={"type": "worker", "index": -1}), "has the task index -1"),
        (environment(task={"type": "worker", "index": "1"}), 'has the task index "1"'),
        (environment(task={"type": "worker", "index": True}), "has the task index true"),
    ],
)
def test_each_mistake_is_named_with_what_is_expected(found, words):
    with pytest.raises(ValueError, match=words) as raised:
        cluster_from(found)
    assert '{"cluster": {"worker": ["10.0.0.1:2222", "10.0.0.2:2222"]}, "task":' in str(raised.value)
