"""Forgets the environment variables by which libraries would change what the settings say.

Each of them means something elsewhere: where an application is started by the command `gunicorn`, handed a socket by
systemd or run by `flask`. The server takes none of that; left in place, some end it with a traceback, some have it
listen on whatever file has a number, or believe other proxies than those of the settings.
"""

from __future__ import annotations

from collections.abc import MutableMapping

GUNICORN = (
    "FORWARDED_ALLOW_IPS",
    "GUNICORN_CMD_ARGS",
    "GUNICORN_DIRTY_SOCKET",
    "GUNICORN_FD",
    "GUNICORN_PID",
    "PORT",
    "SENDFILE",
    "WEB_CONCURRENCY",
)
SYSTEMD = ("LISTEN_FDNAMES", "LISTEN_FDS", "LISTEN_PID")  # NOTIFY_SOCKET stays: it is told when the server is ready
OTHERS = ("FLASK_DEBUG", "PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir")


def forget_foreign_variables(environ: MutableMapping[str, str]) -> None:
    """Forget them; to be called before those libraries are imported."""
    for name in (*GUNICORN, *SYSTEMD, *OTHERS):
        environ.pop(name, None)
