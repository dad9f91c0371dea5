"""Model files as others use them: described inside, with golden answers beside, and compared with those."""
