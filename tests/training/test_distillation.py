import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from training.distillation import Distillation, Hint

IMAGES = tf.zeros([2, 1])


def teacher_saying(*logits: float) -> keras.Model:
    """Gives the same logits for every image."""
    image = keras.Input([1])
    model = keras.Model(image, keras.layers.Dense(len(logits))(image))
    model.layers[-1].set_weights([np.zeros((1, len(logits))), np.array(logits)])
    return model


def test_equal_logits_cost_nothing():
    loss = Distillation(teacher_saying(1.0, -2.0, 0.5), 1.0).loss(IMAGES, tf.constant([[1.0, -2.0, 0.5]] * 2))
    assert float(loss) == pytest.approx(0, abs=1e-6)


def test_loss_is_the_divergence_times_temperature_squared_and_weight():
    # softmax of (2 ln 3, 0) / 2 is (3/4, 1/4); of equal logits (1/2, 1/2).
    distillation = Distillation(teacher_saying(2 * np.log(3), 0.0), weight=0.25, temperature=2.0)
    divergence = 0.75 * np.log(0.75 / 0.5) + 0.25 * np.log(0.25 / 0.5)
    assert float(distillation.loss(IMAGES, tf.zeros([2, 2]))) == pytest.approx(0.25 * 4 * divergence, rel=1e-5)


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


def seeing_teacher() -> keras.Model:
    """Its layer "seen" gives the three channels of an image times 1, 2 and 3."""
    image = keras.Input([2, 2, 3])
    seen = keras.layers.Conv2D(3, 1, use_bias=False, name="seen")(image)
    model = keras.Model(image, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(seen)))
    model.get_layer("seen").set_weights([np.diag([1.0, 2.0, 3.0]).reshape(1, 1, 3, 3)])
    return model


PICTURES = tf.constant(np.random.default_rng(0).normal(size=(4, 2, 2, 3)), tf.float32)


def hinted(*, hints: tuple[Hint, ...], features: list[tf.Tensor], **options: float) -> float:
    """The loss of a student that gives these features."""
    distillation = Distillation(seeing_teacher(), weight=0.0, hints=hints, **options)
    return float(distillation.loss(PICTURES, tf.zeros([4, 2]), features))


def test_layer_that_gives_what_the_teachers_gives_costs_nothing():
    assert hinted(hints=(Hint("seen"),), features=[PICTURES * [1.0, 2.0, 3.0]]) == pytest.approx(0, abs=1e-9)


def test_student_has_some_of_the_teachers_channels():
    features = [tf.gather(PICTURES * [1.0, 2.0, 3.0], [0, 2], axis=-1)]
    assert hinted(hints=(Hint("seen", (0, 2)),), features=features) == pytest.approx(0, abs=1e-9)
    assert hinted(hints=(Hint("seen", (1, 2)),), features=features) > 0.1


def test_layer_that_knows_the_mean_alone_costs_the_weight_of_its_hint():
    mean = tf.reduce_mean(PICTURES * [1.0, 2.0, 3.0], axis=[0, 1, 2], keepdims=True)
    features = [tf.broadcast_to(mean, PICTURES.shape)]
    assert hinted(hints=(Hint("seen"),), features=features, hint_weight=0.7) == pytest.approx(0.7, rel=1e-5)


def test_layer_that_says_nothing_new_costs_no_division_by_zero():
    assert hinted(hints=(Hint("seen"),), features=[0 * PICTURES]) > 0
    blank = Distillation(seeing_teacher(), weight=0.0, hints=(Hint("seen"),))
    assert float(blank.loss(0 * PICTURES, tf.zeros([4, 2]), [0 * PICTURES])) == 0


def test_hints_of_no_weight_are_not_computed():
    assert Distillation(seeing_teacher(), hints=(Hint("seen"),)).layers == ("seen",)
    assert Distillation(seeing_teacher(), hints=(Hint("seen"),), hint_weight=0.0).layers == ()


def test_teacher_of_no_weight_has_no_loss_unless_it_gives_hints():
    assert not Distillation(teacher_saying(0.0), weight=0.0).has_loss
    assert not Distillation(seeing_teacher(), weight=0.0, hints=(Hint("seen"),), hint_weight=0.0).has_loss
    assert Distillation(seeing_teacher(), weight=0.0, hints=(Hint("seen"),)).has_loss
    assert Distillation(teacher_saying(0.0)).has_loss


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
