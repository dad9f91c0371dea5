"""Makes the smallest weights zero: the compressed file shrinks."""
