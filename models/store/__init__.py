"""Models on disk: artifacts, and the repository of their versions."""
