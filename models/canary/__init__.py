"""A new version that gets a share of the requests before it gets all: `python -m models canary`."""
