"""The server: photos in over HTTP, class probabilities out."""
