"""`python -m optimize.imagenet`: make the model of ImageNet's 1,000 classes from Google's pretrained weights.

Nothing is trained. The weights become an int8 file, whose temperature is fitted on photos of ImageNet's validation set:
weights have learned from all others.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from models.files.file_tree import File, open_tree
from models.pixels.preprocessing import Pixels, PixelSpec
from models.plural import how_many
from models.portable.completed import completed
from models.store.artifact import Artifact
from models.store.manifest import Manifest
from models.store.repository import Repository
from optimize.quantization.calibration import drawn_pictures
from training.cli import command_line, command_parser, run
from training.dataset import Dataset, DatasetError, Split, file_sha256
from training.next_steps import NEXT, serve_it
from training.survey import Survey, count_labels

PROGRAM = "python -m optimize.imagenet"
EXAMPLES = """
example:
  python -m optimize.imagenet --photos imagenette.zip --calibration-images flowers.zip --credit "tf_flowers, CC-BY 2.0"
      publishes repository/imagenet/1
"""
CLASSES = Path(__file__).with_name("imagenet_classes.txt")
NOTICE = Path(__file__).with_name("imagenet_notice.txt")
MODEL_FILE, NOTICE_FILE = "model.tflite", "NOTICE"
OF_VALIDATION_SET = "ILSVRC2012_val_"  # begins the name of each photo of ImageNet's validation set
# With 32 and 200 photos of flowers and 200 photos of Imagenette's folder train, 71.4, 71.0 and 71.0 % of its folder val
# were right: more photos, or nearer ones, bring nothing.
NUM_CALIBRATION_IMAGES = 32
PACKAGES = ("tensorflow", "tf-keras", "ai-edge-litert", "pillow")
MEASURED_ON = (
    "the photos in Imagenette's folder val: of 10 of the 1,000 classes, and nearly all of ImageNet's training set, so "
    "that this is no accuracy on ImageNet"
)


def read_classes() -> dict[str, str]:
    """Return the names of the 1,000 classes by their keys in WordNet, in the order of the network's outputs."""
    lines = [line for line in CLASSES.read_text().splitlines() if not line.startswith("#")]
    return dict(line.split(" ", maxsplit=1) for line in lines)


def read_photos(path: Path) -> Dataset:
    """List the photos of Imagenette, or of a folder or zip file that holds train/<key>/<photo> and val/<key>/<photo>.

    Returns:
        As validation images those that no weight has learned from; as test images all of `val`. None is trained on.

    Raises:
        DatasetError: there is no such file, or no photo to fit or to measure on.
    """
    keys, labels = list(read_classes()), tuple(read_classes().values())
    parts: dict[str, list[tuple[File, int]]] = {"train": [], "val": []}
    for file in open_tree(path).files:
        *_, part, key, photo = ("", "", *file.path.split("/"))
        if key in keys and (part == "val" or (part == "train" and photo.startswith(OF_VALIDATION_SET))):
            parts[part].append((file, keys.index(key)))
    if not parts["train"] or not parts["val"]:
        raise DatasetError(
            f"{path.name} must hold train/n01440764/{OF_VALIDATION_SET}….JPEG to fit on and val/n01440764/….JPEG to "
            f"measure on, of any of ImageNet's classes; found {len(parts['train'])} and {len(parts['val'])}"
        )
    sets = _split([]), _split(parts["train"]), _split(parts["val"])
    counts = count_labels(labels, *(split.targets for split in sets))
    survey = Survey(path.name, counts, "none is trained on", {})
    return Dataset(path.stem, file_sha256(path) if path.is_file() else "", labels, *sets, survey=survey)


def _split(photos: Sequence[tuple[File, int]]) -> Split:
    targets = np.array([target for _, target in photos], np.int64)
    return Split(targets, lambda index: photos[index][0].read())


