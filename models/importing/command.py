"""`python -m models import`: makes a version of a file of somebody else's."""

from __future__ import annotations

import argparse
import hashlib
import json
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from models.errors import RuntimeMissing
from models.importing.applications import APPLICATIONS
from models.importing.conversion import READY, Calibration, Source, litert_of
from models.importing.file_kind import Kind, kind_of
from models.importing.fit import Fitting
from models.importing.job import classifiers_of
from models.importing.labels import imagenet_labels, labels_inside, read_labels
from models.importing.litert_file import Classifier, Wanted
from models.importing.measured import Measured, measure_file
from models.importing.photos import Photos, UnusablePhotos, open_photos
from models.importing.pixel_range import AS_QUANTIZED, PixelRange
from models.importing.promotion import compare_with_serving
from models.importing.publish import publish
from models.importing.range_inside import range_inside
from models.importing.refused import ForeignModelRefused
from models.importing.stopping import ends_by_signal
from models.importing.ways import FITS, Tried, Way, about, ranges_to_try, try_ways
from models.importing.work_folder import work_folder
from models.measuring.intervals import in_points
from models.measuring.promotion import Verdict, about_serving
from models.store.artifact import Artifact
from models.store.repository import Repository
from models.this_python import this_python

OK = 0
MAX_DROP_POINTS = 1.0  # of top-1 accuracy, on the photos that choose: an int8 file that loses more is not served
NUM_CALIBRATION_PHOTOS = 64

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Chosen:
    """A classifier, how pictures are fitted to it, and what was tried before."""

    classifier: Classifier
    way: Way
    labels: tuple[str, ...]
    tried: tuple[Tried, ...] = ()


def missing(args: argparse.Namespace) -> str | None:
    """Say what is wrong with arguments that are right each on its own; None for nothing."""
    if args.file is None and not args.download:
        return "give a FILE, or --application NAME --download for Keras' own weights"
    if args.download and (args.file is not None or args.application is None):
        return "--download is of the weights of an --application, in place of a FILE"
    if args.file is not None and not args.file.exists():
        return f"there is no file {args.file}"
    for option in ("labels", "photos", "tried"):
        if (path := getattr(args, option)) is not None and not path.exists():
            return f"there is no {path} for --{'try' if option == 'tried' else option}"
    if args.fit is None and args.tried is None and args.application is None:
        return "give --fit stretch, crop or crop:0.875, as the model was trained, or --try PHOTOS"
    if args.int8 and not (args.photos or args.tried):
        return "--int8 needs labelled photos, by which its ranges are fixed: give --photos or --try"
    return None


def import_model(args: argparse.Namespace, root: Path, command: str) -> int:
    """Import the file that the arguments name; returns the exit status.

    Raises:
        ArtifactError: the file, its labels or photos cannot be used; nothing was published.
        RuntimeMissing: TensorFlow is needed, and not installed.
    """
    say = partial(print, file=sys.stderr if args.json else sys.stdout, flush=True)
    kind = kind_of(args.file) if args.file else "h5"
    if args.int8 and kind in READY:
        raise ForeignModelRefused(f"--int8 needs the network itself (.keras, .h5 or a SavedModel), and not a .{kind}")
    if kind == "onnx" and not all(map(find_spec, ("onnx", "onnxruntime"))):
        raise RuntimeMissing(
            "ONNX files are read by onnx and run by ONNX Runtime, which are not installed; requirements/serve-onnx.txt "
            "has both: make serve ONNX=1"
        )
    labels = read_labels(args.labels) if args.labels else _labels_of(args, kind)
    size_px = args.size or ((APPLICATIONS[args.application].side_px,) * 2 if args.application else None)
    source = Source(args.file, kind, args.application, len(labels), size_px)
    given = args.photos or args.tried
    photos = open_photos(given, labels) if given else None
    halves = photos.halves() if photos else None
    with ends_by_signal(), work_folder() as folder:
        if kind not in READY:
            say("converting it by TensorFlow, which takes a while")
        chosen = _chosen(args, source, labels, halves, folder, say)
        if photos and chosen.classifier.drops_label:
            halves = open_photos(given, chosen.labels).halves()
        say(f"it takes {chosen.classifier.took}; given {chosen.way.arguments() or 'bytes as they are quantized'}")
        say(f"it gives {chosen.classifier.gave}")
        provenance = _provenance(args, source, chosen, photos, command)
        importing = _Importing(args, chosen, halves, Repository(root), folder, provenance)
        first = importing.publish(chosen.classifier, say=say)
        artifact = importing.publish_int8(source, first, say=say) if args.int8 and halves else first[1]
    manifest = artifact.manifest
    if args.json:
        figures = {"metrics": manifest.metrics, "imported": manifest.provenance["imported"]}
        print(json.dumps({"name": manifest.name, "version": manifest.version, "path": str(artifact.path)} | figures))
        return OK
    check = f"{this_python()} -m models verify {manifest.name} --repository {shlex.quote(str(root))}"
    print(f"`{check}` runs it on its golden pictures again")
    return OK


