"""Bring the devices and machines together that `--strategy` asks for, and see that they agree."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import tensorflow as tf

from training.config import TrainingConfig
from training.dataset import Dataset
from training.distributed.cluster import Cluster
from training.distributed.waiting import require_free_port, waiting_for
from training.distributed.workers import ALONE, Workers
from training.made_with import ROOT

PACKAGES = ("models", "training")  # whose code makes batches and steps


def connect(strategy: str | None, cluster: Cluster | None, config: TrainingConfig, data: Dataset) -> Workers:
    """Connect to the other machines, if there are any, and compare what must be the same on all.

    Args:
        strategy: "mirrored", "multi-worker", or None for one device.
        cluster: the machines of "multi-worker".
        config: the settings of the training.
        data: what it learns from.

    Raises:
        ValueError: there are too few devices, the batch cannot be divided, or the machines differ.
        WorkerLost: a machine has ended.
        OSError: this one's port is taken.
    """
    if strategy is None:
        return ALONE
    if cluster is None:
        workers = Workers.mirrored()
    else:
        require_free_port(cluster)
        with waiting_for(cluster):
            workers = Workers.of(cluster)
            workers.require_the_same(what_must_agree(config, data))
    workers.require_whole_shares(min(config.batch_size, len(data.train)))
    print(f"  {workers.about()}")
    return workers


def what_must_agree(config: TrainingConfig, data: Dataset) -> dict[str, str]:
    """Return what all machines must have alike, by the name that a message gives it."""
    sets = [data.train, data.validation, data.test]
    order = json.dumps([data.sha256, data.labels, *([part.names, part.targets.tolist()] for part in sets)])
    settings = replace(config, checkpoint_every_s=0.0).to_dict()  # which the chief alone asks for
    return {
        "their data": order,
        "their settings": json.dumps(settings, sort_keys=True),
        "the version of this program": code_sha256(),
        "the version of TensorFlow": tf.__version__,
    }


def code_sha256() -> str:
    """Return a digest of the code that makes batches and steps."""
    digest = hashlib.sha256()
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            digest.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return digest.hexdigest()
