import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimize.magnitude.layers import LayerRule, layer_sparsities, two_of_four_sparsities

NUM_WEIGHTS = {"conv1_conv": 100, "conv2_1_conv": 1000, "conv2_2_conv": 3000, "predictions": 200}


def rules(*texts: str) -> list[LayerRule]:
    return [LayerRule.parse(text) for text in texts]


def num_zeros(sparsities: dict[str, float], num_weights: dict[str, int] = NUM_WEIGHTS) -> int:
    return round(sum(sparsity * num_weights[name] for name, sparsity in sparsities.items()))


def test_a_rule_is_a_pattern_and_a_sparsity():
    assert LayerRule.parse("conv4_.*=0.9") == LayerRule("conv4_.*", 0.9)
    assert LayerRule.parse("(?=conv)a=0").pattern == "(?=conv)a"


@pytest.mark.parametrize("text", ["conv4", "conv4=", "=0.5", "conv4=high", "conv4=-0.1"])
def test_what_is_no_rule_is_refused(text):
    with pytest.raises(ValueError, match=r"expected PATTERN=SPARSITY, such as 'conv4_\.\*=0\.9', got "):
        LayerRule.parse(text)


@pytest.mark.parametrize(
    ("text", "message"), [("a=1", r"sparsity of 'a' must be in \[0, 1\), got 1"), ("(=0.5", "not a regular expression")]
)
def test_sparsity_and_pattern_of_a_rule_are_checked(text, message):
    with pytest.raises(ValueError, match=message):
        LayerRule.parse(text)


def test_stem_is_dense_classifier_at_most_80_percent_and_the_others_make_up_for_it():
    found = layer_sparsities(NUM_WEIGHTS, 0.9, [])
    assert found["conv1_conv"] == 0
    assert found["predictions"] == 0.8
    assert found["conv2_1_conv"] == pytest.approx((0.9 * 4300 - 0.8 * 200) / 4000, abs=1e-3)
    assert found["conv2_1_conv"] == pytest.approx(found["conv2_2_conv"], abs=1e-3)
    assert num_zeros(found) == 3870


def test_the_last_rule_that_matches_counts():
    found = layer_sparsities(NUM_WEIGHTS, 0.5, rules("conv2_.*=0.6", "conv2_1_conv=0.25", "predictions=0.5"))
    assert (found["conv2_1_conv"], found["conv2_2_conv"]) == (0.25, 0.6)


def test_a_rule_that_matches_no_whole_name_is_refused():
    with pytest.raises(ValueError, match="'conv2' matches no layer; there are conv1_conv, conv2_1_conv, conv2_2_conv"):
        layer_sparsities(NUM_WEIGHTS, 0.5, rules("conv2=0.1"))


def test_rules_replace_what_stem_and_classifier_have_by_default():
    found = layer_sparsities(NUM_WEIGHTS, 0.5, rules("conv1_conv=0.2", "predictions=0"))
    assert (found["conv1_conv"], found["predictions"]) == (0.2, 0)
    assert num_zeros(found) == 2150


def test_one_sparsity_for_all_by_a_rule():
    assert layer_sparsities(NUM_WEIGHTS, 0.5, rules(".*=0.5")) == dict.fromkeys(NUM_WEIGHTS, 0.5)


@pytest.mark.parametrize(
    ("sparsity", "texts"), [(0.1, ["conv2_2_conv=0.9"]), (0.9, ["conv2_2_conv=0.1"]), (0.2, [".*=0.5"])]
)
def test_rules_that_leave_the_wanted_sparsity_out_of_reach_are_refused(sparsity, texts):
    with pytest.raises(ValueError, match=f"a sparsity of {sparsity} cannot be reached: .* of all 4300 weights"):
        layer_sparsities(NUM_WEIGHTS, sparsity, rules(*texts))


def test_no_layer_loses_all_its_weights():
    with pytest.raises(ValueError, match=r"would leave no weight in small, which has 3"):
        layer_sparsities({"small": 3, "large": 997}, 0.99, [])


@given(
    sizes=st.lists(st.integers(1000, 10**6), min_size=1, max_size=20),
    sparsity=st.floats(0, 0.95),
)
def test_zeros_of_all_layers_together_are_exactly_the_wanted_number(sizes, sparsity):
    num_weights = {f"conv{index}": size for index, size in enumerate(sizes)}
    found = layer_sparsities(num_weights, sparsity, [])
    assert sum(round(part * num_weights[name]) for name, part in found.items()) == round(sparsity * sum(sizes))
    assert max(found.values()) - min(found.values()) <= 0.002


def test_two_of_four_spares_the_stem_and_what_does_not_come_in_fours():
    num_inputs = {"conv1_conv": 4, "conv2_1_conv": 8, "conv2_2_conv": 6, "predictions": 16}
    assert two_of_four_sparsities(num_inputs, rules("predictions=0")) == {
        "conv1_conv": 0,
        "conv2_1_conv": 0.5,
        "conv2_2_conv": 0,
        "predictions": 0,
    }


def test_two_of_four_knows_no_other_sparsity():
    with pytest.raises(ValueError, match=r"in the 2:4 pattern the sparsity of a layer is 0 or 0\.5, got 0\.9"):
        two_of_four_sparsities({"conv": 8}, rules("conv=0.9"))
