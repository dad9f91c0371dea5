"""`python -m models import`: makes a version of a file of somebody else's."""

from __future__ import annotations

import argparse
import hashlib
import json
import shlex
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from models.importing.file_kind import kind_of
from models.importing.fit import Fitting
from models.importing.job import classifiers_of
from models.importing.labels import labels_inside, read_labels
from models.importing.litert_file import Classifier, Wanted
from models.importing.measured import measure_file
from models.importing.photos import Photos, open_photos
from models.importing.pixel_range import AS_QUANTIZED, PixelRange
from models.importing.publish import publish
from models.importing.refused import ForeignModelRefused
from models.importing.ways import FITS, Tried, Way, about, ranges_to_try, try_ways
from models.store.repository import Repository
from models.this_python import this_python

OK, WRONG_ARGUMENTS = 0, 2


@dataclass(frozen=True, slots=True)
class Chosen:
    """A classifier, how pictures are fitted to it, and what was tried before."""

    classifier: Classifier
    way: Way
    labels: tuple[str, ...]
    tried: tuple[Tried, ...] = ()


def missing(args: argparse.Namespace) -> str | None:
    """Say what is wrong with arguments that are right each on its own; None for nothing."""
    if not args.file.exists():
        return f"there is no file {args.file}"
    for option in ("labels", "photos", "tried"):
        if (path := getattr(args, option)) is not None and not path.exists():
            return f"there is no {path} for --{'try' if option == 'tried' else option}"
    if args.fit is None and args.tried is None:
        return "give --fit stretch, crop or crop:0.875, as the model was trained, or --try PHOTOS"
    return None


def import_model(args: argparse.Namespace, root: Path, command: str) -> int:
    """Import the file that the arguments name; returns the exit status.

    Raises:
        ArtifactError: the file, its labels or photos cannot be used; nothing was published.
    """
    say = partial(print, file=sys.stderr if args.json else sys.stdout, flush=True)
    kind_of(args.file)
    labels = _labels(args)
    source = args.photos or args.tried
    photos = open_photos(source, labels) if source else None
    halves = photos.halves() if photos else None
    with tempfile.TemporaryDirectory(prefix="opsin-import-") as name:
        folder = Path(name)
        chosen = _chosen(args, labels, halves, folder, say)
        classifier, way = chosen.classifier, chosen.way
        say(f"it takes {classifier.took}; given {way.arguments()}")
        say(f"it gives {classifier.gave}")
        pixels = way.fitting.spec(classifier.height_px, classifier.width_px)
        if halves and classifier.drops_label:
            halves = open_photos(source, chosen.labels).halves()
        measured = measure_file(classifier.content, classifier.precision, chosen.labels, pixels, halves)
        artifact = publish(
            measured,
            Repository(root),
            folder,
            name=args.name,
            network=args.file.stem[:64],
            labels=chosen.labels,
            pixels=pixels,
            provenance=_provenance(args, chosen, photos, command),
            other_metrics={},
            why=args.why,
        )
    manifest = artifact.manifest
    if args.json:
        figures = {"metrics": manifest.metrics, "imported": manifest.provenance["imported"]}
        print(json.dumps({"name": manifest.name, "version": manifest.version, "path": str(artifact.path)} | figures))
        return OK
    for line in measured.lines():
        print(line)
    print(f"published model {manifest.name} version {manifest.version} in {root}; it is now stable")
    check = f"{this_python()} -m models verify {manifest.name} --repository {shlex.quote(str(root))}"
    print(f"`{check}` runs it on its golden pictures again")
    return OK


def _labels(args: argparse.Namespace) -> tuple[str, ...]:
    if args.labels is not None:
        return read_labels(args.labels)
    if labels := labels_inside(args.file.read_bytes()):
        return labels
    raise ForeignModelRefused(f"{args.file.name} has no labels inside: give --labels FILE, one a line")


def _chosen(
    args: argparse.Namespace,
    labels: tuple[str, ...],
    halves: tuple[Photos, Photos] | None,
    folder: Path,
    say: Callable[[str], None],
) -> Chosen:
    """Make the classifier, of the range and fit that are given, or else of the best that are tried."""
    given = PixelRange.parse(args.range, args.channels) if args.range else None
    fitting = Fitting.parse(args.fit, args.resample) if args.fit else None

    def wanted(name: PixelRange) -> Wanted:
        return Wanted(labels, name, args.background, args.size)

    if args.tried is None or halves is None:
        name = given or PixelRange(AS_QUANTIZED, args.channels or "RGB")
        [(_, classifier)] = classifiers_of(args.file, [wanted(name)], folder)
        way, found = Way(name, fitting or FITS[0]), []
    else:
        names = [given] if given and args.channels else ranges_to_try(given, args.channels)
        each_with_its_range = classifiers_of(args.file, [wanted(name) for name in names], folder)
        made = [(each.range, classifier) for each, classifier in each_with_its_range]
        found = try_ways(made, [fitting] if fitting else FITS, halves[0], say=say)
        say(about(found))
        way = found[0].way
        classifier = dict(made)[way.range]
        say(f"the best is {way.arguments()}")
    return Chosen(classifier, way, labels[1:] if classifier.drops_label else labels, tuple(found))


def _provenance(args: argparse.Namespace, chosen: Chosen, photos: Photos | None, command: str) -> dict[str, Any]:
    imported: dict[str, Any] = {
        "file": args.file.name,
        "kind": kind_of(args.file),
        "sha256": hashlib.sha256(args.file.read_bytes()).hexdigest(),
        "took": chosen.classifier.took,
        "gave": chosen.classifier.gave,
        "range": chosen.way.range.name,
        "channels": chosen.way.range.channels,
    }
    if chosen.tried:
        imported["tried"] = [each.to_dict() for each in chosen.tried]
    if photos:
        imported["photos"] = {"num_images": len(photos), "sha256": photos.pictures.sha256}
    return {"imported": imported, "command": command}
