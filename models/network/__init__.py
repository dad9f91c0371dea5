"""Builds networks and exports them to files; all of it needs TensorFlow."""
