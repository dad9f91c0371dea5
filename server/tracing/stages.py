"""The stages of one request, as they are timed for `GET /metrics`: when each was, where, and whether it failed.

Nothing here knows OpenTelemetry, and nothing is made where no traces are wanted: whoever times a stage is then given
None. Times are seconds of the monotonic clock, which all processes of a machine share.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server.engine.slot_timings import Run

Attributes = Mapping[str, str | int]

STAGES_KEY = "opsin.stages"  # under which the application finds those of its request
PID = "process.pid"  # of the process that did the work (OpenTelemetry's semantic conventions)


@dataclass(slots=True)
class Stage:
    """One stage of a request, or of one of its images.

    Attributes:
        name: as the label `stage` of `opsin_stage_duration_seconds`.
        started: when it began.
        ended: None while it lasts.
        error: the code of the error that it ended with, if it did.
        attributes: where it was done, and on what.
    """

    name: str
    started: float
    ended: float | None = None
    error: str | None = None
    attributes: dict[str, str | int] = field(default_factory=dict)


class Stages:
    """The stages of a request; only the thread that answers it notes them.

    Attributes:
        noted: in the order in which they began.
        error: the code of the error that the request is answered with, if it is.
    """

    def __init__(self, noted: list[Stage] | None = None, attributes: Attributes | None = None) -> None:
        self.noted: list[Stage] = [] if noted is None else noted
        self.error: str | None = None
        self._attributes = attributes or {}

    def of_image(self, index: int) -> Stages:
        """Note stages of one image among those of the request."""
        return Stages(self.noted, {"opsin.image.index": index})

    def begin(self, name: str, started: float, attributes: Attributes | None = None) -> None:
        """Begin a stage; it ends with `end`, else with the request."""
        self.noted.append(Stage(name, started, attributes={**self._attributes, **(attributes or {})}))

    def end(self, ended: float, attributes: Attributes | None = None) -> None:
        """End the stage that began last."""
        stage = self.noted[-1]
        stage.ended = ended
        stage.attributes.update(attributes or {})

    def note(self, name: str, started: float, ended: float, attributes: Attributes | None = None) -> None:
        """Note a stage that is over."""
        self.begin(name, started, attributes)
        self.end(ended)

    def fail(self, code: str) -> None:
        """Note that the stage that began last failed."""
        if self.noted:
            self.noted[-1].error = code

    def note_run(self, run: Run, attributes: Attributes) -> None:
        """Split the stage that began last into those that the engine has timed."""
        where = {PID: run.pid, "opsin.engine": run.engine, **attributes}
        self.end(run.started - run.held_s, where)
        self.note("batch_wait", run.started - run.held_s, run.started, where)
        batch = {"opsin.batch.size": run.batch_size, "opsin.attempts": run.num_attempts}
        self.note("inference", run.started, run.ended, {**where, **batch, "opsin.runtime": run.runtime})
