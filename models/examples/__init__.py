"""Training pictures beside a model: found by its features, as those that are most like a picture."""
