import importlib
import os
import sys

import pytest

from models.quiet_import import QuietImport, log_level
from models.quiet_stderr import quiet_stderr

NOISE = (
    b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
    b"I0000 00:00:1795966697.2 2160 cudart_stub.cc:31] Could not find cuda drivers on your machine\n"
    b"W0000 00:00:1795966697.2 2160 tf_tfl_flatbuffer_helpers.cc:365] Ignored output_format.\n"
    b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"
    b"fully_quantize: 0, inference_type: 6, input_inference_type: UINT8, output_inference_type: FLOAT32\n"
)
ERROR = b"E0000 00:00:1795966697.3 2160 cuda_dnn.cc:31] Unable to register cuDNN factory\n"


def test_only_noise_is_kept_off_the_terminal(capfd):
    with quiet_stderr():
        os.write(2, NOISE + ERROR)
    os.write(2, NOISE)
    assert capfd.readouterr().err.encode() == ERROR + NOISE


def fail_noisily() -> None:
    os.write(2, NOISE + ERROR)
    raise ZeroDivisionError


def test_what_was_written_before_a_failure_is_told(capfd):
    with pytest.raises(ZeroDivisionError), quiet_stderr():
        fail_noisily()
    assert capfd.readouterr().err.encode() == ERROR


def test_a_module_is_loaded_as_ever_but_quietly(tmp_path, monkeypatch, capfd):
    (tmp_path / "noisy_library.py").write_text(f"import os\nos.write(2, {NOISE + ERROR!r})\n")
    monkeypatch.syspath_prepend(tmp_path)
    finders = list(sys.meta_path)
    monkeypatch.setattr(sys, "meta_path", [QuietImport("noisy_library"), *finders])
    module = importlib.import_module("noisy_library")
    assert capfd.readouterr().err.encode() == ERROR
    assert sys.meta_path == finders
    assert module.__spec__
    assert module.__spec__.loader is module.__loader__
    assert type(module.__loader__).__name__ == "SourceFileLoader"


def test_that_there_is_no_gpu_is_told_only_where_a_driver_is(tmp_path):
    assert log_level(tmp_path) == "3"
    (tmp_path / "nvidiactl").touch()
    assert log_level(tmp_path) == "2"
