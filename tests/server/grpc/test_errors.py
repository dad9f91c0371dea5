"""Errors over gRPC: each that HTTP has a status for has a code, and says when to come back where that helps."""

from __future__ import annotations

import pytest
from grpc import StatusCode

from models.errors import ImageTooLarge, ModelNotFound, OpsinError, UnsupportedImage
from server.api.errors import STATUS
from server.engine.errors import ClientGone, DeadlineExceeded, EngineFailed, EngineNotReady
from server.grpc.errors import CODES, DETAILS_KEY, NotOffered, code_of, details_of
from server.grpc.messages import message_class
from server.request_errors import (
    MissingApiKey,
    Overloaded,
    RateLimited,
    RequestError,
    TooManyImages,
    UnsupportedMediaType,
)


def details(error):
    [(key, content)] = details_of(error)
    assert key == DETAILS_KEY
    status = message_class("google.rpc.Status").FromString(content)
    names = [each.type_url.removeprefix("type.googleapis.com/") for each in status.details]
    return status, {
        name: message_class(name).FromString(each.value) for name, each in zip(names, status.details, strict=True)
    }


def test_each_status_of_http_has_a_code():
    assert set(STATUS.values()) <= CODES.keys()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RequestError("x"), StatusCode.INVALID_ARGUMENT),
        (UnsupportedImage("x"), StatusCode.INVALID_ARGUMENT),
        (UnsupportedMediaType("x"), StatusCode.INVALID_ARGUMENT),
        (ImageTooLarge("x"), StatusCode.INVALID_ARGUMENT),
        (TooManyImages("x"), StatusCode.INVALID_ARGUMENT),
        (ModelNotFound("x"), StatusCode.NOT_FOUND),
        (MissingApiKey("x"), StatusCode.UNAUTHENTICATED),
        (RateLimited("x", wait_s=1), StatusCode.RESOURCE_EXHAUSTED),
        (Overloaded("x", wait_s=1), StatusCode.RESOURCE_EXHAUSTED),
        (EngineNotReady("x"), StatusCode.UNAVAILABLE),
        (DeadlineExceeded("x"), StatusCode.DEADLINE_EXCEEDED),
        (ClientGone("x"), StatusCode.CANCELLED),
        (EngineFailed("x"), StatusCode.INTERNAL),
        (NotOffered("x"), StatusCode.UNIMPLEMENTED),
        (OpsinError("x"), StatusCode.INTERNAL),
    ],
)
def test_error_has_the_code_of_its_status(error, code):
    assert code_of(error) == code


@pytest.mark.parametrize("kind", [Overloaded, RateLimited])
def test_client_that_may_come_back_is_told_when(kind):
    status, found = details(kind("too much", wait_s=2.5))
    assert (status.code, status.message) == (8, "too much")
    assert found["google.rpc.RetryInfo"].retry_delay.seconds == 3
    assert found["google.rpc.ErrorInfo"].reason == kind.code.upper()


def test_other_errors_say_which_they_are_alone():
    status, found = details(UnsupportedImage("no picture"))
    assert (status.code, status.message) == (3, "no picture")
    assert found.keys() == {"google.rpc.ErrorInfo"}
    info = found["google.rpc.ErrorInfo"]
    assert (info.reason, info.domain) == ("UNSUPPORTED_IMAGE", "opsin")
