import pytest
import tf_keras as keras

from training.architecture import building_in


def compute_dtype() -> str:
    return keras.layers.Dense(1).compute_dtype


def test_networks_are_built_in_the_precision_within_and_in_that_of_before_afterwards():
    with building_in("mixed_bfloat16"):
        assert compute_dtype() == "bfloat16"
        with building_in("float32"):
            assert compute_dtype() == "float32"
        assert compute_dtype() == "bfloat16"
    assert compute_dtype() == "float32"


def test_an_error_within_leaves_nothing_behind():
    with pytest.raises(RuntimeError, match="stopped"), building_in("mixed_float16"):
        raise RuntimeError("stopped")
    assert compute_dtype() == "float32"
