"""A server for a long time under mixed traffic, swaps and kills: `make soak MINUTES=30`."""
