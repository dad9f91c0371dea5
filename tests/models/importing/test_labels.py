import json
import zipfile

import pytest

from models.importing.labels import from_text, labels_inside, read_labels
from models.importing.refused import ForeignModelRefused
from models.pixels.spec import PixelSpec
from models.portable.description import describe


@pytest.mark.parametrize(
    "content",
    [
        "daisy\nrose\n",
        "\ufeffdaisy\r\nrose\r\n",
        "0 daisy\n1 rose",
        "0: daisy\n1: rose\n\n",
        '["daisy", "rose"]',
        '{"0": "daisy", "1": "rose"}',
        '{"1": ["n11939491", "rose"], "0": ["n00007846", "daisy"]}',
        '{"name": "flowers", "labels": ["daisy", "rose"]}',
    ],
)
def test_labels_are_read_from_what_others_write(tmp_path, content):
    (tmp_path / "labels.txt").write_text(content)
    assert read_labels(tmp_path / "labels.txt") == ("daisy", "rose")


def test_numbers_that_do_not_count_from_zero_are_part_of_a_label():
    assert from_text("1 euro\n2 euro\n") == ("1 euro", "2 euro")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "labels must name at least one class"),
        (b"\xff\xfe", "are not UTF-8 text"),
        (b'{"1": "daisy"}', "its keys must be the numbers from 0 on"),
        (b'{"daisy": 0}', "cannot be used: invalid literal"),
        (b"[1, 2]", "a label must be a non-empty text"),
        (b"[" * 100_000, "is nested deeper than 32 levels"),
        (b"a\n" * 5_000_000, "it has more than 8,388,608 bytes"),
        (b"daisy\n\x1b[2Jrose", "a label must be a non-empty text without control characters"),
    ],
)
def test_other_files_are_refused(tmp_path, content, reason):
    (tmp_path / "labels.txt").write_bytes(content)
    with pytest.raises(ForeignModelRefused, match=reason):
        read_labels(tmp_path / "labels.txt")


def test_labels_are_taken_from_inside_a_file(foreign, tmp_path):
    file = tmp_path / "a.tflite"
    file.write_bytes(describe(foreign(), ["daisy", "rose", "tulip"], PixelSpec(8, 8)))
    assert labels_inside(file) == ("daisy", "rose", "tulip")
    file.write_bytes(foreign())
    assert labels_inside(file) is None


@pytest.mark.parametrize("name", ["notes.md", "../../labels.txt"])
def test_what_is_inside_is_never_unpacked_to_disk(tmp_path, monkeypatch, foreign, name):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "a.tflite"
    file.write_bytes(foreign())
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(name, "daisy\n")
    before = sorted(tmp_path.rglob("*"))
    assert labels_inside(file) == (("daisy",) if name.endswith(".txt") else None)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_bomb_inside_is_left_alone(foreign, tmp_path):
    file = tmp_path / "a.tflite"
    file.write_bytes(foreign())
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("labels.txt", b"\n" * 50_000_000)
    assert labels_inside(file) is None


def test_json_of_a_manifest_of_ours_has_labels(tmp_path):
    (tmp_path / "manifest.json").write_text(json.dumps({"labels": ["a", "b"], "version": 1}))
    assert read_labels(tmp_path / "manifest.json") == ("a", "b")
