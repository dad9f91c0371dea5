"""Formats repositories and artifacts for a terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from models.plural import how_many
from models.store.artifact import Artifact
from models.store.manifest import Manifest

_MAX_LABELS = 12


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Align columns to their widest cells, two spaces apart."""
    lines = [header, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def size(num_bytes: int) -> str:
    """Format a number of bytes in the decimal unit that fits: 812 B, 1.4 MB."""
    if num_bytes < 1000:
        return f"{num_bytes} B"
    value = float(num_bytes)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 999.95:
            return f"{value:.1f} {unit}"
    return f"{value / 1000:.1f} TB"


def architecture(manifest: Manifest) -> str:
    """Name family and variant, such as "resnet_v2 56"; "-" where the manifest has neither."""
    parts = [manifest.architecture.get(key) for key in ("family", "name", "variant")]
    return " ".join(str(part) for part in parts if isinstance(part, str | int)) or "-"


def precision(manifest: Manifest) -> str:
    """List the precisions of the model files, such as "int8"."""
    return ", ".join(dict.fromkeys(file.precision for file in manifest.formats.values()))


def accuracy(manifest: Manifest) -> float | None:
    """Find the accuracy, a fraction in [0, 1]: `top1` or `accuracy`, in metrics[<precision>] or else in metrics."""
    by_precision = [manifest.metrics.get(file.precision) for file in manifest.formats.values()]
    for metrics in [*by_precision, manifest.metrics]:
        for key in ("top1", "accuracy"):
            value = metrics.get(key) if isinstance(metrics, Mapping) else None
            if isinstance(value, int | float) and not isinstance(value, bool):
                return float(value)
    return None


def accuracy_in_words(manifest: Manifest) -> str:
    """Say the accuracy with the number of images and its 95 % interval, as far as the manifest has them."""
    for metrics in (manifest.metrics.get(file.precision) for file in manifest.formats.values()):
        if isinstance(metrics, Mapping) and (count := metrics.get("num_images")) and isinstance(count, int):
            said = f"{percent(accuracy(manifest))} of {how_many(count, 'test image')}"
            match metrics.get("intervals"):
                case {"top1": [float() | int() as low, float() | int() as high]}:
                    said += f" ({100 * low:.2f} to {100 * high:.2f})"
            return said
    return percent(accuracy(manifest))


def percent(fraction: float | None) -> str:
    """Format a fraction as 93.42 %, and None as "-"."""
    return "-" if fraction is None else f"{fraction:.2%}".replace("%", " %")


def calibration(manifest: Manifest) -> str:
    """Say what the probabilities are worth, and by how many images; "-" where they were not calibrated."""
    fitted = manifest.calibration
    if fitted is None:
        return "-"
    unsure = "" if fitted.unsure_below is None else f", unsure below {fitted.unsure_below:.4g}"
    scores = f"{how_many(len(fitted.scores), 'score')} of {how_many(fitted.num_images, 'image')}"
    return f"temperature {fitted.temperature:.4g}{unsure}, {scores}"


def without_vnni(manifest: Manifest) -> str:
    """Say what becomes of int8 products on x86 processors without VNNI; "-" where that is not known."""
    known = [file.saturates for file in manifest.formats.values() if file.saturates is not None]
    return ("products may saturate in OpenVINO" if any(known) else "no products saturate") if known else "-"


def details(artifact: Artifact, *, is_stable: bool) -> str:
    """Describe one version in full, for a person."""
    manifest = artifact.manifest
    pixels = ", ".join(f"{key} {value}" for key, value in manifest.pixels.to_dict().items())
    labels = ", ".join(manifest.labels[:_MAX_LABELS]) + (", ..." if len(manifest.labels) > _MAX_LABELS else "")
    facts = {
        "model": manifest.name,
        "version": f"{manifest.version}{' (stable)' if is_stable else ''}",
        "folder": str(artifact.path),
        "size": size(artifact.size_bytes),
        "engines": ", ".join(f"{name}: {file.file} ({file.precision})" for name, file in manifest.formats.items()),
        "without VNNI": without_vnni(manifest),
        "labels": f"{len(manifest.labels)}: {labels}",
        "pixels": pixels,
        "accuracy": accuracy_in_words(manifest),
        "calibration": calibration(manifest),
    }
    if examples := manifest.examples:
        shown = "may be shown" if examples.may_be_shown else "may not be shown"
        facts["examples"] = (
            f"{how_many(examples.num_images, 'training picture')} beside it, {shown}: {examples.licence}"
        )
    lines = [f"{key:<14}{value}" for key, value in facts.items()]
    for key in ("architecture", "metrics", "provenance"):
        lines += [key, *(f"  {line}" for line in json.dumps(getattr(manifest, key), indent=2).splitlines())]
    lines += ["files", *(f"  {digest}  {path}" for path, digest in manifest.files.items())]
    return "\n".join(lines)
