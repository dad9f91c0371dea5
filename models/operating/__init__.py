"""Operating points: from which probability on answers of a version are accepted."""
