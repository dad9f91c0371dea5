"""Calls a server over gRPC with our own messages, for tests."""

from __future__ import annotations

import contextlib
import os

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # tests start servers while channels are open

import grpc
import pytest
from waiting import SOON_S

from server.grpc.messages import message_class

WAIT_S = SOON_S
PREFIX = "type.googleapis.com/"


@contextlib.contextmanager
def channel_to(running, credentials=None, **options):
    settings = [(f"grpc.{name}", value) for name, value in options.items()] + [("grpc.enable_retries", 0)]
    if credentials:
        channel = grpc.secure_channel(running.grpc.replace("127.0.0.1", "localhost"), credentials, settings)
    else:
        channel = grpc.insecure_channel(running.grpc, settings)
    with channel:
        yield channel


def to_bytes(message):
    return message.SerializeToString()


def infer(channel):
    return channel.unary_unary(
        "/inference.GRPCInferenceService/ModelInfer",
        to_bytes,
        message_class("inference.ModelInferResponse").FromString,
    )


def stream(channel):
    return channel.stream_stream(
        "/inference.GRPCInferenceService/ModelStreamInfer",
        to_bytes,
        message_class("inference.ModelStreamInferResponse").FromString,
    )


def ask(channel, name):
    return channel.unary_unary(
        f"/inference.GRPCInferenceService/{name}", to_bytes, message_class(f"inference.{name}Response").FromString
    )


def check(channel, name=""):
    asked = message_class("grpc.health.v1.HealthCheckRequest")(service=name)
    call = channel.unary_unary(
        "/grpc.health.v1.Health/Check", to_bytes, message_class("grpc.health.v1.HealthCheckResponse").FromString
    )
    return call(asked, timeout=WAIT_S).status


def watch(channel, name=""):
    asked = message_class("grpc.health.v1.HealthCheckRequest")(service=name)
    call = channel.unary_stream(
        "/grpc.health.v1.Health/Watch", to_bytes, message_class("grpc.health.v1.HealthCheckResponse").FromString
    )
    return call(asked)


def photo_request(*photos, **fields):
    tensor = {
        "name": "image",
        "datatype": "BYTES",
        "shape": [len(photos)],
        "contents": {"bytes_contents": list(photos)},
    }
    return message_class("inference.ModelInferRequest")(model_name="colours", inputs=[tensor], **fields)


def label_of(response):
    values = list(response.outputs[0].contents.fp32_contents)
    return ("red", "green", "blue")[values.index(max(values))]


def details_of(error):
    """The details of an error, by the names of their messages."""
    [content] = [value for key, value in error.trailing_metadata() if key == "grpc-status-details-bin"]
    status = message_class("google.rpc.Status").FromString(content)
    return {
        each.type_url.removeprefix(PREFIX): message_class(each.type_url.removeprefix(PREFIX)).FromString(each.value)
        for each in status.details
    }


def refused(call, *arguments, **options):
    """The error of a call that must fail."""
    with pytest.raises(grpc.RpcError) as caught:
        call(*arguments, timeout=WAIT_S, **options)
    return caught.value
