"""How a model is made smaller or faster: quantization and pruning, each with its price in accuracy measured."""
