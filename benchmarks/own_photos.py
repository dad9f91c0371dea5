"""`python -m benchmarks.own_photos flowers.zip`: what a person gets from a folder of photos in so many minutes.

For each number of photos, minutes and seed: `python -m training`, then `python -m optimize quantize`, each as a command
of its own that is timed, and the test photos as they are sent over HTTP to a server of the int8 model. A seed draws the
photos, too, where they are not all. With `--taught` the same of a ResNet-v2 that the network of such a training teaches
(`python -m training teach`). Adds its rows to benchmarks/results/own_photos.{json,md}.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.folders import RESULTS, ROOT
from benchmarks.service import Service, free_port
from models.measuring.intervals import in_words

NAME, STUDENT = "photos", "resnet"
KEY = ("photos", "minutes", "seed", "taught")  # what tells a row from the others


@dataclass(frozen=True, slots=True)
class Row:
    """What one training has come to.

    Attributes:
        photos: to learn and to choose from; None for all.
        minutes: that it was given.
        seed: of the draw, the split and the training.
        taught: whether it is of the ResNet-v2 that the network of such a training has taught.
        training_s: seconds of the command.
        quantizing_s: seconds of the command.
        num_right: of the test photos, over HTTP, int8.
        num_test: test photos.
        published: the model that was asked.
    """

    photos: int | None
    minutes: float
    seed: int
    taught: bool
    training_s: float
    quantizing_s: float
    num_right: int
    num_test: int
    published: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and write after each row."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.own_photos", description=__doc__)
    parser.add_argument("data", type=Path, help="a zip file with train/CLASS/PHOTO and test/CLASS/PHOTO")
    parser.add_argument("--photos", type=int, nargs="+", default=[None], help="to learn and choose from; default: all")
    parser.add_argument("--minutes", type=float, nargs="+", default=[3, 15])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument(
        "--taught", action="store_true", help="measure a ResNet-v2 that the network has taught, instead"
    )
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", help="of the teaching")
    parser.add_argument("--workdir", type=Path, default=ROOT / "runs" / "own_photos")
    options = parser.parse_args(arguments)
    whole = unpacked(options.data, options.workdir / "whole")
    for photos, minutes, seed in product(options.photos, options.minutes, options.seeds):
        folder = options.workdir / f"{photos or 'all'}-{minutes:g}-{seed}"
        data = drawn(whole, folder / "photos", photos, seed) if photos else whole
        run, repository = folder / "run", folder / "repository"
        train = ["training", "--data", data, "--minutes", minutes, "--set", f"seed={seed}"]
        train += ["--workdir", run, "--name", NAME, "--repository", repository]
        if options.taught:
            seconds(train)  # which is soon done where it has been
            run = folder / STUDENT
            train = ["training", "teach", "--teacher", folder / "run", *(f"--set={each}" for each in options.set)]
            train += ["--workdir", run, "--name", STUDENT, "--repository", repository]
        row = Row(photos, minutes, seed, options.taught, *measure(train, run, repository, data / "test"))
        print(row, flush=True)
        write(row)
    return 0


def unpacked(archive: Path, folder: Path) -> Path:
    """Unpack a data set; returns the folder that holds train/ and test/."""
    if not folder.exists():
        with zipfile.ZipFile(archive) as file:
            file.extractall(folder)
    return next(path.parent for path in sorted(folder.rglob("train")) if path.is_dir())


def drawn(whole: Path, folder: Path, num_photos: int, seed: int) -> Path:
    """Link some training photos, as many of each class, and all test photos; returns the folder."""
    classes = sorted(path.name for path in (whole / "train").iterdir())
    for name in classes:
        (folder / "train" / name).mkdir(parents=True, exist_ok=True)
        photos = sorted((whole / "train" / name).iterdir())
        for photo in random.Random(seed).sample(photos, num_photos // len(classes)):  # noqa: S311 - no secret
            link = folder / "train" / name / photo.name
            link.unlink(missing_ok=True)
            link.symlink_to(photo.resolve())
    if not (folder / "test").exists():
        (folder / "test").symlink_to((whole / "test").resolve())
    return folder


def measure(training: Sequence[object], run: Path, repository: Path, test: Path) -> tuple[float, float, int, int, str]:
    """Train, quantize, serve and ask; returns the last fields of a row."""
    training_s = seconds(training)
    quantizing_s = seconds(["optimize", "quantize", "--workdir", run])
    figures = json.loads((run / "metrics.json").read_text())
    published = figures.get("int8", figures["float32"])["published"]
    settings = {"OPSIN_PORT": str(free_port()), "OPSIN_REPOSITORY": str(repository), "OPSIN_MODEL": published}
    with Service(["-m", "server"], settings, port=int(settings["OPSIN_PORT"]), ready_path="/readyz") as service:
        answers = [answered(service, path) == path.parent.name for path in sorted(test.rglob("*.jpg"))]
    return training_s, quantizing_s, sum(answers), len(answers), published


def seconds(words: Iterable[object]) -> float:
    """Run a command of the project to its end; returns how long that took."""
    begun_s = time.monotonic()
    subprocess.run([sys.executable, "-m", *map(str, words)], cwd=ROOT, check=True)
    return round(time.monotonic() - begun_s, 1)


def answered(service: Service, photo: Path) -> str:
    """Send a photo; returns the likeliest label."""
    url = f"http://127.0.0.1:{service.port}/predict"
    request = urllib.request.Request(url, photo.read_bytes(), {"Content-Type": "image/jpeg"})
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - ours
        return str(json.load(answer)["predictions"][0]["label"])


def write(row: Row) -> None:
    """Put a row in the place of that of the same training."""
    path = RESULTS / "own_photos.json"
    kept = json.loads(path.read_text())["rows"] if path.exists() else []
    mine = asdict(row)
    rows = [other for other in kept if any(other[name] != mine[name] for name in KEY)]
    rows = sorted(
        [*rows, mine], key=lambda each: (each["taught"], each["photos"] or 10**9, *(each[k] for k in KEY[1:3]))
    )
    path.write_text(json.dumps({"machine": machine.describe(), "rows": rows}, indent=1) + "\n")
    head = "| photos | minutes given | seed | network | training | int8 | right over HTTP |\n" + "|---" * 7 + "|\n"
    path.with_suffix(".md").write_text(head + "".join(map(line, rows)))


def line(row: dict[str, Any]) -> str:
    """Return the line of a Markdown table."""
    right = in_words(row["num_right"], row["num_test"], "test photo")
    times = f"{row['training_s']:.0f} s | {row['quantizing_s']:.0f} s"
    network = "ResNet-v2, taught" if row["taught"] else "as planned"
    return f"| {row['photos'] or 'all'} | {row['minutes']:g} | {row['seed']} | {network} | {times} | {right} |\n"


if __name__ == "__main__":
    sys.exit(main())
