"""Opsin beside other servers around the same model file."""
