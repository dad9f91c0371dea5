"""What stands before Pillow: orientation from every place that holds it, and sizes."""

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from pictures import (
    SMALL_JPEG,
    encode,
    gradient,
    gray_tiff,
    into_jpeg,
    jpeg_segment,
    png,
    png_chunk,
    tiff,
    with_orientation,
)
from PIL import Image

from models.errors import CorruptImage, ImageTooLarge, UnsupportedImage
from models.pixels.formats import identify, read_encoded
from models.pixels.formats.exif import read_orientation
from models.pixels.preprocessing import ACCEPTED_FORMATS, PixelSpec, preprocess

SPEC = PixelSpec(1, 2)
ROW = b"\x0a\xf0"
STANDING = [[10, 10, 10], [240, 240, 240]]
TURNED = [STANDING[::-1]]  # by 180 degrees
XMP = b'<x:xmpmeta><rdf:Description tiff:Orientation="3"/></x:xmpmeta>'
EXIF = with_orientation(3).tobytes()


def orientation_of(upload):
    return read_encoded(upload, identify(upload)).orientation


# Orientation

PNG_ORIENTATIONS = {
    "eXIf": png_chunk(b"eXIf", EXIF[6:]),
    "XMP": png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP),
    "compressed XMP": png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0en\0x\0" + zlib.compress(XMP)),
    "text that does not inflate, before": png_chunk(b"zTXt", b"Raw profile type exif\0\0no zlib")
    + png_chunk(b"eXIf", EXIF[6:]),
    "ImageMagick": png_chunk(b"tEXt", b"Raw profile type exif\0\nexif\n      32\n" + EXIF.hex("\n", 36).encode()),
    "compressed ImageMagick": png_chunk(
        b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n      32\n" + EXIF.hex().encode() + b"\n")
    ),
}


@pytest.mark.parametrize("chunk", PNG_ORIENTATIONS.values(), ids=PNG_ORIENTATIONS)
def test_png_is_turned_wherever_its_orientation_stands(chunk):
    assert preprocess(png(ROW, width=2, before=chunk), SPEC).tolist() == TURNED
    assert preprocess(png(ROW, width=2, after=chunk), SPEC).tolist() == TURNED


