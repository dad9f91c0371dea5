"""How a version came to be: its line of versions, and the commands, without a path of the machine that ran them."""

from __future__ import annotations

import re
import shlex
from pathlib import PurePath
from typing import Any

from models.card.sentences import sentences
from models.card.told import mapping, sequence, text
from models.report import architecture
from models.store.manifest import Manifest

_ABSOLUTE = re.compile(r"^((?:--?[\w-]+=)?)([/~].*|[A-Za-z]:[\\/].*|file:.*)$")
# What a command did, by the words that it begins with; the first that fits.
KINDS = {
    ("training", "teach"): "taught",
    ("training.restore",): "restored",
    ("optimize.measure_published",): "counted",
    ("training",): "trained",
    ("optimize", "quantize", "--aware"): "aware",
    ("optimize", "quantize"): "quantized",
    ("optimize", "prune"): "pruned",
    ("optimize", "auto"): "searched",
    ("optimize", "export"): "exported",
    ("optimize.requantize",): "requantized",
    ("models", "import"): "imported",
    ("models", "index"): "indexed",
    ("optimize.imagenet",): "converted",
}
OTHER = "made"


def steps_of(manifest: Manifest) -> list[dict[str, Any]]:
    """Return what led to the version, the first step first: what was done, with which command, when, and what of it."""
    told: dict[str, Any] = dict(manifest.provenance)
    commands = [command for command in sequence(told.get("training_commands")) if isinstance(command, str)]
    steps: list[dict[str, Any]] = [{"command": command} for command in commands]
    if isinstance(command := told.get("command"), str) and command not in commands:
        steps.append({"command": command, "created": told.get("created"), "of": told.get("parent")})
    for name in ("requantized", "measured", "added"):
        steps += [step for step in sequence(told.get(name)) if isinstance(step, dict)]
    steps.sort(key=lambda step: str(step.get("created") or ""))  # commands of before have no time, and come first
    return [
        {
            "kind": (kind := _kind(step.get("command"))),
            "what": sentences().words.plain(f"step_{kind}"),
            "command": without_paths(step["command"]) if isinstance(step.get("command"), str) else None,
            "created": text(step.get("created")),
            "of": text(step.get("of")) or text(step.get("to")) or _restored(step.get("command")),
        }
        for step in steps
    ]


def compressed(manifest: Manifest) -> str | None:
    """Say with which settings it was made smaller, or taught: "method channels, macs 0.5"; None where it was not."""
    told = mapping(manifest.provenance.get("compression"))
    settings = {name: value for name, value in told.items() if isinstance(value, str | int | float) and value != ""}
    return text(", ".join(f"{name.replace('_', ' ')} {_in_words(value)}" for name, value in settings.items()))


def architecture_of(manifest: Manifest) -> str | None:
    """Name the kind of network, such as "resnet_v2 20"; None where the manifest does not tell."""
    return None if (name := architecture(manifest)) == "-" else name


def compared(manifest: Manifest) -> dict[str, Any]:
    """Return how it compares with the first model of its line, and with what was served when it was published."""
    found: dict[str, Any] = {"line": None, "instead_of": None}
    line: Any = manifest.provenance.get("line")
    match line:
        case {"published": str(first), "top1_points": float() | int() as points, "num_images": int(number)}:
            within = None
            match line.get("top1_points_interval"):
                case [float() | int() as low, float() | int() as high]:
                    within = [low, high]
            found["line"] = {"first": first, "points": points, "interval": within, "num_images": number}
    match manifest.provenance.get("compared_with_stable"):
        case {"reason": str(reason), "instead_of": int(version)} if reason:
            found["instead_of"] = {"version": version, "reason": reason}
    return found


def without_paths(command: str) -> str:
    """Leave of each path that begins at the root, or at home, the last part alone."""
    try:
        words = shlex.split(command)
    except ValueError:  # no command of a shell
        return command if "/" not in command else "(a command that cannot be shown without its paths)"
    short = [_ABSOLUTE.sub(lambda found: f"{found[1]}{PurePath(found[2]).name or '…'}", word) for word in words]
    return command if short == words else shlex.join(short)


def _in_words(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else f"{value}"


def _kind(command: object) -> str:
    words = str(command or "").removeprefix("python -m ").split()
    for begin, kind in KINDS.items():
        head, *options = begin
        if words[:1] == [head] and all(option in words for option in options):
            return kind
    return OTHER


def _restored(command: object) -> str | None:
    found = re.match(r"python -m training\.restore ([\w.-]+:\d+)", str(command))
    return found[1] if found else None
