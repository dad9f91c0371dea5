"""What `--set` says is a field and a value of its type."""

import pytest

from training.assignments import parse_assignment, parse_assignments
from training.config import TrainingConfig, replaced


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ("epochs=3", ("epochs", 3)),
        ("peak_lr=0.2", ("peak_lr", 0.2)),
        ("width=24", ("width", 24)),
        ("xla=true", ("xla", True)),
        ("norm=group", ("norm", "group")),
        ("augmentation.cutout_px=8", ("augmentation.cutout_px", 8)),
    ],
)
def test_assignments_are_parsed_by_type(assignment, expected):
    assert parse_assignment(assignment) == expected
    assert replaced(TrainingConfig(), dict([expected])) != TrainingConfig()


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("epoch=3", "FIELD one of variant, width, .*, got 'epoch=3'"),
        ("epochs", "expected FIELD=VALUE"),
        ("epochs=many", "epochs must be of type int, got 'many'"),
        ("xla=yes", "xla must be true or false, got 'yes'"),
        ("norm=layer", "norm must be one of batch, group, got 'layer'"),
    ],
)
def test_bad_assignments_say_what_is_allowed(assignment, message):
    with pytest.raises(ValueError, match=message):
        parse_assignment(assignment)


def test_last_of_several_counts():
    assert parse_assignments(["epochs=3", "width=8", "epochs=4"]) == {"epochs": 4, "width": 8}
