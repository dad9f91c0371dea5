"""Chooses the runtime that runs a model fastest on this machine and answers as it should, by trying them."""
