"""Fuzzes preprocessing by what its code does with the bytes: `python -m fuzz.preprocessing SECONDS`.

atheris changes bytes and keeps those that reach code which none reached before; the parsers of headers are ours, and in
Python. What breaks the law is written to `tests/fuzz/cases`, where the suite finds it.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["models.pixels"]):
    from pixel_law import SEEDS, assert_pixels_or_named_error

from bad_images import ANSWERED, REFUSED

from fuzz.cases import CASES, FOLDER

MAX_BYTES = 65_536
SLOW_S = 10  # for one input of that size, on a busy machine
MAX_MEMORY_MB = 2048


def main(seconds: int) -> None:
    """Fuzz for so long; ends the process, with an exit status other than 0 where the law was broken."""
    inputs = [*SEEDS, *(path.read_bytes() for path in CASES), *(case.make() for case in [*REFUSED, *ANSWERED])]
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as corpus:
        for number, content in enumerate(inputs):
            if len(content) <= MAX_BYTES:
                (Path(corpus) / str(number)).write_bytes(content)
        options = {
            "max_total_time": seconds,
            "max_len": MAX_BYTES,
            "timeout": SLOW_S,
            "rss_limit_mb": MAX_MEMORY_MB,
            "artifact_prefix": f"{FOLDER}/",
            "verbosity": 0,
            "print_final_stats": 1,
        }
        arguments = [sys.argv[0], *(f"-{name}={value}" for name, value in options.items()), corpus]
        atheris.Setup(arguments, assert_pixels_or_named_error)
        atheris.Fuzz()


if __name__ == "__main__":
    main(int(sys.argv[1]))
