"""Self-signed certificates for tests, made by openssl."""

from __future__ import annotations

import shutil
import subprocess

import pytest


def make_certificate(folder, name="server"):
    """Make NAME.pem, good for localhost and 127.0.0.1, and NAME.key; gives their paths."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("no openssl: apt-get install openssl")
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    command = [program, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run([*command, "-out", certificate, "-keyout", key], check=True, capture_output=True)
    return certificate, key
