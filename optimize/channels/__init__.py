"""Removes whole channels: an ordinary smaller network comes out, faster wherever it runs."""
