"""Files of Keras 2 and 3, and SavedModels, as others make them: of a network of a few weights."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

SIDE_PX = 8


def network(library: Any, *, num_classes: int = 3, inputs: int = 1) -> Any:
    """Of Keras 2 or 3: a convolution, its normalization, and a softmax."""
    layers = library.layers
    images = [library.Input((SIDE_PX, SIDE_PX, 3)) for _ in range(inputs)]
    x = layers.Add()(images) if inputs > 1 else images[0]
    x = layers.Conv2D(4, 3, padding="same", use_bias=False, kernel_initializer=_steps(library, 0.3))(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.GlobalAveragePooling2D()(x)
    classes = layers.Dense(num_classes, activation="softmax", kernel_initializer=_steps(library, 2.0))
    return library.Model(images if inputs > 1 else images[0], classes(x))


def _steps(library: Any, most: float) -> Any:
    return library.initializers.RandomUniform(-most, most, seed=1)


def rewritten(file: Path, change: Callable[[dict[str, Any]], None], *, extra: dict[str, bytes] | None = None) -> Path:
    """A `.keras` file whose config.json is changed, and that has other parts beside."""
    again = file.with_name("changed.keras")
    with zipfile.ZipFile(file) as before, zipfile.ZipFile(again, "w") as after:
        for name in before.namelist():
            content = before.read(name)
            if name == "config.json":
                config = json.loads(content)
                change(config)
                content = json.dumps(config).encode()
            after.writestr(name, content)
        for name, content in (extra or {}).items():
            after.writestr(name, content)
    return again


def copied(source: Path, folder: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copy(source, folder))