def publish_pretrained(
    variant: str,
    photos_path: Path,
    calibration_path: Path,
    *,
    repository: Repository,
    name: str,
    credit: str = "",
    command: str = "",
) -> Artifact:
    """Make an int8 file of pretrained weights, fit and measure it, and publish it with its NOTICE.

    Args:
        variant: of EfficientNet-Lite, such as "lite0".
        photos_path: see `read_photos`.
        calibration_path: a folder or zip file of pictures, of which some fix the ranges of int8 activations.
        repository: to publish in.
        name: of the model there.
        credit: of the pictures, for the manifest.
        command: as typed, for the manifest.

    Raises:
        WeightsMissing: the package with the weights is not installed.
        DatasetError: photos are missing, or cannot be read.
    """
    from models.network.efficientnet_lite import EfficientNetLite
    from models.network.pretrained import WEIGHTS
    from training.made_with import made_with
    from training.manifest import about_data

    photos, weights = read_photos(photos_path), WEIGHTS[variant]
    architecture = EfficientNetLite.of(variant)
    height_px, width_px, _ = architecture.input_shape
    spec = PixelSpec(height_px, width_px, crop_fraction=0.875, resample="bicubic")  # as the weights were trained
    pictures = drawn_pictures(calibration_path, NUM_CALIBRATION_IMAGES, spec, seed=0)
    provenance = {
        "command": command,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "weights": {"package": f"{weights.package}=={weights.version}", "sha256": weights.sha256},
        "int8_ranges_of": {"credit": credit, "data": calibration_path.name, "images": list(pictures)},
        "dataset": about_data(photos),
        **made_with(PACKAGES),
    }
    with tempfile.TemporaryDirectory() as folder:
        file, notice = Path(folder) / MODEL_FILE, Path(folder) / NOTICE_FILE
        fields, provenance["saturation"] = _exported(architecture, file, pictures, photos, spec)
        words = {"variant": variant.capitalize(), "package": weights.package, "version": weights.version}
        notice.write_text(NOTICE.read_text().format(**words))
        manifest = Manifest(
            name=name,
            version=1,
            architecture=architecture.to_dict(),
            labels=photos.labels,
            pixels=spec,
            provenance=provenance,
            **fields,
        )
        with completed(manifest, {MODEL_FILE: file, NOTICE_FILE: notice}) as files:
            return repository.publish(manifest, files)


def _exported(
    architecture: Any, file: Path, pictures: Mapping[str, Pixels], photos: Dataset, spec: PixelSpec
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Write the int8 file with its temperature; returns the manifest's fields on it, and of its provenance one."""
    from models.measuring.calibrate import fit_temperature
    from models.measuring.metrics import measure
    from models.network.export import export_float32, export_int8
    from models.network.pretrained import pretrained_model
    from models.network.tflite_graph import with_temperature
    from optimize.quantization.saturation import keep_from_saturating
    from training.manifest import fields_of
    from training.measured import Answers, measured

    model, float32 = pretrained_model(architecture), file.with_name("float32.tflite")
    export_float32(model, float32)
    export_int8(model, file, pictures.values())
    verdict = keep_from_saturating(
        file,
        lambda path: _answers(path, photos.validation, spec),
        photos.validation.targets,
        other_images=list(pictures.values()),
        float_file=float32,
    )
    temperature = fit_temperature(_answers(file, photos.validation, spec), photos.validation.targets)
    for path in (file, float32):
        path.write_bytes(with_temperature(path.read_bytes(), temperature))
    answers = Answers(*(_answers(file, split, spec) for split in (photos.validation, photos.test)))
    int8 = measured(file, photos, answers, precision="int8", temperature=temperature)
    # Ten classes of 1,000 are nothing to compare what it is asked with, and 46 photos are none to accept answers by.
    int8 = replace(int8, expected_answers=None, operating_curve=None)
    before = measure(_answers(float32, photos.test, spec), photos.test.targets)
    fields = fields_of(int8, {"float32": before.to_dict(), "measured_on": MEASURED_ON})
    return fields, {"is_avoided": verdict.is_within, "reason": verdict.reason}


def _answers(file: Path, split: Split, spec: PixelSpec) -> Any:
    from training.measured import predict_litert

    return predict_litert(file, split, spec, num_classes=len(read_classes()))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = command_parser(
        PROGRAM, "Publish a classifier of ImageNet's 1,000 classes, from pretrained weights.", EXAMPLES
    )
    parser.add_argument("--variant", choices=["lite0", "lite1", "lite2"], default="lite0", help="of EfficientNet-Lite")
    parser.add_argument("--photos", type=Path, required=True, help="Imagenette: a folder or zip file, to measure on")
    parser.add_argument(
        "--calibration-images", type=Path, required=True, help="a folder or zip file of pictures that fix int8 ranges"
    )
    parser.add_argument("--credit", default="", metavar="TEXT", help="whose pictures they are, for the manifest")
    parser.add_argument(
        "--repository", type=Path, default=Path("repository"), help="to publish in; default: repository/"
    )
    parser.add_argument("--name", default="imagenet", help="of the published model (imagenet)")
    options = parser.parse_args(arguments)
    return run(PROGRAM, lambda: _publish(options, command_line(PROGRAM, arguments)))


def _publish(options: argparse.Namespace, command: str) -> str:
    artifact = publish_pretrained(
        options.variant,
        options.photos,
        options.calibration_images,
        repository=Repository(options.repository),
        name=options.name,
        credit=options.credit,
        command=command,
    )
    manifest = artifact.manifest
    int8, float32 = (manifest.metrics[precision]["top1"] for precision in ("int8", "float32"))
    num_images = manifest.provenance["dataset"]["num_test"]
    return (
        f"published {manifest.reference}: {int8:.1%} of {how_many(num_images, 'photo')} right, {float32:.1%} in float32"
        f"\n{NEXT}\n{serve_it(options.repository)}"
    )


if __name__ == "__main__":
    sys.exit(main())
