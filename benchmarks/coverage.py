"""`python -m benchmarks.coverage MODEL PHOTOS`: whether sets of labels hold the right one as often as they promise.

Asks a server over HTTP, one that it starts with the shipped models or any that runs (`--url`), for labelled photos:
CLASS/PHOTO in a folder or zip file, none of which the model was calibrated with. What is counted is what a client gets.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from benchmarks.service import Service, free_port
from models.intervals import wilson
from models.predict.pictures import open_pictures
from server.settings import SHIPPED_MODELS

COVERAGES = (0.8, 0.9, 0.95, 0.99)
MAX_PHOTO_BYTES = 64 * 1024**2
TIMEOUT_S = 60
BUSY = (429, 503, 504)
MAX_TRIES = 60


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coverage", description=__doc__)
    parser.add_argument("model")
    parser.add_argument("photos", help="a folder or zip file with CLASS/PHOTO")
    parser.add_argument("--within", default="", help="take only files with this in their path, such as /val/")
    parser.add_argument("--names", type=Path, help="JSON with the label of each folder's name")
    parser.add_argument("--url", help="of a server, http://HOST:PORT; else one is started")
    options = parser.parse_args(arguments)
    names = json.loads(options.names.read_text()) if options.names else {}
    photos = list(labelled(options.photos, options.within, names))
    with served(options.model, options.url) as url:
        for coverage in COVERAGES:
            sets = [label_set(url, options.model, coverage, photo) for _, photo in photos]
            print(row(coverage, [label for label, _ in photos], sets), flush=True)
    return 0


def labelled(source: str, within: str, names: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    """Read each photo with the label that its folder says."""
    pictures = open_pictures(source)
    for number, name in enumerate(pictures.names):
        folder = PurePosixPath(name).parent.name
        if within in name and folder:
            yield names.get(folder, folder), pictures.read(number, MAX_PHOTO_BYTES)


@contextlib.contextmanager
def served(model: str, url: str | None) -> Iterator[str]:
    """Give the address of a server of the model."""
    if url is not None:
        yield url.rstrip("/")
        return
    settings = {"OPSIN_PORT": str(free_port()), "OPSIN_REPOSITORY": str(SHIPPED_MODELS), "OPSIN_MODEL": model}
    settings["OPSIN_RUNTIME"] = "litert"
    with Service(["-m", "server"], settings, port=int(settings["OPSIN_PORT"]), ready_path="/readyz") as service:
        yield f"http://127.0.0.1:{service.port}"


def label_set(url: str, model: str, coverage: float, photo: bytes) -> list[str]:
    """Ask for the labels that hold the right one so often."""
    query = urllib.parse.urlencode({"model": model, "coverage": coverage, "top_k": 1})
    request = urllib.request.Request(f"{url}/predict?{query}", photo, {"Content-Type": "image/jpeg"})  # noqa: S310
    for left in reversed(range(MAX_TRIES)):
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - the user's own
                [prediction] = json.load(answer)["predictions"]
            break
        except urllib.error.HTTPError as error:
            if error.code not in BUSY or not left:
                raise SystemExit(f"{url} answered {error.code}: {error.read().decode(errors='replace')}") from None
            time.sleep(float(error.headers.get("Retry-After") or 1))
    return [each["label"] for each in prediction["label_set"]]


def row(coverage: float, labels: Sequence[str], sets: Sequence[Sequence[str]]) -> str:
    """Say how many sets hold the right label, and how many labels they have."""
    num_held = sum(label in chosen for label, chosen in zip(labels, sets, strict=True))
    interval = wilson(num_held, len(sets))
    size = sum(map(len, sets)) / len(sets)
    held = f"{100 * num_held / len(sets):.1f} % ({interval.in_percent()}) of {len(sets)} sets hold the right label"
    return f"coverage {coverage:g}: {held}; {size:.2f} labels on average, {max(map(len, sets))} at most"


if __name__ == "__main__":
    sys.exit(main())
