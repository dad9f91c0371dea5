"""Tells a client where the time of its request went, as Server-Timing (https://www.w3.org/TR/server-timing/)."""

from __future__ import annotations

from collections.abc import Iterable

from server.tracing.stages import Stage

HEADER = "Server-Timing"
# The stages of `server.tracing.stages` in the words of the header, in the order of a photo's way.
PARTS = {
    "upload": ("read",),
    "decode": ("decode",),
    "queue": ("decode_queue", "queue", "batch_wait"),
    "inference": ("inference",),
}


def server_timing(stages: Iterable[Stage], *, upload_s: float) -> str:
    """Write the header: milliseconds of each part, of several images together.

    Args:
        stages: of the request, noted so far; one that has not ended counts nothing.
        upload_s: from the first byte of the request to the last, where no stage tells.
    """
    spent = dict.fromkeys((name for names in PARTS.values() for name in names), 0.0)
    for stage in stages:
        if stage.name in spent and stage.ended is not None:
            spent[stage.name] += stage.ended - stage.started
    spent["read"] = spent["read"] or upload_s
    totals = {part: sum(spent[name] for name in names) for part, names in PARTS.items()}
    return ", ".join(f"{part};dur={1000 * seconds:.3f}" for part, seconds in totals.items())
