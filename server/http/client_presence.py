"""Tells a client that has gone from one that has merely nothing more to send.

Both look the same from here: the end of the stream. So the one is asked for a sign of life, in a way that HTTP/1.1
obliges every client to ignore: ``100 Continue``, which may come before any answer. Whoever has closed the connection,
or has died, has a kernel that replies with a reset.
"""

from __future__ import annotations

import select
import socket

PROBE = b"HTTP/1.1 100 Continue\r\n\r\n"
WAIT_S = 0.2  # for the reset; a client further away than that is taken to be there
HANGUP = select.POLLRDHUP | select.POLLHUP | select.POLLERR
RESET = select.POLLHUP | select.POLLERR


def has_hung_up(client_fd: int) -> bool:
    """Tell whether a client has ended its sending, perhaps because it has gone; costs no wait."""
    poll = select.poll()
    poll.register(client_fd, HANGUP)
    return bool(poll.poll(0))


def still_listens(sock: socket.socket, protocol: str) -> bool:
    """Tell whether a client that has ended its sending still reads, as far as can be found out in a moment.

    Args:
        sock: the connection; nothing of the answer has been sent on it.
        protocol: of the request. An HTTP/1.0 client does not know the question, so it is taken to be there.
    """
    if protocol != "HTTP/1.1":
        return True
    try:
        sock.send(PROBE)
    except OSError:
        return False
    poll = select.poll()
    poll.register(sock, RESET)
    return not poll.poll(1000 * WAIT_S)
