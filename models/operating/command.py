"""`python -m models operating-point`: sets from which probability on answers of a version are accepted, or shows it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any

from models.operating.figures import FEW, point_rows
from models.report import percent, table
from models.store.manifest import Manifest
from models.store.operating_points import OperatingPoint
from models.store.reference import ModelReference
from models.store.repository import Repository

MAX_NAMED = 5


class CannotChoose(ValueError):
    """What was asked for cannot be chosen by the curve of the version; the message says what to do."""


def operating_point(repository: Repository, args: argparse.Namespace) -> int:
    """Set the operating point of a version, or forget it, if anything of that is asked for, and print it; returns 0.

    Args:
        repository: that has the version.
        args: of `models.operating.arguments`, with target, why and json.

    Raises:
        CannotChoose: the manifest has no curve to choose by, or the version has no such label.
    """
    target: ModelReference = args.target
    manifest = repository.load(target.name, target.version, verify=False).manifest
    name, version, num_classes = manifest.name, manifest.version, len(manifest.labels)
    if args.clear:
        repository.set_operating_point(name, version, None, why=args.why)
    elif args.precision is not None or args.recall is not None or args.threshold:
        before = repository.operating_point(name, version, num_classes=num_classes)
        point = chosen(manifest, before, precision=args.precision, recall=args.recall, own=args.threshold)
        repository.set_operating_point(name, version, point, why=args.why)
    found = point_rows(manifest, repository.operating_point(name, version, num_classes=num_classes))
    if args.json:
        print(json.dumps({"name": name, "version": version, "operating_point": found}, indent=2))
    elif found is None:
        print(f"{manifest.reference} has no operating point: its answers are not called accepted or not")
    else:
        print("\n".join(in_words(str(manifest.reference), found)))
    return 0


def chosen(
    manifest: Manifest,
    before: OperatingPoint | None,
    *,
    precision: float | None,
    recall: float | None,
    own: Sequence[tuple[str, float]],
) -> OperatingPoint:
    """Choose thresholds.

    Args:
        manifest: of the version.
        before: what is set; classes keep it where thresholds of others alone are given.
        precision: that each class is to have on the validation images; at the lowest threshold that has it.
        recall: likewise, at the highest threshold that keeps it.
        own: labels with thresholds of their own.

    Raises:
        CannotChoose: there is no curve to choose by, or no such label.
    """
    curve = manifest.operating_curve
    asked = [f"{name} {value:g}" for name, value in (("precision", precision), ("recall", recall)) if value is not None]
    if not asked:
        asked = before.asked.split(", ") if before else []
        thresholds = list(before.thresholds) if before else [0.0] * len(manifest.labels)
    elif curve is None:
        raise CannotChoose(
            f"{manifest.reference} was published without the curve that a {asked[0].split()[0]} is chosen by: give "
            "--threshold CLASS=PROBABILITY, or publish it anew (docs/cards.md)"
        )
    elif precision is not None:
        thresholds = [*curve.at_precision(precision)]
    else:
        thresholds = [*curve.at_recall(recall or 0.0)]
    for label, threshold in own:
        places = [place for place, each in enumerate(manifest.labels) if each == label]
        if not places:
            raise CannotChoose(f"{manifest.reference} has no class {label!r}; it has {_some(manifest.labels)}")
        for place in places:
            thresholds[place] = threshold
        asked = [*(part for part in asked if not part.startswith(f"{label} ")), f"{label} {threshold:g}"]
    return OperatingPoint(tuple(thresholds), ", ".join(asked))


def in_words(reference: str, found: dict[str, Any]) -> list[str]:
    """Return lines for a terminal: each class with its threshold, and all together."""
    rows = [
        (
            row["label"],
            "never" if row["threshold"] is None else f"{row['threshold']:g}",
            percent(row["precision"]),
            percent(row["recall"]),
            "-" if row["num_accepted"] is None else f"{row['num_accepted']:,}",
        )
        for row in found["classes"]
    ]
    lines = [f"operating point of {reference}: {found['asked']}"]
    lines.append(table(("CLASS", "THRESHOLD", "PRECISION", "RECALL", "ACCEPTED"), rows))
    if of_all := found["of_all"]:
        low, high = of_all["precision_interval"] or (0.0, 1.0)
        share, precision, recall = (percent(of_all[name]) for name in ("share_accepted", "precision", "recall"))
        lines.append(
            f"of {of_all['num_images']:,} validation images {share} are accepted, and of these {precision} are right "
            f"({100 * low:.1f} to {100 * high:.1f}); recall {recall}"
        )
    chosen_by = [(row["label"], row["num_accepted"]) for row in found["classes"] if row["threshold"] is not None]
    if few := [label for label, number in chosen_by if number is not None and number < FEW]:
        lines.append(f"fewer than {FEW} images say what these give, so that it is rough: {_some(few)}")
    if never := [row["label"] for row in found["classes"] if row["threshold"] is None]:
        lines.append(f"never accepted, as no threshold reaches it on validation images: {_some(never)}")
    return lines


def _some(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - MAX_NAMED:,} more" if len(labels) > MAX_NAMED else ""
    return ", ".join(labels[:MAX_NAMED]) + more
