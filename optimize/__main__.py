"""`python -m optimize`: make a trained model smaller or faster, and say what it costs."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

from models.arguments import Parser
from optimize.options import add_options, from_options
from optimize.report import options as report_options
from optimize.settings import (
    ChannelPruning,
    MagnitudePruning,
    Quantization,
    QuantizationAwareTraining,
    Search,
    parse_changes,
)
from optimize.tasks import Export, Task, TrainingTask
from training.cli import command_line, leave, load_version, run
from training.folders import require_writable

PROGRAM = "python -m optimize"
FROM_A_RUN = (
    "; this starts from the folder of a training, --workdir, which a model that was imported has not: "
    "`python -m models import --int8` quantizes it"
)
STARTING = "starting TensorFlow, which takes seconds"
EXAMPLES = """
examples:
  python -m optimize auto --workdir runs/flowers --output runs/flowers-fast --budget-latency 0.5
      tries what there is, and publishes the most accurate int8 model that takes half the time of the plain one
  python -m optimize quantize --workdir runs/flowers
  python -m optimize prune channels --workdir runs/flowers --output runs/flowers-half --macs 0.5
  python -m optimize quantize-aware --workdir runs/flowers-half --output runs/flowers-half-int8
  python -m optimize export flowers:2 --for gpu --workdir runs/flowers
      publishes version 2 once more, with the file that a GPU needs
  python -m optimize report flowers:1 flowers:2 flowers:3 --data photos.zip

Each compares answers to the validation images with those of the model that was trained first, through the runtime that
serves, and refuses to publish what loses more than --max-accuracy-drop, or gains neither bytes nor time; test images
give the figures alone.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code: 0 published, 1 refused, 2 bad arguments."""
    typed = list(sys.argv[1:] if arguments is None else arguments)
    parsed, unknown = _parser().parse_known_args(current_spelling(typed))
    options = vars(parsed)
    parser, action, kinds = (options.pop(name) for name in ("parser", "action", "kinds"))
    if unknown:
        hint = "" if unknown[0].startswith("-") else FROM_A_RUN
        parser.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
    # TensorFlow takes seconds to load: settings are made, and checked, before an action does that.
    return run(
        PROGRAM,
        lambda: action(*[from_options(kind, options) for kind in kinds] or [options], command_line(PROGRAM, typed)),
    )


def current_spelling(arguments: list[str]) -> list[str]:
    """Rewrite `prune --method NAME` and `quantize --aware`, as commands once were, to what they are now."""
    command, options = arguments[:1], arguments[1:]
    if command == ["quantize"] and "--aware" in options:
        return ["quantize-aware", *(option for option in options if option != "--aware")]
    if command == ["prune"] and options[:1] and options[0].startswith("--") and options != ["--help"]:
        parser = Parser(prog=f"{PROGRAM} prune", add_help=False, allow_abbrev=False)
        parser.add_argument("--method", choices=["channels", "magnitude"], default="channels")
        parsed, options = parser.parse_known_args(options)
        return ["prune", parsed.method, *options]
    return arguments


def _compress(task: Task, settings: Any, command: str) -> str:
    if isinstance(task, TrainingTask):
        parse_changes(task.changes, settings.own)  # raises before TensorFlow is imported
    require_writable({"--output": getattr(task, "output", task.workdir), "--repository": task.repository})
    print(STARTING)
    from optimize.auto import search
    from optimize.channels.prune import prune_channels
    from optimize.gate import Limits, check_force
    from optimize.magnitude.prune import prune_magnitude
    from optimize.quantization.aware import train_quantized
    from optimize.quantization.post_training import quantize
    from optimize.source import open_source
    from training.in_use import alone_in

    changes: tuple[str, ...] = ()
    source, output = open_source(task.workdir, task.data_path), task.workdir
    repository = source.repository(task.repository)
    limits = Limits(task.max_accuracy_drop, task.max_class_drop)
    check_force(task.force, task.name or source.name)  # before anything is trained
    if isinstance(task, TrainingTask):
        source, output, changes = source.with_settings(task.changes, settings.own), task.output, task.changes
    with nullcontext() if getattr(settings, "dry_run", False) else alone_in(output):
        match settings:
            case Quantization():
                candidate = quantize(source, output, settings, command=command)
            case QuantizationAwareTraining():
                candidate = train_quantized(source, output, settings, command=command)
            case ChannelPruning():
                candidate = prune_channels(source, output, settings, command=command)
            case MagnitudePruning():
                candidate = prune_magnitude(source, output, settings, command=command)
            case _:
                found = search(
                    source,
                    task.workdir,
                    output,
                    settings,
                    repository=repository,
                    limits=limits,
                    changes=changes,
                    command=command,
                )
                if found is None:
                    return "nothing was made, as --dry-run says"
                candidate = found
        return str(candidate.publish(repository, name=task.name, limits=limits, force=task.force))


def _export(export: Export, command: str) -> str:
    from models.cli import repository_root
    from models.store.repository import Repository

    given = export.repository
    if given is None and "OPSIN_REPOSITORY" not in os.environ and (export.workdir / "metrics.json").exists():
        from training.run import published_in

        given = published_in(export.workdir)
    root = repository_root(given, is_written=True)
    artifact = load_version(root, export.target)
    say = partial(print, file=sys.stderr if export.as_json else None)
    say(STARTING)
    from optimize.for_device import add_file

    added = add_file(
        artifact,
        export.device,
        export.workdir,
        repository=Repository(root),
        data_path=export.data_path,
        max_accuracy_drop=export.max_accuracy_drop,
        command=command,
        say=say,
    )
    return json.dumps(added.to_dict(), indent=2) if export.as_json else str(added)


def _report(options: dict[str, Any], command: str) -> str:
    from models.store.repository import Repository
    from optimize.report.report import report

    return str(report(repository=Repository(options.pop("repository")), command=command, **options))


def _parser() -> Parser:
    parser = Parser(
        prog=PROGRAM,
        description="Make a trained model smaller or faster, measure what it costs and publish it.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    prune = commands.add_parser("prune", help="remove channels, or set weights to zero, while fine-tuning")
    methods = prune.add_subparsers(metavar="METHOD", required=True)

    def add(to: Any, name: str, help: str, action: Callable[..., str], *kinds: type) -> Parser:
        added: Parser = to.add_parser(name, help=help, description=f"{help[0].upper()}{help[1:]}.")
        added.set_defaults(parser=added, action=action, kinds=kinds)
        for kind in kinds:
            add_options(added, kind)
        return added

    help = "search: try, measure, and publish the best within the budgets"
    add(commands, "auto", help, _compress, TrainingTask, Search)
    help = "int8, float16 or dynamic range, of a trained model"
    add(commands, "quantize", help, _compress, Task, Quantization)
    help = "train a model as the int8 file that it becomes"
    add(commands, "quantize-aware", help, _compress, TrainingTask, QuantizationAwareTraining)
    help = "remove whole channels: the result is dense, smaller and faster wherever it runs"
    add(methods, "channels", help, _compress, TrainingTask, ChannelPruning)
    help = "set weights to zero: the compressed file shrinks; dense kernels run as fast as before"
    add(methods, "magnitude", help, _compress, TrainingTask, MagnitudePruning)
    add(commands, "export", "publish a version once more, with the file that a device needs", _export, Export)
    report = add(commands, "report", "compare models: accuracy, bytes, work, latency, and which classes pay", _report)
    report_options.add_arguments(report)
    return parser


if __name__ == "__main__":
    leave(main())
