"""``python -m server.make_key NAME >> keys.txt``: make an API key.

The line to store goes to standard output; the key is shown once, and stored nowhere.
"""

from __future__ import annotations

import argparse
import re
import secrets
import sys
from collections.abc import Sequence

from server.api.keys import NAME, digest_of

PREFIX = "opsin_"  # by which a key that has leaked can be searched for
KEY_BYTES = 32


def main(arguments: Sequence[str]) -> int:
    """Print a new key on standard error, and the line for OPSIN_API_KEYS_FILE on standard output."""
    parser = argparse.ArgumentParser(
        prog="python -m server.make_key",
        description="Make an API key: its line for the file OPSIN_API_KEYS_FILE on standard output, and the key "
        "itself, which is stored nowhere, on standard error.",
    )
    parser.add_argument("name", metavar="NAME", help="whose it is: of a-z 0-9 . _ -, such as phone-app")
    name = parser.parse_args(arguments).name
    if not re.fullmatch(NAME, name):
        parser.error(
            f"NAME must be 1 to 64 characters of a-z 0-9 . _ -, beginning with a letter or digit, got {name!r}"
        )
    key = PREFIX + secrets.token_urlsafe(KEY_BYTES)
    print(f"The key of {name}, which is shown this once: {key}", file=sys.stderr)
    print(f"{name} sha256:{digest_of(key).hex()}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
