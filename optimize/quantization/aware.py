"""Trains a finished run's model on as the int8 file that it becomes."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import tf_keras as keras

from models.network.export import export_fake_quantized
from models.network.folding import fold_batch_norms
from optimize.candidate import Candidate
from optimize.published import zeros_and_gzip
from optimize.quantization.calibration import random_indices
from optimize.quantization.fake_quantization import fake_quantized, settle
from optimize.settings import QuantizationAwareTraining
from optimize.source import Source
from optimize.training_sample import BATCH_SIZE, center_crops
from training.distillation import Distillation
from training.loop import fit
from training.pixel_sets import pixel_sets
from training.publish import measure_file

INT8_FILE = "int8.tflite"


def train_quantized(
    source: Source, output: Path, training: QuantizationAwareTraining, *, command: str = ""
) -> Candidate:
    """Fine-tune with int8 weights and activations in the forward pass, and measure the int8 file on the full test set.

    Batch normalization is folded before that, so its statistics are fixed.

    Args:
        source: the run to start from; its model is the teacher.
        output: folder of the new run; takes int8.tflite; the same command goes on where it stopped.
        training: how.
        command: as typed, for the manifest.

    Raises:
        RunError: `output` holds another run.
        ValueError: the network is no ResNet-v2, or has no batch normalization.
    """
    source.require_resnet("quantize-aware")
    config = source.without_averaging(training)
    config = replace(config, precision="float32")  # in which tensorflow-model-optimization imitates int8
    compression = {"method": training.METHOD, **asdict(training)}
    run = source.begin_run(output, config, compression=compression, command=command)
    images = pixel_sets(source.data, config, output)
    keras.utils.set_random_seed(config.seed)
    folded = fold_batch_norms(source.model)
    drawn = random_indices(source.data.train.targets, training.num_calibration_images, config.seed)
    batches = (center_crops(images, drawn[start : start + BATCH_SIZE])[0] for start in range(0, len(drawn), BATCH_SIZE))
    model = fake_quantized(folded, batches)
    distillation = Distillation(folded, training.teacher_weight, training.temperature)
    model = fit(model, images, config=config, workdir=output, distillation=distillation)
    settle(model)
    file = output / INT8_FILE
    export_fake_quantized(model, file)
    measured = measure_file(file, run, source.data, precision="int8")
    return Candidate(source, run, output, measured, source.architecture, provenance=zeros_and_gzip(file))
