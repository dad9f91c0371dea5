"""Load the network that a training starts from, without its classifier."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import tf_keras as keras

from models.network.architectures import Architecture, architecture_from_dict, build
from models.network.efficientnet_lite import EfficientNetLite
from models.network.keras_applications import downloaded, resnet_with_weights
from models.network.pretrained import WeightsMissing, pretrained_model
from models.network.resnet_v2 import ResNetV2
from training.architecture import CLASSIFIER, architecture_in, architecture_of
from training.config import BACKBONES, TrainingConfig
from training.restored import network_of
from training.run import RunError, load_model, read_run
from training.transfer.starting_point import RESNET50V2, StartingPoint


def load_network(start: StartingPoint, config: TrainingConfig, *, num_classes: int) -> keras.Model:
    """Build a network with the weights of another, but for the classifier, which is new: no row is copied.

    Args:
        start: names the weights.
        config: of the run; its images may be of another size.
        num_classes: of the run's data.

    Raises:
        RunError: the weights are not there; the message says what to do.
    """
    if start.init in BACKBONES:
        architecture = architecture_of(config, num_classes=num_classes)
        if not isinstance(architecture, EfficientNetLite):
            raise RunError(f"--init {start.init} needs variant={start.init}, got {config.variant}")
        try:
            return pretrained_model(architecture)
        except WeightsMissing as error:
            raise RunError(f"{error}; or train from nothing: --init none") from None
    if start.init == RESNET50V2 or start.init.endswith(".h5"):
        architecture = architecture_of(config, num_classes=num_classes)
        if not isinstance(architecture, ResNetV2):
            raise RunError(f"--init {start.init} needs variant=50, got {config.variant}")
        try:
            file = downloaded() if start.init == RESNET50V2 else Path(start.init)
            return resnet_with_weights(architecture, file)
        except ValueError as error:
            raise RunError(str(error)) from None
    source_architecture, source = _source(start)
    input_shape = (config.image_px, config.image_px, 3)
    model = build(replace(source_architecture, input_shape=input_shape, num_classes=num_classes))
    for layer in model.layers:
        if layer.weights and layer.name != CLASSIFIER:
            layer.set_weights(source.get_layer(layer.name).get_weights())
    return model


def _source(start: StartingPoint) -> tuple[Architecture, keras.Model]:
    if start.artifact:
        return architecture_from_dict(start.artifact.manifest.architecture), network_of(start.artifact)
    path = Path(start.init)
    folder = path.parent if path.suffix == ".keras" else path
    run, model = read_run(folder), load_model(folder)
    return architecture_in(model, run.config), model
