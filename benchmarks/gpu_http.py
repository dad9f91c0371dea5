"""Images a second over HTTP while 99 of 100 answers come in time: with pixels, and with JPEGs against them."""

from __future__ import annotations

import io
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks import processes
from benchmarks.closed_loop import run_closed_loop
from benchmarks.connection import Connection, get_request
from benchmarks.gpu_plan import GPUPlan, Spec
from benchmarks.gpu_rows import Row
from benchmarks.pictures import NUM_PHOTOS, PHOTO_SIZE, photo_like
from benchmarks.service import Service, free_port
from benchmarks.workload import photo_request, photos_request
from benchmarks.wrk import Load, WrkMissing, find_wrk, run_wrk
from models.pixels.preprocessing import preprocess
from models.pixels.spec import PixelSpec
from models.runtime.cores import available_cores

NAME = "gpu-benchmark"  # as benchmarks.gpu_model has it, which loads TensorFlow
NUM_PIXEL_IMAGES = 8
IMAGES_A_REQUEST = 8
ENGINE_TIMEOUT_MS = 60_000  # while the card compiles for the first time nothing may be taken for hung


@dataclass(frozen=True, slots=True)
class Upload:
    """What clients send."""

    what: str
    requests: Sequence[bytes]
    images_a_request: int = 1


def measure_http(plan: GPUPlan, repository: Path) -> Iterator[Row]:
    """One server for each largest batch; the first starts with empty caches of the driver."""
    pixels, many, jpegs = uploads(plan)
    with tempfile.TemporaryDirectory() as caches:
        for index, max_batch in enumerate(plan.max_batches):
            asked = (pixels, many, jpegs) if index == 0 else (pixels,)
            spec: Spec = {"kind": "http", "max_batch": max_batch}
            yield from _guarded(plan, repository, spec, asked, caches, start="cold" if index == 0 else "warm")
        if len(plan.max_batches) == 1:
            yield from _guarded(plan, repository, spec, (), caches, start="warm")
    yield {"kind": "decode"}, _decode_rate(plan)


def uploads(plan: GPUPlan) -> tuple[Upload, Upload, Upload]:
    """Pixels as BMP, the cheapest to decode of what is accepted; many of them in a request; photos as JPEG."""
    rng = np.random.default_rng(0)
    side = plan.image_px
    pictures = [_bmp(rng.integers(0, 256, (side, side, 3), np.uint8)) for _ in range(NUM_PIXEL_IMAGES)]
    single = [photo_request(picture, kind="image/bmp") for picture in pictures]
    many = photos_request([pictures[index % len(pictures)] for index in range(IMAGES_A_REQUEST)], kind="image/bmp")
    return (
        Upload("pixels", single),
        Upload(f"pixels, {IMAGES_A_REQUEST} images a request", [many], IMAGES_A_REQUEST),
        Upload("JPEGs of 500 x 375", [photo_request(photo) for photo in _photos(plan)]),
    )


def climb(plan: GPUPlan, service: Service, upload: Upload) -> dict[str, Any]:
    """Add connections until the 99th percentile passes its limit; the best that kept to it, and every step."""
    steps: list[dict[str, Any]] = []
    best: dict[str, Any] | None = None
    for connections in plan.connections:
        if plan.left_s < plan.load_s:
            break
        load = _load(plan, service, upload, connections)
        step = {"connections": connections, **load.to_dict(), "images_per_s": load.rate * upload.images_a_request}
        steps.append(step)
        plan.say(f"{upload.what}, {connections} connections: {step['images_per_s']:.0f}/s, p99 {load.p99_ms:.1f} ms")
        if load.p99_ms > plan.p99_at_most_ms:
            break
        if load.faults == 0 and (best is None or step["images_per_s"] > best["images_per_s"]):
            best = step
    if best is None:
        found = f"p99 {steps[0]['p99_ms']:.1f} ms at {steps[0]['connections']} connections" if steps else "no time left"
        return {"error": f"no load kept to p99 <= {plan.p99_at_most_ms:g} ms without a fault: {found}", "steps": steps}
    return {"rate": best["images_per_s"], "runs": [best["images_per_s"]], "best": best, "steps": steps}


