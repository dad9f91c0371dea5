"""Declares the arguments of `python -m models canary`, and checks what goes with what."""

from __future__ import annotations

import argparse
import math
from urllib.parse import urlsplit

from models.store.fields import VERSION

DEFAULT_SERVER = "http://127.0.0.1:5000"
MIN_ANSWERS = 50  # fewer tell nothing apart

EPILOG = """\
examples:
  python -m models canary pets --version 3 --percent 10             every tenth request is answered by version 3
  python -m models canary pets --version 3 --percent 25             more of them; who was in stays in
  python -m models canary pets --version 3 --percent 5 --shadow     asked too and compared, its answers are not sent
  python -m models canary pets --version 3 --percent 10 --watch --server http://a:5000 --server http://b:5000
                                                                    promote it after 1,000 answers, or roll it back
  python -m models canary pets --stop --why "slow"                  all requests go to the stable version again
  python -m models canary pets                                      what runs

Servers that follow the repository do so within 2 s. promote pets:3 ends the canary as well as rollback pets, which
leaves the stable version as it is. --watch ends with its verdict; stopped before that, it leaves the canary as it is.

exit status: 0 done, or promoted; 1 rolled back, changed by others, or not to be read or written; 2 wrong arguments
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare those that stand beside the name."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("--version", type=version, metavar="V", help="of the model, another than the stable one")
    parser.add_argument(
        "--percent", type=percent, metavar="P", help="of the requests that name no version, 0 to 100; 0 stops it"
    )
    parser.add_argument("--shadow", action="store_true", help="compare its answers instead of sending them")
    parser.add_argument(
        "--watch",
        action="store_true",
        help="wait, then promote it, or roll it back where it is worse",
    )
    parser.add_argument(
        "--server",
        action="append",
        type=server_url,
        metavar="URL",
        help=f"whose metrics --watch reads; repeat it for each server (default: {DEFAULT_SERVER})",
    )
    parser.add_argument(
        "--answers", type=answers, default=1000, metavar="N", help="of the canary, after which it is decided (1000)"
    )
    parser.add_argument(
        "--max-slowdown",
        type=slowdown,
        default=1.5,
        metavar="R",
        help="how many times as long a request may take on average (1.5)",
    )
    parser.add_argument("--stop", action="store_true", help="give all requests to the stable version again")


def check_arguments(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """End with a line that says what is missing or too much."""
    if args.percent == 0:
        args.stop = True
    if args.watch and (args.shadow or args.percent == 100):
        parser.error("--watch compares what both versions answer: no --shadow, and a --percent below 100")
    if args.stop:
        if args.percent or args.shadow or args.watch:
            parser.error("--stop ends a canary: give no --percent, no --shadow and no --watch")
    elif (args.version is None) != (args.percent is None):
        parser.error("a canary takes both --version V and --percent P; --stop ends one")
    elif args.shadow and args.version is None:
        parser.error("--shadow takes --version V and --percent P")


def version(text: str) -> int:
    """Read the number of a version."""
    if not VERSION.fullmatch(text):
        raise argparse.ArgumentTypeError(f"a version must be a whole number >= 1, got {text!r}")
    return int(text)


def answers(text: str) -> int:
    """Read how many answers are enough."""
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) < MIN_ANSWERS:
        raise argparse.ArgumentTypeError(f"it takes a whole number of answers, at least {MIN_ANSWERS}, got {text!r}")
    return int(text)


def slowdown(text: str) -> float:
    """Read how many times as long is allowed."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 1 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"how many times as long must be a number from 1 on, got {text!r}")
    return number


def server_url(text: str) -> str:
    """Check the address of a server."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise argparse.ArgumentTypeError(f"a server is an address such as {DEFAULT_SERVER}, got {text!r}")
    return text


def percent(text: str) -> float:
    """Read a percentage."""
    try:
        number = float(text.removesuffix("%"))
    except ValueError:
        number = math.nan
    if not 0 <= number <= 100:
        raise argparse.ArgumentTypeError(f"a percentage must be a number from 0 to 100, got {text!r}")
    return number
