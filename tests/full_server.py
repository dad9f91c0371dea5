"""A server whose room for uploads is taken by others, for as long as they keep their connections."""

from __future__ import annotations

import contextlib

from colours import head_of
from running_server import wait_until

LIMITS = {"OPSIN_MAX_UPLOAD_BYTES": "1000000", "OPSIN_MAX_UPLOADS_IN_HAND_BYTES": "1000000", "OPSIN_WORKERS": "1"}


@contextlib.contextmanager
def filled(running, large):
    """Send uploads but for their last byte until another is refused; `running` was started with LIMITS."""
    with contextlib.ExitStack() as others:

        def is_full():
            others.enter_context(running.connect()).sendall(head_of(large) + large[:-1])
            return running.request("POST", "/predict", large)[0] == 503

        wait_until(is_full)
        yield