@dataclass(frozen=True, slots=True)
class _Importing:
    """What both files of a model are measured and published with."""

    args: argparse.Namespace
    chosen: Chosen
    halves: tuple[Photos, Photos] | None
    repository: Repository
    folder: Path
    provenance: dict[str, Any]

    def publish(
        self, classifier: Classifier, before: tuple[Measured, Artifact] | None = None, *, say: Say
    ) -> tuple[Measured, Artifact]:
        """Measure a file and publish it; where there is one before, with the figures of that, and as good as that."""
        pixels = self.chosen.way.fitting.spec(classifier.height_px, classifier.width_px)
        labels, name = self.chosen.labels, self.args.name
        measured = measure_file(
            classifier.content, classifier.precision, labels, pixels, classifier.model_format, self.halves
        )
        for line in measured.lines():
            say(line)
        if before is None:
            photos = self.halves[1] if self.halves else None
            verdict = compare_with_serving(measured, labels, photos, self.repository, name)
        else:
            verdict = self._against(measured, *before)
        artifact = publish(
            measured,
            self.repository,
            self.folder,
            name=name,
            network=self.provenance["imported"]["network"],
            labels=labels,
            pixels=pixels,
            provenance=self.provenance,
            other_metrics={before[0].precision: before[0].to_dict()} if before else {},
            verdict=verdict,
            why=self.args.why,
        )
        manifest = artifact.manifest
        is_stable = self.repository.stable_version(name) == manifest.version
        served = "it is now stable" if is_stable else "it is a candidate, which nobody is served by"
        say(f"published model {name} version {manifest.version} in {self.repository.root}; {served}")
        for line in about_serving(artifact, self.repository):
            say(line)
        return measured, artifact

    def _against(self, measured: Measured, before: Measured, artifact: Artifact) -> Verdict:
        """Say if a quantized file is served in the place of what it was made of, if that is."""
        pairs = list(zip(before.is_right, measured.is_right, strict=True))
        lost, gained = pairs.count((True, False)), pairs.count((False, True))
        told = (
            f"{measured.precision} against {before.precision}: {in_points(lost, gained, len(pairs))} on the photos "
            f"that choose; at most -{MAX_DROP_POINTS:g} is served"
        )
        version = artifact.manifest.version
        if self.repository.stable_version(artifact.manifest.name) != version:
            return Verdict(False, f"{told}; and version {version}, which it was made of, is not served", version)
        return Verdict(100 * (lost - gained) <= MAX_DROP_POINTS * len(pairs), told, version)

    def publish_int8(self, source: Source, before: tuple[Measured, Artifact], *, say: Say) -> Artifact:
        """Quantize the network by photos that choose, and publish it as the next version."""
        say("quantizing it to int8 by TensorFlow, which takes a while")
        classifier, way = self.chosen.classifier, self.chosen.way
        if self.halves is None:
            raise UnusablePhotos("int8 needs photos")
        some = self.halves[0].subset(range(min(NUM_CALIBRATION_PHOTOS, len(self.halves[0]))))
        pictures = some.pixels(way.fitting.spec(classifier.height_px, classifier.width_px))
        calibration = Calibration(pictures, way.range, classifier.num_channels, classifier.is_channels_first)
        file = litert_of(source, self.folder / "int8", calibration)
        wanted = _wanted(self.args, self.chosen.labels, way.range)
        [(_, made)] = classifiers_of(file, [wanted], self.folder)
        return self.publish(made, before, say=say)[1]


