"""Make the card of a version from its artifact, as one JSON document that the page shows, too."""

from __future__ import annotations

import math
from typing import Any

from models.card.classes import class_rows
from models.card.examples import shown_examples
from models.card.making import architecture_of, compared, compressed, steps_of
from models.card.reliability import reliability_rows
from models.card.sentences import sentences
from models.card.told import fraction, interval, mapping, text, whole
from models.errors import without_host_paths
from models.intervals import Interval, wilson
from models.operating.figures import curve_table, point_rows
from models.report import accuracy
from models.store.artifact import Artifact
from models.store.calibration import NONE_LABEL, Calibration
from models.store.evaluation import Evaluation
from models.store.manifest import Manifest
from models.store.operating_points import OperatingPoint
from models.store.purposes import Purpose


def card_of(artifact: Artifact, point: OperatingPoint | None = None, purpose: Purpose | None = None) -> dict[str, Any]:
    """Return the card of a version, with its operating point and its publisher's words where there are any, as JSON.

    What the manifest does not tell is None, or an empty list; fractions are in [0, 1], intervals are of 95 %.
    """
    manifest, evaluation = artifact.manifest, artifact.manifest.evaluation
    card: dict[str, Any] = {
        "model": manifest.name,
        "version": manifest.version,
        "purpose": purpose.to_dict() if purpose else None,
        "labels": [label for label in manifest.labels if label != NONE_LABEL],
        "input": manifest.pixels.to_dict(),
        "data": _data(manifest),
        "accuracy": accuracy_of(manifest),
        "classes": class_rows(manifest.labels, evaluation) if evaluation else [],
        "examples": _examples(artifact),
        "confusions": _confusions(manifest.labels, evaluation) if evaluation else None,
        "reliability": reliability_rows(evaluation) if evaluation else [],
        "label_sets": _label_sets(evaluation, manifest.calibration) if evaluation else [],
        "unsure_below": manifest.calibration.unsure_below if manifest.calibration else None,
        "operating_point": point_rows(manifest, point),
        "operating_curve": curve_table(manifest),
        "files": _files(artifact),
        "size_bytes": artifact.size_bytes,
        "steps": steps_of(manifest),
        "made": _made(manifest),
        "state": None,
        "measured_here": None,
    }
    said = sentences().said(card)
    card["made"]["against"] = said.pop("against")
    return card | said


def _data(manifest: Manifest) -> dict[str, Any]:
    data = mapping(manifest.provenance.get("dataset"))
    return {
        **{name: text(data.get(name)) for name in ("name", "sha256")},
        **{name: whole(data.get(name)) for name in ("num_train", "num_validation", "num_test")},
        "measured_on": text(manifest.metrics.get("measured_on")),
    }


def accuracy_of(manifest: Manifest) -> dict[str, Any] | None:
    """Return the figures of the file that most devices run, with 95 % intervals; None where the manifest has none."""
    for file in manifest.formats.values():
        metrics = mapping(manifest.metrics.get(file.precision))
        num_images, top1 = whole(metrics.get("num_images")), fraction(metrics.get("top1"))
        if num_images and top1 is not None:
            before = mapping(mapping(metrics.get("before_temperature")).get("test"))
            told = mapping(metrics.get("intervals"))
            return {
                "precision": file.precision,
                "num_images": num_images,
                "top1": top1,
                "top5": fraction(metrics.get("top5")),
                "ece": fraction(metrics.get("ece")),
                "ece_before_temperature": fraction(before.get("ece")),
                "intervals": {
                    "top1": wilson(round(top1 * num_images), num_images).to_list(),
                    **{name: interval(told.get(name)) for name in ("top5", "ece")},
                },
            }
    top1 = fraction(accuracy(manifest))
    return None if top1 is None else {"precision": None, "num_images": None, "top1": top1, "intervals": {}}


def _examples(artifact: Artifact) -> dict[str, Any] | None:
    """Return which training pictures are shown, under which licence; None where none may be."""
    shown, examples = shown_examples(artifact), artifact.manifest.examples
    if not shown or examples is None:
        return None
    pictures = [{"label": each.label, "number": each.number, "source": each.source} for each in shown]
    return {"licence": examples.licence, "pictures": pictures}


def _confusions(labels: tuple[str, ...], evaluation: Evaluation) -> dict[str, Any]:
    """Return the pairs that are confused most, the most frequent first, and how many images are of others."""
    pairs = [
        {
            "label": labels[pair.label],
            "answer": labels[pair.answer],
            "num_images": pair.num_images,
            "of": evaluation.num_images[pair.label],
        }
        for pair in evaluation.confusions
    ]
    return {"pairs": pairs, "num_unlisted": evaluation.num_unlisted}


def _label_sets(evaluation: Evaluation, calibration: Calibration | None) -> list[dict[str, Any]]:
    num_images, num_fitted = sum(evaluation.num_images), calibration.num_images if calibration else 0
    return [
        {
            "coverage": sets.coverage,
            "num_images": num_images,
            "num_right": sets.num_right,
            "covered": round(sets.num_right / num_images, 6),
            "interval": Interval.to_list(wilson(sets.num_right, num_images)),
            "mean_labels": sets.mean_labels,
            "num_fitted": num_fitted,
            "expected_interval": _expected(sets.coverage, num_fitted),
        }
        for sets in evaluation.label_sets
    ]


def _expected(coverage: float, num_fitted: int) -> list[float] | None:
    """Return between which ends a coverage lies that is fitted to so many images, for 95 % of such sets of images.

    It is distributed as Beta(k, n + 1 - k), k = ceil((n + 1) coverage), whose ends Wilson's interval of k in n is near.
    """
    rank = math.ceil((num_fitted + 1) * coverage)
    return wilson(rank, num_fitted).to_list() if 0 < rank <= num_fitted else None


def _files(artifact: Artifact) -> list[dict[str, Any]]:
    manifest, files = artifact.manifest, []
    for name, model in manifest.formats.items():
        paths = [path for path in manifest.files if path == model.file or path.startswith(f"{model.file}/")]
        with without_host_paths(f"{manifest.reference} cannot be measured"):
            num_bytes = sum((artifact.path / path).stat().st_size for path in paths)
        digest = manifest.files.get(model.file)
        files.append(
            {"format": name, "file": model.file, "precision": model.precision, "bytes": num_bytes, "sha256": digest}
        )
    return files


def _made(manifest: Manifest) -> dict[str, Any]:
    told = manifest.provenance
    machine, packages = mapping(told.get("machine")), mapping(told.get("packages"))
    processor, began_from = text(machine.get("processor")), text(mapping(told.get("config")).get("init"))
    return {
        **{name: text(told.get(name)) for name in ("created", "parent", "commit")},
        "architecture": architecture_of(manifest),
        "began_from": None if began_from == "none" else began_from,
        "machine": processor and {"processor": processor, "num_cores": whole(machine.get("num_cores"))},
        "packages": {name: version for name, version in packages.items() if text(version)},
        **{name: told.get(name) for name in ("compression", "weights")},
        "compressed": compressed(manifest),
        **compared(manifest),
    }
