"""`python -m optimize`: make a trained model smaller or faster, and say what it costs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from models.store.fields import validate_name
from optimize import auto_options, fine_tuning_options
from optimize.channels import options as channel_options
from optimize.magnitude import options as magnitude_options
from optimize.options import take
from optimize.quantization import options as quantize_options
from optimize.quantization.aware_options import QuantizationAwareTraining
from optimize.report import options as report_options
from training.cli import command_line, command_parser, run

PROGRAM = "python -m optimize"
NAMES = {"with_streams": "--keep-streams"}  # of options whose settings are called something else
EXAMPLES = """
examples:
  python -m optimize auto --workdir runs/flowers --output runs/flowers-fast --budget-latency 0.5
      tries what there is, and publishes the most accurate int8 model that takes half the time of the plain one
  python -m optimize quantize --workdir runs/flowers
  python -m optimize prune --workdir runs/flowers --output runs/flowers-half --method channels --macs 0.5
  python -m optimize quantize --workdir runs/flowers-half --aware --output runs/flowers-half-int8
  python -m optimize report flowers:1 flowers:2 flowers:3 --data photos.zip

Each measures accuracy before and after on all test images, through the runtime that serves, and refuses to publish what
loses more than --max-accuracy-drop, or gains neither bytes nor time.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code: 0 published, 1 refused, 2 bad arguments."""
    options = vars(_parser().parse_args(arguments))
    command = command_line(PROGRAM, arguments)
    action = {"quantize": _quantize, "prune": _prune, "auto": _auto, "report": _report}[options.pop("action")]
    return run(PROGRAM, lambda: str(action(options, command)))


# TensorFlow takes seconds to load: each action makes its settings before it does, so that bad arguments are told first.


def _quantize(options: dict[str, Any], command: str) -> Any:
    is_aware, output, changes = options.pop("aware"), options.pop("output"), options.pop("set")
    if is_aware != (output is not None):
        raise ValueError("--aware trains, and --output is the folder of that run: give both or neither")
    if changes and not is_aware:
        raise ValueError("--set changes a training: give --aware too")
    workdir, data_path, terms = _taken(options)
    kind = QuantizationAwareTraining if is_aware else quantize_options.Quantization
    settings: Any = take(kind, options)
    _refuse(options, "--aware" if is_aware else "quantization without --aware")
    from optimize.quantization.aware import OWN, train_quantized
    from optimize.quantization.post_training import quantize

    source = _opened(workdir, data_path, terms)
    made = (
        train_quantized(source.with_settings(changes, OWN), output, settings, command=command)
        if is_aware
        else quantize(source, workdir, settings, command=command)
    )
    return made.publish(**terms)


def _prune(options: dict[str, Any], command: str) -> Any:
    method, output, changes = options.pop("method"), options.pop("output"), options.pop("set")
    workdir, data_path, terms = _taken(options)
    kind = channel_options.ChannelPruning if method == "channels" else magnitude_options.MagnitudePruning
    settings: Any = take(kind, options)
    _refuse(options, f"--method {method}")
    from optimize.channels.run import prune_channels
    from optimize.fine_tuning import OWN, OWN_IN_PLACE
    from optimize.magnitude.run import prune_magnitude

    make, own = (prune_channels, OWN) if method == "channels" else (prune_magnitude, OWN_IN_PLACE)
    source = _opened(workdir, data_path, terms).with_settings(changes, own)
    return make(source, output, settings, command=command).publish(**terms)


def _auto(options: dict[str, Any], command: str) -> Any:
    output, changes = options.pop("output"), options.pop("set")
    workdir, data_path, terms = _taken(options)
    ladder = take(auto_options.Ladder, options)
    from optimize.auto import climb

    source = _opened(workdir, data_path, terms).with_settings(changes)
    made = climb(source, workdir, output, ladder, max_accuracy_drop=terms["max_accuracy_drop"], command=command)
    return made.publish(**terms)


def _report(options: dict[str, Any], command: str) -> Any:
    from models.store.repository import Repository
    from optimize.report.report import report

    return report(repository=Repository(options.pop("repository")), command=command, **options)


def _taken(options: dict[str, Any]) -> tuple[Path, Path | None, dict[str, Any]]:
    """The source's folder and data, and the terms of publication."""
    from models.store.repository import Repository

    terms = {name: options.pop(name) for name in ("name", "max_accuracy_drop", "force")}
    if terms["name"] is not None:
        validate_name(terms["name"])
    return (
        options.pop("workdir"),
        options.pop("data_path"),
        {"repository": Repository(options.pop("repository")), **terms},
    )


def _opened(workdir: Path, data_path: Path | None, terms: dict[str, Any]) -> Any:
    """The run to start from; a name that cannot be forced is told before anything is trained."""
    from optimize.gate import check_force
    from optimize.source import open_source

    source = open_source(workdir, data_path)
    check_force(terms["force"], terms["name"] or source.name)
    return source


def _refuse(options: dict[str, Any], what: str) -> None:
    """Options are left that belong to another method."""
    if options:
        names = ", ".join(NAMES.get(name, f"--{name.replace('_', '-')}") for name in options)
        raise ValueError(f"{what} has no option {names}")


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        PROGRAM, "Make a trained model smaller or faster, measure what it costs and publish it.", EXAMPLES
    )
    actions = parser.add_subparsers(dest="action", required=True)
    auto = actions.add_parser("auto", help="the whole ladder: try, measure, publish the best within the budgets")
    _add_common(auto)
    auto.add_argument("--output", type=Path, required=True, help="folder of what is tried")
    auto_options.add_arguments(auto)
    quantize = actions.add_parser("quantize", help="int8 weights and activations, or float16, or dynamic range")
    _add_common(quantize)
    quantize.add_argument("--aware", action="store_true", help="train it as the int8 file it becomes")
    quantize.add_argument("--output", type=Path, help="folder of that run")
    quantize_options.add_arguments(quantize)
    fine_tuning_options.add_arguments(quantize, epochs="with --aware: 4", peak_lr="a twentieth of the training's")
    prune = actions.add_parser("prune", help="remove channels, or set weights to zero, while fine-tuning")
    _add_common(prune)
    prune.add_argument("--output", type=Path, required=True, help="folder of the new run")
    prune.add_argument(
        "--method", choices=["channels", "magnitude"], default="channels", help="what is removed (channels)"
    )
    fine_tuning_options.add_arguments(prune, epochs="channels: 20; magnitude: 4", peak_lr="a fifth of the training's")
    channel_options.add_arguments(prune)
    magnitude_options.add_arguments(prune)
    report = actions.add_parser("report", help="compare models: accuracy, bytes, work, latency, and which classes pay")
    report_options.add_arguments(report)
    return parser


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--workdir", type=Path, required=True, help="folder of the finished training run")
    parser.add_argument("--data", dest="data_path", type=Path, help="the run's data, where it has moved since")
    parser.add_argument("--name", help="of the published model (the run's own)")
    parser.add_argument(
        "--repository", type=Path, default=Path("repository"), help="folder to publish in (repository/)"
    )
    parser.add_argument(
        "--max-accuracy-drop",
        type=float,
        default=0.5,
        metavar="POINTS",
        help="of top-1 accuracy that may be lost (0.5)",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="change a setting of the run's training for the fine-tuning, as for python -m training",
    )
    parser.add_argument(
        "--force", metavar="NAME", help="the model's name again: publish it whatever is lost or not gained"
    )


if __name__ == "__main__":
    sys.exit(main())
