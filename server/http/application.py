"""What the HTTP front is given to serve, without knowing what it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from models.errors import OpsinError
from server.gunicorn_internals.request import Request
from server.http.limits import Headers, read_every_body
from server.http.wsgi import ErrorResponse
from server.put_off import PutOff
from server.turn import Turn

TraceRefusal = Callable[[Request, OpsinError, float], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Application:
    """What a worker serves.

    Attributes:
        respond: the WSGI application (PEP 3333).
        wait_s_if_full: in how many seconds there will be room for an upload; None while there is.
        error_response: makes status with reason, headers and body of an error, as the application would respond to a
            request for that path (empty where what came was no request), of that Origin, or of none.
        note_refusal: counts a response that the application was not asked for, by path, method and status; path and
            method are empty where what came was no request.
        body_refusal: see `Limits`.
        may_wait: whether any response may have to wait, not an upload's alone.
        trace_refusal: sends a trace of such a response, given the request, the error and when its first byte came, and
            gives what names the trace in the log; None where no traces are wanted.
        put_off: what the application does once its response has been sent.
        turn: that a thread has to pass on before the application waits for anything, where it is told of it.
        is_brief: whether uploads are likely to be answered in a few milliseconds, without waiting.
    """

    respond: Callable[..., Iterable[bytes]]
    wait_s_if_full: Callable[[], float | None]
    error_response: Callable[[OpsinError, str, str], ErrorResponse]
    note_refusal: Callable[[str, str, int], None]
    body_refusal: Callable[[Headers, str], OpsinError | None] = read_every_body
    trace_refusal: TraceRefusal | None = None
    may_wait: bool = False
    put_off: PutOff = field(default_factory=PutOff)
    turn: Turn = field(default_factory=Turn)
    is_brief: Callable[[], bool] = bool  # never
