"""How alike the two files of an artifact answer, through the preprocessing and the runtimes that serve them."""

from __future__ import annotations

from contextlib import closing

from models.runtime import load_runtime
from models.store.artifact import Artifact
from optimize.agreement import Agreement, compare_predictions
from training.dataset import Split
from training.evaluate import BATCH_SIZE, predict

LABELS_AT_LEAST = 0.99
MAX_POINTS = 0.3


def agreement_of(artifact: Artifact, split: Split) -> Agreement:
    """LiteRT's answers, then TensorFlow's."""
    answers = []
    for name in ("litert", "tensorflow"):
        with closing(load_runtime(artifact, runtime=name, num_threads=2, batch_sizes=(BATCH_SIZE,))) as runtime:
            answers.append(predict(runtime, split, artifact.manifest.pixels))
    return compare_predictions(*answers, split.targets)


def assert_alike(agreement: Agreement) -> None:
    """They answer alike."""
    assert agreement.labels >= LABELS_AT_LEAST, agreement
    assert 100 * abs(agreement.before.top1 - agreement.after.top1) <= MAX_POINTS + 1e-9, agreement
