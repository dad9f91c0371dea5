"""Makes a model smaller or faster by quantization and pruning, and measures what each costs in accuracy."""
