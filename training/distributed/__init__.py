"""Training on several devices and machines at once: what is the same whatever their number."""
