"""The gRPC server of a process: its services, its limits and its port. It is made after the fork, as gRPC wants it."""

from __future__ import annotations

import asyncio

import grpc

from server.grpc.application import GRPCApplication
from server.grpc.calls import Doorway
from server.grpc.control import ModelControl
from server.grpc.credentials import credentials_of
from server.grpc.health import SERVICE as HEALTH_SERVICE
from server.grpc.health import Health
from server.grpc.inference import Inference
from server.grpc.service import SERVICE, GRPCInferenceService
from server.grpc.streams import Streams
from server.grpc.uploads import Uploads
from server.http.tls import TLS
from server.memory_bound import max_grpc_bytes
from server.settings import Settings

LINGER_S = 0.5  # in which clients hear that it stops, before no more calls are taken
MAX_METADATA_BYTES = 16 * 1024  # of a call, names and values and 32 bytes for each
MAX_PENDING_CALLS = 10_240  # 12 kB each
OPTIONS = (
    ("grpc.so_reuseport", 1),  # the master holds the port
    # What comes before somebody reads it is kept in memory: 64 KB of each call, and not what the network would allow.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.server_handshake_timeout_ms", 10_000),
    # The bound is one: by default metadata of 8 to 16 KB would be refused now and then.
    ("grpc.max_metadata_size", MAX_METADATA_BYTES),
    ("grpc.absolute_max_metadata_size", MAX_METADATA_BYTES),
    # Calls that have come and wait for their turn: past so many gRPC cancels some, whoever sent them.
    ("grpc.server.max_pending_requests", MAX_PENDING_CALLS),
    ("grpc.server.max_pending_requests_hard_limit", MAX_PENDING_CALLS),
    ("grpc.max_connection_idle_ms", 10 * 60_000),  # its client opens another when it needs one
    # How often a client is asked whether it is still there, and how often it may ask.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
)


class GRPCServer:
    """The server of a process; to be made in the event loop that it is to use.

    Args:
        application: answers.
        settings: of the server.
        address: host and port, which this process's master holds.
        tls: None: without.
    """

    def __init__(self, application: GRPCApplication, settings: Settings, address: str, tls: TLS | None) -> None:
        uploads = Uploads(
            max_in_hand_bytes=max(settings.max_uploads_in_hand_bytes, settings.max_upload_bytes),
            max_own_bytes=max_grpc_bytes(settings),
            read_timeout_s=settings.read_timeout_ms / 1000,
        )
        service, metrics = application.service, application.metrics
        may_wait = settings.rate_limit_redis is not None
        doorway = Doorway(application.keeper, metrics, may_wait=may_wait, traces=application.traces)
        self._is_stopping = asyncio.Event()
        self._inference = Inference(service, application.engine, settings, metrics, uploads)
        streams = Streams(self._inference, uploads, doorway, self._is_stopping, max_streams=settings.num_threads)
        self._control = ModelControl(application.admin, settings, uploads, doorway)
        calls = GRPCInferenceService(service, self._inference, uploads, doorway).handlers(streams, self._control)
        health = Health(service, uploads, doorway, self._is_stopping).handlers()
        self._server = grpc.aio.server(
            handlers=[
                grpc.method_handlers_generic_handler(SERVICE, calls),
                grpc.method_handlers_generic_handler(HEALTH_SERVICE, health),
            ],
            options=[*OPTIONS, ("grpc.max_receive_message_length", settings.max_upload_bytes)],
            maximum_concurrent_rpcs=settings.num_connections,
        )
        if tls is None:
            self._server.add_insecure_port(address)
        else:
            self._server.add_secure_port(address, credentials_of(tls))

    async def start(self) -> None:
        """Take calls."""
        await self._server.start()

    async def stop(self, grace_s: float) -> None:
        """Answer what has come, for so long at most, and take no more."""
        self._is_stopping.set()
        await asyncio.sleep(LINGER_S)
        await self._server.stop(grace_s)
        if left := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(left, timeout=LINGER_S)  # gRPC's own, which write a traceback where they are cancelled
        self._control.close()
        self._inference.close()
