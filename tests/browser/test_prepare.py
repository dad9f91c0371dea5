"""What the browser does to a photo before it is sent: big ones are made smaller, and HEIC becomes JPEG where it can."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from running_server import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.e2e]

READS_HEIC = """
    const decode = window.createImageBitmap;
    window.createImageBitmap = async (blob, options) => {
        if (!blob.name?.endsWith(".heic")) return decode(blob, options);
        const canvas = new OffscreenCanvas(900, 600), context = canvas.getContext("2d");
        context.fillStyle = "rgb(0, 0, 255)";
        context.fillRect(0, 0, 900, 600);
        return canvas.transferToImageBitmap();
    };
"""


@pytest.fixture(scope="module")
def big(tmp_path_factory):
    """A photo of 12 megapixels, red with noise, lying on its side as phones have it."""
    noise = np.random.default_rng(0).integers(0, 90, (300, 400, 3), np.uint8)
    noise += np.array([160, 80, 0], np.uint8)
    photo = Image.fromarray(noise).resize((4000, 3000), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path_factory.mktemp("big") / "big.jpg"
    photo.save(path, quality=95, exif=exif)
    assert path.stat().st_size > 1_000_000
    return path


@pytest.fixture(scope="module")
def roomy(start_server):
    return start_server()


def test_big_photo_is_sent_smaller_and_answered_alike(open_page, roomy, big):
    page = open_page(roomy)
    page.choose(big)
    [small] = page.answered()
    assert small["sent"].startswith(f"{big.stat().st_size / 1e6:.1f} MB sent as ")
    assert int(small["sent"].split()[-2]) < 400
    assert "shrinking" in small["parts"]
    page.click("#options summary")
    page.click("#shrink")
    page.choose(big)
    whole, _ = page.answered(2)
    assert whole["sent"] is None
    assert "shrinking" not in whole["parts"]
    assert small["labels"] == whole["labels"] == ["red", "green", "blue"]
    assert [float(percent[:-2]) for percent in small["percents"]] == pytest.approx(
        [float(percent[:-2]) for percent in whole["percents"]], abs=0.5
    )


def test_big_png_is_sent_as_a_smaller_jpeg_on_white(open_page, roomy, tmp_path):
    noise = np.random.default_rng(0).integers(0, 90, (1100, 1200, 4), np.uint8)
    noise[:, :, 3] = 0  # transparent, so that white is all that there is to see
    noise[:, :300] = np.random.default_rng(1).integers([200, 0, 0, 255], [255, 60, 60, 256], (1100, 300, 4), np.uint8)
    Image.fromarray(noise).save(tmp_path / "big.png")
    page = open_page(roomy)
    page.choose(tmp_path / "big.png")
    [small] = page.answered()
    assert small["name"] == "big.png"
    assert small["sent"].startswith(f"{(tmp_path / 'big.png').stat().st_size / 1e6:.1f} MB sent as ")
    page.click("#options summary")
    page.click("#shrink")
    page.choose(tmp_path / "big.png")
    whole, _ = page.answered(2)
    shares = [dict(zip(card["labels"], card["percents"], strict=True)) for card in (small, whole)]
    for label in ("red", "green", "blue"):
        first, second = (float(share[label][:-2]) for share in shares)
        assert first == pytest.approx(second, abs=0.5)
    assert float(shares[0]["red"][:-2]) < 60  # black instead of white would leave red alone


def test_photo_of_no_more_than_twice_what_is_needed_is_sent_as_it_is(open_page, roomy, big, tmp_path):
    Image.open(big).resize((1300, 1000)).save(tmp_path / "middling.jpg", quality=98)
    assert (tmp_path / "middling.jpg").stat().st_size > 300_000
    page = open_page(roomy)
    page.choose(tmp_path / "middling.jpg")
    assert page.answered()[0]["sent"] is None


def test_small_photo_is_sent_as_it_is(open_page, roomy, photos):
    page = open_page(roomy)
    page.choose(photos / "large.png")
    assert page.answered()[0]["sent"] is None


def test_heic_is_converted_where_the_browser_reads_it(open_page, roomy, tmp_path):
    (tmp_path / "IMG_1.heic").write_bytes(b"\0\0\0\x18ftypheic")
    page = open_page(roomy)
    page.run(READS_HEIC)
    page.choose(tmp_path / "IMG_1.heic")
    [card] = page.answered()
    assert (card["name"], card["labels"][0], card["hasPreview"]) == ("IMG_1.heic", "blue", True)
    assert card["sent"].endswith("kB")


def test_heic_that_nobody_reads_is_told_so_and_how_to_help_it(open_page, roomy, tmp_path, traffic):
    (tmp_path / "IMG_1.heic").write_bytes(b"\0\0\0\x18ftypheic")
    page = open_page(roomy)
    page.run(
        "const form = document.getElementById('form'); form.dataset.formats = form.dataset.formats.replace('HEIC', '')"
    )
    page.choose(tmp_path / "IMG_1.heic")
    [card] = page.answered()
    assert card["error"].startswith("Neither this browser nor this server reads HEIC. Save the photo as JPEG")
    assert traffic.update().statuses("/predict") == []


def test_heic_is_left_to_a_server_that_reads_it(open_page, roomy, tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif")
    content = io.BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", (64, 64), (0, 0, 255))).save(content)
    (tmp_path / "IMG_1.HEIC").write_bytes(content.getvalue())
    page = open_page(roomy)
    page.choose(tmp_path / "IMG_1.HEIC")
    wait_until(lambda: page.cards()[0]["labels"])
    [card] = page.answered()
    assert (card["labels"][0], card["sent"], card["hasPreview"]) == ("blue", None, False)
