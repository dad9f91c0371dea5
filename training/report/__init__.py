"""What a run found, as one HTML page with pictures."""
