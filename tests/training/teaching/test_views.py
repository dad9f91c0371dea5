import numpy as np
import pytest
import tf_keras as keras

from models.pixels.fitting import Box
from training.teaching.views import Views, answers_of, standardized

RNG = np.random.default_rng(0)
LABELLED, OTHERS = RNG.integers(0, 256, (3, 16, 16, 3), np.uint8), RNG.integers(0, 256, (2, 20, 16, 3), np.uint8)


@pytest.fixture
def views() -> Views:
    return Views.drawn([LABELLED, OTHERS], num_rounds=4, min_area=0.3, seed=0)


def brightness_teacher() -> keras.Model:
    """Its logits are the mean of the normalized pixels, and 0."""
    image = keras.Input([8, 8, 3])
    mean = keras.layers.GlobalAveragePooling2D()(image)
    model = keras.Model(image, keras.layers.Dense(2)(mean))
    model.layers[-1].set_weights([np.array([[1 / 3, 0]] * 3), np.zeros(2)])
    return model


def test_each_photo_has_as_many_views_as_rounds_and_no_two_are_alike(views):
    assert (len(views), views.num_photos) == (20, 5)
    assert len(set(views.boxes)) == 20


def test_views_are_those_of_the_seed(views):
    assert Views.drawn([LABELLED, OTHERS], num_rounds=4, min_area=0.3, seed=0).boxes == views.boxes
    assert Views.drawn([LABELLED, OTHERS], num_rounds=4, min_area=0.3, seed=1).boxes != views.boxes


def test_view_is_of_its_photo_in_every_round():
    whole = Views((LABELLED, OTHERS[:, :16]), (Box(0, 0, 16, 16),) * 10)
    for index in range(10):
        photo = [*LABELLED, *OTHERS[:, :16]][index % 5]
        np.testing.assert_array_equal(whole.pixels(index, 16), photo)


def test_stored_views_are_the_same_and_not_made_again(views, tmp_path, monkeypatch):
    stored = views.stored(tmp_path / "views", 8)
    np.testing.assert_array_equal(stored[np.arange(20)], [views.pixels(index, 8) for index in range(20)])
    monkeypatch.delattr("training.teaching.views.write_pixels")
    assert len(views.stored(tmp_path / "views", 8)) == 20


@pytest.mark.usefixtures("eager")
@pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eagerly`")
def test_teacher_answers_for_the_crop_that_the_student_sees(views, tmp_path):
    probabilities, features = answers_of(brightness_teacher(), views, tmp_path, size_px=8)
    colours = np.array([(views.pixels(index, 8).mean(axis=(0, 1)) - 128) / 64 for index in range(20)])
    np.testing.assert_allclose(features, colours, atol=1e-5)
    np.testing.assert_allclose(probabilities[:, 0], 1 / (1 + np.exp(-colours.mean(axis=1))), rtol=1e-4)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.usefixtures("eager")
@pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eagerly`")
def test_answers_of_a_round_are_kept(views, tmp_path):
    before = answers_of(brightness_teacher(), views, tmp_path, size_px=8)
    (tmp_path / "round-3.npy").unlink()
    num_batches = 0

    def advance() -> None:
        nonlocal num_batches
        num_batches += 1

    after = answers_of(brightness_teacher(), views, tmp_path, size_px=8, advance=advance)
    np.testing.assert_array_equal(np.hstack(after), np.hstack(before))
    assert num_batches == 1


def test_standardized_features_have_one_scale_and_those_that_never_change_are_nothing():
    features = np.array([[10, 0.01, 7], [30, 0.03, 7]], np.float32)
    np.testing.assert_allclose(standardized(features), [[-1, -1, 0], [1, 1, 0]], atol=1e-6)
