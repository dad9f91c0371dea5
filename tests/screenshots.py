"""Takes the screenshots of docs/images: the shipped models, asked in Chromium. `make screenshots`."""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
from pathlib import Path

from chromium import missing, start_chromium
from PIL import Image
from running_server import ROOT, ZOO, RunningServer, wait_until
from upload_page import Page

IMAGES = ROOT / "docs" / "images"
PHOTOS = ROOT / "tests" / "data"
MAX_BYTES = 150_000
PORT = "5000"  # which the page shows


@contextlib.contextmanager
def window(driver, width, height, *, scheme="light", language="en", is_phone=False):
    """A window of that size, in which a visitor prefers that scheme and language."""
    driver.execute_cdp_cmd("Network.enable", {})
    driver.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": {"Accept-Language": language}})
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1.5 if is_phone else 1, "mobile": is_phone}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": is_phone})
    features = [
        {"name": "prefers-color-scheme", "value": scheme},
        {"name": "prefers-reduced-motion", "value": "reduce"},
    ]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    yield


def shoot(driver, path):
    """Keep what the window shows, in as few bytes as 256 colours take."""
    image = Image.open(io.BytesIO(driver.get_screenshot_as_png())).convert("RGB")
    image.quantize(256, method=Image.Quantize.MEDIANCUT).save(path, optimize=True)
    assert path.stat().st_size <= MAX_BYTES, f"{path.name} has {path.stat().st_size:,} bytes, more than {MAX_BYTES:,}"
    print(f"{path.relative_to(ROOT) if path.is_relative_to(ROOT) else path}: {path.stat().st_size:,} bytes")


def flowers(driver, server, path, *, scheme="light", width=1280, height=860):
    """Several photos on a desk, with the labels that hold the right one in nine of ten cases."""
    with window(driver, width, height, scheme=scheme):
        page = Page(driver, server, "/?model=flowers&coverage=0.9")
        page.choose(*sorted(PHOTOS.glob("*.jpg")))
        page.answered(len(list(PHOTOS.glob("*.jpg"))))
        shoot(driver, path)


def phone(driver, server, path, *, scheme="dark", width=360, height=516):
    """One photo on a phone, and what in it speaks for its label."""
    with window(driver, width, height, scheme=scheme, is_phone=True):
        page = Page(driver, server, "/?model=flowers")
        page.choose(PHOTOS / "tulip_9976515506.jpg")
        page.answered()
        page.click(".why")
        wait_until(lambda: page.find(".heat"))
        driver.execute_script("document.querySelector('.result').scrollIntoView(); scrollBy(0, -12)")
        shoot(driver, path)


def code(driver, server, path, *, scheme="light", width=1280, height=900):
    """What it knows, and the code that asks it."""
    with window(driver, width, height, scheme=scheme):
        page = Page(driver, server, "/?model=imagenet")
        page.click("#all-classes")
        wait_until(lambda: page.find("#search"))
        page.find("#search")[0].send_keys("terrier")
        page.click("label:has([value=python])")
        driver.execute_script("document.activeElement.blur()")
        shoot(driver, path)


def card(driver, server, path, *, scheme="light", width=1000, height=1140):
    """What a version is bad at, what it confuses, and how far its sureness can be trusted."""
    with window(driver, width, height, scheme=scheme):
        page = Page(driver, server, "/models/cifar10/11")
        for section in ("for", "classes", "point", "cost", "data", "made"):  # which are as much again
            page.run("document.getElementById(arguments[0]).closest('section').remove()", section)
        shoot(driver, path)


SCENES = {"page.png": flowers, "phone.png": phone, "code.png": code, "card.png": card}


def main(folder: Path = IMAGES) -> int:
    """Take them all."""
    if lacking := missing():
        print(f"screenshots: no {' and no '.join(lacking)}: apt-get install chromium chromium-driver", file=sys.stderr)
        return 1
    folder.mkdir(exist_ok=True)
    server = RunningServer(["-m", "server"], {"OPSIN_REPOSITORY": str(ZOO), "OPSIN_PORT": PORT})
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        try:
            driver = start_chromium(profile)
            server.wait_until_ready()
            for name, scene in SCENES.items():
                scene(driver, server, folder / name)
            driver.quit()
        finally:
            server.end()
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
