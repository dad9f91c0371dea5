"""The formula of the settings that bounds the server's memory."""

from __future__ import annotations

from server.engine.shadows import MAX_WAITING
from server.http.limits import MAX_HEAD_BYTES
from server.memory_bound import (
    DECODER_BYTES,
    ENGINE_BYTES,
    GRPC_BYTES,
    LIGHT_MODELS_BYTES,
    MASTER_BYTES,
    MAX_SMALL_MEMORY_BYTES,
    SLOT_BYTES,
    WORKER_BYTES,
    max_grpc_bytes,
    max_memory_bytes,
)
from server.settings import Settings


def test_memory_is_bounded_by_the_settings():
    settings = Settings(
        workers=2,
        max_queue=5,
        max_connections=9,
        max_uploads_in_hand_bytes=100,
        max_upload_bytes=10,
        max_decode_bytes=10**9,
    )
    assert max_memory_bytes(settings, num_engines=3, image_bytes=7) == MASTER_BYTES + 3 * (
        ENGINE_BYTES + MAX_WAITING * 7
    ) + 2 * (
        WORKER_BYTES
        + LIGHT_MODELS_BYTES
        + 9 * MAX_HEAD_BYTES
        + 4 * 100
        + MAX_SMALL_MEMORY_BYTES
        + 10**9
        + 2 * (DECODER_BYTES + 10)
        + 5 * (7 + SLOT_BYTES)
    )


def test_one_body_fits_whatever_may_be_in_hand():
    few = Settings(
        workers=1,
        max_queue=1,
        max_connections=1,
        max_uploads_in_hand_bytes=1,
        max_upload_bytes=10,
        max_decode_bytes=1000,
        run_to_completion=False,
    )
    assert max_memory_bytes(few, num_engines=1, image_bytes=0) == MASTER_BYTES + ENGINE_BYTES + (
        WORKER_BYTES + MAX_HEAD_BYTES + 4 * 10 + 1000 + 1000 + 2 * (DECODER_BYTES + 10) + SLOT_BYTES
    )


def test_grpc_takes_what_a_worker_does_and_messages_on_their_way():
    def bound(**settings):
        settings = Settings(workers=1, max_uploads_in_hand_bytes=100, max_upload_bytes=10, **settings)
        return max_memory_bytes(settings, num_engines=1, image_bytes=7)

    worker = bound() - MASTER_BYTES - ENGINE_BYTES - MAX_WAITING * 7 - LIGHT_MODELS_BYTES  # gRPC's runs no models
    assert bound(grpc_port=0) - bound() == worker + GRPC_BYTES + 2 * 100
    assert (
        max_grpc_bytes(Settings(max_uploads_in_hand_bytes=100, max_upload_bytes=10)) == WORKER_BYTES + GRPC_BYTES + 500
    )
