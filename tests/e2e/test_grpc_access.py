"""Who is let in over gRPC: keys, the admin token, and the certificate."""

from __future__ import annotations

import hashlib

import pytest

grpc = pytest.importorskip("grpc", reason="grpcio is not installed: requirements/grpc.txt")

from certificates import make_certificate  # noqa: E402
from colours import RED, publish_stub  # noqa: E402
from grpc import StatusCode  # noqa: E402
from grpc_calls import WAIT_S, ask, channel_to, check, infer, label_of, photo_request, refused  # noqa: E402

from server.grpc.messages import message_class  # noqa: E402

pytestmark = pytest.mark.e2e
SERVING = 1
TOKEN = "let-me-in"  # noqa: S105 - a test's own


def test_keys_are_asked_for_but_not_of_health(start, tmp_path):
    (tmp_path / "keys").write_text(f"app sha256:{hashlib.sha256(b'right').hexdigest()}\n")
    running = start(OPSIN_GRPC_PORT="0", OPSIN_API_KEYS_FILE=str(tmp_path / "keys")).wait_until_ready()
    with channel_to(running) as channel:
        assert refused(infer(channel), photo_request(RED)).code() == StatusCode.UNAUTHENTICATED
        for metadata in [("authorization", "Bearer right")], [("x-api-key", "right")]:
            assert label_of(infer(channel)(photo_request(RED), timeout=WAIT_S, metadata=metadata)) == "red"
        wrong = [("x-api-key", "wrong")]
        assert refused(infer(channel), photo_request(RED), metadata=wrong).code() == StatusCode.UNAUTHENTICATED
        assert check(channel) == SERVING
        assert ask(channel, "ServerLive")(message_class("inference.ServerLiveRequest")(), timeout=WAIT_S).live
        metadata_of = ask(channel, "ServerMetadata")
        error = refused(metadata_of, message_class("inference.ServerMetadataRequest")())
        assert error.code() == StatusCode.UNAUTHENTICATED


def test_models_are_unloaded_and_loaded_with_the_admin_token(start, tmp_path):
    publish_stub(tmp_path, "birds")
    publish_stub(tmp_path, "colours")
    running = start(
        OPSIN_GRPC_PORT="0", OPSIN_REPOSITORY=str(tmp_path / "models"), OPSIN_ADMIN_TOKEN=TOKEN
    ).wait_until_ready()
    with channel_to(running) as channel:

        def control(verb, token=TOKEN, **parameters):
            request = message_class(f"inference.RepositoryModel{verb}Request")(
                model_name="colours", parameters=parameters
            )
            metadata = [("authorization", f"Bearer {token}")]
            return ask(channel, f"RepositoryModel{verb}")(request, timeout=WAIT_S, metadata=metadata)

        assert check(channel, "colours") == SERVING
        control("Unload", unload_dependents={"bool_param": False})
        assert refused(infer(channel), photo_request(RED)).code() == StatusCode.NOT_FOUND
        control("Load")
        assert label_of(infer(channel)(photo_request(RED), timeout=WAIT_S)) == "red"
        for options, code in [
            ({"token": "other"}, StatusCode.UNAUTHENTICATED),
            ({"config": {"string_param": "{}"}}, StatusCode.INVALID_ARGUMENT),
        ]:
            with pytest.raises(grpc.RpcError) as caught:
                control("Load", **options)
            assert caught.value.code() == code
    assert running.stop()[0] == 0


def test_certificate_is_that_of_https(start, tmp_path):
    certificate, key = make_certificate(tmp_path)
    running = start(
        OPSIN_GRPC_PORT="0", OPSIN_TLS_CERTIFICATE=str(certificate), OPSIN_TLS_KEY=str(key)
    ).wait_until_ready()
    credentials = grpc.ssl_channel_credentials(certificate.read_bytes())
    with channel_to(running, credentials) as channel:
        assert label_of(infer(channel)(photo_request(RED), timeout=WAIT_S)) == "red"
    with channel_to(running) as channel:
        assert refused(infer(channel), photo_request(RED)).code() == StatusCode.UNAVAILABLE
