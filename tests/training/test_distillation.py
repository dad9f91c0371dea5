import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from training.distillation import Distillation

IMAGES = tf.zeros([2, 1])


def teacher_saying(*logits: float) -> keras.Model:
    """Gives the same logits for every image."""
    image = keras.Input([1])
    model = keras.Model(image, keras.layers.Dense(len(logits))(image))
    model.layers[-1].set_weights([np.zeros((1, len(logits))), np.array(logits)])
    return model


def test_equal_logits_cost_nothing():
    loss = Distillation(teacher_saying(1.0, -2.0, 0.5)).loss(IMAGES, tf.constant([[1.0, -2.0, 0.5]] * 2))
    assert float(loss) == pytest.approx(0, abs=1e-6)


def test_loss_is_the_divergence_times_temperature_squared():
    # softmax of (2 ln 3, 0) / 2 is (3/4, 1/4); of equal logits (1/2, 1/2).
    distillation = Distillation(teacher_saying(2 * np.log(3), 0.0), temperature=2.0)
    divergence = 0.75 * np.log(0.75 / 0.5) + 0.25 * np.log(0.25 / 0.5)
    assert float(distillation.loss(IMAGES, tf.zeros([2, 2]))) == pytest.approx(4 * divergence, rel=1e-5)


def test_loss_is_the_mean_over_the_images():
    distillation = Distillation(teacher_saying(1.0, 0.0))
    both = distillation.loss(IMAGES, tf.constant([[1.0, 0.0], [0.0, 3.0]]))
    second = distillation.loss(IMAGES[1:], tf.constant([[0.0, 3.0]]))
    assert float(both) == pytest.approx(float(second) / 2, rel=1e-5)


def test_student_learns_and_the_teacher_does_not():
    distillation, logits = Distillation(teacher_saying(1.0, 0.0)), tf.Variable([[0.0, 1.0]] * 2)
    with tf.GradientTape() as tape:
        loss = distillation.loss(IMAGES, logits)
    student, *teacher = tape.gradient(loss, [logits, *distillation.teacher.trainable_variables])
    assert teacher == [None, None]
    assert np.all(student.numpy()[:, 0] < 0)  # more of the first class
    np.testing.assert_allclose(student.numpy().sum(axis=1), 0, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weight": -0.1}, r"weight of the teacher must be in \[0, 1\], got -0\.1"),
        ({"weight": 1.1}, r"weight of the teacher must be in \[0, 1\], got 1\.1"),
        ({"temperature": 0}, "temperature must be > 0, got 0"),
    ],
)
def test_settings_that_cannot_be_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Distillation(teacher_saying(0.0), **options)
