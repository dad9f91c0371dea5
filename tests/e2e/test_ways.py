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

pytestmark = pytest.mark.e2e

TRACED_SERVER = Path(__file__).with_name("traced_server.py")
# What runs at all times, or after the request before.
BESIDE = {"server/engine/process.py", "server/engine/registry.py", "server/memory.py", "server/http/path_costs.py"}
BESIDE |= {"server/http/open_connections.py", "server/http/connection_counts.py"}


def listed(section):
    """The paths in the part "File by file" of a section."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    part = text.partition(f"\n## {section}\n")[2].partition("\n### File by file\n")[2]
    return re.findall(r"`((?:models|server|training)/[\w/]+\.py)`", re.split(r"\n##", part)[0])


def test_a_photo_passes_the_files_that_are_written_down(tmp_path):
    photo, exif = io.BytesIO(), Image.Exif()
    exif[ExifTags.Base.Orientation] = 1
    Image.effect_noise((320, 240), 60).convert("RGB").save(photo, "JPEG", exif=exif)
    form = (
        b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'
        + photo.getvalue()
        + b"\r\n--x--\r\n"
    )
    headers, way = {"Content-Type": "multipart/form-data; boundary=x"}, set(listed("The way of a photo"))
    output, switch = tmp_path / "files", tmp_path / "is_on"
    environ = {"TRACE_OUTPUT": str(output), "TRACE_SWITCH": str(switch), "OPSIN_WORKERS": "1"}
    running = RunningServer([str(TRACED_SERVER)], environ)
    try:
        running.wait_until_ready()
        switch.touch()

        def answered() -> str:
            return label_of(running.request("POST", "/predict", form, headers))

        assert answered()
        # Again where the machine is so busy that a runner comes too late to wait awake for a lone image.
        with contextlib.suppress(AssertionError):  # what is said below says more
            wait_until(lambda: answered() and way <= set(output.read_text().split()))
        switch.unlink()  # the connection's end, too, is noted by then
    finally:
        running.end()
    assert set(output.read_text().split()) - BESIDE == way


@pytest.mark.parametrize(("section", "number"), [("The way of a photo", 20), ("The way of a model", 25)])
def test_no_more_files_hand_it_on_than_a_newcomer_can_read(section, number):
    text = (ROOT / "docs" / "architecture.md").read_text().partition(f"\n## {section}\n")[2]
    paths = re.findall(r"\n\d+\. `([\w/]+\.py)`", re.split(r"\n## ", text)[0])
    assert len(paths) == len(set(paths)) <= number
    assert all((ROOT / path).is_file() for path in paths)
