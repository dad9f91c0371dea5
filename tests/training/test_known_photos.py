import os
from dataclasses import replace

import numpy as np
import pytest
from toy_data import write_folders

from training.dataset import HeldOut, Reading
from training.image_folders import load_image_folders


@pytest.fixture
def decoded(monkeypatch):
    """The sizes of the files that were decoded."""
    sizes = []

    def preprocess(content, spec, **options):
        sizes.append(len(content))
        return decode(content, spec, **options)

    from training import examine

    decode = examine.preprocess
    monkeypatch.setattr("training.examine.preprocess", preprocess)
    return sizes


def load(source, folder):
    data = load_image_folders(source, HeldOut(), Reading(known=folder))
    return data.sha256, data.survey, [list(part.encoded()) for part in (data.train, data.validation, data.test)]


def test_what_is_known_is_not_decoded_again(tmp_path, decoded):
    source = write_folders(tmp_path / "photos", num_images=12)
    first = load(source, tmp_path / "known")
    assert len(decoded) == 12
    assert load(source, tmp_path / "known") == first
    assert len(decoded) == 12
    assert load(source, None) == first
    assert len(decoded) == 24


def test_a_photo_that_changed_or_came_is_decoded(tmp_path, decoded):
    source = write_folders(tmp_path / "photos", num_images=12)
    load(source, tmp_path / "known")
    changed = source / "red" / "2.png"
    os.utime(changed, ns=(1, 1))
    (source / "red" / "new.png").write_bytes(changed.read_bytes() + b"more")
    del decoded[:]
    load(source, tmp_path / "known")
    assert sorted(decoded) == [changed.stat().st_size, changed.stat().st_size + 4]  # threads decode them
    del decoded[:]
    load(source, tmp_path / "known")
    assert decoded == []


def test_a_damaged_file_is_nothing_known(tmp_path, decoded):
    source = write_folders(tmp_path / "photos", num_images=12)
    load(source, tmp_path / "known")
    [file] = (tmp_path / "known").iterdir()
    file.write_bytes(file.read_bytes()[:100])
    load(source, tmp_path / "known")
    assert len(decoded) == 24


def test_a_lower_limit_counts_for_what_is_known(tmp_path):
    source = write_folders(tmp_path / "photos", num_images=12)
    reading = Reading(known=tmp_path / "known")
    load_image_folders(source, HeldOut(), reading)
    with pytest.raises(ValueError, match="no readable image"):
        load_image_folders(source, HeldOut(), replace(reading, max_image_pixels=32 * 32 - 1))


def test_two_commands_at_once_do_not_write_over_each_other(tmp_path, monkeypatch):
    source, known = write_folders(tmp_path / "photos", num_images=12), tmp_path / "known"
    save = np.savez

    def save_while_another_does(file, **arrays):
        monkeypatch.setattr(np, "savez", save)
        load(source, known)
        save(file, **arrays)

    monkeypatch.setattr(np, "savez", save_while_another_does)
    load(source, known)
    assert [path.suffix for path in known.iterdir()] == [".npz"]