def _guarded(
    plan: GPUPlan, repository: Path, spec: Spec, asked: Sequence[Upload], caches: str, *, start: str
) -> Iterator[Row]:
    if plan.left_s <= 0:
        yield from (({**spec, "what": upload.what}, {"error": "the time was over"}) for upload in asked)
        return
    num_done = 0
    try:
        with _service(plan, repository, spec["max_batch"], caches) as service:
            yield {**spec, "kind": "start", "what": start}, _start_record(service)
            for upload in asked:
                yield {**spec, "what": upload.what}, climb(plan, service, upload)
                num_done += 1
            yield {**spec, "kind": "memory"}, _memory(service)
    except Exception as error:  # noqa: BLE001 - a server that does not start costs its own rows alone
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        failed = [{**spec, "what": upload.what} for upload in asked[num_done:]] or [{**spec, "kind": "memory"}]
        yield from ((left, {"error": reason}) for left in failed)


def _service(plan: GPUPlan, repository: Path, max_batch: int, caches: str) -> Service:
    port = free_port()
    environ = {
        "OPSIN_PORT": str(port),
        "OPSIN_REPOSITORY": str(repository),
        "OPSIN_MODEL": NAME,
        "OPSIN_DEVICE": plan.device,
        "OPSIN_RUNTIME": "tensorflow",
        "OPSIN_MAX_BATCH": str(max_batch),
        "OPSIN_ENGINE_TIMEOUT_MS": str(ENGINE_TIMEOUT_MS),
        "CUDA_CACHE_PATH": caches,
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }
    if plan.is_tiny:
        environ |= {"OPSIN_WORKERS": "1", "OPSIN_RUNNERS": "1"}
    limit_s = max(1.0, min(plan.start_limit_s, plan.left_s))
    return Service(["-m", "server"], environ, port=port, ready_path="/readyz", start_limit_s=limit_s)


def _load(plan: GPUPlan, service: Service, upload: Upload, connections: int) -> Load:
    num_generators = max(1, available_cores() // 4)
    try:
        find_wrk()
    except WrkMissing:
        return run_closed_loop(
            service.port, upload.requests, connections=connections, seconds=plan.load_s, processes=num_generators
        )
    return run_wrk(service, upload.requests, connections=connections, seconds=plan.load_s, num_threads=num_generators)


def _start_record(service: Service) -> dict[str, Any]:
    with Connection(service.port) as connection:
        ready = json.loads(connection.ask(get_request("/readyz")).body)
    return {"rate": service.start_s, "devices": ready["devices"], "reason": ready["devices_reason"]}


def _memory(service: Service) -> dict[str, Any]:
    """Host: proportional set size of all processes. Device: all that the driver counts, where it says so."""
    command = ("nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits")
    try:
        output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout
        device_bytes: int | None = int(output.split()[0]) * 2**20
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        device_bytes = None
    return {"rate": processes.pss_bytes(service.pids()), "device_bytes": device_bytes}


def _decode_rate(plan: GPUPlan) -> dict[str, Any]:
    """JPEGs that one core decodes and resizes in a second, and how many cores there are."""
    photos, spec = _photos(plan), PixelSpec(plan.image_px, plan.image_px, fit="stretch")
    until, began_at, count = time.monotonic() + min(2.0, plan.load_s), time.monotonic(), 0
    while time.monotonic() < until:
        preprocess(photos[count % len(photos)], spec)
        count += 1
    return {"rate": count / (time.monotonic() - began_at), "num_cores": available_cores()}


def _photos(plan: GPUPlan) -> list[bytes]:
    return [photo_like(PHOTO_SIZE, seed) for seed in range(2 if plan.is_tiny else NUM_PHOTOS)]


def _bmp(pixels: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "BMP")
    return file.getvalue()
