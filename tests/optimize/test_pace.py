import pytest

from optimize.pace import BESIDE_THE_STEPS, Pace, measure_pace


def test_step_of_a_smaller_network_is_the_teachers_forward_pass_and_a_part_of_its_own():
    pace = Pace(step_s=0.4, steps_per_epoch=100)
    assert pace.epoch_s(1) == pytest.approx(40 * BESIDE_THE_STEPS)
    assert pace.epoch_s(0.5) == pytest.approx(25 * BESIDE_THE_STEPS)  # 1 + 3/2 of 4 parts


def test_only_whole_epochs_fit():
    pace = Pace(step_s=0.4, steps_per_epoch=100)
    assert [pace.epochs_within(epochs * pace.epoch_s(0.5), 0.5) for epochs in (0, 0.99, 1.01, 7.5)] == [0, 0, 1, 7]


@pytest.mark.usefixtures("eager")
def test_steps_are_timed_and_the_network_stays_as_it_was(open_toy):
    pace = measure_pace(open_toy())
    assert pace.steps_per_epoch == 3
    assert 0 < pace.step_s < 60
