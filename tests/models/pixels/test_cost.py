"""What an image will cost is known from its header, and what costs too much is refused before it is decoded."""

from __future__ import annotations

import struct
import tracemalloc
import zlib
from io import BytesIO

import numpy as np
import pytest
from heif_files import extents, find, heif, stream
from pictures import encode, gradient, noise, png, png_chunk, tiff, with_orientation
from PIL import Image, ImageFile

from models.errors import CorruptImage, ImageTooLarge, UnsupportedImage
from models.pixels.formats import read_encoded
from models.pixels.formats.jpeg_scans import walk_scans
from models.pixels.preprocessing import ImageLimits, PixelSpec, preprocess, read

SPEC = PixelSpec(32, 32)
END = b"\xff\xd9"


def progressive(*size: int) -> bytes:
    return encode(gradient(*size), "JPEG", progressive=True)


def refusal(upload: bytes, monkeypatch: pytest.MonkeyPatch) -> str:
    """Why an image is refused, no pixel of which may be decoded."""
    with monkeypatch.context() as patches:
        patches.delattr(ImageFile.ImageFile, "load")
        patches.delattr(Image, "frombytes")
        with pytest.raises(ImageTooLarge) as refused:
            preprocess(upload, SPEC)
    return str(refused.value)


# JPEG


def test_scans_of_what_is_appended_are_not_counted() -> None:
    photo = progressive(64, 64)
    appended = b"ftypmp42" + progressive(16, 16) * 200 + photo
    alone, followed = (read(upload, SPEC) for upload in (photo, photo + appended))
    assert followed == alone
    assert np.array_equal(preprocess(photo + appended, SPEC), preprocess(photo, SPEC))


def test_end_marker_within_a_segment_ends_nothing() -> None:
    photo = progressive(64, 64)
    scan = photo.rindex(b"\xff\xda")
    hidden = photo[:scan] + b"\xff\xfe\0\4" + END + photo[scan:-2] + photo[scan:-2] * 200 + END
    with pytest.raises(CorruptImage, match="more than 100 scans"):
        preprocess(hidden, SPEC)


@pytest.mark.parametrize("after", [b"", b"SEFHe\0\0\0SEFT"], ids=["nothing", "trailer"])
def test_progressive_picture_that_is_whole_needs_no_end_marker(after: bytes) -> None:
    photo = encode(Image.fromarray(noise(64, 64)), "JPEG", progressive=True)
    assert np.array_equal(preprocess(photo[:-2] + after, PixelSpec(64, 64)), preprocess(photo, PixelSpec(64, 64)))


