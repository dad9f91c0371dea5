"""HEIC: the picture alone is handed on, as it is shown; what would cost more than it shows is refused."""

from __future__ import annotations

import io
import re
import struct
import subprocess
import sys

import heif_files
import numpy as np
import pytest
from heif_files import box, extents, find, full_box, grid, heif, stream, tiled
from pictures import noise, with_orientation
from PIL import Image

from models.errors import CorruptImage, ImageError, ImageTooLarge, UnsupportedImage
from models.pixels import formats
from models.pixels.formats.heif import IS_INSTALLED
from models.pixels.preprocessing import ImageLimits, PixelSpec, preprocess

needs_heif = pytest.mark.skipif(not IS_INSTALLED, reason="pillow-heif is not installed: requirements/heif.txt")

PIXELS = noise(64, 64)
ALPHA = b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0"


@pytest.fixture(scope="module")
def tile():
    """A file of one picture of 64 x 64 pixels, without loss."""
    return heif_files.encode(Image.fromarray(PIXELS))


@pytest.fixture(scope="module")
def large():
    """The same of 128 x 128."""
    return heif_files.encode(Image.fromarray(noise(128, 128)))


def coded(tile, *properties, size=(64, 64)):
    """The item of a tile, to be put into another file."""
    return b"hvc1", [find(tile, b"hvcC"), find(tile, b"colr"), extents(*size), *properties], stream(tile)


def pixels_of(upload, height, width, **options):
    return preprocess(upload, PixelSpec(height, width), **options)


def read(upload):
    return formats.read_encoded(upload, formats.identify(upload))


@needs_heif
def test_picture_comes_back_pixel_for_pixel(tile):
    assert np.array_equal(pixels_of(tile, 64, 64), PIXELS)
    gray = Image.fromarray(PIXELS[:, :, 0])
    assert np.array_equal(pixels_of(heif_files.encode(gray), 64, 64), np.asarray(gray.convert("RGB")))


@needs_heif
def test_ten_bits_become_eight():
    import pillow_heif

    deep = np.random.default_rng(0).integers(0, 65536, (64, 64, 3), np.uint16)
    file = io.BytesIO()
    pillow_heif.encode("RGB;16", (64, 64), deep.tobytes(), file, quality=-1, chroma=444, matrix_coefficients=0)
    pixels = pixels_of(file.getvalue(), 64, 64)
    assert abs(pixels.astype(int) - (deep >> 8)).max() <= 1


@needs_heif
def test_transparency_is_white():
    picture = Image.fromarray(np.dstack([PIXELS, np.full((64, 64), 255, np.uint8)]))
    picture.paste((0, 0, 0, 0), (0, 0, 64, 32))
    pixels = pixels_of(heif_files.encode(picture), 64, 64)
    assert (pixels[:32] == 255).all()
    assert np.array_equal(pixels[32:], PIXELS[32:])


@needs_heif
def test_grid_has_the_size_that_it_says_and_not_that_of_its_tiles(tile):
    upload = tiled(tile, 2, 3, (150, 100), tile_size=(64, 64))
    assert read(upload).size == (150, 100)
    assert np.array_equal(pixels_of(upload, 100, 150), np.tile(PIXELS, (2, 3, 1))[:100, :150])
    with pytest.raises(ImageTooLarge, match="the image has 150 x 100 pixels; at most 14,999 are accepted"):
        pixels_of(upload, 100, 150, limits=ImageLimits(max_pixels=14_999))


@needs_heif
@pytest.mark.parametrize(
    ("turn", "expected"),
    [
        (box(b"irot", b"\1"), np.rot90(PIXELS)),
        (box(b"irot", b"\2"), np.rot90(PIXELS, 2)),
        (box(b"imir", b"\0"), PIXELS[::-1]),
        (box(b"imir", b"\1"), PIXELS[:, ::-1]),
    ],
)
def test_picture_is_turned_as_its_properties_say(tile, turn, expected):
    assert np.array_equal(pixels_of(heif(coded(tile, turn)), 64, 64), expected)


@needs_heif
def test_exif_turns_nothing_and_is_left_out():
    exif = with_orientation(6)
    exif[0x010E] = "a description"
    upload = heif_files.encode(Image.fromarray(PIXELS), exif=exif.tobytes())  # which is turned by irot, too
    assert b"irot" in upload
    assert np.array_equal(pixels_of(upload, 64, 64), np.rot90(PIXELS, -1))
    assert b"a description" in upload
    assert b"a description" not in read(upload).data


@needs_heif
def test_of_several_pictures_the_primary_is_taken():
    import pillow_heif

    file = pillow_heif.HeifFile()
    for pixels in (255 - PIXELS, PIXELS):
        file.add_from_pillow(Image.fromarray(pixels))
    out = io.BytesIO()
    file.save(out, quality=-1, chroma=444, matrix_coefficients=0, primary_index=1)
    assert np.array_equal(pixels_of(out.getvalue(), 64, 64), PIXELS)


# Attacks


