"""Repositories and artifacts as a person reads them in a terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from models.store.artifact import Artifact
from models.store.manifest import Manifest

_MAX_LABELS = 12


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell, two spaces apart."""
    lines = [header, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def size(num_bytes: int) -> str:
    """A number of bytes in the decimal unit that fits: 812 B, 1.4 MB."""
    if num_bytes < 1000:
        return f"{num_bytes} B"
    value = float(num_bytes)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 999.95:
            return f"{value:.1f} {unit}"
    return f"{value / 1000:.1f} TB"


def architecture(manifest: Manifest) -> str:
    """Family and variant, such as "resnet_v2 56", as far as the manifest says them."""
    said = [manifest.architecture.get(key) for key in ("family", "name", "variant")]
    return " ".join(str(part) for part in said if isinstance(part, str | int)) or "-"


def precision(manifest: Manifest) -> str:
    """Of each engine's file, such as "int8"."""
    return ", ".join(dict.fromkeys(engine.precision for engine in manifest.engines.values()))


def accuracy(manifest: Manifest) -> float | None:
    """Fraction in [0, 1] where the metrics have one, of the precision that is served before that of the whole.

    Looked for as `top1` and as `accuracy`, in metrics[<precision>] and then in metrics itself.
    """
    places = [manifest.metrics.get(engine.precision) for engine in manifest.engines.values()]
    for place in [*places, manifest.metrics]:
        for key in ("top1", "accuracy"):
            found = place.get(key) if isinstance(place, Mapping) else None
            if isinstance(found, int | float) and not isinstance(found, bool):
                return float(found)
    return None


def percent(fraction: float | None) -> str:
    """93.42 %, or "-" where there is nothing to show."""
    return "-" if fraction is None else f"{fraction:.2%}".replace("%", " %")


def details(artifact: Artifact, *, is_stable: bool) -> str:
    """Everything about one version, for a person."""
    manifest = artifact.manifest
    pixels = ", ".join(f"{key} {value}" for key, value in manifest.pixels.to_dict().items())
    labels = ", ".join(manifest.labels[:_MAX_LABELS]) + (", ..." if len(manifest.labels) > _MAX_LABELS else "")
    facts = {
        "model": manifest.name,
        "version": f"{manifest.version}{' (stable)' if is_stable else ''}",
        "folder": str(artifact.path),
        "size": size(artifact.size_bytes),
        "engines": ", ".join(f"{name}: {file.file} ({file.precision})" for name, file in manifest.engines.items()),
        "labels": f"{len(manifest.labels)}: {labels}",
        "pixels": pixels,
        "accuracy": percent(accuracy(manifest)),
    }
    lines = [f"{key:<14}{value}" for key, value in facts.items()]
    for key in ("architecture", "metrics", "provenance"):
        lines += [key, *_indented(getattr(manifest, key))]
    lines += ["files", *(f"  {digest}  {path}" for path, digest in manifest.files.items())]
    return "\n".join(lines)


def _indented(record: Mapping[str, Any]) -> list[str]:
    return [f"  {line}" for line in json.dumps(record, indent=2).splitlines()]
