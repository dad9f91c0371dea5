"""Has an int8 file's products fit into 16 bits, where that costs next to nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np

from models.network.saturation import without_saturation
from models.plural import how_many
from models.report import percent
from models.runtime.cores import available_cores
from models.runtime.litert import LiteRTRuntime
from models.runtime.tensors import Images, Probabilities
from models.store.durable import TEMPORARY_PREFIX
from optimize.changes import compare, likeness
from optimize.gate import VALIDATION_IMAGES, Verdict
from training.dataset import Targets
from training.evaluate import BATCH_SIZE

MAX_COST = 0.1  # points of top-1


def keep_from_saturating(
    file: Path,
    validate: Callable[[Path], Probabilities],
    targets: Targets,
    *,
    other_images: Images,
    float_file: Path | None = None,
) -> Verdict:
    """Round an int8 file's weights so that no products saturate, if that costs at most `MAX_COST` points.

    Where the validation images are too few to tell, what judges is how much more is lost by the float32 model's
    probabilities than is lost by int8 anyway.

    Args:
        file: that is changed, or stays as it is.
        validate: gives a file's answers to the validation images.
        targets: of those.
        other_images: uint8 [H, W, 3] each, such as int8 was calibrated on; they need no right labels.
        float_file: of the float32 model; without it, `file` as it was has its place.

    Returns:
        Whether it was changed, and the figures.
    """
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=TEMPORARY_PREFIX) as folder:
        rounded = Path(folder) / file.name
        float_content = float_file.read_bytes() if float_file else b""
        try:
            rounded.write_bytes(without_saturation(file.read_bytes(), float_content, other_images))
        except ValueError:  # of another network, which is for the gate to find out
            rounded.write_bytes(without_saturation(file.read_bytes(), images=other_images))
        files = {"before": file, "after": rounded, "float32": float_file or file}
        validation = {name: validate(path) for name, path in files.items()}
        answers = {
            name: np.concatenate([found, answers_to(other_images, files[name], num_classes=found.shape[1])])
            for name, found in validation.items()
        }
        changes = compare(validation["before"], validation["after"], targets)
        before, after = (likeness(answers["float32"], answers[name]) for name in ("before", "after"))
        cost = after.expected_points - before.expected_points
        # One label that changed where two were nearly as likely does not decide.
        most = MAX_COST + 100 * VALIDATION_IMAGES / after.num_images
        low, high = changes.interval_points
        if changes.margin_points <= MAX_COST or not -high <= MAX_COST < -low:
            cost, most = -changes.top1_points, MAX_COST
        if cost <= most:
            rounded.replace(file)
    return Verdict(
        cost <= most,
        f"top-1 {changes.top1_points:+.2f} points ({low:+.2f} to {high:+.2f}) on "
        f"{how_many(changes.num_images, 'validation image')} against weights that may; of "
        f"{how_many(after.num_images, 'image')}, {percent(after.agreement)} have the label of "
        f"{'float32' if float_file else 'before'} ({percent(before.agreement)} before), and the others cost "
        f"{after.expected_points:.2f} points by its probabilities ({before.expected_points:.2f}); {MAX_COST:g} more "
        "are allowed",
    )


def answers_to(images: Images, file: Path, *, num_classes: int) -> Probabilities:
    """Run a LiteRT file on pixels, uint8 [H, W, 3] each, on all cores; returns float32 [N, C]."""
    height_px, width_px, _ = images[0].shape
    shape, num_threads = (height_px, width_px, 3), available_cores()
    with closing(LiteRTRuntime(file, input_shape=shape, num_classes=num_classes, num_threads=num_threads)) as runtime:
        parts = [runtime.run(images[start : start + BATCH_SIZE]) for start in range(0, len(images), BATCH_SIZE)]
    return np.concatenate(parts)
