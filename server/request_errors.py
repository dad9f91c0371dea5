"""Errors of a request that are seen before any of its images is decoded, by the HTTP front, the API or the engine."""

from __future__ import annotations

import math
import re
from typing import ClassVar

from models.errors import OpsinError

MAX_REASON_CHARACTERS = 200  # it quotes what came
_QUOTED = re.compile(r"""(?:, got|:)? b?['"]""")


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


class NotExplainable(RequestError):
    """An explanation is asked for, and there is none of what this model answers."""

    code: ClassVar[str] = "not_explainable"


class NoExamples(RequestError):
    """Pictures like this one are asked for, and the model has none that may be shown."""

    code: ClassVar[str] = "no_examples"


class UnsupportedMediaType(RequestError):
    """The Content-Type cannot carry an image here."""

    code: ClassVar[str] = "unsupported_media_type"


class MissingApiKey(RequestError):
    """The request has no API key, and only those with one are answered."""

    code: ClassVar[str] = "missing_api_key"


class InvalidApiKey(RequestError):
    """The request has an API key that is none, or none any more."""

    code: ClassVar[str] = "invalid_api_key"


class AdminOff(RequestError):
    """The request changes what is served, and nobody may do that by a request here."""

    code: ClassVar[str] = "admin_off"


class MissingAdminToken(RequestError):
    """The request changes what is served, and has no token."""

    code: ClassVar[str] = "missing_admin_token"


class InvalidAdminToken(RequestError):
    """The request changes what is served, and its token is another."""

    code: ClassVar[str] = "invalid_admin_token"


class RateLimited(RequestError):
    """The client asks more often than it may, or has more requests in hand.

    Attributes:
        retry_after_s: whole seconds, at least 1, after which its next request is let in.
    """

    code: ClassVar[str] = "rate_limited"

    def __init__(self, message: str, *, wait_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = max(1, math.ceil(wait_s))


class MalformedRequest(RequestError):
    """What came is not valid HTTP; nobody knows where the next request begins.

    Attributes:
        status: of the response.
    """

    code: ClassVar[str] = "malformed_http"
    status = 400

    def __init__(self, reason: str, status: int = 400) -> None:
        shown = reason if len(reason) <= MAX_REASON_CHARACTERS else reason[:MAX_REASON_CHARACTERS] + "..."
        super().__init__(f"the request is not valid HTTP: {shown}")
        self.status = status

    @property
    def for_log(self) -> str:
        """What is wrong without what came, in which a key or a query may stand."""
        return _QUOTED.split(str(self), maxsplit=1)[0]


class Overloaded(OpsinError):
    """More is in hand than there is room or time for: requests, bytes of uploads, or images.

    Attributes:
        retry_after_s: whole seconds, at least 1, after which what is in hand now should be done.
    """

    code: ClassVar[str] = "overloaded"

    def __init__(self, message: str, *, wait_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = max(1, math.ceil(wait_s))
