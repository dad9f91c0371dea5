"""The card of a version: what a person needs who has to decide whether to use it, from its manifest."""
