"""Goes on with a connection that can be read or written: takes its request in, and responds or refuses.

A request for which there is no room is answered 503 at once (``admission``), one that is not valid HTTP in JSON like
every other error. What takes more than a short turn goes to the slow lane (``threads``).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from models.errors import OpsinError
from server.gunicorn_internals.request import Request
from server.http.admission import HEALTH_PATHS, admit
from server.http.application import Application
from server.http.connection import Connection, ConnectionOver
from server.http.path_costs import PathCosts
from server.http.request_thread import RequestThread
from server.http.wsgi import call_app, refuse
from server.request_errors import MalformedRequest

log = logging.getLogger("opsin.http")


class Responder:
    """Responds to the requests of a worker's connections; any of its request threads may ask it.

    Args:
        application: what responds where nothing speaks against it.
        is_stopping: whether each connection is to be closed after its response.
        has_too_many: whether there are more connections than the worker may have.
    """

    def __init__(
        self, application: Application, *, is_stopping: Callable[[], bool], has_too_many: Callable[[], bool]
    ) -> None:
        self._application = application
        self._is_stopping, self._has_too_many = is_stopping, has_too_many
        self._path_costs = PathCosts(never_high=HEALTH_PATHS)

    def serve(self, connection: Connection, thread: RequestThread) -> bool:
        """Go on with a connection; False where it has been closed."""
        try:
            if self._respond_to_request(connection, thread):
                return True
        except MalformedRequest as error:
            log.info("%s", error.for_log)
            self._refuse(connection, error, None, is_last=True)
        except (ConnectionOver, OSError):
            connection.close()
        except Exception:  # a bug, and nobody knows how much of a response has been sent
            log.exception("a request could not be answered")
            connection.close()
        return not connection.linger()

    def _respond_to_request(self, connection: Connection, thread: RequestThread) -> bool:
        """Respond to a request, if a whole one has come; False where that was the connection's last."""
        if connection.is_lingering:
            return False
        request = connection.next_request()
        if request is None:
            connection.is_slow = connection.has_more
            return True
        if not self._is_in_its_lane(connection, request, thread):
            return True
        if connection.is_too_many and not self._has_too_many():
            connection.is_too_many = False  # others have gone meanwhile
        overload = admit(request, self._application, thread, is_too_many=connection.is_too_many)
        is_last = connection.is_too_many or self._is_stopping()
        if overload is not None:
            is_kept = self._refuse(connection, overload, request, is_last=is_last)
        else:
            is_kept = self._respond(connection, request, thread, is_last=is_last)
        if is_kept:
            connection.finish_request()
        return is_kept

    def _respond(self, connection: Connection, request: Request, thread: RequestThread, *, is_last: bool) -> bool:
        application = self._application
        respond, when_done, put_off, turn = application.respond, thread.end_busy, application.put_off, application.turn
        is_upload = request.method == "POST"
        started_s = 0.0 if is_upload else time.thread_time()
        put_off.begin()
        if thread.has_turn:
            turn.begin(thread.begin_busy)
        try:
            is_kept = call_app(respond, connection, request, is_last=is_last, when_done=when_done)
        finally:
            turn.end()
            put_off.end()
        if not is_upload:
            self._path_costs.note(request.path, time.thread_time() - started_s)
        return is_kept

    def _is_in_its_lane(self, connection: Connection, request: Request, thread: RequestThread) -> bool:
        """Tell whether a thread may respond to a request; else it has been put back for one that may.

        An upload waits for the engine, which a thread of the slow lane must not.
        """
        is_slow = request.method != "POST" and (thread.is_slow or self._path_costs.is_high(request.path))
        if is_slow != thread.is_slow:
            connection.put_back(is_slow=is_slow)
        return is_slow == thread.is_slow

    def _refuse(self, connection: Connection, error: OpsinError, request: Request | None, *, is_last: bool) -> bool:
        path, method = (request.path, request.method) if request else ("", "")
        response = self._application.error_response(error, path, connection.parser.origin)
        self._application.note_refusal(path, method, int(response[0][:3]))
        trace = None
        if request is not None and self._application.trace_refusal is not None:
            trace = self._application.trace_refusal(request, error, connection.read_since)
        return refuse(connection, response, request, is_last=is_last, trace=trace)
