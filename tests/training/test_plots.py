import numpy as np
import pytest
from PIL import Image

from training.plots import plot_confusion


@pytest.mark.parametrize("label", ["$5_$10", "a$x_{$"])
def test_dollar_signs_in_a_class_name_are_no_mathematics(tmp_path, label):
    plot_confusion(np.eye(2, dtype=np.int64), [label, "b"], tmp_path / "confusion.png")
    with Image.open(tmp_path / "confusion.png") as image:
        assert image.format == "PNG"
