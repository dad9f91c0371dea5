"""Which requests are admitted."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from server.http.admission import admit
from server.http.application import Application

APPLICATION = Application(respond=None, wait_s_if_full=None, error_response=None, note_refusal=None)


class Thread:
    """A request thread that may be busy or not."""

    def __init__(self, *, is_free, is_slow=False, has_turn=False):
        self.is_free, self.is_slow, self.has_turn = is_free, is_slow, has_turn
        self.is_busy = False

    def begin_busy(self):
        self.is_busy = self.is_free
        return self.is_free


@pytest.mark.parametrize(
    ("method", "exceeds_budget", "wait_s", "is_free", "wanted"),
    [
        ("POST", False, None, True, None),
        ("POST", True, None, True, (1, "too many uploads are on their way, try again later")),
        ("POST", False, 2.5, True, (3, "more requests are in hand than there is room for, try again later")),
        ("POST", False, None, False, (1, "more requests are in hand than there is room for, try again later")),
        ("GET", False, 2.5, True, None),
        ("GET", False, None, False, None),
        ("PUT", True, None, True, None),
    ],
    ids=["room", "bytes", "slots", "threads", "no upload, no slot", "no upload, no thread", "no upload, bytes"],
)
def test_upload_is_refused_where_there_is_no_room_for_it(method, exceeds_budget, wait_s, is_free, wanted):
    application = Application(respond=None, wait_s_if_full=lambda: wait_s, error_response=None, note_refusal=None)
    request = SimpleNamespace(method=method, path="/", exceeds_budget=exceeds_budget)
    overload = admit(request, application, Thread(is_free=is_free))
    assert (overload and (overload.retry_after_s, str(overload))) == wanted


@pytest.mark.parametrize(("path", "is_admitted"), [("/healthz", True), ("/readyz", True), ("/", False)])
def test_connection_too_many_has_only_health_checks_answered(path, is_admitted):
    request = SimpleNamespace(method="GET", path=path)
    overload = admit(request, APPLICATION, Thread(is_free=True), is_too_many=True)
    assert (overload is None) == is_admitted


@pytest.mark.parametrize("is_slow", [False, True])
@pytest.mark.parametrize("may_wait", [False, True])
def test_thread_is_busy_with_any_request_whose_response_may_wait(may_wait, is_slow):
    thread = Thread(is_free=True, is_slow=is_slow)
    request = SimpleNamespace(method="GET", path="/")
    assert admit(request, replace(APPLICATION, may_wait=may_wait), thread) is None
    assert thread.is_busy == (may_wait and not is_slow)
