"""Learning from a network that was trained before: a head on its features first, then all of its layers."""