@pytest.mark.parametrize("side_px", [64, 8], ids=["whole", "eighth"])
def test_progressive_picture_without_its_last_bytes_or_scans_is_truncated(side_px: int) -> None:
    photo = encode(Image.fromarray(noise(64, 64)), "JPEG", progressive=True)
    before_last = photo.rindex(b"\xff\xda")
    for length in (len(photo) - 12, (len(photo) + before_last) // 2, before_last, before_last - 20):
        with pytest.raises(CorruptImage, match="truncated"):
            preprocess(photo[:length], PixelSpec(side_px, side_px))


def test_scans_say_where_the_picture_ends() -> None:
    photo = progressive(64, 64)
    start = photo.index(b"\xff\xda")
    scans = walk_scans(photo + b"more", start, components=b"\1\2\3", only_first=False)
    assert (scans.number, scans.end, scans.is_ended, scans.is_complete) == (10, len(photo), True, True)
    cut = walk_scans(photo[: photo.rindex(b"\xff\xda")], start, components=b"\1\2\3", only_first=False)
    assert (cut.number, cut.is_ended, cut.is_complete) == (9, False, False)


def test_photo_of_200_megapixels_is_accepted_where_it_is_decoded_at_an_eighth() -> None:
    photo = bytearray(encode(gradient(64, 64), "JPEG"))
    struct.pack_into(">HH", photo, photo.index(b"\xff\xc0") + 5, 12_240, 16_320)
    cost = read(bytes(photo), PixelSpec(224, 224)).cost
    assert cost.cpu_s < 0.5
    assert cost.memory_bytes < 20_000_000


def test_picture_costs_whole_blocks_of_samples() -> None:
    thin, wide = (read(progressive(height, width), SPEC).encoded.cost for height, width in [(640, 1), (640, 16)])
    assert thin.memory_bytes == wide.memory_bytes == 640 * 16 * 3
    assert thin.cpu_s > wide.cpu_s / 2  # which has a few bytes more


# PNG, BMP


@pytest.mark.parametrize(
    ("colour_type", "before", "pixel_ns"),
    [(0, b"", 4), (3, b"", 8), (0, png_chunk(b"tRNS", b"\0\0"), 18), (3, png_chunk(b"tRNS", b"\0"), 22)],
    ids=["gray", "palette", "gray with a transparent one", "palette with transparent ones"],
)
def test_pixel_of_a_png_costs_what_it_is_made_into(colour_type: int, before: bytes, pixel_ns: int) -> None:
    palette = png_chunk(b"PLTE", bytes(6)) if colour_type == 3 else b""
    upload = png(bytes(10_000), width=80_000, bits=1, colour_type=colour_type, before=palette + before)
    cost = read_encoded(upload, "PNG").cost
    assert cost.cpu_s == pytest.approx(80_000 * (pixel_ns + 5 / 8) / 1e9, rel=0.01)


def test_pixel_of_an_interlaced_png_costs_more() -> None:
    upload = bytearray(png(bytes(1000), width=1000))
    plain_s = read_encoded(bytes(upload), "PNG").cost.cpu_s
    upload[28] = 1
    assert read_encoded(bytes(upload), "PNG").cost.cpu_s - plain_s == pytest.approx(1000 * 5 / 1e9)


def test_bytes_that_make_no_sample_of_a_png_are_paid_for_dearly() -> None:
    empty_blocks = b"\0\0\0\xff\xff" * 10_000  # of codes in the worst case, each of which has tables to be built
    upload = bytearray(png(bytes(8), width=8, before=png_chunk(b"IDAT", b"\x78\x01" + empty_blocks)))
    assert read_encoded(bytes(upload), "PNG").cost.cpu_s > 50_000 * 150 / 1e9
    assert read_encoded(png(bytes(range(8)), width=8), "PNG").cost.cpu_s < 1e-5


def test_chunks_of_a_png_are_few_for_its_size() -> None:
    few, many = (png(b"\0", width=1, before=png_chunk(b"abCd", b"") * number) for number in (900, 1100))
    assert read(few, SPEC).encoded.size == (1, 1)
    with pytest.raises(CorruptImage, match="more than 1036 chunks in 13,267 bytes"):
        read(many, SPEC)
    assert read(png(b"\0", width=1, before=png_chunk(b"abCd", bytes(1012)) * 2000), SPEC).encoded.size == (1, 1)


def test_pixel_of_a_bitmap_costs_what_it_is_made_into() -> None:
    assert read_encoded(encode(gradient(100, 100), "BMP"), "BMP").cost.cpu_s == 100 * 100 * 10 / 1e9


# TIFF


def test_tiles_cost_what_they_hold_and_not_what_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = {256: 1, 257: 400, 258: 8, 259: 8, 262: 1, 277: 1}
    upload = tiff(zlib.compress(bytes(64)), {**shown, 322: 2**24, 323: 1, 324: [8] * 400, 325: [20] * 400})
    assert refusal(upload, monkeypatch).endswith("takes about 67.1 s; at most 5 s are accepted")


def test_tile_is_not_hidden_behind_a_strip() -> None:
    strip = {273: 8, 278: 4, 279: 4}
    pixels = b"\x0a\x14\x1e\x28"
    size = {256: 1, 257: 4, 258: 8, 259: 1, 262: 1, 277: 1}
    upload = tiff(pixels, {**size, **strip, 322: 43_584, 323: 43_584, 324: 8, 325: 4})
    assert read(upload, SPEC).cost.memory_bytes < 100_000
    assert preprocess(upload, PixelSpec(4, 1))[:, 0, 0].tolist() == [10, 20, 30, 40]
    assert b"\x42\x01" not in read_encoded(upload, "TIFF").data[len(upload) :]


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({258: [32] * 3, 277: 3, 339: [3] * 3, 262: 2}, "3 samples a pixel of 32 bits, floating point"),
        ({258: [8] * 5, 277: 5, 262: 2}, "5 samples a pixel of 8 bits, unsigned"),
        ({258: 64, 277: 1, 339: 3, 262: 1}, "1 samples a pixel of 64 bits, floating point"),
    ],
    ids=["floats", "five channels", "doubles"],
)
def test_tiff_of_samples_that_nothing_decodes_is_not_called_corrupt(
    tags: dict[int, int | list[int]], reason: str
) -> None:
    with pytest.raises(UnsupportedImage, match=f"{reason}, which is not accepted"):
        preprocess(tiff(bytes(16), {256: 1, 257: 1, 259: 1, 273: 8, 278: 1, 279: 16, **tags}), SPEC)


def test_deep_picture_is_converted_some_rows_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    deep = encode(Image.fromarray(np.arange(64, dtype=np.int32).reshape(8, 8) << 25), "TIFF")
    floats = encode(Image.fromarray(np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)), "TIFF")
    whole = [preprocess(upload, PixelSpec(8, 8)) for upload in (deep, floats)]
    monkeypatch.setattr("models.pixels.colors._BAND_PIXELS", 20)
    for upload, expected in zip((deep, floats), whole, strict=True):
        assert np.array_equal(preprocess(upload, PixelSpec(8, 8)), expected)


