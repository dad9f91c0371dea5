"""RepositoryModelLoad and RepositoryModelUnload, for whoever has the admin token (server.admin)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from server.admin import WAIT_S, Admin, presented_token
from server.api.admin import check_parameters
from server.api.client_address import client_address
from server.grpc.calls import Behaviour, Call, Doorway
from server.grpc.messages import message_class
from server.grpc.uploads import Uploads
from server.settings import Settings


class ModelControl:
    """The calls.

    Args:
        admin: does what is asked.
        settings: of the server.
        uploads: receives messages.
        doorway: lets calls in.
    """

    def __init__(self, admin: Admin, settings: Settings, uploads: Uploads, doorway: Doorway) -> None:
        self._admin, self._settings, self._uploads, self._doorway = admin, settings, uploads, doorway

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
            await asyncio.to_thread(
                ask,
                asked.model_name,
                token=token,
                by=client_address(call.told, self._settings.trusted_proxies),
                timeout_s=WAIT_S if call.timeout_s is None else call.timeout_s,
            )
            return message_class(f"inference.{name}Response")()
