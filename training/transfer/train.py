"""Run a whole training that starts from a network that was trained before."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tf_keras as keras

from models.measuring.promotion import about_serving
from models.plural import how_many
from models.store.artifact import Artifact
from models.store.repository import Repository
from training.architecture import architecture_in, rebuilt
from training.cross_validation import CrossValidation
from training.dataset import Dataset
from training.publish import export_and_measure, publish
from training.recipe import Recipe
from training.run import Run, open_run, read_run
from training.side_by_side import version_before
from training.train import finish, new_run
from training.transfer.features import set_head
from training.transfer.fine_tuning import fitted_head
from training.transfer.head_accuracy import cross_validated_head
from training.transfer.in_time import fine_tuned_in_time
from training.transfer.loading import load_network
from training.transfer.starting_point import StartingPoint
from training.transfer.time_budget import Plan, make_plan, measure_speed
from training.transfer.validation_score import ValidationScore


def load_and_plan(
    recipe: Recipe,
    start: StartingPoint,
    data: Dataset,
    workdir: Path,
    *,
    elapsed_s: float,
    say: Callable[[str], None] = print,
) -> tuple[keras.Model, Plan]:
    """Load the network, and plan its training by what it takes on this machine; a run that goes on keeps its plan.

    Returns:
        The network, from normalized pixels to logits, with a classifier that knows nothing; and the plan.
    """
    config = recipe.config
    if start.labels and start.labels != data.labels:
        say(f"{start.init} tells other classes apart: nothing of its classifier is kept")
    if start.may_have_learned_from_tests_of(data):
        say(
            f"{start.init} was trained on other photos than {data.sources[0].name}, or with another split: it may have "
            "learned from some of the old test photos, and look better there than it is"
        )
    keras.utils.set_random_seed(config.seed)
    model = load_network(start, config, num_classes=len(data.labels))
    kept = (read_run(workdir).recipe or {}) if (workdir / "run.json").exists() else {}
    if "plan" in kept:  # a run that goes on; one from nothing has none
        plan = Plan.from_dict(kept["plan"])
    else:
        plan = make_plan(config, data, measure_speed(model, config), elapsed_s=elapsed_s)
    for line in plan.lines(len(data.train), config.minutes):
        say(line)
    return model, plan


def train_from(
    model: keras.Model,
    plan: Plan,
    recipe: Recipe,
    start: StartingPoint,
    data: Dataset,
    *,
    data_path: Path,
    old_path: Path | None = None,
    workdir: Path,
    repository: Repository,
    name: str,
    command: str = "",
    deadline_s: float,
    say: Callable[[str], None] = print,
) -> Artifact:
    """Fit a head and publish it; then, if the plan says so, train all layers, and publish them where they are better.

    Args:
        model: of `load_and_plan`; its weights are changed.
        plan: of `load_and_plan`.
        recipe: what was chosen.
        start: what the network came from.
        data: the photos.
        data_path: where they lie.
        old_path: where those lie that were joined with them.
        workdir: the run's folder.
        repository: where to publish the model.
        name: the model's name there.
        command: as typed, for the manifest.
        deadline_s: on the monotonic clock; no epoch is begun that would end later.
        say: called with a line on each stage.

    Raises:
        RunError: `workdir` holds another run.
    """
    record = {**recipe.to_dict(), "plan": plan.to_dict()}
    origin: dict[str, Any] = {"parent": start.parent, "ancestry": start.ancestry, "recipe": record}
    run = new_run(recipe.config, data, data_path, old_path=old_path, command=command, **origin)
    run = open_run(workdir, run)
    options: dict[str, Any] = {"workdir": workdir, "repository": repository, "name": name}
    if data.sources:
        options["before"] = version_before(start.artifact, data, repository, name)
    score, found = _with_head(model, data, run, plan, workdir=workdir, deadline_s=deadline_s, say=say)
    if found:
        options["cross_validation"] = found
    if plan.epochs:
        begun_s = time.monotonic()
        _publish_head(model, data, run, options, say=say)
        end_s = deadline_s - (time.monotonic() - begun_s)  # the last file takes as long
        tuned = fine_tuned_in_time(
            model, data, run, plan, score=score, workdir=workdir, deadline_s=deadline_s, end_s=end_s, say=say
        )
        if tuned is not None:
            model = tuned
    return finish(rebuilt(architecture_in(model, run.config), model), run, data, **options, say=say)


def _with_head(
    model: keras.Model,
    data: Dataset,
    run: Run,
    plan: Plan,
    *,
    workdir: Path,
    deadline_s: float,
    say: Callable[[str], None],
) -> tuple[ValidationScore, CrossValidation | None]:
    """Make a fitted head the classifier; returns its worth, by cross-validation too where test images are few."""
    head, score, num_images = fitted_head(model, data, run.config, plan, workdir=workdir, deadline_s=deadline_s)
    set_head(model, head)
    if num_images < plan.num_for_head:
        say(f"photos take longer than planned: the classifier learns from {num_images} of {plan.num_for_head}")
    say(f"the classifier alone: {score}, with an L2 penalty of {head.penalty:g}")
    found = cross_validated_head(model, data, run.config, num_images=num_images, penalty=head.penalty, workdir=workdir)
    if found:
        say(
            f"{how_many(len(data.test), 'test image tells', 'test images tell')} little; "
            f"cross-validation of the classifier: {found} right"
        )
    return score, found


def _publish_head(
    model: keras.Model, data: Dataset, run: Run, options: dict[str, Any], *, say: Callable[[str], None]
) -> None:
    measured = export_and_measure(model, run, data, workdir=options["workdir"])
    served = publish(measured, run, data, architecture=architecture_in(model, run.config), **options)
    for line in about_serving(served, options["repository"]):
        say(line)
    say(f"{served.manifest.reference} can be served; all layers learn next")