def _labels_of(args: argparse.Namespace, kind: Kind) -> tuple[str, ...]:
    if args.application is not None:
        return imagenet_labels()
    if kind != "onnx" and args.file.is_file() and (labels := labels_inside(args.file)):
        return labels
    raise ForeignModelRefused(f"{args.file.name} has no labels inside: give --labels FILE, one a line")


def _wanted(args: argparse.Namespace, labels: tuple[str, ...], name: PixelRange) -> Wanted:
    return Wanted(labels, name, args.background, None if args.application else args.size)


def _chosen(
    args: argparse.Namespace,
    source: Source,
    labels: tuple[str, ...],
    halves: tuple[Photos, Photos] | None,
    folder: Path,
    say: Say,
) -> Chosen:
    """Make the classifier, of the range and fit that are given, or else of the best that are tried."""
    file = litert_of(source, folder / "float")
    usual = APPLICATIONS[args.application].range if args.application else None
    inside = None if source.kind == "onnx" else range_inside(file)
    named = args.range or usual or (None if args.tried else inside)
    given = PixelRange.parse(named, args.channels) if named else None
    fitting = Fitting.parse(args.fit, args.resample) if args.fit else None
    if args.tried is None or halves is None:
        name = given or PixelRange(AS_QUANTIZED, args.channels or "RGB")
        [(_, classifier)] = classifiers_of(file, [_wanted(args, labels, name)], folder)
        way, found = Way(name, fitting or replace(FITS[0], resample=args.resample)), []
    else:
        names = [given] if given and (args.channels or usual) else ranges_to_try(given, args.channels, inside)
        each_with_its_range = classifiers_of(file, [_wanted(args, labels, name) for name in names], folder)
        made = [(each.range, classifier) for each, classifier in each_with_its_range]
        found = try_ways(made, [fitting] if fitting else FITS, halves[0], say=say)
        say(about(found))
        way = found[0].way
        classifier = dict(made)[way.range]
        say(f"the best is {way.arguments() or way}")
    return Chosen(classifier, way, labels[1:] if classifier.drops_label else labels, tuple(found))


def _provenance(
    args: argparse.Namespace, source: Source, chosen: Chosen, photos: Photos | None, command: str
) -> dict[str, Any]:
    imported: dict[str, Any] = {
        "network": source.name[:64],
        "kind": source.kind,
        "took": chosen.classifier.took,
        "gave": chosen.classifier.gave,
        "range": chosen.way.range.name,
        "channels": chosen.way.range.channels,
    }
    if args.application:
        imported["application"] = args.application
    if source.file is not None:
        imported |= {"file": source.file.name, "sha256": _sha256(source.file)}
    if chosen.tried:
        imported["tried"] = [each.to_dict() for each in chosen.tried]
    if photos:
        imported["photos"] = {"num_images": len(photos), "sha256": photos.pictures.sha256}
    return {"imported": imported, "command": command}


def _sha256(file: Path) -> str:
    """Return the digest of a file, or of the files of a folder with their names."""
    if file.is_file():
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    lines = (f"{path.relative_to(file)} {_sha256(path)}\n" for path in sorted(file.rglob("*")) if path.is_file())
    return hashlib.sha256("".join(lines).encode()).hexdigest()
