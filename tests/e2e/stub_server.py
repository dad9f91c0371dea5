"""The real server with a stub for the model: the mean colour of a picture decides, so that every answer is known.

Run by `RunningServer` (tests/running_server.py) with the settings in the environment. STUB_SLEEP_S makes each image
take that long; STUB_MAX_FILE_BYTES makes every write fail that goes further into a file; STUB_FAIL=load makes
loading the model fail, STUB_FAIL=crash kills the engine that tries, STUB_FATAL_VERSION the one that tries that version.
A picture that is all (66, 66, 66) kills the engine that runs it.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import time

import numpy as np

import server.engine.loaded
from models.errors import CorruptArtifact
from server.cli import main


class MeanColour:
    def run(self, images):
        pixels = np.stack(images)
        time.sleep(float(os.environ.get("STUB_SLEEP_S", "0")) if pixels.any() else 0)  # the warm-up is black
        if (pixels == 66).all(axis=(1, 2, 3)).any():
            os.kill(os.getpid(), signal.SIGKILL)
        weights = pixels.mean(axis=(1, 2)) + 1
        return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)

    def close(self):
        pass


def load_stub(artifact, **_options):
    if os.environ.get("STUB_FAIL") == "load":
        raise CorruptArtifact("the stub cannot be loaded")
    if os.environ.get("STUB_FAIL") == "crash" or str(artifact.manifest.version) == os.environ.get("STUB_FATAL_VERSION"):
        os.kill(os.getpid(), signal.SIGKILL)
    return MeanColour()


if __name__ == "__main__":
    if limit := os.environ.get("STUB_MAX_FILE_BYTES"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    server.engine.loaded.load_runtime = load_stub
    sys.exit(main(sys.argv[1:], os.environ))
