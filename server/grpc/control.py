"""RepositoryModelLoad and RepositoryModelUnload, for whoever has the admin token (server.admin)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from server.admin import WAIT_S, Admin, presented_token
from server.api.admin import check_parameters
from server.api.client_address import client_address
from server.grpc.calls import Behaviour, Call, Doorway
from server.grpc.messages import message_class
from server.grpc.uploads import Uploads
from server.request_errors import Overloaded
from server.settings import Settings

MAX_WAITING = 8  # calls that wait for a model; each has a thread for as long


class ModelControl:
    """The calls; to be asked by one event loop. Owns threads, in which they wait, so that no other call waits for them.

    Args:
        admin: does what is asked.
        settings: of the server.
        uploads: receives messages.
        doorway: lets calls in.
    """

    def __init__(self, admin: Admin, settings: Settings, uploads: Uploads, doorway: Doorway) -> None:
        self._admin, self._settings, self._uploads, self._doorway = admin, settings, uploads, doorway
        self._threads = ThreadPoolExecutor(MAX_WAITING, "opsin-control")
        self._num_waiting = 0

    def close(self) -> None:
        """Have no further call answered; those that wait for a model go on in their threads until they are answered."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def behaviours(self) -> dict[str, Behaviour]:
        """Make what answers each call."""
        asks = {"RepositoryModelLoad": self._admin.load, "RepositoryModelUnload": self._admin.unload}
        return {name: partial(self._answer, name, ask) for name, ask in asks.items()}

    async def _answer(self, name: str, ask: Callable[..., None], call: Call) -> Any:
        async with self._doorway.admitted(call):
            token = presented_token(call.metadata.get("authorization", ""), call.metadata.get("x-admin-token", ""))
            self._admin.token.check(token)
            asked = await self._uploads.receive_message(call.context, f"inference.{name}Request")
            check_parameters(asked.parameters)
            by = client_address(call.told, self._settings.trusted_proxies)
            timeout_s = WAIT_S if call.timeout_s is None else call.timeout_s
            await self._wait(partial(ask, asked.model_name, token=token, by=by, timeout_s=timeout_s))
            return message_class(f"inference.{name}Response")()

    async def _wait(self, ask: Callable[[], None]) -> None:
        """Ask in a thread; raises Overloaded where all wait already."""
        if self._num_waiting >= MAX_WAITING:
            raise Overloaded(f"{MAX_WAITING} calls wait for models already, try again later", wait_s=1)
        self._num_waiting += 1
        asking = asyncio.get_running_loop().run_in_executor(self._threads, ask)
        asking.add_done_callback(self._leave)
        await asyncio.shield(asking)  # who hangs up leaves a thread that waits on

    def _leave(self, asking: asyncio.Future[None]) -> None:
        self._num_waiting -= 1
        asking.exception()  # which nobody else may ask for