def test_xmp_turns_jpeg_tiff_and_webp():
    assert orientation_of(into_jpeg(jpeg_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP))) == 3
    row = gray_tiff(
        ROW, width=2, bits=8, more={700: list(struct.unpack(f"<{len(XMP) // 4}I", XMP[: len(XMP) // 4 * 4]))}
    )
    assert preprocess(row, SPEC).tolist() == TURNED
    plain = Image.fromarray(np.array([[10, 240]], np.uint8))
    assert preprocess(encode(plain, "WEBP", lossless=True, xmp=XMP), SPEC).tolist() == TURNED


def test_exif_counts_before_xmp():
    assert read_orientation(with_orientation(6).tobytes(), XMP) == 6


@pytest.mark.parametrize("order", ["<", ">"])
def test_exif_of_either_byte_order_is_read(order):
    head = b"II*\0" if order == "<" else b"MM\0*"
    entry = struct.pack(order + "IHHHIHHI", 8, 1, 274, 3, 1, 8, 0, 0)
    assert read_orientation(b"Exif\0\0" + head + entry) == 8
    assert read_orientation(2 * b"Exif\0\0" + head + entry) == 8  # as some writers put it


@pytest.mark.parametrize(
    "exif",
    [
        b"",
        b"Exif\0\0",
        b"nonsense, not TIFF at all",
        EXIF[:-8],
        b"MM\0*\xff\xff\xff\xff",
        with_orientation(9).tobytes(),
        with_orientation(0).tobytes(),
        b"II*\0" + struct.pack("<IHHHI4sI", 8, 1, 274, 2, 1, b"6\0\0\0", 0),
        b"II*\0" + struct.pack("<IHHHIII", 8, 1, 274, 3, 2**31, 2**31, 0),
    ],
    ids=["none", "empty", "no TIFF", "truncated", "offset", "nine", "zero", "text", "out of range"],
)
def test_broken_exif_is_ignored_without_a_warning(exif):
    # pytest makes an error of any warning.
    assert read_orientation(exif) == 1
    assert preprocess(into_jpeg(jpeg_segment(0xE1, b"Exif\0\0" + exif.removeprefix(b"Exif\0\0"))), SPEC).shape == (
        1,
        2,
        3,
    )
    assert preprocess(png(ROW, width=2, before=png_chunk(b"eXIf", exif)), SPEC)[0].tolist() == STANDING


@pytest.mark.skipif("AVIF" not in ACCEPTED_FORMATS, reason="Pillow has no AVIF")
def test_broken_exif_of_avif_is_ignored_without_a_warning():
    picture, exif = gradient(16, 16), with_orientation(1)
    exif[271] = "Opsin"
    one_entry, nine_entries = b"MM\0*\0\0\0\x08\0\x01", b"MM\0*\0\0\0\x08\0\x09"
    upload = encode(picture, "AVIF", exif=exif).replace(one_entry, nine_entries)
    assert nine_entries in upload
    spec = PixelSpec(16, 16)
    assert (preprocess(upload, spec) == preprocess(encode(picture, "AVIF"), spec)).all()


# Nothing but the picture goes on


def test_metadata_does_not_reach_pillow():
    jpeg = into_jpeg(jpeg_segment(0xE1, EXIF) + jpeg_segment(0xE2, b"ICC_PROFILE\0\1\1abc") + jpeg_segment(0xFE, b"hi"))
    assert read_encoded(jpeg, "JPEG").data == SMALL_JPEG
    plain = png(ROW, width=2)
    text = png_chunk(b"tEXt", b"Title\0x") + png_chunk(b"iCCP", b"x\0\0y") + png_chunk(b"acTL", bytes(8))
    assert read_encoded(png(ROW, width=2, before=text, after=text), "PNG").data == plain
    assert b"thumbnail" not in read_encoded(gray_tiff(ROW, width=2, bits=8, more={330: 8, 34665: 8}), "TIFF").data


def test_colour_markers_of_a_jpeg_go_on():
    adobe = jpeg_segment(0xEE, b"Adobe\0\x64\0\0\0\0\0")
    assert adobe in read_encoded(into_jpeg(adobe), "JPEG").data


def test_picture_in_many_chunks_is_joined():
    packed = zlib.compress(b"\0" + ROW)
    pieces = b"".join(png_chunk(b"IDAT", packed[i : i + 1]) for i in range(len(packed)))
    upload = png(ROW, width=2).replace(png_chunk(b"IDAT", packed), pieces)
    assert preprocess(upload, SPEC)[0].tolist() == STANDING


def test_picture_that_is_whole_counts_even_if_the_file_breaks_off_after_it():
    upload = png(ROW, width=2, after=png_chunk(b"tEXt", b"Title\0x" * 9))
    assert preprocess(upload[:-40], SPEC)[0].tolist() == STANDING


@pytest.mark.parametrize(
    ("tags", "described"),
    [
        ({258: [32] * 3, 262: 2, 277: 3, 339: [3] * 3}, "3 samples a pixel of 32 bits, floating point"),
        ({258: [8] * 5, 277: 5, 338: [0] * 4}, "5 samples a pixel of 8 bits, unsigned"),
        ({258: [8] * 4, 262: 2, 277: 7}, "7 samples a pixel of 8 bits, unsigned"),
    ],
)
def test_tiff_whose_pixels_pillow_cannot_take_is_not_accepted_and_not_called_corrupt(tags, described):
    row = bytes(64)
    common = {256: 2, 257: 1, 259: 1, 262: 1, 273: 8, 278: 1, 279: len(row)}
    with pytest.raises(UnsupportedImage, match=f"the TIFF image has {described}, which is not accepted; save it"):
        preprocess(tiff(row, common | tags), SPEC)


def test_tiff_whose_directory_is_broken_is_corrupt():
    with pytest.raises(CorruptImage):
        preprocess(gray_tiff(ROW, width=2, bits=8, more={273: 60_000}), SPEC)


@pytest.mark.parametrize(("number", "name"), [(34712, "JPEG 2000"), (50001, "WebP"), (34887, "LERC"), (9, "number 9")])
def test_tiff_in_a_compression_that_nothing_decodes_is_not_called_corrupt(number, name):
    with pytest.raises(UnsupportedImage, match=f"has the compression {name}, which is not accepted; save it with LZW"):
        preprocess(gray_tiff(ROW, width=2, bits=8, more={259: number}), SPEC)


@pytest.mark.parametrize(("bits", "compression"), [(0, 4), (0, 5), (2, 0), (64, 0), (16, 3)])
def test_bitmap_that_windows_knows_and_nothing_decodes_is_not_called_corrupt(bits, compression):
    head = struct.pack("<2sIHHIIiiHHIIiiII", b"BM", 0, 0, 0, 54, 40, 2, 1, 1, bits, compression, 0, 0, 0, 0, 0)
    with pytest.raises(UnsupportedImage, match="the BMP image is of a kind that is not accepted; save it uncompressed"):
        preprocess(head + bytes(64), SPEC)


def test_png_as_xcode_makes_them_is_not_called_corrupt():
    upload = png(b"\0", width=1)
    with pytest.raises(UnsupportedImage, match="CgBI"):
        preprocess(upload[:8] + png_chunk(b"CgBI", bytes(4)) + upload[8:], SPEC)


def test_tiff_is_read_as_its_first_page_only():
    upload = gray_tiff(ROW, width=2, bits=8)
    endless = upload[:-4] + upload[4:8]  # the next directory is this one
    with Image.open(BytesIO(read_encoded(endless, "TIFF").data)) as image:
        assert image.n_frames == 1
    assert preprocess(endless, SPEC)[0].tolist() == STANDING


def test_surplus_values_of_a_tiff_tag_are_left_out():
    upload = gray_tiff(ROW, width=2, bits=8, more={257: [1, 7, 7], 273: [8, 0, 0], 279: [2, 0, 0], 317: [1, 9]})
    assert preprocess(upload, SPEC)[0].tolist() == STANDING


# Sizes are read from the header


def test_size_is_that_of_the_header_before_any_pixel_is_decoded():
    size = struct.pack(">HH", 60_000, 50_000)
    frame = SMALL_JPEG.index(b"\xff\xc0") + 5
    huge = {
        "JPEG": SMALL_JPEG[:frame] + size + SMALL_JPEG[frame + 4 :],
        "GIF": b"GIF89a" + struct.pack("<HH", 50_000, 60_000) + b"\0\0\0," + bytes(9),
        "BMP": struct.pack("<2sIHHIIiiHHI", b"BM", 0, 0, 0, 54, 40, 50_000, -60_000, 1, 24, 0),
        "PNG": png(ROW, width=2).replace(struct.pack(">II", 2, 1), struct.pack(">II", 50_000, 60_000)),
        "TIFF": gray_tiff(ROW, width=50_000, bits=8, more={257: 60_000, 278: 60_000}),
        "WEBP": b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0"
        + (49_999).to_bytes(3, "little")
        + (59_999).to_bytes(3, "little"),
    }
    for upload in huge.values():
        with pytest.raises(ImageTooLarge, match="the image has 50000 x 60000 pixels"):
            preprocess(upload, SPEC)


@pytest.mark.parametrize("frame", [(0, 0, 50_000, 60_000), (49_000, 59_500, 1000, 500)])
def test_gif_frame_beyond_the_screen_counts_into_its_size(frame):
    upload = b"GIF89a\1\0\1\0\0\0\0," + struct.pack("<4HB", *frame, 0)
    with pytest.raises(ImageTooLarge, match="50000 x 60000"):
        preprocess(upload, SPEC)
