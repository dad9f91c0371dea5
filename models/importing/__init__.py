"""Makes a version of somebody else's model: read apart, changed to take pixels and give probabilities, measured."""
