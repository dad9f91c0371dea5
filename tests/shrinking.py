"""Measures if a photo that the page shrinks is answered as the whole photo is.

`PYTHONPATH=.:tests python -m shrinking photos.zip`. Photos of a few hundred pixels are enlarged to 12 megapixels,
with a sensor's noise: what is measured is the way through Chromium and the server, which decodes large and small
JPEGs at other reductions, and no detail that only large photos have.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from chromium import start_chromium
from PIL import Image
from running_server import ZOO, RunningServer
from upload_page import Page

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


def photos_of(path, number):
    """So many test photos of a zip file, spread evenly over their names."""
    with zipfile.ZipFile(path) as file:
        names = [name for name in sorted(file.namelist()) if {"test", "val"} & set(Path(name).parts) and "." in name]
        return [file.read(name) for name in names[:: max(1, len(names) // number)][:number]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("photos", type=Path, help="a zip file with folders called test or val")
    parser.add_argument("--model", default="imagenet")
    parser.add_argument("--number", type=int, default=50)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    server = RunningServer(["-m", "server"], {"OPSIN_REPOSITORY": str(ZOO), "OPSIN_MODEL": arguments.model})
    results = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        try:
            driver = start_chromium(f"{folder}/profile")
            driver.set_script_timeout(300)
            page = Page(driver, server.wait_until_ready())
            page.run("document.body.insertAdjacentHTML('beforeend', '<input id=measured type=file>')")
            for content in photos_of(arguments.photos, arguments.number):
                path = Path(folder) / "photo.jpg"
                path.write_bytes(enlarged(content, rng))
                page.find("#measured")[0].send_keys(str(path))
                results.append(page.run(ASK))
            driver.quit()
        finally:
            server.end()
    distances = [max(abs(whole[label] - small[label]) for label in whole) for (whole, small), _ in results]
    same = [max(whole, key=whole.get) == max(small, key=small.get) for (whole, small), _ in results]
    sizes = np.mean([sizes for _, sizes in results], axis=0) / 1000
    print(
        f"{arguments.model}: {len(results)} photos, the same label for {100 * np.mean(same):.1f} %; "
        f"probabilities differ by {np.max(distances):.3f} at most, {np.median(distances):.4f} in the median; "
        f"{sizes[0]:.0f} kB became {sizes[1]:.0f}"
    )


if __name__ == "__main__":
    main()
