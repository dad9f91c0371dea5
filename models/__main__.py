"""`python -m models`: look at a repository of models and publish to it."""

import sys

from models.cli import main

if __name__ == "__main__":
    sys.exit(main())
