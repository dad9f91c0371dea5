import pytest

from optimize.quantization.aware_options import QuantizationAwareTraining


@pytest.mark.parametrize("name", ["epochs", "num_calibration_images"])
def test_settings_that_cannot_be_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} must be >= 1, got 0"):
        QuantizationAwareTraining(**{name: 0})
