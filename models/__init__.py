"""Defines models: architecture, pixels, the artifact on disk, the repository of versions, the runtime."""
