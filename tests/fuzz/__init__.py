"""Fuzzers that need an environment of their own: `make fuzz`."""
