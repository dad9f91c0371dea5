import logging
import os

import pytest

from server.compile_cache import keep_compiled_code


@pytest.fixture
def driver(tmp_path):
    """The driver's folder in /proc, with the models of the GPUs given."""

    def make(*models):
        for number, model in enumerate(models):
            folder = tmp_path / "driver" / str(number)
            folder.mkdir(parents=True)
            (folder / "information").write_text(f"Model: \t\t {model}\nIRQ:   \t\t 42\n")
        return tmp_path / "driver"

    return make


def kept_in(environ):
    [flag] = [word for word in environ["TF_XLA_FLAGS"].split() if "persistent_cache_directory" in word]
    return flag.partition("=")[2]


def test_code_is_kept_apart_by_model_of_gpu_and_version_of_tensorflow(tmp_path, driver, monkeypatch):
    monkeypatch.setattr("server.compile_cache.version", lambda _: "2.21.0")
    environ = {}
    keep_compiled_code(tmp_path / "cache", environ, driver("NVIDIA H200", "NVIDIA H200"))
    assert kept_in(environ) == str(tmp_path / "cache" / "tensorflow-2.21.0-nvidia-h200")
    assert (tmp_path / "cache" / "tensorflow-2.21.0-nvidia-h200").is_dir()


def test_code_for_the_cpu_is_not_kept(tmp_path, driver):
    environ = {}
    keep_compiled_code(tmp_path, environ, driver())
    assert "--tf_xla_persistent_cache_device_types=GPU" in environ["TF_XLA_FLAGS"].split()


def test_flags_of_the_operator_stay_and_come_last(tmp_path, driver):
    environ = {"TF_XLA_FLAGS": "--tf_xla_auto_jit=2"}
    keep_compiled_code(tmp_path, environ, driver())
    assert environ["TF_XLA_FLAGS"].split()[-1] == "--tf_xla_auto_jit=2"


def test_folder_that_cannot_be_made_is_left_unused_with_a_warning(tmp_path, driver, caplog):
    (tmp_path / "file").write_text("")
    environ = {}
    with caplog.at_level(logging.WARNING, "opsin.engine"):
        keep_compiled_code(tmp_path / "file", environ, driver())
    assert environ == {}
    assert "OPSIN_CACHE is not used" in caplog.text


@pytest.mark.parametrize("shared", ["cache", "cache/tensorflow-none-gpu"])
def test_folder_that_every_user_may_write_into_is_left_unused(tmp_path, driver, monkeypatch, caplog, shared):
    monkeypatch.setattr("server.compile_cache.version", lambda _: "none")
    (tmp_path / shared).mkdir(parents=True)
    (tmp_path / shared).chmod(0o777)
    environ = {}
    with caplog.at_level(logging.WARNING, "opsin.engine"):
        keep_compiled_code(tmp_path / "cache", environ, driver())
    assert environ == {}
    assert "every user may write into it" in caplog.text


def test_folder_is_made_for_its_user_alone_whatever_the_umask(tmp_path, driver):
    before = os.umask(0)
    try:
        keep_compiled_code(tmp_path / "cache", {}, driver())
    finally:
        os.umask(before)
    assert [path.stat().st_mode & 0o777 for path in (tmp_path / "cache", *(tmp_path / "cache").iterdir())] == [
        0o700
    ] * 2
