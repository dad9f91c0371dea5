"""``python -m server``: what it says and how it exits where it cannot start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from waiting import SOON_S

from models.pixels.preprocessing import PixelSpec
from models.store.manifest import Manifest, ModelFile
from models.store.repository import Repository
from server.address import open_listener
from server.cli import check_access, fit_to_container, main
from server.devices import Device, DeviceChoice
from server.foreign_variables import GUNICORN, OTHERS, SYSTEMD
from server.setting_rows import SettingsError
from server.settings import Settings

SAMPLER_ARG = "OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1, got '2'"
REPOSITORY_ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def repository(tmp_path):
    (tmp_path / "stub").write_bytes(b"not a model")
    manifest = Manifest("stub", 1, {}, ("a", "b"), PixelSpec(8, 8), {"litert": ModelFile("model.tflite", "int8")})
    Repository(tmp_path / "repository").publish(manifest, {"model.tflite": tmp_path / "stub"})
    return tmp_path / "repository"


def test_help_shows_every_setting(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--help"], {})
    assert caught.value.code == 0
    assert "OPSIN_MAX_QUEUE" in capsys.readouterr().out


def test_argument_is_refused(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--port", "80"], {})
    assert caught.value.code == 2
    assert "unrecognized arguments: --port 80" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"OPSIN_PORT": "x"}, "OPSIN_PORT must be a whole number from 0 to 65535, got 'x'"),
        (
            {"OPSIN_TLS_CERTIFICATE": "/nowhere", "OPSIN_TLS_KEY": "/nowhere"},
            "OPSIN_TLS_CERTIFICATE and OPSIN_TLS_KEY cannot be read: No such file or directory",
        ),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a", "OTEL_TRACES_SAMPLER_ARG": "2"}, SAMPLER_ARG),
        ({"OPSIN_MODEL": "nope"}, "there is no model 'nope'; the repository holds stub"),
        ({"OPSIN_MODEL": "stub:9"}, "model 'stub' has no version 9; it has 1"),
        ({"OPSIN_REPOSITORY": "/nowhere"}, "OPSIN_REPOSITORY must be a folder with at least one model, got '/nowhere'"),
    ],
)
def test_wrong_setting_is_one_line_and_exit_2(capsys, repository, environ, message):
    assert main([], {"OPSIN_REPOSITORY": str(repository), **environ}) == 2
    assert capsys.readouterr().err == f"opsin: {message}\n"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])  # noqa: S104 - which must not be served by mistake
def test_other_machines_are_not_let_in_by_mistake(capsys, repository, host):
    assert main([], {"OPSIN_REPOSITORY": str(repository), "OPSIN_HOST": host}) == 2
    line = capsys.readouterr().err
    assert line.startswith(f"opsin: OPSIN_HOST '{host}' lets other machines in")
    assert "OPSIN_API_KEYS_FILE" in line
    assert "OPSIN_ALLOW_ANONYMOUS=1" in line
    assert line.count("\n") == 1


def test_redis_that_nothing_here_can_speak_with_stops_the_start(monkeypatch):
    monkeypatch.setattr("server.cli.find_spec", lambda _: None)
    with pytest.raises(SettingsError, match=r"takes what requirements/redis\.txt installs: make serve REDIS=1"):
        check_access(Settings(rate_limit_redis="redis://host"))


def test_grpc_that_is_not_installed_stops_the_start(monkeypatch):
    monkeypatch.setattr("server.cli.find_spec", lambda _: None)
    with pytest.raises(SettingsError, match=r"takes what requirements/grpc\.txt installs: make serve GRPC=1"):
        check_access(Settings(grpc_port=0))


def test_other_machines_are_let_in_with_keys_or_where_it_is_said(tmp_path):
    (tmp_path / "keys").write_text("app sha256:" + "0" * 64 + "\n")
    everywhere = "0.0.0.0"  # noqa: S104 - what is allowed here
    check_access(Settings(host=everywhere, api_keys_file=tmp_path / "keys"))
    check_access(Settings(host=everywhere, allow_anonymous=True))
    with pytest.raises(SettingsError, match="OPSIN_API_KEYS_FILE cannot be used: No such file or directory"):
        check_access(Settings(host=everywhere, allow_anonymous=True, api_keys_file=tmp_path / "missing"))


def test_corrupt_manifest_is_one_line_and_exit_2(capsys, repository):
    (repository / "stub/1/manifest.json").write_bytes(b"changed")
    assert main([], {"OPSIN_REPOSITORY": str(repository), "OPSIN_MODEL": "stub:1"}) == 2
    line = capsys.readouterr().err
    assert "corrupt" in line
    assert line.count("\n") == 1


@pytest.mark.parametrize("content", [b"changed", b"not a model"])  # another sha256; the sha256 of what is no model
@pytest.mark.e2e
def test_model_that_cannot_be_loaded_is_one_line_and_exit_2(repository, content):
    (repository / "stub/1/model.tflite").write_bytes(content)
    ran = subprocess.run(
        [sys.executable, "-m", "server"],
        cwd=REPOSITORY_ROOT,
        env={**os.environ, "OPSIN_REPOSITORY": str(repository), "OPSIN_PORT": "0", "OPSIN_LOG_LEVEL": "error"},
        capture_output=True,
        text=True,
        timeout=SOON_S,
    )
    assert ran.returncode == 2
    assert "opsin: model 'stub' version 1" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert ran.stdout == ""


def test_gpu_that_is_asked_for_and_not_there_is_one_line_and_exit_2(capsys, repository):
    environ = {"OPSIN_REPOSITORY": str(repository), "OPSIN_DEVICE": "gpu", "CUDA_VISIBLE_DEVICES": ""}
    assert main([], environ) == 2
    assert capsys.readouterr().err == "opsin: OPSIN_DEVICE is 'gpu', but the GPUs here are: none\n"


def test_container_that_cannot_hold_the_models_is_one_line_and_exit_2(capsys, monkeypatch, repository):
    monkeypatch.setattr("server.cli.memory_limit_bytes", lambda: 64 * 1024**2)
    assert main([], {"OPSIN_REPOSITORY": str(repository)}) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("opsin: this container may take 64 MiB of memory, and the server takes 80 MiB with these")


def test_settings_follow_the_memory_of_the_container_on_cpus_alone(monkeypatch, repository):
    settings = Settings(repository=repository)
    limits = [None, 512 * 1024**2]
    monkeypatch.setattr("server.cli.memory_limit_bytes", lambda: limits.pop(0))
    cpu, gpu = DeviceChoice((Device(),), ""), DeviceChoice((Device("0"),), "")
    assert fit_to_container(settings, (), cpu, asked=settings) == (settings, None)
    fitted, line = fit_to_container(settings, (), cpu, asked=settings)
    assert fitted.max_uploads_in_hand_bytes < settings.max_uploads_in_hand_bytes
    assert f"OPSIN_MAX_UPLOADS_IN_HAND_BYTES={fitted.max_uploads_in_hand_bytes}" in line
    limits.append(512 * 1024**2)
    assert fit_to_container(settings, (), gpu, asked=settings) == (settings, None)


def test_port_in_use_is_one_line_and_exit_1(capsys, repository):
    with open_listener("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        assert main([], {"OPSIN_REPOSITORY": str(repository), "OPSIN_PORT": str(port)}) == 1
    expected = f"opsin: cannot listen at http://127.0.0.1:{port}: the port is in use; set OPSIN_PORT to another\n"
    assert capsys.readouterr().err == expected


@pytest.mark.e2e
def test_variables_that_are_meant_for_others_change_nothing(repository):
    foreign = dict.fromkeys((*GUNICORN, *OTHERS), "x") | dict.fromkeys(SYSTEMD, "1") | {"GUNICORN_PID": "1"}
    ran = subprocess.run(
        ["/bin/sh", "-c", 'LISTEN_PID=$$ exec "$0" -m server', sys.executable],
        cwd=REPOSITORY_ROOT,
        env={**os.environ, **foreign, "OPSIN_REPOSITORY": str(repository), "OPSIN_PORT": "0", "OPSIN_WORKERS": "1"},
        capture_output=True,
        text=True,
        timeout=SOON_S,
    )
    assert ran.returncode == 2  # its model is none, which is known once the port is open and the engine has started
    assert "opsin: model 'stub' version 1" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_unknown_variable_is_warned_of(capsys):
    assert main([], {"OPSIN_PROT": "1", "OPSIN_PORT": "x"}) == 2
    assert "OPSIN_PROT is no setting" in capsys.readouterr().err.splitlines()[0]


def test_server_imports_no_tensorflow_and_the_request_path_no_flask():
    script = (
        "import sys; import server.classify, server.api.uploads, server.engine.client\n"
        "assert 'flask' not in sys.modules\n"
        "import server.master\n"
        "heavy = {'tensorflow', 'tf_keras', 'keras', 'training', 'optimize'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    ran = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY_ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
