import json
from pathlib import Path

import pytest

from models.errors import ArtifactError, CorruptArtifact
from models.portable.description import describe
from models.portable.export import export_files
from models.portable.faults import Way
from models.portable.golden import GOLDEN_FILE, Golden, golden_answers
from models.portable.verify import verify_file
from models.store.repository import Repository

REPO = Path(__file__).resolve().parents[3]
ARTIFACT = Repository(REPO / "models" / "zoo").load("cifar10", verify=False)
MANIFEST = ARTIFACT.manifest


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("elsewhere")
    export_files(ARTIFACT, folder)
    return folder


def given(folder, change=lambda record: record):
    """A file of answers made elsewhere: the golden ones, changed."""
    golden = Golden.decode((folder / GOLDEN_FILE).read_bytes())
    records = {picture.file: change({"probabilities": list(picture.probabilities)}) for picture in golden.pictures}
    (folder / "answers.json").write_text(json.dumps(records))
    return folder / "answers.json"


def test_a_file_agrees_with_its_golden_answers_by_every_runtime(folder):
    verdicts = verify_file(folder / "model.tflite")
    assert [verdict.parts_at for verdict in verdicts] == [None] * 4
    assert [verdict.source for verdict in verdicts[1:]] == ["description inside the file", "litert", "openvino"]
    assert str(verdicts[2]) == "agrees   litert: largest difference 0.0000, same label for 10 of 10"


def test_another_order_of_labels_inside_the_file_is_named(folder, tmp_path):
    content = describe((folder / "model.tflite").read_bytes(), MANIFEST.labels[::-1], MANIFEST.pixels)
    (tmp_path / "model.tflite").write_bytes(content)
    verdict = verify_file(tmp_path / "model.tflite", folder / GOLDEN_FILE)[1]
    assert (verdict.parts_at, verdict.reason) == (
        "labels",
        "line 1 of labels.txt is another than in the golden answers",
    )


def test_other_pixels_are_named_by_their_hashes(folder, tmp_path):
    text = (folder / GOLDEN_FILE).read_text()
    golden = Golden.decode(text.encode())
    small = next(picture for picture in golden.pictures if picture.file == "small.png")
    (tmp_path / GOLDEN_FILE).write_text(text.replace(small.fitted_sha256, "0" * 64))
    verdict = verify_file(folder / "model.tflite", tmp_path / GOLDEN_FILE)[0]
    assert (verdict.parts_at, verdict.reason) == ("fitting", "here other pixels come of small.png: another Pillow?")


def test_answers_made_elsewhere_agree_with_and_without_hashes(folder):
    [verdict] = verify_file(folder / "model.tflite", None, given(folder))
    assert verdict.parts_at is None
    [verdict] = verify_file(folder / "model.tflite", None, given(folder, lambda record: record["probabilities"]))
    assert str(verdict) == "agrees   answers.json: largest difference 0.0000, same label for 10 of 10"


def test_answers_of_other_pixels_are_named_with_what_the_hashes_say(folder):
    way = Way(place="the whole picture is squeezed in")
    golden = golden_answers(folder / "model.tflite", MANIFEST.labels, MANIFEST.pixels, precision="int8")
    from models.runtime.litert import LiteRTRuntime

    runtime = LiteRTRuntime(folder / "model.tflite", input_shape=(32, 32, 3), num_classes=10)
    records = {}
    for picture in golden.pictures:
        [probabilities] = runtime.run(way.pixels(picture.file, MANIFEST.pixels)[None])
        digests = {"decoded_sha256": picture.decoded_sha256, "fitted_sha256": "0" * 64}
        records[picture.file] = {"probabilities": probabilities.tolist(), **digests}
    (folder / "answers.json").write_text(json.dumps(records))
    [verdict] = verify_file(folder / "model.tflite", None, folder / "answers.json")
    assert verdict.parts_at == "fitting"
    assert verdict.reason.startswith(
        "the whole picture is squeezed in; by the hashes, pixels differ from fitting on, of "
    )


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda record: record["probabilities"][1:], "must have 10 numbers for landscape.jpg"),
        (lambda _: {}, "must have 10 numbers for landscape.jpg"),
        (lambda _: ["x"] * 10, "could not convert"),
    ],
)
def test_malformed_answers_are_named(folder, change, fault):
    with pytest.raises(CorruptArtifact, match=fault):
        verify_file(folder / "model.tflite", None, given(folder, change))


def test_a_picture_without_an_answer_is_named(folder):
    (folder / "answers.json").write_text("{}")
    with pytest.raises(CorruptArtifact, match=r"^answers.json has no answer to landscape.jpg$"):
        verify_file(folder / "model.tflite", None, folder / "answers.json")


def test_without_golden_answers_it_is_said_how_to_get_them(folder, tmp_path):
    (tmp_path / "model.tflite").write_bytes((folder / "model.tflite").read_bytes())
    with pytest.raises(ArtifactError, match=r"there are no golden answers at .*publish the version once more"):
        verify_file(tmp_path / "model.tflite")
