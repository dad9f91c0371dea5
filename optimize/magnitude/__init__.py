"""Makes weights zero: the compressed file shrinks."""
