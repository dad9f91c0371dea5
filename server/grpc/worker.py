"""The gRPC worker, as gunicorn runs it beside the HTTP workers: the same master, signals and signs of life.

gRPC's own threads must not be forked, so it is imported here, in the process of the worker. It owns its event loop, and
the listening socket, which gRPC opens on the port that the master holds. When it stops it answers what has come.
"""

from __future__ import annotations

import asyncio
import os
import resource
from typing import Any

from server.grpc.application import GRPCApplication
from server.gunicorn_internals.processes import WorkerProcess

TICK_S = 1.0
# Read by gRPC when it is imported. Its own log tells of every client that goes in the midst of a call.
ENVIRON = {"GRPC_ENABLE_FORK_SUPPORT": "0", "GRPC_VERBOSITY": "NONE"}


class GRPCWorker(WorkerProcess):
    """One process that serves gRPC; see the module.

    Attributes:
        partition: of the slots, that behind those of the HTTP workers; given by the master.
        app: what the master runs, with its ``settings``, ``grpc_port`` and ``tls``, None without it.
        wsgi: the `GRPCApplication` that it has loaded.
    """

    alive: bool
    partition: int
    app: Any
    wsgi: GRPCApplication

    def run(self) -> None:
        """Serve until told to stop; gunicorn calls it once, in the process of the worker."""
        for listener in self.sockets:
            listener.close()  # those of HTTP
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # gRPC takes in any number of connections
        for name, value in ENVIRON.items():
            os.environ.setdefault(name, value)
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        from server.grpc.server import GRPCServer

        is_woken = asyncio.Event()
        server = GRPCServer(self.wsgi, self.app.settings, self.app.grpc_port.address, self.app.tls)
        await server.start()
        self.app.announce_grpc()
        asyncio.get_running_loop().add_reader(self.signal_fd, self._wake, is_woken)
        while self.alive:
            self.notify()
            if self.has_lost_master:
                self.log.info("the master has gone")
                self.alive = False
            try:
                async with asyncio.timeout(TICK_S):
                    await is_woken.wait()
            except TimeoutError:
                continue
            is_woken.clear()
        await server.stop(self.cfg.graceful_timeout)

    def _wake(self, is_woken: asyncio.Event) -> None:
        os.read(self.signal_fd, 4096)
        is_woken.set()