@needs_heif
def test_size_is_that_of_the_stream_where_the_container_says_less(large):
    upload = heif(coded(large, size=(8, 8)))
    with pytest.raises(ImageTooLarge, match="the image has 128 x 128 pixels; at most 16,000 are accepted"):
        pixels_of(upload, 8, 8, limits=ImageLimits(max_pixels=16_000))


@needs_heif
def test_size_is_also_that_of_the_transparency(tile, large):
    upload = heif(coded(tile), coded(large, full_box(b"auxC", ALPHA)), references=[(b"auxl", 2, 1)])
    with pytest.raises(ImageTooLarge, match="the image has 128 x 128 pixels; at most 16,000 are accepted"):
        pixels_of(upload, 64, 64, limits=ImageLimits(max_pixels=16_000))


@needs_heif
def test_set_of_parameters_within_the_stream_counts_too(tile, large):
    kind, properties, content = coded(tile)
    configuration = find(large, b"hvcC")
    start = configuration.index(b"\x42\1")
    length = int.from_bytes(configuration[start - 2 : start], "big")
    content = struct.pack(">I", length) + configuration[start : start + length] + content
    with pytest.raises(ImageTooLarge, match="the image has 128 x 128 pixels; at most 16,000 are accepted"):
        pixels_of(heif((kind, properties, content)), 64, 64, limits=ImageLimits(max_pixels=16_000))


@needs_heif
def test_tile_is_paid_for_as_often_as_it_is_used(tile):
    upload = tiled(tile, 20, 20, (64, 64), tile_size=(64, 64))
    assert read(upload).cost.cpu_s > 400 * read(tile).cost.cpu_s * 0.9
    with pytest.raises(ImageTooLarge, match=r"takes about \d\.\d s; at most 0\.03 s are accepted"):
        pixels_of(upload, 64, 64, limits=ImageLimits(max_cpu_s=0.03))


@needs_heif
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda tile: heif((*coded(tile)[:2], 2 * stream(tile))), "an item has 2 pictures"),
        (lambda tile: heif((*coded(tile)[:2], b"")), "an item has 0 pictures"),
        (lambda tile: heif((*coded(tile)[:2], 5000 * b"\0\0\0\3\x4e\1\0")), "more than 4096 units"),
        (lambda tile: heif((*coded(tile)[:2], stream(tile)[:-1])), "truncated"),
        (lambda tile: heif((b"grid", [extents(64, 64)], grid(2, 2, 64, 64)), coded(tile)), "it has 0 of its 4 tiles"),
        (
            lambda _: heif(*[(b"grid", [extents(64, 64)], grid(1, 2, 64, 64))] * 2, references=[(b"dimg", 1, 2, 2)]),
            "it has 0 of its 2 tiles",
        ),
        (lambda tile: heif(coded(tile), references=[(b"auxl", 1, *[1] * 20_000)]), "at most 16384 are accepted"),
        (lambda tile: heif(*[coded(tile)] * 1001), "at most 1000 are accepted"),
        (lambda _: box(b"ftyp", b"heic", bytes(4), b"heic") + full_box(b"meta"), "it has no box pitm"),
        (lambda tile: heif((b"hvc1", [], stream(tile))), "it does not say how large it is"),
    ],
)
def test_file_of_a_shape_that_no_photo_has_is_refused(tile, make, message):
    with pytest.raises(CorruptImage, match=message):
        pixels_of(make(tile), 64, 64)


@needs_heif
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda _: box(b"ftyp", b"hevc", bytes(4), b"hevc") + box(b"moov"), "a HEIC sequence without a still picture"),
        (lambda tile: heif((b"iovl", *coded(tile)[1:])), "stored as 'iovl'; accepted are 'hvc1' and 'grid' of it"),
        (lambda tile: heif(coded(tile, box(b"wild"))), "needs the property 'wild'"),
    ],
)
def test_what_no_phone_writes_is_not_accepted_and_named(tile, make, message):
    with pytest.raises(UnsupportedImage, match=message):
        pixels_of(make(tile), 64, 64)


@needs_heif
def test_file_that_breaks_off_anywhere_is_an_error_with_a_name(tile):
    for length in (12, 40, 100, 200, 300, len(tile) // 2, len(tile) - 1):
        with pytest.raises(ImageError):
            pixels_of(tile[:length], 64, 64)


# Without it


def test_without_pillow_heif_the_refusal_names_it(monkeypatch):
    monkeypatch.setattr(formats, "ACCEPTED_FORMATS", ("JPEG", "PNG"))
    message = (
        "the upload is a HEIC image, which is read where pillow-heif is installed "
        "(pip install pillow-heif, or make serve HEIF=1); accepted are JPEG, PNG"
    )
    with pytest.raises(UnsupportedImage, match=re.escape(message)):
        pixels_of(box(b"ftyp", b"heic", bytes(4), b"mif1"), 64, 64)


@needs_heif
def test_library_that_cannot_be_loaded_is_not_the_fault_of_the_image(tile, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(UnsupportedImage, match="the HEIC image cannot be read: the library for it cannot be loaded"):
        pixels_of(tile, 64, 64)


def test_it_is_imported_for_the_first_image_and_not_before():
    code = "import sys, models.pixels.preprocessing; print('pillow_heif' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"
