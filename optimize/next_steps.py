"""Says at the end of a compression what can be done with what it has published."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from models.store.manifest import Manifest
from models.store.model_files import Device
from models.this_python import this_python
from training.next_steps import NEXT, serve_it


def next_steps(manifest: Manifest, repository: Path, *, made_of: str, data: str) -> Iterator[str]:
    """Yield a line for each.

    Args:
        manifest: of what was published.
        repository: where that is.
        made_of: "name:version" of what it was made of.
        data: path of the images that both are measured on.
    """
    yield NEXT
    yield serve_it(repository)
    yield f"  ask it:                 curl -F image=@photo.jpg 'http://127.0.0.1:5000/predict?model={manifest.name}'"
    where = shlex.join(["--data", data, "--repository", str(repository)])
    yield f"  compare it:             {this_python()} -m optimize report {made_of} {manifest.reference} {where}"


def on_device(device: Device, repository: Path) -> Iterator[str]:
    """Yield the lines on how to serve a model on the device that it got a file for."""
    yield NEXT
    if device == "gpu":
        root = shlex.quote(str(repository))
        yield f"  serve it:               OPSIN_DEVICE=gpu OPSIN_REPOSITORY={root} python -m server"
    else:
        yield serve_it(repository)
