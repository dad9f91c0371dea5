"""A real Redis server for tests, where Debian's redis-server is installed."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
from urllib.parse import urlsplit

import pytest
from waiting import wait_until

PASSWORD = "a-password-of-redis"  # noqa: S105 - of a server that lives for one test


@contextlib.contextmanager
def running_redis(folder, url=None):
    """Start one on a free port, or again where it was; gives its URL and its process."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("no redis-server: apt-get install redis-server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = urlsplit(url).port if url else probe.getsockname()[1]
    options = [
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--dir",
        str(folder),
        "--requirepass",
        PASSWORD,
    ]
    process = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
    try:

        def has_started():
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                return True
            return False

        wait_until(has_started)
        yield f"redis://:{PASSWORD}@127.0.0.1:{port}/0", process
    finally:
        process.kill()
        process.wait()
