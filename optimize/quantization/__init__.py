"""Makes weights and activations integers, after training or during it."""
