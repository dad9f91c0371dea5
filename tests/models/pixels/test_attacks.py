"""Files that would cost Pillow seconds to minutes, or gigabytes, cost nothing."""

import struct
import sys
import zlib

import pytest
from heif_files import box, extents, find, full_box, heif, overlapping, stream, u16
from pictures import SMALL_JPEG, encode, gray_tiff, into_jpeg, jpeg_segment, png, png_chunk, tiff
from PIL import Image, ImageFile

from models.errors import CorruptImage, ImageTooLarge
from models.pixels.formats import identify, read_encoded
from models.pixels.formats.heif_items import Items
from models.pixels.formats.heif_pictures import meta_box
from models.pixels.preprocessing import PixelSpec, preprocess

SPEC = PixelSpec(1, 2)
ROW = b"\x0a\xf0"
MEGABYTE = 2**20
INFLATES = zlib.compress(b"\xff" * MEGABYTE, 9)  # 1 KB
RUN_LENGTHS = struct.pack("<2sIHHIIiiHHIIiiII", b"BM", 0, 0, 0, 58, 40, 7000, 7000, 1, 8, 1, 0, 0, 0, 1, 0) + bytes(4)


def progressive(num_scans):
    upload = encode(Image.new("L", (1000, 1000)), "JPEG", progressive=True)
    scan = upload[upload.rindex(b"\xff\xda") : -2]
    return upload[:-2] + scan * (num_scans - upload.count(b"\xff\xda")) + upload[-2:]


