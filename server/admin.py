"""Loads and unloads models on this server, for whoever has the admin token; knows no HTTP.

The repository stays as it is: other servers notice nothing, and this one forgets it when it ends. All its workers and
engines follow, and so do those that are started in their place.
"""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from models.errors import ModelNotFound
from models.store.fields import is_name
from server.api.keys import digest_of, read_secret, reason_of
from server.engine.client import EngineClient
from server.engine.errors import DeadlineExceeded, LoadFailed
from server.request_errors import AdminOff, InvalidAdminToken, MissingAdminToken
from server.setting_rows import SettingsError
from server.setting_values import TOKEN
from server.settings import Settings

BEARER = "bearer "
LOOK_AGAIN_S = 0.02
WAIT_S = 60.0  # for a model, unless the client says otherwise: some take longer to load than any request may take

log = logging.getLogger("opsin.admin")


class AdminToken:
    """The token that the settings name, itself or its file; one that cannot be read any more stays as it was."""

    def __init__(self, settings: Settings) -> None:
        """Read it; raises SettingsError where it cannot be used."""
        self._file = settings.admin_token_file
        try:
            self._digest = digest_of(read_token(self._file) if self._file else settings.admin_token or "")
        except (OSError, ValueError) as error:
            raise SettingsError(f"OPSIN_ADMIN_TOKEN_FILE cannot be used: {reason_of(error)}") from None
        self._is_on = bool(self._file or settings.admin_token)

    def check(self, given: str) -> None:
        """Compare what a request gives, in the same time however near a guess is.

        Raises:
            AdminOff: there is no token to compare it with.
            MissingAdminToken, InvalidAdminToken: it gives none, or another.
        """
        if not self._is_on:
            raise AdminOff(
                "models are not loaded and unloaded by requests here; to allow it, start the server with "
                "OPSIN_ADMIN_TOKEN, or OPSIN_ADMIN_TOKEN_FILE, and send Authorization: Bearer <that token>"
            )
        if not given:
            raise MissingAdminToken(
                "the admin token is needed: Authorization: Bearer <token>, or X-Admin-Token: <token>"
            )
        self._follow_file()
        if not hmac.compare_digest(self._digest, digest_of(given)):
            raise InvalidAdminToken("the admin token is not the one that holds here now")

    def _follow_file(self) -> None:
        if self._file is not None:
            try:
                self._digest = digest_of(read_token(self._file))
            except (OSError, ValueError) as error:
                log.error("the file of the admin token cannot be used, the one of before holds: %s", reason_of(error))


def read_token(path: Path) -> str:
    """Read the token of a file; OSError or ValueError where there is none."""
    text = read_secret(path).decode("ascii", errors="replace").strip()
    if not TOKEN.fullmatch(text):
        raise ValueError("it must hold one token, of ASCII characters without spaces")
    return text


def presented_token(authorization: str, admin_token: str) -> str:
    """Take the token of a request from either header: from X-Admin-Token where the other one has an API key."""
    if admin_token:
        return admin_token.strip()
    return authorization[len(BEARER) :].strip() if authorization[: len(BEARER)].lower() == BEARER else ""


class Admin:
    """What an operator may ask of this server. Any thread may call it.

    Args:
        engine: the engines, as this worker sees them.
        token: that is asked for.
        clock: monotonic.

    Attributes:
        token: that is asked for.
    """

    def __init__(self, engine: EngineClient, token: AdminToken, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine, self.token, self._clock = engine, token, clock

    def load(self, name: str, *, token: str, by: str, timeout_s: float) -> None:
        """Serve a model as the repository has it now, and return once it is.

        Args:
            name: of the model.
            token: as `presented_token` takes it from the request.
            by: who asks, for the log.
            timeout_s: how long to wait for it; it goes on afterwards.

        Raises:
            AdminOff, MissingAdminToken, InvalidAdminToken: as `AdminToken.check`.
            ModelNotFound: this server has no such model to serve.
            LoadFailed: it cannot be loaded; says why.
            DeadlineExceeded: it takes longer.
        """
        self.token.check(token)
        unknown = ModelNotFound(f"failed to load {name!r}, there is no such model among those that are served here")
        if not is_name(name):
            raise unknown
        self._wait(self._engine.control.load(name), timeout_s)
        catalogue = self._engine.catalogue
        if refusals := [refused.reason for refused in catalogue.refused if refused.name == name]:
            raise LoadFailed(f"failed to load {name!r}, {refusals[0]}")
        if reasons := [unloaded.reason for unloaded in catalogue.unloaded if unloaded.name == name]:
            raise LoadFailed(f"failed to load {name!r}, it was {reasons[0]}, after it was to be loaded")
        if not any(model.name == name for model in catalogue.models):
            raise unknown
        log.warning("model %r was loaded by %s", name, by)

    def unload(self, name: str, *, token: str, by: str, timeout_s: float) -> None:
        """Serve a model no more, until it is loaded; its memory comes back after its last request is answered.

        Args and errors are those of `load`.
        """
        self.token.check(token)
        catalogue = self._engine.catalogue
        known = {model.name for model in catalogue.models}
        known |= {each.name for each in (*catalogue.refused, *catalogue.unloaded)}
        if name not in known:
            raise ModelNotFound(f"failed to unload {name!r}, there is no such model here")
        reason = f"unloaded by {by} at {datetime.now(UTC).isoformat(timespec='seconds')}"
        self._wait(self._engine.control.unload(name, reason), timeout_s)
        log.warning("model %r was %s", name, reason)

    def _wait(self, number: int, timeout_s: float) -> None:
        """Wait until every engine does what was asked."""
        give_up_at = self._clock() + timeout_s
        while not self._engine.control.is_followed(number):
            if self._clock() >= give_up_at:
                raise DeadlineExceeded("it takes longer than the request's time and goes on; the index tells its end")
            time.sleep(LOOK_AGAIN_S)
