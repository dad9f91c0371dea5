"""What is asked of which model: the artifact, the photos, and the photos as HTTP requests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks.folders import CACHE
from benchmarks.pictures import photos
from models.store.artifact import Artifact
from models.store.repository import Repository
from server.settings import SHIPPED_MODELS

Form = Literal["raw", "multipart"]

RESNET50 = "resnet50"
SHIPPED = "shipped"
BOUNDARY = "----opsin-benchmark-7MA4YWxkTrZu0gW"  # as long as a browser's


@dataclass(frozen=True)
class Workload:
    """One model and what it is asked."""

    name: str
    repository: Path
    artifact: Artifact
    photos: tuple[bytes, ...]

    @property
    def model(self) -> str:
        """Its name in the repository."""
        return self.artifact.manifest.name

    def requests(self) -> list[bytes]:
        """The photos as whole requests."""
        return [photo_request(photo) for photo in self.photos]


def shipped() -> Workload:
    """The smaller of the models that come with Opsin: a ResNet-20 for 32 px."""
    repository = Repository(SHIPPED_MODELS)
    return Workload(SHIPPED, repository.root, repository.load("cifar10"), photos())


def resnet50() -> Workload:
    """ResNet-50-v2 for 224 px, as `python -m benchmarks.resnet50` made it.

    Raises:
        ModelNotFound: it was not made yet.
    """
    repository = Repository(CACHE / "repository")
    return Workload(RESNET50, repository.root, repository.load(RESNET50), photos())


def photo_request(
    photo: bytes, form: Form = "raw", *, path: str = "/predict", kind: str = "image/jpeg", field: str = "image"
) -> bytes:
    """One photo as a POST, head and body."""
    if form == "multipart":
        return photos_request([photo], path=path, kind=kind, field=field)
    return post_request(path, kind, photo)


def photos_request(
    photos: Sequence[bytes], *, path: str = "/predict", kind: str = "image/jpeg", field: str = "image"
) -> bytes:
    """Several photos as one POST, as a browser sends them."""
    content_type, body = form_of(photos, kind=kind, field=field)
    return post_request(path, content_type.decode(), body)


def form_of(photos: Sequence[bytes], *, kind: str = "image/jpeg", field: str = "image") -> tuple[bytes, bytes]:
    """Several photos as a browser's form: its Content-Type, and the body."""
    disposition = f'Content-Disposition: form-data; name="{field}"; filename="photo.jpg"'
    head = f"--{BOUNDARY}\r\n{disposition}\r\nContent-Type: {kind}\r\n\r\n".encode()
    body = b"".join(head + photo + b"\r\n" for photo in photos) + f"--{BOUNDARY}--\r\n".encode()
    return f"multipart/form-data; boundary={BOUNDARY}".encode(), body


def post_request(path: str, content_type: str, body: bytes, *, more_fields: Sequence[str] = ()) -> bytes:
    """Any body as a POST, head and body."""
    lines = (
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(body)}",
        *more_fields,
    )
    return "\r\n".join((*lines, "\r\n")).encode() + body
