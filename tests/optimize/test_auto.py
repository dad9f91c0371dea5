"""The search, with stages of known accuracy and time."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
from search_stages import Stages

from models.network.efficientnet_lite import EfficientNetLite
from models.store.repository import Repository
from optimize.attempts import BudgetsNotMet
from optimize.auto import search
from optimize.gate import Limits
from optimize.pace import Pace
from optimize.settings import ChannelPruning, QuantizationAwareTraining, Search

SETTINGS = Search(budget_latency=0.5, minutes=1000, epochs=7, aware_epochs=2)
PLAIN, NARROW, TRAINED = "int8", "0.5 of the time, int8", "0.5 of the time, int8, trained"


@pytest.fixture
def stages(tmp_path, replace_function, monkeypatch):
    stages = Stages(tmp_path)
    for name in ("quantize", "prune_channels", "train_quantized"):
        replace_function(f"optimize.auto.{name}", getattr(stages, name))
    replace_function("optimize.auto.latency_ratio", stages.latency_ratio)
    monkeypatch.setattr("optimize.auto.measure_gain", stages.measure_gain)
    replace_function("optimize.auto.measure_pace", lambda _: Pace(step_s=0.4, steps_per_epoch=350))
    monkeypatch.setattr("optimize.auto.Line", lambda *_: stages)
    return stages


@pytest.fixture
def lines():
    return []


@pytest.fixture
def searched(stages, tmp_path, lines):
    """Search; the file that is taken, by the name of its stage."""

    def searched(settings=SETTINGS, max_accuracy_drop=0.7, changes=()):
        source = stages.source("dense", "toy:1").with_settings(changes)
        candidate = search(
            source,
            tmp_path / "run",
            tmp_path / "out",
            settings,
            repository=Repository(tmp_path),
            limits=Limits(max_accuracy_drop),
            changes=changes,
            say=lines.append,
            clock=lambda: stages.now_s,
        )
        if candidate is None:
            return None
        assert candidate.source is source  # the gate compares with its line
        return candidate.measured.file.stem

    return searched


def tried(tmp_path):
    return json.loads((tmp_path / "out" / "trials.json").read_text())


def test_most_accurate_within_the_budgets_is_picked(searched, stages, tmp_path):
    assert searched() == "50 trained"
    assert stages.done == [
        ("quantize", "run"),
        ("prune", "channels-50", ChannelPruning(latency=0.5, epochs=7, rounds=1)),
        ("quantize", "channels-50"),
        ("train", "channels-50-aware", QuantizationAwareTraining(epochs=2)),
    ]
    assert tried(tmp_path)[TRAINED] == {
        **stages.measured("50 trained", "int8").validation.to_dict(),
        "drop_points": 0.6,
        "drop_points_interval": [0.45, 0.75],
        "is_within": True,
        "reason": "for a reason",
        "latency": 0.49,
        "num_bytes": 1000,
    }


def test_faster_one_that_is_less_accurate_is_passed_over(searched, stages):
    stages.latency["50"] = (0.3,)
    assert searched(max_accuracy_drop=1.0) == "50 trained"


def test_time_of_just_the_budget_is_within_it(searched, stages):
    stages.latency["50 trained"] = (0.5,)
    assert searched() == "50 trained"


def test_more_accurate_but_slower_one_is_passed_over(searched, stages):
    stages.latency["50 trained"] = (0.51,)
    assert searched(max_accuracy_drop=1.0) == "50"


def test_time_counts_as_far_as_its_rounds_can_tell(searched, stages):
    stages.latency["50 trained"] = (0.49, 0.5, 0.52, 0.53)
    assert searched() == "50 trained"


def test_faster_of_two_that_are_as_accurate_is_picked(searched, stages):
    stages.top1["50 trained"] = stages.top1["50"]
    stages.latency |= {"50": (0.45,), "50 trained": (0.44,)}
    assert searched(max_accuracy_drop=1.0) == "50 trained"


def test_nothing_is_trained_where_quantization_costs_nothing(searched, stages, tmp_path):
    stages.top1["50"] = stages.top1["50 float32"]
    assert searched() == "50"
    assert set(tried(tmp_path)) == {PLAIN, NARROW}


def test_without_a_budget_of_time_no_channels_go(searched, stages, tmp_path):
    stages.top1 |= {"plain": 0.918, "plain trained": 0.919}
    stages.latency["plain trained"] = (1.0,)
    assert searched(replace(SETTINGS, budget_latency=1.0)) == "plain trained"
    assert [step[:2] for step in stages.done] == [("quantize", "run"), ("train", "aware")]
    assert set(tried(tmp_path)) == {PLAIN, "int8, trained"}


def test_model_that_is_good_as_it_is_is_only_quantized(searched, stages, tmp_path):
    assert searched(replace(SETTINGS, budget_latency=1.0)) == "plain"
    assert set(tried(tmp_path)) == {PLAIN}
    assert tried(tmp_path)[PLAIN]["latency"] == 1.0  # of itself, which is not measured


def test_table_of_all_that_was_tried_is_said(searched, lines):
    searched()
    header, *rows = [line for line in lines[-1].splitlines() if not set(line) <= set("-| ")]
    assert header.split() == ["tried", "top-1", "of", "10,000", "points", "within", "time", "bytes"]
    cells = rows[-1].partition("trained")[2].split()
    assert cells == ["91.40", "%", "-0.60", "(-0.75", "to", "-0.45)", "yes", "0.49", "1.0", "kB"]


@pytest.fixture
def falls_short(stages):
    """Have half and 0.6 of the time lose too much, and 0.7 not; each takes an hour."""
    stages.top1 |= {f"{name}{kind}": 0.9 for name in ("50", "60") for kind in (" float32", "", " trained")}
    stages.top1 |= {"70 float32": 0.919, "70": 0.919}
    stages.latency |= {"60": (0.6,), "60 trained": (0.6,), "70": (0.69,)}


@pytest.mark.usefixtures("falls_short")
def test_where_too_much_is_lost_the_time_is_a_tenth_more_and_what_was_reached_is_said(searched, stages, lines):
    assert searched() == "70"
    assert [step[2].latency for step in stages.done if step[0] == "prune"] == [0.5, 0.6, 0.7]
    assert lines[-1].startswith(
        "budget_latency is 0.5 and max_accuracy_drop 0.7, and nothing that was tried keeps to both: "
        "'0.7 of the time, int8' is taken, which needs 0.69 of the time of the plain int8 file; "
    )


@pytest.mark.usefixtures("falls_short")
def test_at_the_end_the_plain_int8_file_is_taken(searched, stages, lines):
    assert searched(replace(SETTINGS, minutes=61)) == "plain"  # after the first attempt, none
    assert [step[2].latency for step in stages.done if step[0] == "prune"] == [0.5]
    assert [line for line in lines if "no time is left" in line] == [
        "0.6 of the time: no time is left to fine-tune for that, nor for more"
    ]


@pytest.mark.usefixtures("falls_short")
def test_strict_publishes_nothing_else_than_was_asked_for(searched, tmp_path):
    with pytest.raises(BudgetsNotMet, match=r"budget_latency is 0\.5 and max_accuracy_drop 0\.7") as refusal:
        searched(replace(SETTINGS, minutes=61, strict=True))
    assert "quantize --workdir" in str(refusal.value)
    assert "--force toy` publishes int8 all the same" in str(refusal.value)
    for name in (PLAIN, NARROW):
        assert f"{name} " in str(refusal.value)
        assert name in tried(tmp_path)


def test_budget_that_no_network_keeps_to_is_followed_by_the_next(searched, stages, lines):
    stages.out_of_reach = (0.5,)
    stages.top1 |= {"60 float32": 0.92, "60": 0.92}
    stages.latency["60"] = (0.6,)
    assert searched() == "60"
    assert "0.5 of the time: at most 40% of the multiply-accumulates can be removed" in lines


def test_where_int8_loses_too_much_float16_is_what_is_there_at_the_end(searched, stages):
    stages.top1 |= {"plain": 0.9, "plain trained": 0.9}
    stages.latency["plain trained"] = (1.0,)
    assert searched(replace(SETTINGS, budget_latency=1.0)) == "float16"


def test_minutes_are_told_first_and_what_the_recipe_would_take(searched, stages, lines):
    assert searched(Search(budget_latency=0.5, dry_run=True)) is None
    assert stages.done == []
    assert lines == [
        "a step takes 0.4 s here, an epoch with 0.5 of the time 2 minutes: 17 epochs of fine-tuning, 29 minutes; "
        "where that loses too much, again with more of the time, in half of the minutes that are left of 60 "
        "(--minutes)",
        "100 epochs, as the rows of docs/compression.md had, take --minutes 335",
    ]


def test_few_epochs_have_the_recipe_of_few_and_many_that_of_many(searched, stages):
    searched(Search(minutes=60))
    assert stages.done[1][2] == ChannelPruning(latency=0.5, epochs=17, rounds=1)
    assert stages.augmentation.cutout_fill == "grey"
    stages.now_s, stages.done = 0.0, []
    searched(Search(minutes=1000), changes=("augmentation.cutout_px=4",))
    assert stages.done[1][2] == ChannelPruning(
        latency=0.5, epochs=100, rounds=1, peak_lr=0.1, teacher_weight=1.0, hint_weight=1.0
    )
    assert (stages.augmentation.cutout_fill, stages.augmentation.cutout_px) == ("image", 4)


def test_search_that_was_stopped_goes_on_with_the_epochs_that_it_began(searched, stages, tmp_path):
    source = stages.source("dense", "toy:1")
    begun = tmp_path / "out" / "channels-50"
    replace(source, data=SimpleNamespace(name="", sha256="")).begin_run(
        begun, stages.run.config, compression={"method": "channels", "epochs": 5}, command="c"
    )
    searched(Search(minutes=60))
    assert stages.done[1][2].epochs == 5


NOT_FASTER = (
    "int8 takes 0.98 of the time of float32 on this machine, with litert or openvino: the file is smaller, and no "
    "answer comes sooner; "
)


def test_where_int8_is_not_faster_float32_of_fewer_channels_is_offered(searched, stages, tmp_path, lines):
    stages.gain = 0.98
    stages.latency["50 float32"] = (0.5,)
    assert searched() == "50 float32"  # more accurate than what is quantized, and as fast
    assert f"{NOT_FASTER}networks of fewer channels are offered in float32, too" in lines
    assert [*tried(tmp_path)] == [PLAIN, "0.5 of the time, float32", NARROW, TRAINED]


def test_where_int8_is_faster_nothing_is_said_of_float32(searched, tmp_path, lines):
    searched()
    assert [*tried(tmp_path)] == [PLAIN, NARROW, TRAINED]
    assert not [line for line in lines if "sooner" in line]


def test_where_int8_is_not_faster_and_no_channels_may_go_it_is_said_what_would_help(searched, stages, lines):
    stages.gain = 0.98
    assert searched(replace(SETTINGS, budget_latency=1.0)) == "plain"
    assert f"{NOT_FASTER}a network of fewer channels would be faster (--budget-latency 0.5)" in lines


@pytest.mark.parametrize("budget_latency", [0.5, 1.0])
def test_network_that_can_only_be_quantized_is_and_it_is_said_what_can_be_done(searched, stages, lines, budget_latency):
    stages.architecture = EfficientNetLite.of("lite0", num_classes=2)
    stages.top1["plain"] = 0.917  # so that a ResNet-v2 would be trained as int8
    assert searched(replace(SETTINGS, budget_latency=budget_latency)) == "plain"
    assert [step[:2] for step in stages.done] == [("quantize", "run")]
    assert lines[0].startswith("int8 alone, a minute or two: what removes channels or trains needs a ResNet-v2")
    assert "train a ResNet-v2 that learns from it (python -m training teach)" in lines[0]
