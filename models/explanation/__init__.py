"""Says why a model answers as it does: class activation maps, from the file that answers."""
