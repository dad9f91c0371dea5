"""Our messages are those of the protocol, and the compiled descriptors those of the files beside them."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest
from clients.triton_protos import described
from foreign_clients import told_by
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from server.grpc.messages import COMPILED, message_class

FOLDER = COMPILED.parent


@pytest.fixture(scope="module")
def compiled():
    return FileDescriptorSet.FromString(COMPILED.read_bytes())


def test_compiled_descriptors_are_those_of_the_files(tmp_path):
    if find_spec("grpc_tools") is None:
        pytest.skip("grpcio-tools is not installed")
    output = tmp_path / "compiled.binpb"
    names = sorted(path.name for path in FOLDER.glob("*.proto"))
    # In a process of its own: beside TensorFlow's protobuf, as other tests load it, the compiler's crashes.
    command = [sys.executable, "-m", "grpc_tools.protoc", "--proto_path=.", "--include_imports"]
    subprocess.run([*command, f"--descriptor_set_out={output}", *names], cwd=FOLDER, check=True)
    assert output.read_bytes() == COMPILED.read_bytes(), "make protos"


def test_each_field_and_call_is_as_the_official_client_has_it(compiled):
    official = told_by("triton_protos.py")
    ours = described(file for file in compiled.file if file.package == "inference")
    assert len(ours) > 100
    assert {name: fact for name, fact in ours.items() if official.get(name) != fact} == {}


def test_messages_are_found_by_their_full_names():
    request = message_class("inference.ModelInferRequest")(model_name="colours")
    again = message_class("inference.ModelInferRequest").FromString(request.SerializeToString())
    assert again.model_name == "colours"
    assert message_class("grpc.health.v1.HealthCheckResponse")(status=1).status == 1


def test_messages_of_the_same_names_may_be_in_the_process_too():
    status_pb2 = pytest.importorskip("google.rpc.status_pb2")
    ours = message_class("google.rpc.Status")(code=5, message="no")
    assert status_pb2.Status.FromString(ours.SerializeToString()).message == "no"
