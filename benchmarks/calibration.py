"""What a published model's probabilities are worth: calibration, sets of labels, and how it takes photos of others.

Half of the test images stand in for validation images, anew in each draw; the figures are of the other half:

    python -m benchmarks.calibration cifar10 --repository models/zoo --data cifar10.npz --others photos/
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter
from tensorflow.lite.tools import flatbuffer_utils

from models.errors import ImageError
from models.measuring.calibrate import MAX_UNSURE, fit_calibration, fit_temperature
from models.measuring.metrics import calibration_error
from models.pixels.preprocessing import PixelSpec, preprocess
from models.report import table
from models.store.repository import Repository
from training.data import load_dataset
from training.dataset import HeldOut

Array = npt.NDArray[np.floating[Any]]
NUM_DRAWS = 20
COVERAGES = (0.8, 0.9, 0.95, 0.99)
NUMS_VALIDATION = (100, 320, 1000, 5000)


def main() -> None:
    """Print tables of temperature, coverage and the scores that tell other photos."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("--repository", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--others", type=Path, help="folder of photos of none of the classes")
    options = parser.parse_args()
    artifact = Repository(options.repository).load(options.name)
    pixels, path = artifact.manifest.pixels, artifact.model_path("litert")
    test = load_dataset(options.data, HeldOut()).test
    logits, targets = logits_of(path, test.encoded(), pixels), test.targets
    print(table(*temperatures(logits, targets)))
    if options.others:
        files = sorted(file for file in options.others.rglob("*") if file.is_file())
        others = logits_of(path, (file.read_bytes() for file in files), pixels)
        print(table(*scores_of_others(logits, targets, others)))


def logits_of(path: Path, images: Iterator[bytes], pixels: PixelSpec) -> Array:
    """Run a LiteRT file up to its final softmax; returns float32 [N, C], of the images that can be decoded."""
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(path.read_bytes()))
    graph = model.subgraphs[0]
    graph.outputs, graph.operators, model.signatureDefs = [graph.operators[-1].inputs[0]], graph.operators[:-1], []
    interpreter = Interpreter(model_content=bytes(flatbuffer_utils.convert_object_to_bytearray(model)))
    interpreter.allocate_tensors()
    [image], [output] = interpreter.get_input_details(), interpreter.get_output_details()
    rows = []
    for encoded in images:
        try:
            interpreter.set_tensor(image["index"], preprocess(encoded, pixels)[None])
        except ImageError:
            continue
        interpreter.invoke()
        rows.append(interpreter.get_tensor(output["index"])[0])
    return np.stack(rows)


def softmax(logits: Array) -> npt.NDArray[np.float32]:
    """Return probabilities, float32 [N, C]."""
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: npt.NDArray[np.float32] = (exponentials / exponentials.sum(axis=1, keepdims=True)).astype(np.float32)
    return probabilities


def temperatures(logits: Array, targets: npt.NDArray[np.int64]) -> tuple[list[str], list[list[str]]]:
    """Fit to so many images, and measure on the other half: means over draws."""
    header = [
        "validation images",
        "T (sd)",
        "ECE",
        "loss",
        *(f"covers {part:g} (labels)" for part in COVERAGES),
        "unsure",
    ]
    plain = softmax(logits)
    ece = calibration_error(plain.max(axis=1), plain.argmax(axis=1) == targets)
    loss = -np.log(plain[np.arange(len(targets)), targets]).mean()
    rows = [["none", "1", f"{100 * ece:.2f} %", f"{loss:.4f}", *["-"] * len(COVERAGES), "-"]]
    for num_images in (number for number in NUMS_VALIDATION if number <= len(targets) // 2):
        found = np.array([_draw(logits, targets, num_images, seed) for seed in range(NUM_DRAWS)])
        mean, spread = found.mean(axis=0), found.std(axis=0)
        covered = [
            f"{100 * mean[index]:.1f} % ({mean[index + 1]:.2f})" for index in range(4, 4 + 2 * len(COVERAGES), 2)
        ]
        row = [f"{num_images:,}", f"{mean[0]:.3f} ({spread[0]:.3f})", f"{100 * mean[1]:.2f} %", f"{mean[2]:.4f}"]
        rows.append([*row, *covered, f"{100 * mean[3]:.1f} % of the right"])
    return header, rows


def _draw(logits: Array, targets: npt.NDArray[np.int64], num_images: int, seed: int) -> list[float]:
    order = np.random.default_rng(seed).permutation(len(targets))
    fitted, measured = order[:num_images], order[len(targets) // 2 :]
    temperature = fit_temperature(softmax(logits[fitted]), targets[fitted])
    calibration = fit_calibration(softmax(logits[fitted] / temperature), targets[fitted], temperature=temperature)
    answers, right = softmax(logits[measured] / temperature), targets[measured]
    is_right = answers.argmax(axis=1) == right
    of_target, largest = answers[np.arange(len(right)), right], answers.max(axis=1)
    unsure = float(np.mean([calibration.is_unsure(row) for row in answers[is_right]]))
    figures = [temperature, calibration_error(largest, is_right), float(-np.log(of_target).mean()), unsure]
    for coverage in COVERAGES:
        in_set = answers >= min(calibration.least_probability(coverage), 1.0)
        in_set[np.arange(len(right)), answers.argmax(axis=1)] = True  # as the server has it
        figures += [float(in_set[np.arange(len(right)), right].mean()), float(in_set.sum(axis=1).mean())]
    return figures


def scores_of_others(logits: Array, targets: npt.NDArray[np.int64], others: Array) -> tuple[list[str], list[list[str]]]:
    """Compare scores by which an answer may be unsure, all of the same temperature, fitted on half of the images."""
    half = np.random.default_rng(0).permutation(len(targets))[: len(targets) // 2]
    temperature = fit_temperature(softmax(logits[half]), targets[half])
    is_right = logits.argmax(axis=1) == targets
    rows = []
    for name, known, other in zip(SCORES, *(scores(part / temperature) for part in (logits, others)), strict=True):
        threshold = np.quantile(known[half][is_right[half]], MAX_UNSURE)
        rows.append([name, f"{auroc(known, other):.3f}", f"{100 * np.mean(other < threshold):.0f} % of {len(other)}"])
    return ["score", "AUROC", f"others told at {MAX_UNSURE:.0%} of right answers"], rows


SCORES = ("largest probability", "minus entropy", "energy")


def scores(logits: Array) -> list[Array]:
    """Return each of SCORES of each image, [N]: larger where an image is more likely of one of the classes."""
    probabilities, largest = softmax(logits).astype(np.float64), logits.max(axis=1)
    energy = largest + np.log(np.exp(logits - largest[:, None]).sum(axis=1))
    entropy = -(probabilities * np.log(np.maximum(probabilities, 1e-12))).sum(axis=1)
    return [probabilities.max(axis=1), -entropy, energy]


def auroc(known: Array, other: Array) -> float:
    """Return the part of pairs in which the score of the known image is the larger one; a tie counts half."""
    ordered = np.sort(other)
    below, not_above = (np.searchsorted(ordered, known, side=side) for side in ("left", "right"))
    return float((below + not_above).mean() / 2 / len(other))


if __name__ == "__main__":
    main()
