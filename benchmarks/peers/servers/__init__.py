"""What a good engineer writes with each of the other servers; each runs in an environment of its own."""
