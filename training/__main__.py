"""`python -m training`: train a model on labelled images and publish it."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace

from training.cli import command_line, leave, run
from training.config import NOTHING
from training.options import PROGRAM, changes_of, parser, teacher_settings

# Others than to train; a module each.
COMMANDS = {"relabel": "training.relabel", "report": "training.report.command", "teach": "training.teach"}
DRY_RUN = "nothing was trained, and nothing written: the same command without --dry-run (of make: DRY_RUN=1) does it"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    if words and words[0] in COMMANDS:
        return int(importlib.import_module(COMMANDS[words[0]]).main(words[1:]))
    options = parser().parse_args(words)
    return run(PROGRAM, lambda: _train(options, command_line(PROGRAM, arguments)), goes_on=True)


def _train(options: argparse.Namespace, command: str) -> str:
    # Arguments are checked, and the data is looked at, before TensorFlow is imported, which takes seconds.
    from models.store.manifest import validate_name
    from models.store.repository import Repository
    from training.data import load_dataset
    from training.distributed.asked_for import refuse_settings
    from training.distributed.cluster import cluster_from
    from training.folders import require_writable
    from training.onednn import avoid_onednn
    from training.pixel_sets import pixel_folder
    from training.recipe import Wanted, choose
    from training.transfer.starting_point import find_starting_point

    begun_s = time.monotonic()
    name = validate_name(options.name or options.workdir.resolve().name.lower())
    cluster = cluster_from(os.environ) if options.strategy == "multi-worker" else None
    is_chief = cluster is None or cluster.index == 0
    written = {"--workdir": options.workdir, "--repository": options.repository} if is_chief else {}
    require_writable({**written, "what is decoded (OPSIN_PIXELS)": pixel_folder(options.workdir)})
    repository, distilling = Repository(options.repository), teacher_settings(options)
    init = options.init or (NOTHING if options.start_from or options.teacher or options.strategy else None)
    start = find_starting_point(init, repository) if init else None
    wanted = Wanted(options.preset, init, start, changes_of(options))
    reading = replace(wanted.first_config.reading, known=None if options.dry_run else pixel_folder(options.workdir))
    data = load_dataset(options.data, wanted.first_config.held_out, reading, old=options.old)
    if start and options.old:
        start.require_its_classes(data.labels)
    recipe = choose(data, wanted)
    if options.strategy:
        refuse_settings(options.strategy, recipe.config)
    for line in (*data.survey.lines(), *recipe.lines()):
        print(line)
    start = start or find_starting_point(recipe.config.init, repository)

    avoid_onednn(recipe.config)
    print("  starting TensorFlow, which takes seconds; a few steps tell how long it takes on this machine")
    from models.measuring.intervals import in_words
    from models.measuring.promotion import about_serving
    from training.in_use import alone_in
    from training.next_steps import next_steps
    from training.side_by_side import lines_of
    from training.train import train

    where = {"workdir": options.workdir, "repository": repository, "name": name}
    if start:
        from training.transfer.train import load_and_plan, train_from

        model, plan = load_and_plan(recipe, start, data, options.workdir, elapsed_s=time.monotonic() - begun_s)
        if options.dry_run:
            return DRY_RUN
        deadline_s = begun_s + 60 * recipe.config.minutes
        planned = {"data_path": options.data, "old_path": options.old, "command": command, "deadline_s": deadline_s}
        with alone_in(options.workdir):
            artifact = train_from(model, plan, recipe, start, data, **planned, **where)
    else:
        from training.distillation import Teacher
        from training.distributed.connect import connect
        from training.train import train_beside_chief
        from training.transfer.time_budget import about_time

        if options.dry_run:
            return f"{about_time(recipe.config, data)}\n{DRY_RUN}"
        workers = connect(options.strategy, cluster, recipe.config, data)
        if not workers.is_chief:
            train_beside_chief(recipe.config, data, options.workdir, workers)
            workers.meet()  # where the chief fails to publish, all are started again together
            return f"worker {workers.index} has taken its part of all steps, and worker 0 has published the model"
        teacher = Teacher(options.teacher, **distilling) if options.teacher else None
        beginning = {"start_from": options.start_from, "teacher": teacher, "data": data, "recipe": recipe.to_dict()}
        with alone_in(options.workdir):
            artifact = train(recipe.config, options.data, **where, **beginning, workers=workers, command=command)
        workers.meet()
    manifest = artifact.manifest
    figures = manifest.metrics["float32"]
    accuracy = in_words(round(figures["top1"] * figures["num_images"]), figures["num_images"])
    result = f"published {manifest.name} version {manifest.version}: {accuracy} right"
    what_next = next_steps(options.workdir, repository.root, teaches=start is not None)
    beside = lines_of(manifest.provenance.get("side_by_side", ()))
    return "\n".join([result, *beside, *about_serving(artifact, repository), *what_next])


if __name__ == "__main__":
    leave(main())
