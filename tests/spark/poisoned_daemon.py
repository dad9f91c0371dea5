"""The daemon of Spark's Python workers, in which some pictures do to decoders what broken native code does.

Spark is told of it by spark.python.daemon.module.
"""

from __future__ import annotations

import os
import signal

from pyspark.daemon import manager

from models.predict import worker

genuine_read, genuine_decode = worker.read, worker.decode
uploads = []


def read(upload, spec, **options):
    uploads[:] = [upload]
    return genuine_read(upload, spec, **options)


def decode(encoded, spec, **options):
    if b"end this process" in uploads[0]:
        os.kill(os.getpid(), signal.SIGSEGV)
    if b"never end" in uploads[0]:
        os.kill(os.getpid(), signal.SIGPROF)  # as its processor time does
    return genuine_decode(encoded, spec, **options)


worker.read, worker.decode = read, decode

if __name__ == "__main__":
    manager()
