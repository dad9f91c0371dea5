"""What all calls have in common: keys, ids, statuses and what is noted of them."""

from __future__ import annotations

import asyncio
import hashlib
import logging

import pytest
from calls import Aborted, FakeContext
from grpc import StatusCode

from models.errors import ModelNotFound
from server.api.gatekeeper import make_gatekeeper
from server.api.shared_counts import SharedCounts
from server.grpc.calls import Call, Doorway
from server.metrics import Metrics
from server.settings import Settings

METHOD = "/inference.GRPCInferenceService/ModelInfer"


@pytest.fixture
def log(caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("opsin"), "propagate", True)
    caplog.set_level(logging.INFO, "opsin")
    return caplog


async def answer(_call):
    return "answer"


def call(behave, context, doorway=None):
    return asyncio.run((doorway or Doorway(None, Metrics())).wrap(METHOD, behave)(None, context))


def test_answer_has_the_id_of_its_request():
    context = FakeContext(metadata=[("x-request-id", "seven")])
    assert call(answer, context) == "answer"
    assert context.trailing == (("x-request-id", "seven"),)


def test_error_has_its_code_its_id_and_details():
    async def fail(_call):
        raise ModelNotFound("Request for unknown model: x")

    context = FakeContext(metadata=[("x-request-id", "seven"), ("a-bin", b"bytes")])
    with pytest.raises(Aborted):
        call(fail, context)
    assert context.status == (StatusCode.NOT_FOUND, "Request for unknown model: x")
    assert [key for key, _ in context.trailing] == ["x-request-id", "grpc-status-details-bin"]


def test_bug_is_told_by_its_id_alone(log):
    async def fail(_call):
        raise ZeroDivisionError("a secret")

    context = FakeContext(metadata=[("x-request-id", "seven")])
    with pytest.raises(Aborted):
        call(fail, context)
    assert context.status == (StatusCode.INTERNAL, "the server failed on request seven")
    assert "a secret" in log.text


def test_each_call_is_a_line_in_the_log_and_counted(log, model):
    async def classify(call):
        call.model = model

    metrics = Metrics()
    call(classify, FakeContext(metadata=[("x-request-id", "seven")]), Doorway(None, metrics))
    [record] = [record for record in log.records if record.name == "opsin.access"]
    fields = record.fields
    assert (fields["method"], fields["path"], fields["status"]) == ("gRPC", METHOD, "OK")
    assert (fields["request_id"], fields["model"], fields["version"]) == ("seven", "colours", 3)
    labels = {"method": "ModelInfer", "code": "OK"}
    assert metrics.registry.get_sample_value("opsin_grpc_requests_total", labels) == 1
    assert metrics.registry.get_sample_value("opsin_grpc_request_duration_seconds_count", {"method": "ModelInfer"}) == 1


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:192.0.2.1:5000", "192.0.2.1"),
        ("ipv6:%5B2001:db8::1%5D:5000", "2001:db8::1"),
        ("ipv6:[2001:db8::1]:5000", "2001:db8::1"),
    ],
)
def test_address_is_that_of_the_peer(peer, address):
    assert Call(METHOD, FakeContext(peer=peer)).address == address


@pytest.fixture
def keyed(tmp_path):
    (tmp_path / "keys").write_text(f"app sha256:{hashlib.sha256(b'right').hexdigest()}\n")
    settings = Settings(api_keys_file=tmp_path / "keys", max_requests_per_client=1)
    return Doorway(make_gatekeeper(settings, SharedCounts()), Metrics())


@pytest.mark.parametrize("metadata", [("authorization", "Bearer right"), ("x-api-key", "right")])
def test_request_with_a_key_is_let_in_one_at_a_time(keyed, metadata):
    async def ask(call):
        async with keyed.admitted(call):
            second = Call(METHOD, FakeContext(metadata=[metadata]))
            with pytest.raises(Exception, match="as many requests in hand as it may"):
                async with keyed.admitted(second):
                    pass
        async with keyed.admitted(call):
            return "let in"

    assert call(ask, FakeContext(metadata=[metadata]), keyed) == "let in"


@pytest.mark.parametrize("metadata", [(), [("x-api-key", "wrong")]])
def test_request_without_a_right_key_is_not(keyed, metadata):
    async def ask(call):
        async with keyed.admitted(call):
            pass

    context = FakeContext(metadata=metadata)
    with pytest.raises(Aborted):
        call(ask, context, keyed)
    assert context.status[0] == StatusCode.UNAUTHENTICATED
