"""Decides whether a request is answered by the application, which costs several times what a refusal does."""

from __future__ import annotations

from server.gunicorn_internals.request import Request
from server.http.application import Application
from server.http.request_thread import RequestThread
from server.request_errors import Overloaded

HEALTH_PATHS = ("/healthz", "/readyz", "/v2/health/live", "/v2/health/ready")


def admit(
    request: Request, application: Application, thread: RequestThread, *, is_too_many: bool = False
) -> Overloaded | None:
    """Admit a request, or tell why not.

    Uploads are refused where too many bytes of them are in memory, where no slot is free for an image, and where no
    thread is free to wait for its response. All else waits for little or nothing, and is answered by whatever thread
    there is; on a connection that is one too many only health checks are.

    Args:
        request: that is whole.
        application: which knows whether it has room.
        thread: that has the request; it is busy from now on where it may have to wait for the response, unless it has
            a turn, which it passes on before it waits.
        is_too_many: whether the connection is.
    """
    if is_too_many and request.path not in HEALTH_PATHS:
        return Overloaded("more clients are connected than there is room for, try again later", wait_s=1)
    if request.method != "POST":
        if application.may_wait and not thread.is_slow:
            thread.begin_busy()  # where nobody can take its place, the others wait as long as it does
        return None
    if request.exceeds_budget:
        return Overloaded("too many uploads are on their way, try again later", wait_s=1)
    wait_s = application.wait_s_if_full()
    if wait_s is None:
        if thread.has_turn or thread.begin_busy():
            return None
        wait_s = 0
    return Overloaded("more requests are in hand than there is room for, try again later", wait_s=wait_s)
