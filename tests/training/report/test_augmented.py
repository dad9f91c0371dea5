import base64
import io

import numpy as np
import pytest
from PIL import Image

from training.config import preset, replaced
from training.data import encode_png
from training.dataset import Split
from training.report.augmented import NUM_EPOCHS, NUM_IMAGES, augmented

# The left half of each image is black; the right half is grey, lighter from class to class.
PICTURES = [np.repeat([[[0] * 3] * 4 + [[30 * (index + 1)] * 3] * 4], 8, axis=0).astype(np.uint8) for index in range(8)]


def split(targets):
    return Split(np.array(targets), lambda index: encode_png(PICTURES[index]))


def decoded(url):
    picture = Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))
    return np.asarray(picture.convert("RGB")).astype(int)


def rows(targets, **changes):
    config = replaced(preset("smoke"), {"image_px": 8, "augmentation.shift_px": 0, **changes})
    return [[decoded(url) for url in row] for row in augmented(split(targets), config)]


@pytest.mark.usefixtures("eager")
@pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eagerly`")
def test_a_row_is_one_image_as_the_epochs_change_it():
    found = rows([0, 0, 1, 1])
    assert [len(row) for row in found] == [NUM_EPOCHS] * 2
    for row, index in zip(found, (0, 2), strict=True):
        is_mirrored = [picture[:, :4].mean() > picture[:, 4:].mean() for picture in row]
        assert is_mirrored in ([True, False] * 3, [False, True] * 3)  # flipped in every other epoch
        assert max(abs(picture.mean() - 15 * (index + 1)) for picture in row) < 6


@pytest.mark.usefixtures("eager")
@pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eagerly`")
def test_of_many_classes_some_are_shown():
    assert len(rows(range(8))) == NUM_IMAGES
