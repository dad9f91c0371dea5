from collections.abc import Sequence

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from hypothesis import given
from hypothesis import strategies as st
from small_networks import small_network

from models.network.normalization import normalize
from training.architecture import building_in
from training.distillation import CopiedFeatures, Distillation, Hint
from training.step import TrainingStep, Validation, learning_rate

steps = st.tuples(st.integers(0, 50), st.integers(1, 200)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(steps, st.floats(1e-4, 10))
def test_rises_then_falls_and_never_exceeds_the_peak(warmup_and_total, peak):
    warmup_steps, total_steps = warmup_and_total
    rates = [
        learning_rate(s, peak=peak, warmup_steps=warmup_steps, total_steps=total_steps) for s in range(total_steps)
    ]
    assert rates[:warmup_steps] == sorted(rates[:warmup_steps])
    assert rates[warmup_steps:] == sorted(rates[warmup_steps:], reverse=True)
    assert 0 < min(rates) <= max(rates) == rates[warmup_steps] == peak


def test_ends_at_zero():
    assert learning_rate(100, peak=1.0, warmup_steps=10, total_steps=100) == pytest.approx(0, abs=1e-12)


def test_is_half_the_peak_half_way_down():
    assert learning_rate(60, peak=1.0, warmup_steps=20, total_steps=100) == pytest.approx(0.5)


def test_warmup_longer_than_the_training_is_refused():
    with pytest.raises(ValueError, match=r"warmup_steps must be in 0..total_steps \(5\), got 6"):
        learning_rate(0, peak=1.0, warmup_steps=6, total_steps=5)


def step_of(model: keras.Model, **options: float) -> TrainingStep:
    values = {"momentum": 0.0, "weight_decay": 0.0, "label_smoothing": 0.0, "ema_decay": 0.0, **options}
    return TrainingStep(model, **values)


def linear_network() -> keras.Model:
    """Two classes by the mean colour."""
    image = keras.Input([4, 4, 3])
    logits = keras.layers.Dense(2, dtype="float32", name="predictions")(keras.layers.GlobalAveragePooling2D()(image))
    model = keras.Model(image, logits)
    model.set_weights([np.array([[0.5, -0.5], [0.25, 0.0], [0.0, 1.0]]), np.array([0.1, -0.2])])
    return model


PIXELS = tf.constant(np.random.default_rng(0).integers(0, 256, (6, 4, 4, 3)), tf.uint8)
TARGETS = tf.constant([0, 1, 0, 1, 1, 1], tf.int64)


@pytest.mark.usefixtures("eager")
def test_penalty_is_on_kernels_alone():
    networks = linear_network(), linear_network()
    for model, weight_decay in zip(networks, (0.0, 0.1), strict=True):
        step_of(model, weight_decay=weight_decay)(PIXELS, TARGETS, lr=0.5, step=0)
    (kernel, bias), (smaller_kernel, same_bias) = (model.get_weights() for model in networks)
    np.testing.assert_allclose(kernel - smaller_kernel, 0.5 * 0.1 * linear_network().get_weights()[0], atol=1e-6)
    np.testing.assert_array_equal(bias, same_bias)


def change_of(model: keras.Model, **options: float) -> list[np.ndarray]:
    """What one step adds to the weights of a network."""
    before = model.get_weights()
    step_of(model, **options)(PIXELS, TARGETS, lr=0.5, step=0)
    return [new - old for old, new in zip(before, model.get_weights(), strict=True)]


@pytest.mark.usefixtures("eager")
def test_momentum_is_that_of_nesterov_which_looks_ahead_in_the_first_step_already():
    for plain, ahead in zip(change_of(linear_network()), change_of(linear_network(), momentum=0.9), strict=True):
        np.testing.assert_allclose(ahead, 1.9 * plain, rtol=1e-4)


@pytest.mark.usefixtures("eager")
def test_step_is_the_same_where_the_loss_is_scaled_for_float16():
    with building_in("mixed_float16"):
        scaled = change_of(linear_network())
    for plain, other in zip(change_of(linear_network()), scaled, strict=True):
        np.testing.assert_allclose(other, plain, rtol=1e-3)


@pytest.mark.usefixtures("eager")
def test_ema_follows_fast_at_first_and_by_its_decay_later():
    model = linear_network()
    step = step_of(model, ema_decay=0.9)
    for number, decay in ((0, 0.1), (30, 31 / 40), (1000, 0.9)):
        before = [weight.copy() for weight in step.ema.get_weights()]
        step(PIXELS, TARGETS, lr=0.5, step=number)
        for average, old, new in zip(step.ema.get_weights(), before, model.get_weights(), strict=True):
            np.testing.assert_allclose(average, decay * old + (1 - decay) * new, rtol=1e-5, atol=1e-7)


@pytest.mark.usefixtures("eager")
def test_without_ema_the_model_itself_is_evaluated():
    model = linear_network()
    assert step_of(model).ema is model


@pytest.mark.usefixtures("eager")
def test_result_is_the_mean_loss_and_accuracy_before_the_step():
    model = linear_network()
    logits = model(normalize(PIXELS)).numpy()
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    result = step_of(model)(PIXELS, TARGETS, lr=0.1, step=0)
    assert float(result.loss) == pytest.approx(-np.log(probabilities[np.arange(6), TARGETS]).mean(), rel=1e-5)
    assert float(result.accuracy) == pytest.approx((logits.argmax(axis=1) == TARGETS.numpy()).mean())


@pytest.mark.usefixtures("eager")
def test_smoothed_labels_give_a_part_of_every_target_to_all_classes():
    model = linear_network()
    of_classes = -tf.nn.log_softmax(model(normalize(PIXELS))).numpy()
    wanted = 0.8 * of_classes[np.arange(6), TARGETS].mean() + 0.2 * of_classes.mean()
    result = step_of(model, label_smoothing=0.2)(PIXELS, TARGETS, lr=0.1, step=0)
    assert float(result.loss) == pytest.approx(wanted, rel=1e-5)


@pytest.mark.usefixtures("eager")
def test_targets_may_be_parts_of_classes():
    parts = tf.one_hot(TARGETS, 2) * 0.75 + 0.125
    of_classes = -tf.nn.log_softmax(linear_network()(normalize(PIXELS))).numpy()
    result = step_of(linear_network())(PIXELS, parts, lr=0.1, step=0)
    assert float(result.loss) == pytest.approx((parts.numpy() * of_classes).sum(axis=1).mean(), rel=1e-5)
    hard = step_of(linear_network())(PIXELS, TARGETS, lr=0.1, step=0)
    assert float(result.accuracy) == float(hard.accuracy)


@pytest.mark.usefixtures("eager")
def test_layers_before_the_last_move_by_a_part_of_what_they_would():
    def network() -> keras.Model:
        keras.utils.set_random_seed(0)
        return small_network(side_px=4, num_classes=2)

    plain, decayed = (change_of(network(), layer_decay=rate, momentum=0.9, weight_decay=0.1) for rate in (1.0, 0.25))
    np.testing.assert_allclose(decayed[-2], plain[-2], rtol=1e-4, atol=1e-7)  # of the classifier
    # Of the convolution, which the normalization and the classifier follow.
    np.testing.assert_allclose(decayed[0], plain[0] / 16, rtol=1e-4, atol=1e-7)


@pytest.mark.usefixtures("eager")
def test_weights_that_are_no_numbers_are_found_and_those_that_count_are_no_hindrance():
    class Counting(keras.layers.Layer):
        def build(self, _: object) -> None:
            self.count = self.add_weight(name="count", shape=(), dtype=tf.int32, trainable=False)

    image = keras.Input([4, 4, 3])
    model = keras.Model(image, keras.layers.Dense(2)(keras.layers.Flatten()(Counting()(image))))
    step = step_of(model)
    assert step.has_finite_weights()
    model.layers[-1].bias.assign(tf.fill([2], float("nan")))
    assert not step.has_finite_weights()


@pytest.mark.usefixtures("eager")
def test_steps_done_are_counted_with_the_weights():
    step = step_of(linear_network())
    step(PIXELS, TARGETS, lr=0.1, step=6)
    assert int(step.num_steps_done) == 7


@pytest.mark.usefixtures("eager")
def test_labels_have_the_part_of_the_loss_that_the_teacher_leaves():
    alone = step_of(linear_network())(PIXELS, TARGETS, lr=0.1, step=0)
    like_itself = Distillation(linear_network(), weight=0.75)  # which costs nothing
    taught = step_of(linear_network(), distillation=like_itself)(PIXELS, TARGETS, lr=0.1, step=0)
    assert float(taught.loss) == pytest.approx(0.25 * float(alone.loss), rel=1e-5)


def test_step_is_traced_once_for_each_size_of_image_and_learns_with_its_teacher():
    sizes = []

    class Teacher(Distillation):
        def loss(self, images: tf.Tensor, logits: tf.Tensor, features: Sequence[tf.Tensor] = ()) -> tf.Tensor:
            sizes.append(images.shape[1])
            return Distillation.loss(self, images, logits, features)

    model, teacher = (small_network(side_px=16, num_classes=2) for _ in range(2))
    step = step_of(model, ema_decay=0.9, distillation=Teacher(teacher, hints=(Hint("features"),)))
    pixels = tf.constant(np.random.default_rng(0).integers(0, 256, (6, 16, 16, 3)), tf.uint8)
    losses = [float(step(images, TARGETS, lr=0.1, step=0).loss) for images in (pixels[:, :12, :12], *[pixels] * 5)]
    assert sizes == [12, 16]
    assert losses[-1] < losses[1]


def test_larger_images_are_validated_fewer_at_once():
    sizes = []

    class Recording:
        shape = (200, 224, 224, 3)

        def __len__(self) -> int:
            return 200

        def __getitem__(self, chosen: slice) -> np.ndarray:
            sizes.append(len(range(200)[chosen]))
            return np.zeros((sizes[-1], 2, 2, 3), np.uint8)

    def model(images: tf.Tensor, training: bool) -> tf.Tensor:
        return tf.zeros([tf.shape(images)[0], 2])

    loss, accuracy = Validation(model, Recording(), np.arange(200) % 2)()
    assert sizes == [45, 45, 45, 45, 20]
    assert (loss, accuracy) == (pytest.approx(np.log(2)), 0.5)


@pytest.mark.usefixtures("eager")
def test_gradients_of_all_weights_together_are_scaled_down_to_a_norm():
    plain, same, clipped = (change_of(linear_network(), clip_norm=norm) for norm in (0.0, 100.0, 0.125))
    norm = np.sqrt(sum(np.square(part).sum() for part in plain)) / 0.5  # by the learning rate
    assert norm > 0.125
    for unclipped, unchanged, smaller in zip(plain, same, clipped, strict=True):
        np.testing.assert_allclose(unchanged, unclipped, rtol=1e-5)
        np.testing.assert_allclose(smaller, unclipped * 0.125 / norm, rtol=1e-4)


def copying_network() -> keras.Model:
    """The linear network with two outputs more, which copy features."""
    image = keras.Input([4, 4, 3])
    outputs = keras.layers.Dense(4, dtype="float32")(keras.layers.GlobalAveragePooling2D()(image))
    model = keras.Model(image, outputs)
    kernel, bias = linear_network().get_weights()
    model.set_weights([np.hstack([kernel, [[1, 0], [0, 1], [0, 0]]]), np.hstack([bias, [0.5, 0]])])
    return model


@pytest.mark.usefixtures("eager")
def test_copied_features_add_their_squared_error_and_leave_the_classes_alone():
    classes = tf.one_hot(TARGETS, 2)
    plain = step_of(linear_network())(PIXELS, classes, lr=0.0, step=0)
    colours = tf.reduce_mean(normalize(PIXELS), axis=[1, 2]).numpy()
    targets = np.hstack([classes, colours[:, :2]])  # the first copy is 0.5 too much, the second is right
    copying = step_of(copying_network(), copied=CopiedFeatures(2, weight=3.0))(
        PIXELS, tf.constant(targets, tf.float32), lr=0.0, step=0
    )
    assert float(copying.loss) == pytest.approx(float(plain.loss) + 3.0 * 0.5**2 / 2, rel=1e-5)
    assert float(copying.accuracy) == float(plain.accuracy)


@pytest.mark.usefixtures("eager")
def test_validation_looks_at_the_classes_alone():
    expected = Validation(linear_network(), PIXELS.numpy(), TARGETS.numpy())()
    found = Validation(copying_network(), PIXELS.numpy(), TARGETS.numpy(), CopiedFeatures(2, 3.0))()
    assert found == pytest.approx(expected)
