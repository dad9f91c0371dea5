"""The settings: one table of ``OPSIN_*`` environment variables, typed, checked at start, documented here alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from models.pixels.spec import MAX_PIXELS, ImageLimits
from models.runtime import AUTO, RUNTIMES, RuntimeName
from models.runtime.cores import available_cores
from models.runtime.gpu_providers import PROVIDERS, ProviderName
from models.store.reference import ModelReference
from server.kubernetes import is_service_address
from server.logs import FORMATS, LEVELS
from server.setting_rows import SettingsError, setting, values_of
from server.setting_values import (
    Network,
    one_of,
    parse_device,
    parse_flag,
    parse_host,
    parse_models,
    parse_networks,
    parse_origins,
    parse_rate,
    parse_redis_url,
    parse_token,
    whole,
)
from server.whole_number import whole_number

SHIPPED_MODELS = Path(__file__).resolve().parent.parent / "models" / "zoo"
DEFAULT_PORT = 5000
SPARE_THREADS = 32
MAX_IDLE_CONNECTIONS = 1000  # kept alive per worker


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything an operator can set. Field ``max_images`` is the variable ``OPSIN_MAX_IMAGES``, and so on."""

    host: str = setting("127.0.0.1", parse_host, "Address to listen on; 0.0.0.0 for every network interface.")
    port: int = setting(
        DEFAULT_PORT,
        # Kubernetes sets this variable to an address for a Service named opsin: nobody's choice of a port.
        lambda text: DEFAULT_PORT if is_service_address(text) else whole_number(text, 0, 65535),
        "Port to listen on; 0 takes a free one.",
    )
    grpc_port: int | None = setting(
        None,
        # As of OPSIN_PORT, for a Service named opsin-grpc.
        lambda text: None if is_service_address(text) else whole_number(text, 0, 65535),
        "Port on which the Open Inference Protocol is spoken over gRPC too, with the same keys, limits and certificate "
        "as over HTTP, by a process of its own; 0 takes a free one. It takes requirements/grpc.txt: make serve GRPC=1.",
        default_text="none: HTTP alone",
    )
    repository: Path = setting(  # noqa: RUF009 - makes a field, like the others
        SHIPPED_MODELS, Path, "Folder of the model repository.", default_text="models/zoo"
    )
    model: tuple[ModelReference, ...] = setting(
        (),
        parse_models,
        "Models to serve, the default first, separated by commas: name (its stable version, whichever that is) or "
        "name:version.",
        default_text="the stable version of every model",
    )
    device: str = setting(
        "auto", parse_device, "auto, cpu, gpu, or gpu:0,1: one engine for the CPU, or one for each GPU."
    )
    runtime: RuntimeName | Literal["auto"] = setting(  # noqa: RUF009 - makes a field, like the others
        AUTO,
        one_of(AUTO, *RUNTIMES),
        f"What runs the models: {', '.join(RUNTIMES)}, or auto: on a GPU tensorflow, else onnxruntime; on the CPU the "
        "fastest, for each version, of litert and of openvino and onnxruntime, where these are installed, have a file "
        "and give the version's answers.",
    )
    onnx_provider: ProviderName = setting(  # noqa: RUF009 - makes a field, like the others
        PROVIDERS[0],
        one_of(*PROVIDERS),
        "What onnxruntime computes with on a GPU: tensorrt, or cuda where TensorRT's libraries are missing, which the "
        "log says; or cuda.",
    )
    cache: Path | None = setting(  # noqa: RUF009 - makes a field, like the others
        None,
        Path,
        "Folder that keeps from start to start what was compiled for a GPU and which runtime was found to be fastest.",
        default_text="none for a GPU; ~/.cache/opsin for runtimes",
    )
    workers: int = setting(available_cores, whole(1, 256), "HTTP worker processes.", default_text="one per core")
    max_queue: int = setting(
        256, whole(1, 65_536), "Images in hand per HTTP worker; a request past that is answered 503 with Retry-After."
    )
    threads: int | None = setting(
        None, whole(1, 65_536), "Requests in hand per HTTP worker.", default_text="OPSIN_MAX_QUEUE + 32"
    )
    max_connections: int | None = setting(
        None,
        whole(1, 1_000_000),
        "Connections per HTTP worker; past that the idlest are closed, and where none is idle a new one is answered "
        "503, save for health checks.",
        default_text="OPSIN_THREADS + 1000",
    )
    runners: int | None = setting(
        None, whole(1, 256), "Batches that an engine runs side by side.", default_text="one per core; 2 on a GPU"
    )
    max_batch: int | None = setting(
        None, whole(1, 1024), "Most images that are run together.", default_text="4 on the CPU, 32 on a GPU"
    )
    run_to_completion: bool = setting(
        True,
        parse_flag,
        "1 has an HTTP worker run the model by itself for one cheap image and a model that takes a few milliseconds, "
        "where LiteRT runs it on the CPU and there is a worker a core; 0 has the engine run everything.",
        default_text="1",
    )
    max_queue_delay_ms: int | None = setting(
        None,
        whole(0, 1000),
        "How long an image may wait for others to fill its batch.",
        default_text="0 on the CPU, 2 on a GPU",
    )
    engine_timeout_ms: int = setting(
        5000, whole(500, 600_000), "An engine that shows no life, or runs one batch, for longer is started anew."
    )
    max_upload_bytes: int = setting(32 * 1024**2, whole(1, 2**31 - 1), "Largest request body; past that, 413.")
    max_uploads_in_hand_bytes: int = setting(
        256 * 1024**2,
        whole(1, 2**40),
        "Bytes of request bodies in memory at once, per HTTP worker; a request past that is answered 503.",
    )
    max_image_pixels: int = setting(
        250_000_000, whole(1, MAX_PIXELS), "Most pixels of one image, whatever they cost; past that, 413."
    )
    max_decode_bytes: int = setting(
        512 * 1024**2,
        whole(16 * 1024**2, 2**40),
        "Memory that decoding one image may take, told from its header; past that, 413. Two images per HTTP worker are "
        "decoded in processes that are held to it.",
    )
    max_images: int = setting(32, whole(1, 1024), "Most images in one request; past that, 413.")
    request_timeout_ms: int = setting(
        10_000,
        whole(1, 600_000),
        "Time for an answer once the upload is in, then 504; the header X-Request-Timeout-Ms sets it per request.",
    )
    read_timeout_ms: int = setting(60_000, whole(100, 600_000), "Time for a request to arrive whole; then 408.")
    api_keys_file: Path | None = setting(  # noqa: RUF009 - makes a field, like the others
        None,
        Path,
        "File of hashed API keys, one a line, as python -m server.make_key prints them; without a key 401. It is read "
        "again when it changes.",
        default_text="none: everybody is answered",
    )
    admin_token: str | None = setting(
        None,
        parse_token,
        "Secret with which clients of the Open Inference Protocol may load and unload models on this server.",
        default_text="none: they may not",
        is_secret=True,
    )
    admin_token_file: Path | None = setting(  # noqa: RUF009 - makes a field, like the others
        None,
        Path,
        "File that holds that secret, in place of OPSIN_ADMIN_TOKEN. It is read again when it changes.",
        default_text="none",
    )
    allow_anonymous: bool = setting(
        False,
        parse_flag,
        "1 serves other machines without API keys; else the start is refused where OPSIN_HOST is no loopback address "
        "and there is no OPSIN_API_KEYS_FILE.",
        default_text="0",
    )
    rate_limit: str | None = setting(
        None,
        parse_rate,
        "Requests of one client for a time, such as 10/second;1000/hour; past that, 429 with Retry-After. A client is "
        "an API key's name, or without keys an address (of IPv6 a /64).",
        default_text="none",
    )
    rate_limit_redis: str | None = setting(
        None,
        parse_redis_url,
        "Redis where several servers count together, redis://[user:password@]host[:port][/number] or rediss://...; "
        "without it each counts by itself.",
        default_text="none",
        is_secret=True,
    )
    max_requests_per_client: int | None = setting(
        None,
        whole(1, 65_536),
        "Requests of one client in hand per HTTP worker; past that, 429 with Retry-After.",
        default_text="none",
    )
    tls_certificate: Path | None = setting(  # noqa: RUF009 - makes a field, like the others
        None,
        Path,
        "PEM file of the server's certificate and those that lead to a known one: serves https alone, of TLS 1.2 or "
        "newer. It is read again when it changes.",
        default_text="none: http",
    )
    tls_key: Path | None = setting(  # noqa: RUF009 - makes a field, like the others
        None, Path, "PEM file of the certificate's key, not encrypted.", default_text="none"
    )
    cors_origins: tuple[str, ...] = setting(
        (),
        parse_origins,
        "Origins whose scripts in a browser may ask and read the answers, separated by commas; * for any.",
        default_text="none",
    )
    trusted_proxies: tuple[Network, ...] = setting(
        (),
        parse_networks,
        "Addresses or networks of proxies, separated by commas; from no others are X-Forwarded-For, X-Forwarded-Proto "
        "and SCRIPT_NAME believed.",
        default_text="none",
    )
    log_level: str = setting(
        "warning",
        one_of(*LEVELS),
        f"{', '.join(LEVELS)}; from info on, one line per request. SIGUSR2 to the server takes the next.",
    )
    log_format: str = setting("text", one_of(*FORMATS), "Lines of the log: text, or json, an object each.")

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Read the settings; a variable that is empty counts as not set.

        Raises:
            SettingsError: a value cannot be used; says which variable, what it got and what is allowed.
        """
        settings = cls(**values_of(cls, environ))
        if settings.max_queue < settings.max_images:
            raise SettingsError(
                f"OPSIN_MAX_QUEUE must be at least OPSIN_MAX_IMAGES, {settings.max_images}, got {settings.max_queue}"
            )
        if (settings.tls_certificate is None) != (settings.tls_key is None):
            raise SettingsError("OPSIN_TLS_CERTIFICATE and OPSIN_TLS_KEY must be set both, or neither")
        if settings.admin_token and settings.admin_token_file:
            raise SettingsError("OPSIN_ADMIN_TOKEN and OPSIN_ADMIN_TOKEN_FILE must not be set both")
        return settings

    @property
    def is_tls(self) -> bool:
        """Whether clients speak https."""
        return self.tls_certificate is not None

    @property
    def num_partitions(self) -> int:
        """Processes that take requests in, each with slots and decoders of its own: HTTP workers, and that of gRPC."""
        return self.workers + (self.grpc_port is not None)

    @property
    def num_threads(self) -> int:
        """Request threads of a worker: some more than its slots, so that a request too many hears so at once."""
        return self.threads or self.max_queue + SPARE_THREADS

    @property
    def image_limits(self) -> ImageLimits:
        """The limits of one image."""
        return ImageLimits(
            max_bytes=self.max_upload_bytes,
            max_pixels=self.max_image_pixels,
            max_memory_bytes=self.max_decode_bytes,
        )

    @property
    def num_connections(self) -> int:
        """Connections of a worker: one for each request thread, and idle ones."""
        return self.max_connections or self.num_threads + MAX_IDLE_CONNECTIONS
