"""Both ends of a connection that speaks TLS, in one thread."""

from __future__ import annotations

import contextlib
import socket
import ssl


@contextlib.contextmanager
def connected(tls, context):
    """Two ends of a connection after the handshake: the server's, which does not wait, and a client's in memory."""
    near, far = socket.socketpair()
    with near, far:
        server = tls.wrap(near)
        server.setblocking(False)
        far.setblocking(False)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = context.wrap_bio(incoming, outgoing, server_hostname="localhost")

        def exchange(step):
            """Repeat a step of the client until it is done, and let the server answer meanwhile."""
            while True:
                try:
                    done = step()
                except ssl.SSLWantReadError:
                    done = None
                if outgoing.pending:
                    far.sendall(outgoing.read())
                if done is not None:
                    return done
                with contextlib.suppress(BlockingIOError):
                    server.recv(1)
                with contextlib.suppress(BlockingIOError):
                    incoming.write(far.recv(1 << 20))

        exchange(lambda: client.do_handshake() or True)
        with contextlib.suppress(BlockingIOError):
            server.recv(1)  # the last of the handshake
        yield server, client, exchange
