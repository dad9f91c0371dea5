"""docs/architecture.md lists the files that a photo passes: those that run, and no others."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest
from colours import label_of
from PIL import ExifTags, Image
from running_server import ROOT, RunningServer, wait_until

from models.runtime.cores import available_cores

pytestmark = pytest.mark.e2e

TRACED_SERVER = Path(__file__).with_name("traced_server.py")
# What runs at all times, or after the request before.
BESIDE = {"server/engine/process.py", "server/engine/registry.py", "server/memory.py", "server/http/path_costs.py"}
BESIDE |= {"server/http/open_connections.py", "server/http/connection_counts.py"}


def listed(section, part="File by file"):
    """The paths in a part of a section."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    after = text.partition(f"\n## {section}\n")[2].partition(f"\n### {part}\n")[2]
    return re.findall(r"`((?:models|server|training)/[\w/]+\.py)`", re.split(r"\n##", after)[0])


def photo_form():
    photo, exif = io.BytesIO(), Image.Exif()
    exif[ExifTags.Base.Orientation] = 1
    Image.effect_noise((320, 240), 60).convert("RGB").save(photo, "JPEG", exif=exif)
    return (
        b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'
        + photo.getvalue()
        + b"\r\n--x--\r\n"
    )


@contextlib.contextmanager
def traced(tmp_path, **environ):
    """A server, what asks it for a photo, a switch, and what reads the files that have run since."""
    form, headers = photo_form(), {"Content-Type": "multipart/form-data; boundary=x"}
    output, switch = tmp_path / "files", tmp_path / "is_on"
    running = RunningServer([str(TRACED_SERVER)], {"TRACE_OUTPUT": str(output), "TRACE_SWITCH": str(switch), **environ})

    def answered():
        return label_of(running.request("POST", "/predict", form, headers))

    try:
        running.wait_until_ready()
        yield running, answered, switch, lambda: set(output.read_text().split())
        switch.unlink()  # the connection's end, too, is noted by then
    finally:
        running.end()


def test_a_photo_passes_the_files_that_are_written_down(tmp_path):
    way = set(listed("The way of a photo"))
    environ = {"OPSIN_WORKERS": "1", "OPSIN_RUN_TO_COMPLETION": "0"}
    with traced(tmp_path, **environ) as (_, answered, switch, seen):
        switch.touch()
        assert answered()
        # Again where the machine is so busy that a runner comes too late to wait awake for a lone image.
        with contextlib.suppress(AssertionError):  # what is said below says more
            wait_until(lambda: answered() and way <= seen())
    assert seen() - BESIDE == way


def test_a_photo_for_a_light_model_passes_the_same_and_those_that_are_named_beside(tmp_path):
    own, way = set(listed("The way of a photo", "To completion")), set(listed("The way of a photo"))
    environ = {"OPSIN_WORKERS": str(available_cores()), "OPSIN_MODEL": "cifar10", "OPSIN_LOG_LEVEL": "info"}
    with traced(tmp_path, **environ) as (running, answered, switch, seen):
        pids = {str(pid) for pid in running.children("opsin: http")}
        while pids:
            assert answered()
            line = running.process.stderr.readline()
            if "opsin.light: a run of model" in line:
                pids.discard(line.split()[2])
        switch.touch()
        with contextlib.suppress(AssertionError):
            wait_until(lambda: answered() and own <= seen())
    assert own <= seen()
    assert seen() - BESIDE <= way | own


@pytest.mark.parametrize(("section", "number"), [("The way of a photo", 20), ("The way of a model", 25)])
def test_no_more_files_hand_it_on_than_a_newcomer_can_read(section, number):
    text = (ROOT / "docs" / "architecture.md").read_text().partition(f"\n## {section}\n")[2]
    paths = re.findall(r"\n\d+\. `([\w/]+\.py)`", re.split(r"\n## ", text)[0])
    assert len(paths) == len(set(paths)) <= number
    assert all((ROOT / path).is_file() for path in paths)
