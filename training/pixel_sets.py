"""The pixels of a run: decoded once for all runs of the same data, and read from a file when they are needed."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from models.pixels.preprocessing import PixelSpec, preprocess
from models.plural import how_many
from models.report import size as size_text
from training.config import TrainingConfig
from training.crops import decode_whole
from training.dataset import Dataset, Pixels, SoftTargets, Split, Targets
from training.pixel_store import NUM_CHANNELS, PixelStore, write_pixels

FOLDER_SETTING = "OPSIN_PIXELS"
VERSION = 1  # of what is decoded: another one is decoded anew
USUAL_ASPECT = 4 / 3  # of a photo, to say beforehand what its pixels will take

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PixelSets:
    """The decoded images of a run, with their targets, int64 [N]; of those to learn from maybe float32 [N, C].

    Attributes:
        train: uint8 [N, H, W, 3]; or whole photos, of any sizes, to cut crops from.
        validation: uint8 [N, H, W, 3], as they are served.
        spec: what is served, where `train` has whole photos; None where it has what is served.
    """

    train: Pixels | PixelStore
    train_targets: Targets | SoftTargets
    validation: Pixels | PixelStore
    validation_targets: Targets
    spec: PixelSpec | None = None


def pixel_sets(data: Dataset, config: TrainingConfig, workdir: Path) -> PixelSets:
    """Decode every image once for all runs whose folders are beside `workdir`; `OPSIN_PIXELS` names another place."""
    folder = pixel_folder(workdir)
    short_px = config.stored_px
    served = asdict(config.pixels)
    num_px = round(short_px**2 * USUAL_ASPECT) if short_px else config.image_px**2
    stored = partial(_stored, folder, data, config)
    return PixelSets(
        train=stored(
            part="train",
            decode=training_decoder(config),
            what={"short_px": short_px} if short_px else served,
            num_px=num_px,
        ),
        train_targets=data.train.targets,
        validation=stored(
            part="validation",
            decode=partial(preprocess, spec=config.pixels),
            what=served,
            num_px=config.image_px**2,
        ),
        validation_targets=data.validation.targets,
        spec=config.pixels if short_px else None,
    )


def pixel_folder(workdir: Path) -> Path:
    """Return the folder of what is decoded once for all runs that are beside `workdir`."""
    return Path(os.environ.get(FOLDER_SETTING) or workdir.absolute().parent / ".pixels")


def training_decoder(config: TrainingConfig) -> Callable[[bytes], Pixels]:
    """Return what decodes a training image: a whole photo where crops are cut, else what is served."""
    if config.stored_px:
        return partial(decode_whole, short_px=config.stored_px)
    return partial(preprocess, spec=config.pixels)


def _stored(
    folder: Path,
    data: Dataset,
    config: TrainingConfig,
    *,
    part: str,
    decode: Callable[[bytes], Pixels],
    what: dict[str, Any],
    num_px: int,
) -> PixelStore:
    """Open the pixels of "train" or "validation", decoded by `decode`, of which `what` tells all that matters."""
    split: Split = getattr(data, part)
    # The same data may be split otherwise, by its settings or by another version of this program.
    split_digest = hashlib.sha256(split.targets.tobytes() + json.dumps(split.names).encode()).hexdigest()
    key = [VERSION, data.sha256, asdict(config.held_out), split_digest, what]
    name = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]
    path = folder / f"{part}-{name}"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        about = size_text(len(split) * num_px * NUM_CHANNELS)
        log.info(
            f"decoding {how_many(len(split), f'{part} image')}, once for all runs of this data: "
            f"about {about} in {folder}"
        )
        write_pixels(path, len(split), lambda index: decode(split.read(index)))
    return PixelStore(path)
