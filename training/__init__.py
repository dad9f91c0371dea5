"""How a model is made: data, augmentation, schedule, training loop, evaluation."""
