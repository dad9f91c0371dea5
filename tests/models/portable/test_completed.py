import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from small_artifacts import small_manifest, small_sources

from models.errors import CorruptArtifact
from models.portable.completed import completed
from models.portable.description import read_description
from models.portable.golden import GOLDEN_FILE, Golden
from models.store.repository import Repository

REPO = Path(__file__).resolve().parents[3]
ARTIFACT = Repository(REPO / "models" / "zoo").load("cifar10", verify=False)
FILES = {path: ARTIFACT.path / path for path in ARTIFACT.manifest.files if path != GOLDEN_FILE}


def test_a_version_gets_a_description_and_golden_answers():
    with completed(ARTIFACT.manifest, FILES) as files:
        assert files.keys() == FILES.keys() | {GOLDEN_FILE}
        content = files["model.tflite"].read_bytes()
        assert read_description(content).labels == ARTIFACT.manifest.labels
        golden = Golden.decode(files[GOLDEN_FILE].read_bytes())
        assert golden.model_sha256 == hashlib.sha256(content).hexdigest()
        assert (golden.labels, golden.precision) == (ARTIFACT.manifest.labels, "int8")
        with completed(ARTIFACT.manifest, files) as again:
            assert again["model.tflite"].read_bytes() == content
            assert again[GOLDEN_FILE] == files[GOLDEN_FILE]  # made once, with its file
            relabelled = replace(ARTIFACT.manifest, labels=ARTIFACT.manifest.labels[::-1])
            with completed(relabelled, again) as others:
                assert Golden.decode(others[GOLDEN_FILE].read_bytes()).labels == relabelled.labels


def test_what_is_no_litert_file_stays_as_it_is(tmp_path):
    sources = small_sources(tmp_path, b"weights")
    with completed(small_manifest(), sources) as files:
        assert files == sources


def test_a_file_that_litert_cannot_load_is_not_published(tmp_path):
    sources = small_sources(tmp_path)
    sources["model.tflite"].write_bytes(ARTIFACT.model_path("litert").read_bytes())
    with pytest.raises(CorruptArtifact, match="must give float32"), completed(small_manifest(), sources):
        pass
