"""A ResNet-v2 that learns from a finished network: on the same photos, and on others that nobody has labelled."""
