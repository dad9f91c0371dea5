from types import SimpleNamespace

import pytest
from small_networks import small_network

from training.config import preset, replaced
from training.transfer.time_budget import (
    EXPORT_S,
    HEAD_S,
    Plan,
    Speed,
    epochs_in_time,
    fewer_for_head,
    make_plan,
    measure_speed,
)

CONFIG = replaced(preset("photos"), {"small_fraction": 0.0})
SPEED = Speed(forward_s=0.02, learning_s=0.1)


def data(num_train: int, num_validation: int = 100, num_test: int = 100) -> SimpleNamespace:
    sizes = {"train": num_train, "validation": num_validation, "test": num_test}
    return SimpleNamespace(**{name: range(size) for name, size in sizes.items()})


def plan(minutes: float, num_train: int = 1000, **options: float) -> Plan:
    return make_plan(replaced(CONFIG, {"minutes": minutes}), data(num_train), SPEED, **options)


def test_head_comes_first_and_takes_its_features_and_a_file():
    # (1,000 + 100) photos at 0.02 s; a file that is measured on 200 photos.
    assert plan(15).head_s == pytest.approx(22 + HEAD_S + EXPORT_S + 4)


@pytest.mark.parametrize("minutes", [3, 5, 15, 60])
def test_it_ends_in_time_whatever_is_asked_for(minutes):
    assert plan(minutes).total_s <= 60 * minutes
    assert plan(minutes, elapsed_s=30).total_s <= 60 * minutes


def test_more_time_is_more_epochs_up_to_those_of_the_settings():
    # An epoch takes 102 s. Of 900 s the head takes 56 and the last file 29: 0.85 of what is left is 693 s.
    assert plan(15).epochs == 6
    assert plan(15, elapsed_s=120).epochs == 5
    assert plan(1000).epochs == CONFIG.epochs


def test_time_for_less_than_two_epochs_is_not_begun():
    short = plan(4)
    assert short.epochs == 0
    # An epoch takes 102 s: 56 s and 29 s and two of them, and what is spare.
    assert "all layers would need --minutes 6" in "\n".join(short.lines(1000, 4))


def test_that_even_a_classifier_takes_longer_than_was_given_is_said():
    short = plan(0.1, num_train=50)
    assert next(short.lines(50, 0.1)).endswith("about 0:37, as --minutes 0.1 is too little for any")
    assert next(plan(15).lines(1000, 15)).endswith("about 0:56")


def test_small_images_take_less_time():
    config = replaced(CONFIG, {"small_fraction": 0.7, "minutes": 15.0})
    assert make_plan(config, data(1000), SPEED).epochs == 9


def test_too_many_photos_for_the_time_are_drawn_from():
    many = plan(15, num_train=100_000)
    assert many.num_for_head == 0.4 * 900 / 0.02 - 100
    assert f"of {many.num_for_head} of the 100000 photos" in "\n".join(many.lines(100_000, 15))


def test_plan_is_the_same_after_it_was_written_down():
    assert Plan.from_dict(plan(15).to_dict()) == plan(15)


@pytest.mark.usefixtures("eager")
@pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eagerly`")
def test_speed_is_that_of_a_photo_and_measuring_it_changes_no_weight():
    model = small_network(side_px=8, num_classes=3)
    before = [weight.copy() for weight in model.get_weights()]
    ticks = iter([0.0, 8.0, 10.0, 50.0])
    config = replaced(preset("smoke"), {"image_px": 8, "batch_size": 4})
    assert measure_speed(model, config, clock=lambda: next(ticks)) == Speed(forward_s=1.0, learning_s=5.0)
    assert all((old == new).all() for old, new in zip(before, model.get_weights(), strict=True))


def test_head_learns_from_fewer_photos_where_they_take_longer_than_planned():
    planned = plan(15)
    assert planned.num_for_head == 1000
    for photo_s in (0.0, 0.02, 0.023):  # as planned, or not known
        assert fewer_for_head(planned, photo_s=photo_s, left_s=10, at_least=32) == 1000
    assert fewer_for_head(planned, photo_s=0.2, left_s=5000, at_least=32) == 1000  # there is time for all
    assert fewer_for_head(planned, photo_s=0.2, left_s=250, at_least=32) == 500  # 0.4 of it
    assert fewer_for_head(planned, photo_s=0.2, left_s=-1, at_least=32) == 32


def epochs(elapsed_s: float, end_s: float) -> int:
    return epochs_in_time(plan(15), CONFIG, data(1000), elapsed_s=elapsed_s, end_s=end_s)


def test_all_layers_learn_for_as_many_epochs_as_fit_at_the_pace_of_the_machine():
    # 6 are planned, of 102 s each, after a head of 56 s.
    assert epochs(elapsed_s=56, end_s=612) == 6
    assert epochs(elapsed_s=56, end_s=5000) == 6
    assert epochs(elapsed_s=56, end_s=409) == 4
    assert epochs(elapsed_s=112, end_s=612) == 3  # twice as slow
    assert epochs(elapsed_s=56, end_s=203) == 0  # one alone changes too little
    assert epochs(elapsed_s=900, end_s=-1) == 0