def test_page_of_a_tiff_is_paid_for_without_those_after_it() -> None:
    file = BytesIO()
    pictures = [Image.fromarray(noise(64, 64)) for _ in range(10)]
    pictures[0].save(file, "TIFF", save_all=True, append_images=pictures[1:], compression="tiff_lzw")
    alone = encode(pictures[0], "TIFF", compression="tiff_lzw")
    assert read_encoded(file.getvalue(), "TIFF").cost.cpu_s == read_encoded(alone, "TIFF").cost.cpu_s


def test_strip_of_a_tiff_is_paid_for_as_often_as_it_is_read() -> None:
    tags = {256: 8, 257: 100, 258: 8, 259: 8, 262: 1, 277: 1, 278: 1, 273: [8] * 100}
    once, often = (
        read_encoded(tiff(bytes(10_000), {**tags, 279: [size] * 100}), "TIFF").cost.cpu_s for size in (1, 10_000)
    )
    assert often - once == pytest.approx(100 * 9_999 * 30 / 1e9)


def test_each_scan_of_a_tiff_in_jpeg_is_paid_for() -> None:
    photo = encode(gradient(64, 64), "JPEG")
    last = progressive(64, 64)
    scan = last[last.rindex(b"\xff\xda") : -2]
    tags = {256: 64, 257: 128, 258: [8] * 3, 259: 7, 262: 6, 277: 3, 278: 64}

    def cost_s(number: int) -> float:
        strip = photo[:-2] + scan * number + END
        places = {273: [8, 8], 279: [len(strip)] * 2}
        bytes_s = 2 * len(strip) * 30 / 1e9
        return read_encoded(tiff(strip, {**tags, **places}), "TIFF").cost.cpu_s - bytes_s

    sample_s = 2 * 64 * 64 * 3 * 0.6 / 1e9
    assert [round((cost_s(number) - cost_s(0)) / sample_s, 6) for number in (1, 20, 200)] == [1, 20, 99]


def test_pixel_in_cielab_costs_its_conversion() -> None:
    lab, rgb = (
        read_encoded(encode(Image.frombytes(mode, (100, 100), bytes(30_000)), "TIFF"), "TIFF").cost.cpu_s
        for mode in ("LAB", "RGB")
    )
    assert lab - rgb == pytest.approx(100 * 100 * 60 / 1e9)


# Run lengths in Python


@pytest.mark.parametrize("code", [b"\0\2\0\0", b"\0\0", b"\1\1"], ids=["deltas", "ends of lines", "runs past the end"])
def test_run_lengths_that_make_no_pixel_are_left_out(code: bytes) -> None:
    head = struct.pack("<2sIHHIIiiHHIIiiII", b"BM", 0, 0, 0, 58, 40, 8, 8, 1, 8, 1, 0, 0, 0, 1, 0) + bytes(4)
    encoded = read_encoded(head + code * 1_000_000, "BMP")
    assert len(encoded.data) < 300
    assert encoded.cost.cpu_s < 0.001


# AVIF


def test_avif_has_the_size_that_its_stream_says() -> None:
    small, large = (encode(gradient(*size), "AVIF") for size in ((16, 16), (300, 400)))
    lying = heif((b"av01", [extents(16, 16), find(large, b"av1C"), find(large, b"pixi")], stream(large)), brand=b"avif")
    assert read(small, SPEC).encoded.size == (16, 16)
    assert read(lying, SPEC).encoded.size == (400, 300)
    with pytest.raises(ImageTooLarge, match="the image has 400 x 300 pixels; at most 100,000 are accepted"):
        preprocess(lying, SPEC, limits=ImageLimits(max_pixels=100_000))


def test_avif_is_copied_once_while_it_is_read() -> None:
    upload = encode(Image.fromarray(noise(256, 256)), "AVIF", quality=100, speed=10)
    read(upload, SPEC)
    tracemalloc.start()
    read(upload, SPEC)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(upload) > 100_000
    assert len(upload) <= peak < 1.5 * len(upload)


def test_every_frame_of_an_avif_counts_until_one_is_shown() -> None:
    upload = encode(gradient(64, 64), "AVIF")
    units = stream(upload)
    again = heif((b"av01", [extents(64, 64), find(upload, b"av1C")], units * 50), brand=b"avif")
    assert read(again, SPEC).cost.cpu_s > 40 * read(upload, SPEC).cost.cpu_s


def test_avif_is_handed_on_with_its_picture_alone() -> None:
    exif = with_orientation(1)
    exif[0x010E] = "a description" * 400
    upload = encode(gradient(20, 30), "AVIF", exif=exif)
    encoded = read_encoded(upload, "AVIF")
    assert len(encoded.data) < len(upload) - 4000
    plain = encode(gradient(20, 30), "AVIF")
    assert np.array_equal(preprocess(upload, SPEC), preprocess(plain, SPEC))
