"""docs/elsewhere.md: programs without Opsin answer the golden pictures as Opsin does, where they can be run here."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.portable.export import export_files
from models.portable.golden import GOLDEN_FILE, Golden, fitted_pixels
from models.store.repository import Repository

pytestmark = pytest.mark.e2e

REPO = Path(__file__).resolve().parents[2]
DOCUMENT = (REPO / "docs" / "elsewhere.md").read_text()
PROGRAMS = dict(re.findall(r"```(python|js|kotlin|swift|csharp)\n(.*?)```", DOCUMENT, re.DOTALL))
ARTIFACT = Repository(REPO / "models" / "zoo").load("flowers", verify=False)
# A folder where `npm install @litertjs/core@2.5.3 sharp` has been run.
NODE = os.environ.get("OPSIN_NODE_PACKAGES", "")


@pytest.fixture(scope="module")
def phone(tmp_path_factory):
    """What `export` writes, and in fitted/ the golden pictures as the model's input."""
    folder = tmp_path_factory.mktemp("phone")
    export_files(ARTIFACT, folder)
    (folder / "fitted").mkdir()
    for picture in golden_of(folder).pictures:
        fitted = Image.fromarray(fitted_pixels(picture.file, ARTIFACT.manifest.pixels))
        fitted.save(folder / "fitted" / picture.file, format="PNG")
    return folder


def golden_of(folder):
    return Golden.decode((folder / GOLDEN_FILE).read_bytes())


def difference(command, folder, pictures, **options):
    """The largest difference of a program's probabilities from the golden ones, by picture."""
    arguments = [*command, folder / "model.tflite", *sorted((folder / pictures).iterdir())]
    process = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=120, **options)
    assert process.returncode == 0, process.stderr[-2000:]
    answers = json.loads(process.stdout)
    return {
        picture.file: float(np.abs(np.array(answers[picture.file]) - picture.probabilities).max())
        for picture in golden_of(folder).pictures
    }


def test_programs_of_five_languages_have_at_most_25_lines():
    assert {name: len(text.splitlines()) <= 25 for name, text in PROGRAMS.items()} == dict.fromkeys(
        ("python", "js", "kotlin", "swift", "csharp"), True
    )


def test_python_gives_the_golden_answers(phone, tmp_path):
    (tmp_path / "classify.py").write_text(PROGRAMS["python"])
    found = difference([sys.executable, tmp_path / "classify.py"], phone, "golden", cwd=tmp_path)
    assert max(found.values()) < 1e-5


@pytest.mark.skipif(not NODE, reason="OPSIN_NODE_PACKAGES names no folder with @litertjs/core and sharp")
def test_javascript_gives_the_golden_answers_but_for_its_scaling(phone):
    program = Path(NODE) / "classify.mjs"
    program.write_text(PROGRAMS["js"])
    try:
        assert max(difference(["node", program], phone, "fitted").values()) < 1e-5
        assert np.median(list(difference(["node", program], phone, "golden").values())) < 0.1
    finally:
        program.unlink()
