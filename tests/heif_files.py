"""HEIC files made by hand around coded pictures, as no encoder would write them."""

from __future__ import annotations

import io
import struct


def encode(picture, **options):
    """A HEIC file, as pillow-heif writes it, without loss."""
    import pillow_heif

    file = io.BytesIO()
    pillow_heif.from_pillow(picture).save(file, quality=-1, chroma=444, matrix_coefficients=0, **options)
    return file.getvalue()


def box(kind, *parts):
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + kind + body


def full_box(kind, *parts, version=0, flags=0):
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def u16(*numbers):
    return struct.pack(f">{len(numbers)}H", *numbers)


def extents(width, height):
    return full_box(b"ispe", struct.pack(">II", width, height))


def grid(rows, columns, width, height):
    """The data of a grid item."""
    return struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, width, height)


def find(file, kind):
    """The first box of a kind, whole, wherever it is."""
    start = file.index(kind) - 4
    return file[start : start + int.from_bytes(file[start : start + 4], "big")]


def stream(file):
    """The data of the only item of a file."""
    return find(file, b"mdat")[8:]


def is_essential(property_box):
    return property_box[4:8] not in (b"ispe", b"colr", b"auxC")


def heif(*items, references=(), brand=b"heic", boxes=b""):
    """A file of items: (kind, properties, data), numbered from 1, the first of which is the picture.

    Args:
        references: (kind, from, to, to, ...).
        brand: the major one.
        boxes: further ones in the meta box.
    """
    properties = list(dict.fromkeys(each for _, listed, _ in items for each in listed))
    entries = [full_box(b"infe", u16(n, 0), kind, b"\0", version=2) for n, (kind, _, _) in enumerate(items, start=1)]
    associations = [
        u16(n) + bytes([len(listed), *(properties.index(each) + 1 | is_essential(each) << 7 for each in listed)])
        for n, (_, listed, _) in enumerate(items, start=1)
    ]
    references = [box(kind, u16(item, len(to), *to)) for kind, item, *to in references]
    parts = [
        full_box(b"pitm", u16(1)),
        full_box(b"iinf", u16(len(items)), *entries),
        full_box(b"iref", *references),
        box(b"iprp", box(b"ipco", *properties), full_box(b"ipma", struct.pack(">I", len(items)), *associations)),
        full_box(b"hdlr", bytes(4), b"pict", bytes(13)),
        boxes,
    ]
    head = box(b"ftyp", brand, bytes(4), b"mif1", brand)

    def meta(start):
        locations = b""
        for n, (_, _, data) in enumerate(items, start=1):
            locations += u16(n, 0, 1) + struct.pack(">II", start, len(data))
            start += len(data)
        return full_box(b"meta", *parts, full_box(b"iloc", b"\x44\0", u16(len(items)), locations))

    return head + meta(len(head) + len(meta(0)) + 8) + box(b"mdat", *(data for _, _, data in items))


def overlapping(kind, *, num_parts, num_bytes, brand=b"avif", tables=()):
    """A file whose one item has its bytes over and over; tables stand in iprp in place of those that it needs."""
    properties = tables or (box(b"ipco", extents(64, 64)), full_box(b"ipma", struct.pack(">I", 1), u16(1), b"\1\1"))
    parts = [
        full_box(b"pitm", u16(1)),
        full_box(b"iinf", u16(1), full_box(b"infe", u16(1, 0), kind, b"\0", version=2)),
        box(b"iprp", *properties),
        full_box(b"iloc", b"\x44\0", u16(1, 1, 0, num_parts), struct.pack(">II", 1, 0) * num_parts),
    ]
    return box(b"ftyp", brand, bytes(4), b"mif1", brand) + full_box(b"meta", *parts) + box(b"mdat", bytes(num_bytes))


def tiled(tile, rows, columns, size, *, tile_size, **options):
    """A grid of the coded picture of another file, over and over."""
    coded = (b"hvc1", [find(tile, b"hvcC"), extents(*tile_size)], stream(tile))
    picture = (b"grid", [extents(*size)], grid(rows, columns, *size))
    return heif(picture, coded, references=[(b"dimg", 1, *[2] * (rows * columns))], **options)
