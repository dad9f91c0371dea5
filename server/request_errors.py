"""Errors of a request that are seen before any of its images is decoded."""

from __future__ import annotations

from typing import ClassVar

from models.errors import OpsinError


class RequestError(OpsinError):
    """The request is malformed; no image of it is looked at."""

    code: ClassVar[str] = "invalid_request"


class MissingImage(RequestError):
    """The request carries no image."""

    code: ClassVar[str] = "missing_image"


class TooManyImages(RequestError):
    """The request carries more images than one request may."""

    code: ClassVar[str] = "too_many_images"


class UploadTooLarge(RequestError):
    """The body has more bytes than a request may."""

    code: ClassVar[str] = "upload_too_large"


class IncompleteUpload(RequestError):
    """The body ended before the length that the client announced."""

    code: ClassVar[str] = "incomplete_upload"


class UploadTimeout(RequestError):
    """The body did not arrive in time."""

    code: ClassVar[str] = "upload_timeout"


class UnsupportedMediaType(RequestError):
    """The Content-Type cannot carry an image here."""

    code: ClassVar[str] = "unsupported_media_type"


class MalformedRequest(RequestError):
    """What came is not valid HTTP; nobody knows where the next request begins.

    Attributes:
        status: of the answer, with its reason.
    """

    code: ClassVar[str] = "malformed_http"
    BAD_REQUEST: ClassVar[str] = "400 Bad Request"

    def __init__(self, reason: str, status: str = BAD_REQUEST) -> None:
        super().__init__(reason)
        self.status = status
