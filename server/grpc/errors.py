"""What an error becomes over gRPC: a code by its HTTP status, its message, and details that programs can read."""

from __future__ import annotations

from typing import Any, ClassVar

from grpc import StatusCode

from models.errors import OpsinError
from server.api.errors import message_of, status_of
from server.grpc.messages import message_class
from server.request_errors import Overloaded, RateLimited, RequestError

DOMAIN = "opsin"
DETAILS_KEY = "grpc-status-details-bin"
TYPE_PREFIX = "type.googleapis.com/"

CODES = {
    400: StatusCode.INVALID_ARGUMENT,
    401: StatusCode.UNAUTHENTICATED,
    403: StatusCode.PERMISSION_DENIED,
    404: StatusCode.NOT_FOUND,
    408: StatusCode.DEADLINE_EXCEEDED,
    409: StatusCode.FAILED_PRECONDITION,
    413: StatusCode.INVALID_ARGUMENT,  # RESOURCE_EXHAUSTED is for what may be asked again
    415: StatusCode.INVALID_ARGUMENT,
    422: StatusCode.INVALID_ARGUMENT,
    429: StatusCode.RESOURCE_EXHAUSTED,
    499: StatusCode.CANCELLED,
    500: StatusCode.INTERNAL,
    501: StatusCode.UNIMPLEMENTED,
    503: StatusCode.UNAVAILABLE,
    504: StatusCode.DEADLINE_EXCEEDED,
}


class NotOffered(RequestError):
    """The call is one of the protocol's, and not offered here."""

    code: ClassVar[str] = "not_offered"


def code_of(error: OpsinError) -> StatusCode:
    """Choose the code of an error; that there is too much to do now has one of its own among those of 503."""
    if isinstance(error, NotOffered):
        return StatusCode.UNIMPLEMENTED
    if isinstance(error, Overloaded):
        return StatusCode.RESOURCE_EXHAUSTED
    return CODES.get(status_of(error), StatusCode.INTERNAL)


def details_of(error: OpsinError) -> tuple[tuple[str, bytes], ...]:
    """Write the metadata that tells more: google.rpc.Status with the error's code, and when to come back."""
    status = message_class("google.rpc.Status")(code=code_of(error).value[0], message=message_of(error))
    reason = message_class("google.rpc.ErrorInfo")(reason=error.code.upper(), domain=DOMAIN)
    _add(status, reason)
    if isinstance(error, Overloaded | RateLimited):
        retry = message_class("google.rpc.RetryInfo")()
        retry.retry_delay.seconds = error.retry_after_s
        _add(status, retry)
    return ((DETAILS_KEY, status.SerializeToString()),)


def _add(status: Any, detail: Any) -> None:
    status.details.add(type_url=TYPE_PREFIX + detail.DESCRIPTOR.full_name, value=detail.SerializeToString())
