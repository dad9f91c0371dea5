"""What a model's answers to labelled photos are worth: figures with their intervals, and calibration."""
