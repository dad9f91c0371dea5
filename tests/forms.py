"""Splits forms, by the server and by werkzeug."""

from __future__ import annotations

from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder

from server.api.multipart import split_multipart


def split(body, boundary="XYZ"):
    return [(part.name, part.filename, bytes(part.content)) for part in split_multipart(body, boundary)]


def split_by_werkzeug(body, boundary="XYZ"):
    decoder, parts = MultipartDecoder(boundary.encode()), []
    decoder.receive_data(body)
    decoder.receive_data(None)
    while not isinstance(event := decoder.next_event(), Epilogue):
        if isinstance(event, Field | File):
            parts.append((event.name, getattr(event, "filename", None), b""))
        elif isinstance(event, Data):
            name, filename, content = parts.pop()
            parts.append((name, filename, content + event.data))
    return parts
