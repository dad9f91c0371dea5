"""The server: photos in over HTTP, class probabilities out."""

__version__ = "0.1.0"
