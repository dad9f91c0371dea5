"""Measures if a photo that the page shrinks is answered as the whole photo is.

`PYTHONPATH=.:tests python -m shrinking photos`, with a folder of large photos: those that the page shrinks are asked
about whole and shrunk. Of a zip file photos of a few hundred pixels are enlarged to 12 megapixels, with a sensor's
noise: what is measured then is the way through Chromium and the server, which decodes large and small JPEGs at other
reductions, and no detail that only large photos have.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from chromium import start_chromium
from PIL import Image
from running_server import ZOO, RunningServer
from upload_page import Page

from models.intervals import wilson

KINDS = {".jpg", ".jpeg", ".png", ".webp"}
SIDE_PX = 3024  # the short one of a phone's photo
NOISE = 6  # standard deviation, of 255
ASK = """
    const { prepare } = await import("/static/page/prepare.js"), { ask } = await import("/static/page/upload.js");
    const [file] = document.getElementById("measured").files;
    const answers = [], sizes = [];
    for (const isShrunk of [false, true]) {
        document.getElementById("shrink").checked = isShrunk;
        const { file: sent } = await prepare(file);
        const { prediction } = await ask(sent, "photo.jpg", { parameters: { top_k: 100000 } });
        answers.push(Object.fromEntries(prediction.top_k.map(({ label, probability }) => [label, probability])));
        sizes.push(sent.size);
    }
    return [answers, sizes];
"""


def enlarged(content, rng):
    """The photo as a phone might have taken it, as a JPEG."""
    photo = Image.open(io.BytesIO(content)).convert("RGB")
    scale = SIDE_PX / min(photo.size)
    size = round(scale * photo.width), round(scale * photo.height)
    pixels = np.asarray(photo.resize(size, Image.Resampling.BICUBIC)).astype(np.int16)
    pixels += (NOISE * rng.standard_normal(pixels.shape, np.float32)).astype(np.int16)
    file = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=92)
    return file.getvalue()


def photos_of(path, number) -> Iterator[tuple[str, bytes]]:
    """Large photos: all of a folder, or so many test photos of a zip file, spread evenly over their names, enlarged."""
    if path.is_dir():
        for photo in sorted(path.rglob("*")):
            if photo.is_file() and photo.suffix.lower() in KINDS:
                yield photo.name, photo.read_bytes()
        return
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(path) as file:
        names = [name for name in sorted(file.namelist()) if {"test", "val"} & set(Path(name).parts) and "." in name]
        for name in names[:: max(1, len(names) // number)][:number]:
            yield f"{Path(name).stem}.jpg", enlarged(file.read(name), rng)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "photos", type=Path, help="a folder of large photos, or a zip file with folders called test or val"
    )
    parser.add_argument("--model", default="imagenet")
    parser.add_argument("--number", type=int, default=50, help="photos of a zip file")
    arguments = parser.parse_args()
    server = RunningServer(["-m", "server"], {"OPSIN_REPOSITORY": str(ZOO), "OPSIN_MODEL": arguments.model})
    results = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        try:
            driver = start_chromium(f"{folder}/profile")
            driver.set_script_timeout(300)
            page = Page(driver, server.wait_until_ready())
            page.run("document.body.insertAdjacentHTML('beforeend', '<input id=measured type=file>')")
            for name, content in photos_of(arguments.photos, arguments.number):
                path = Path(folder) / name
                path.write_bytes(content)
                page.find("#measured")[0].send_keys(str(path))
                results.append((name, *page.run(ASK)))
                path.unlink()
            driver.quit()
        finally:
            server.end()
    report(arguments.model, results)


def report(model, results) -> None:
    """Print how far answers differ for those that were sent smaller, and name those whose label is another one."""
    shrunk = [(name, answers, sizes) for name, answers, sizes in results if sizes[0] != sizes[1]]
    distances = [max(abs(whole[label] - small[label]) for label in whole) for _, (whole, small), _ in shrunk]
    others = [
        f"{name}: {label_of(whole)} {max(whole.values()):.2f}, shrunk {label_of(small)} {max(small.values()):.2f}"
        for name, (whole, small), _ in shrunk
        if label_of(whole) != label_of(small)
    ]
    low, high = wilson(len(shrunk) - len(others), len(shrunk))
    sizes = np.mean([sizes for *_, sizes in shrunk], axis=0) / 1000
    print(
        f"{model}: {len(shrunk)} of {len(results)} photos were shrunk; of these the same label for "
        f"{100 * (1 - len(others) / len(shrunk)):.1f} % ({100 * low:.1f} to {100 * high:.1f}); "
        f"probabilities differ by {np.max(distances):.3f} at most, {np.median(distances):.4f} in the median; "
        f"{sizes[0]:.0f} kB became {sizes[1]:.0f}"
    )
    print("\n".join(others))


def label_of(answer):
    return max(answer, key=answer.get)


if __name__ == "__main__":
    main()
