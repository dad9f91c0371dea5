"""The stages of a request: each ends where the next begins, and one that fails says with what."""

from __future__ import annotations

from server.engine.slot_timings import Run
from server.tracing.stages import Stages


def test_stages_of_images_stand_among_those_of_the_request_and_say_of_which():
    stages = Stages()
    stages.note("read", 1.0, 2.0)
    stages.of_image(1).note("decode", 2.0, 3.0, {"process.pid": 7})
    assert [(stage.name, stage.started, stage.ended, stage.attributes) for stage in stages.noted] == [
        ("read", 1.0, 2.0, {}),
        ("decode", 2.0, 3.0, {"opsin.image.index": 1, "process.pid": 7}),
    ]


def test_failure_is_of_the_stage_that_began_last_whether_it_has_ended_or_not():
    stages = Stages()
    stages.fail("overloaded")  # before there is any
    stages.note("decode_queue", 1.0, 2.0)
    stages.begin("decode", 2.0)
    stages.fail("corrupt_image")
    assert [(stage.error, stage.ended) for stage in stages.noted] == [(None, 2.0), ("corrupt_image", None)]


def test_run_is_split_as_the_metrics_are():
    run = Run(engine=1, pid=7, runtime="litert", started=5.0, ended=6.0, held_s=0.5, batch_size=3, num_attempts=2)
    stages = Stages()
    stages.begin("queue", 3.0)
    stages.note_run(run, {"opsin.model.name": "pets"})
    where = {"process.pid": 7, "opsin.engine": 1, "opsin.model.name": "pets"}
    assert [(stage.name, stage.started, stage.ended, stage.attributes) for stage in stages.noted] == [
        ("queue", 3.0, 4.5, where),
        ("batch_wait", 4.5, 5.0, where),
        (
            "inference",
            5.0,
            6.0,
            {**where, "opsin.batch.size": 3, "opsin.attempts": 2, "opsin.runtime": "litert"},
        ),
    ]