# Made when a test asks for them: together they have 30 MB.
STEPPED_OVER = {
    "fill bytes": lambda: into_jpeg(b"\xff" * (MEGABYTE - 9)),
    "escaped fill bytes": lambda: into_jpeg(b"\xff\0" * (MEGABYTE // 2 - 9)),
    "text that inflates": lambda: png(ROW, width=2, before=png_chunk(b"iTXt", b"k\0\1\0\0\0" + INFLATES) * 1000),
    "colour profiles that inflate": lambda: png(ROW, width=2, before=png_chunk(b"iCCP", b"k\0\0" + INFLATES) * 1000),
    "XMP that inflates": lambda: png(
        ROW, width=2, before=png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + INFLATES) * 1000
    ),
    "EXIF that inflates": lambda: png(
        ROW, width=2, after=png_chunk(b"zTXt", b"Raw profile type exif\0\0" + INFLATES) * 1000
    ),
    "EXIF with a million prefixes": lambda: png(ROW, width=2, before=png_chunk(b"eXIf", b"Exif\0\0" * MEGABYTE)),
}
REFUSED = {
    "more fill bytes": lambda: into_jpeg(b"\xff" * (2 * MEGABYTE)),
    "more escaped fill bytes": lambda: into_jpeg(b"\xff\0" * MEGABYTE),
    "EXIF segments that are joined": lambda: into_jpeg(jpeg_segment(0xE1, b"Exif\0\0abcd") * 100_000),
    "a million empty segments": lambda: into_jpeg(jpeg_segment(0xE3, b"") * 1_000_000),
    "quantization tables": lambda: into_jpeg(jpeg_segment(0xDB, (b"\0" + b"\1" * 64) * 1000) * 50),
    "a thousand scans": lambda: progressive(1000),
    "a million chunks": lambda: png(ROW, width=2, before=png_chunk(b"abCd", b"") * 1_000_000),
    "a strip for each of many rows": lambda: gray_tiff(ROW, width=1, bits=8, more={257: 65_535, 277: 3, 284: 2}),
    "a huge tile": lambda: tiff(
        INFLATES, {256: 16, 257: 16, 258: 8, 259: 8, 262: 1, 322: 2**20, 323: 2032, 324: 8, 325: 1000}
    ),
    "AVIF grid whose parts overlap": lambda: overlapping(b"grid", num_parts=300, num_bytes=MEGABYTE),
    "AVIF picture whose parts overlap": lambda: overlapping(b"av01", num_parts=300, num_bytes=MEGABYTE),
    "AVIF associations": lambda: overlapping(
        b"av01",
        num_parts=1,
        num_bytes=8,
        tables=[full_box(b"ipma", struct.pack(">I", 999), u16(1) + b"\0" * 2997)] * 400,
    ),
    "AVIF properties": lambda: overlapping(
        b"av01", num_parts=1, num_bytes=8, tables=[box(b"ipco", box(b"free") * 4096)] * 100
    ),
    "GIF sub-blocks": lambda: encode(Image.new("L", (1, 1)), "GIF").replace(
        b",", b"!\xfe" + b"\1a" * 300_000 + b"\0,", 1
    ),
    "GIF extensions": lambda: encode(Image.new("L", (1, 1)), "GIF").replace(b",", b"!\xfe\0" * 1_000_000 + b",", 1),
    "GIF stray bytes": lambda: encode(Image.new("L", (1, 1)), "GIF").replace(b",", b"\1" * MEGABYTE + b",", 1),
    "run lengths in Python": lambda: RUN_LENGTHS + b"\1\1\0\0" * 7000 + b"\0\1",
}


@pytest.fixture
def upload(request):
    return request.param()


@pytest.fixture
def _cheap():
    """Counts calls, of C functions too: a clock would tell of other threads and other programs."""
    cost = 0

    def count(_frame, event, function):
        nonlocal cost
        if event in ("call", "c_call"):
            cost += 1000 if function is zlib.decompressobj else 1

    before = sys.getprofile()
    sys.setprofile(count)
    yield
    sys.setprofile(before)
    # Without a limit a million chunks would cost five million, and a thousand texts that inflate a million.
    assert cost < 500_000


@pytest.mark.usefixtures("_cheap")
@pytest.mark.parametrize("upload", STEPPED_OVER.values(), ids=STEPPED_OVER, indirect=True)
def test_attack_beside_the_picture_is_stepped_over(upload):
    assert len(read_encoded(upload, identify(upload)).data) < 1000  # Pillow meets nothing of it
    assert preprocess(upload, SPEC).shape == (1, 2, 3)


@pytest.mark.usefixtures("_cheap")
def test_strips_beyond_the_picture_are_stepped_over():
    upload = gray_tiff(ROW, width=1, bits=8, more={257: 2, 273: [8] * MEGABYTE, 279: [1] * MEGABYTE})
    assert preprocess(upload, SPEC).shape == (1, 2, 3)


@pytest.mark.usefixtures("_cheap")
@pytest.mark.parametrize("upload", REFUSED.values(), ids=REFUSED, indirect=True)
def test_attack_by_the_shape_of_the_file_is_refused(upload, monkeypatch):
    monkeypatch.delattr(ImageFile.ImageFile, "load")  # no pixel is decoded
    with pytest.raises((CorruptImage, ImageTooLarge), match=r"more than|at most|too long|tiles are|overlap|tiles"):
        preprocess(upload, SPEC)


def test_property_that_is_listed_again_and_again_is_read_once(monkeypatch):
    read = []
    content = Items.content
    monkeypatch.setattr(Items, "content", lambda items, box: read.append(box.kind) or content(items, box))
    avif = encode(Image.new("RGB", (64, 64)), "AVIF")
    depths = full_box(b"pixi", b"\3\x08\x08\x08")
    item = (b"av01", [find(avif, b"av1C"), extents(64, 64)] + 200 * [depths], stream(avif))
    assert preprocess(heif(item, brand=b"avif"), SPEC).shape == (1, 2, 3)
    assert read == [b"av1C", b"ispe", b"pixi"]


def test_large_property_that_many_items_share_is_not_copied_for_each():
    avif = encode(Image.new("RGB", (64, 64)), "AVIF")
    item = (b"av01", [find(avif, b"av1C"), extents(64, 64), full_box(b"auxC", bytes(MEGABYTE))], stream(avif))
    upload = heif(item, brand=b"avif")
    items = Items(upload, meta_box(upload, "AVIF"))
    assert len(items.property(1, b"auxC")) == 65_536


def test_jpeg_with_two_frames_is_corrupt():
    frame = SMALL_JPEG.index(b"\xff\xc0")
    with pytest.raises(CorruptImage, match="announces 2 frames"):
        preprocess(into_jpeg(SMALL_JPEG[frame : frame + 19]), SPEC)


def test_ordinary_number_of_scans_is_accepted():
    assert preprocess(progressive(16), SPEC).shape == (1, 2, 3)
