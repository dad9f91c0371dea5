"""Turns the bytes of an image into the pixels that a model takes."""
