"""The real server with a stub for the model: the mean colour of a picture decides, so that every answer is known.

Run by `RunningServer` (tests/running_server.py) with the settings in the environment. STUB_SLEEP_S makes each image
take that long; STUB_MAX_FILE_BYTES makes every write fail that goes further into a file; STUB_MAX_FILES
is the limit on open files; STUB_FAIL=load makes
loading the model fail, STUB_FAIL=crash kills the engine that tries, STUB_FATAL_VERSION the one that tries that version.
STUB_WRONG_VERSION takes red for blue, and STUB_DEADLY_VERSION kills the engine that runs it.
A picture that is all (66, 66, 66) kills the process that runs it; one that is all (67, 67, 67) never comes to an end.
What a decoder process does with a GIF depends on its width: at 66 pixels it crashes, at 67 it never returns, at 68 it
takes all the memory it gets.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import threading
import time

import numpy as np

import server.decoding.process
import server.engine.loaded
from models.errors import CorruptArtifact
from server.cli import main


class MeanColour:
    def __init__(self, version):
        self.is_wrong = version == os.environ.get("STUB_WRONG_VERSION")
        self.is_deadly = version == os.environ.get("STUB_DEADLY_VERSION")

    def run(self, images):
        pixels = np.stack(images)
        if self.is_deadly and pixels.any():
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(float(os.environ.get("STUB_SLEEP_S", "0")) if pixels.any() else 0)  # the warm-up is black
        if (pixels == 66).all(axis=(1, 2, 3)).any():
            os.kill(os.getpid(), signal.SIGKILL)
        if (pixels == 67).all(axis=(1, 2, 3)).any():
            threading.Event().wait()
        weights = pixels.mean(axis=(1, 2)) + 1
        shares = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
        return shares[:, ::-1] if self.is_wrong else shares

    def close(self):
        pass


def load_stub(artifact, **_options):
    if os.environ.get("STUB_FAIL") == "load":
        raise CorruptArtifact("the stub cannot be loaded")
    if os.environ.get("STUB_FAIL") == "crash" or str(artifact.manifest.version) == os.environ.get("STUB_FATAL_VERSION"):
        os.kill(os.getpid(), signal.SIGKILL)
    return MeanColour(str(artifact.manifest.version))


decode = server.decoding.process.decode


def decode_or_misbehave(encoded, spec, **options):
    match encoded.size[0]:
        case 66:
            os.kill(os.getpid(), signal.SIGSEGV)
        case 67:
            ctypes.PyDLL(None).pause()  # holds Python's lock meanwhile
        case 68:
            encoded = encoded._replace(data=encoded.data * 2**20)
    return decode(encoded, spec, **options)


if __name__ == "__main__":
    server.decoding.process.decode = decode_or_misbehave
    if limit := os.environ.get("STUB_MAX_FILE_BYTES"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    if limit := os.environ.get("STUB_MAX_FILES"):
        resource.setrlimit(resource.RLIMIT_NOFILE, (int(limit), int(limit)))
    server.engine.loaded.load_runtime = load_stub
    sys.exit(main(sys.argv[1:], os.environ))
