import numpy as np
import pytest

from training.teaching.comparison import Contender, better_to_serve


def contenders(num_lost: int, num_won: int, *, time_ms: float, num_images: int = 1000) -> tuple[Contender, Contender]:
    """Teacher and student, of whom the student alone is wrong and right so often."""
    teacher = np.ones(num_images, bool)
    student = teacher.copy()
    student[:num_lost] = False
    teacher[num_images - num_won :] = num_won == 0
    return Contender("pets", teacher, 10.0, 13_000_000), Contender("pets-resnet", student, time_ms, 4_000_000)


@pytest.mark.parametrize(
    ("num_lost", "num_won", "time_ms", "served", "reason"),
    [
        (0, 0, 5.0, "pets-resnet", "which is faster and loses at most 1 point"),
        (30, 0, 5.0, "pets", "for the student, which is faster, may lose more than 1 point"),
        (0, 0, 12.0, "pets", "for the student is neither faster nor surely more accurate"),
        (0, 30, 12.0, "pets-resnet", "which is right more often"),
    ],
)
def test_the_one_that_is_served_and_why(num_lost, num_won, time_ms, served, reason):
    chosen, why = better_to_serve(*contenders(num_lost, num_won, time_ms=time_ms))
    assert chosen.name == served
    assert why.startswith(reason)


def test_with_few_validation_images_a_loss_cannot_be_excluded():
    chosen, why = better_to_serve(*contenders(0, 0, time_ms=5.0, num_images=50))
    assert chosen.name == "pets"
    assert "+0.0 points (" in why


def test_both_are_told_with_interval_time_and_bytes():
    teacher, student = contenders(100, 0, time_ms=5.0)
    assert str(student) == "pets-resnet: 90.00 % of 1,000 validation images (87.98 to 91.71), 5.0 ms an image, 4.0 MB"
    assert str(teacher).endswith("10.0 ms an image, 13.0 MB")
