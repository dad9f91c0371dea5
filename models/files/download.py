"""Downloads a file from a server that nobody trusts: so much and no more, in so long, and from there alone."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PIECE_BYTES = 64 * 1024
PART = ".part"  # behind a file's name until it is whole


class DownloadFailed(OSError):
    """The file cannot be had; says why."""


@dataclass(frozen=True, slots=True)
class DownloadLimits:
    """What a download may take.

    Attributes:
        max_bytes: of the file.
        wall_s: in all.
        silent_s: in which nothing comes.
    """

    max_bytes: int = 2 * 1024**3
    wall_s: float = 3600.0
    silent_s: float = 60.0


def download(url: str, file: Path, limits: DownloadLimits = DownloadLimits(), *, scheme: str = "https") -> None:
    """Download a URL to a file, which is there when it is whole and not before.

    Args:
        url: of that scheme; a redirect may lead to the same server alone.
        file: in a folder that is there.
        limits: that it is held to.
        scheme: that is spoken.

    Raises:
        DownloadFailed: the server does not answer with one file within the limits.
    """
    part = file.with_name(file.name + PART)
    until = time.monotonic() + limits.wall_s
    origin = _origin(url, scheme)
    # Proxies are those of the environment, as urllib has it.
    opener = urllib.request.build_opener(_SameServer(origin))
    asked = urllib.request.Request(url, headers={"Accept-Encoding": "identity"})  # noqa: S310 - the scheme was checked
    try:
        with closing(opener.open(asked, timeout=limits.silent_s)) as answer, part.open("wb") as written:
            expected = _expected_bytes(answer, limits.max_bytes)
            num_bytes = 0
            while piece := answer.read1(PIECE_BYTES):
                num_bytes += len(piece)
                if num_bytes > limits.max_bytes:
                    raise DownloadFailed(f"it has more than the {limits.max_bytes:,} bytes that are accepted")
                if time.monotonic() > until:
                    raise DownloadFailed(f"it takes more than {limits.wall_s:g} s")
                written.write(piece)
        if expected not in (None, num_bytes):
            raise DownloadFailed(f"it should have {expected:,} bytes, {num_bytes:,} came")
        part.replace(file)
    except (http.client.HTTPException, ValueError) as error:
        raise DownloadFailed(f"the server does not answer by HTTP: {type(error).__name__}") from error
    except urllib.error.HTTPError as error:
        raise DownloadFailed(f"the server answered {error.code} ({error.reason})") from error
    except TimeoutError as error:
        raise DownloadFailed(f"nothing came within {limits.silent_s:g} s") from error
    finally:
        part.unlink(missing_ok=True)


def _origin(url: str, scheme: str) -> tuple[str, str]:
    parts = urlsplit(url)
    if parts.scheme != scheme:
        raise DownloadFailed(f"it must be downloaded by {scheme}, not {parts.scheme[:20]!r}")
    return parts.scheme, parts.netloc


def _expected_bytes(answer: Any, max_bytes: int) -> int | None:
    """Read how long the file is, where the server says so."""
    if (coding := answer.headers.get("Content-Encoding", "identity")) != "identity":
        raise DownloadFailed(f"the server packs it ({coding[:20]!r}), which was not asked for")
    text = answer.headers.get("Content-Length")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()):
        raise DownloadFailed(f"the server says that it has {text[:20]!r} bytes")
    if int(text) > max_bytes:
        raise DownloadFailed(f"it has {int(text):,} bytes; {max_bytes:,} are accepted")
    return int(text)


class _SameServer(urllib.request.HTTPRedirectHandler):
    """Follows redirects within a server, and to no other: least of all to one behind our own walls."""

    max_redirections = 5

    def __init__(self, origin: tuple[str, str]) -> None:
        self._origin = origin

    def redirect_request(self, request: Any, file: Any, code: int, message: str, headers: Any, url: str) -> Any:
        """Make the next request; raises DownloadFailed where it would leave the server."""
        parts = urlsplit(url)
        if (parts.scheme, parts.netloc) != self._origin:
            raise DownloadFailed(f"the server sends us to another one, {parts.scheme[:20]}://{parts.netloc[:80]}")
        return super().redirect_request(request, file, code, message, headers, url)
