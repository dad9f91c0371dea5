"""Bounds by a formula of the settings what the server takes in memory, beside its models."""

from __future__ import annotations

from server.decoding.decoder import MAX_SMALL_MEMORY_BYTES
from server.engine.shadows import MAX_WAITING
from server.engine.slot_table import MAX_EXPLANATION_VALUES
from server.http.limits import MAX_HEAD_BYTES
from server.settings import Settings

MASTER_BYTES = 32 * 1024**2
ENGINE_BYTES = 64 * 1024**2  # without a model
WORKER_BYTES = 160 * 1024**2  # with its threads, and two plain images in it
GRPC_BYTES = 64 * 1024**2  # of gRPC, beside what an HTTP worker has
# With LiteRT, and light models of `server.engine.light_models.MAX_FILES_BYTES`, whose weights are laid out once more.
LIGHT_MODELS_BYTES = 16 * 1024**2
DECODER_BYTES = 64 * 1024**2  # without its image
BODY_COPIES = 4  # a body, what it unpacks to, what is cut out of that, and what of that is picture
SLOT_BYTES = 8192 + 4 * MAX_EXPLANATION_VALUES  # beside the pixels


def max_memory_bytes(settings: Settings, *, num_engines: int, image_bytes: int) -> int:
    """Bound the memory of all processes (docs/robustness.md).

    Args:
        settings: of the server.
        num_engines: one for each device; what they take for models, and TensorFlow on a GPU, is not counted.
        image_bytes: pixels of one image of the largest model.
    """
    in_hand = max(settings.max_uploads_in_hand_bytes, settings.max_upload_bytes)
    bodies = BODY_COPIES * in_hand
    small_bytes = min(settings.max_decode_bytes, MAX_SMALL_MEMORY_BYTES)
    decoders = settings.max_decode_bytes + small_bytes + 2 * (DECODER_BYTES + settings.max_upload_bytes)
    slots = settings.max_queue * (image_bytes + SLOT_BYTES)
    heads = settings.num_connections * MAX_HEAD_BYTES
    worker = WORKER_BYTES + heads + bodies + decoders + slots
    light_models = LIGHT_MODELS_BYTES if settings.run_to_completion else 0
    # Of messages on their way as much as may be in hand, and what comes until that is seen.
    grpc = GRPC_BYTES + 2 * in_hand + worker if settings.grpc_port is not None else 0
    engine = ENGINE_BYTES + MAX_WAITING * image_bytes
    return MASTER_BYTES + num_engines * engine + settings.workers * (worker + light_models) + grpc


def max_grpc_bytes(settings: Settings) -> int:
    """Bound the memory of the process of gRPC alone, without its slots and decoders."""
    in_hand = max(settings.max_uploads_in_hand_bytes, settings.max_upload_bytes)
    return WORKER_BYTES + GRPC_BYTES + (BODY_COPIES + 1) * in_hand
