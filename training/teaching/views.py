"""Random crops of photos, with what a teacher says of each: computed once, and learned from again and again.

arXiv:2112.01528 (fast knowledge distillation). Teacher and student see the same crop, each at its own size
(arXiv:2106.05237): a teacher that answers for the whole photo would be wrong for many of its parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tf_keras as keras

from models.network.normalization import normalize
from models.pixels.fitting import Box
from models.store.durable import replacing
from training.crops import cut, random_boxes, sizes_of
from training.dataset import Pixels, SoftTargets
from training.pixel_store import PixelStore, write_pixels

VIEWS = 3  # of the random numbers of a run, those of its views
BATCH_SIZE = 32


@dataclass(frozen=True, slots=True)
class Views:
    """Crops of the photos in some stores: view i is of photo i modulo their number.

    Attributes:
        photos: whole photos, the labelled and the others.
        boxes: one a view.
    """

    photos: tuple[Pixels | PixelStore, ...]
    boxes: tuple[Box, ...]

    @classmethod
    def drawn(cls, photos: Sequence[Pixels | PixelStore], *, num_rounds: int, min_area: float, seed: int) -> Views:
        """Draw `num_rounds` crops of each photo."""
        sizes = np.concatenate([sizes_of(store, np.arange(len(store))) for store in photos])
        rounds = (random_boxes(sizes, min_area, np.random.default_rng((seed, VIEWS, n))) for n in range(num_rounds))
        return cls(tuple(photos), tuple(box for boxes in rounds for box in boxes))

    def __len__(self) -> int:
        return len(self.boxes)

    @property
    def num_photos(self) -> int:
        """Photos in all stores."""
        return sum(len(store) for store in self.photos)

    def pixels(self, index: int, size_px: int) -> Pixels:
        """Return one view, uint8 [size_px, size_px, 3]."""
        photo = index % self.num_photos
        for store in self.photos:
            if photo < len(store):
                return cut(store, photo, self.boxes[index], size_px)
            photo -= len(store)
        raise AssertionError("the photos of all stores are counted")

    def stored(self, path: Path, size_px: int) -> PixelStore:
        """Keep all views in a file, and open it."""
        if not path.exists():
            write_pixels(path, len(self), lambda index: self.pixels(index, size_px))
        return PixelStore(path)


def answers_of(
    teacher: keras.Model,
    views: Views,
    folder: Path,
    *,
    size_px: int,
    advance: Callable[[], None] = lambda: None,
) -> tuple[SoftTargets, npt.NDArray[np.float32]]:
    """Return what the teacher says of every view: probabilities, float32 [N, C], and features, float32 [N, F].

    The features are what its classifier sees. Few classes say little of a picture: what it knows of them says more.

    Args:
        teacher: from normalized pixels to logits; its last layer is its classifier.
        views: crops of photos.
        folder: keeps the answers, a file for each round, so that a run that is killed loses one round.
        size_px: side of the teacher's images.
        advance: called after each batch.
    """
    both = keras.Model(teacher.input, [teacher.output, teacher.layers[-1].input])

    def answer(batch: Pixels) -> tf.Tensor:
        logits, features = both(normalize(batch), training=False)
        return tf.concat([tf.nn.softmax(logits), tf.cast(features, tf.float32)], axis=1)

    forward = tf.function(answer, reduce_retracing=True)
    folder.mkdir(parents=True, exist_ok=True)
    rounds = []
    for begin in range(0, len(views), views.num_photos):
        kept = folder / f"round-{begin // views.num_photos}.npy"
        if not kept.exists():
            parts = []
            for start in range(begin, begin + views.num_photos, BATCH_SIZE):
                indices = range(start, min(start + BATCH_SIZE, begin + views.num_photos))
                parts.append(forward(np.stack([views.pixels(index, size_px) for index in indices])).numpy())
                advance()
            with replacing(kept) as temporary, temporary.open("wb") as file:
                np.save(file, np.concatenate(parts))
        rounds.append(np.load(kept))
    answers, num_classes = np.concatenate(rounds), teacher.output_shape[-1]
    return answers[:, :num_classes], answers[:, num_classes:]


def standardized(features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Scale each feature, float32 [N, F], to a mean of 0 and a variance of 1; one that never changes is 0."""
    deviation = features.std(axis=0)
    scaled: npt.NDArray[np.float32] = (features - features.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    return scaled
