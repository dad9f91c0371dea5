"""Train a model: data, augmentation, schedule, training loop, evaluation, publication."""
