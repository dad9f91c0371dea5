"""Nothing that stands in place of a repository's small files keeps whoever reads them waiting."""

from __future__ import annotations

import os

import pytest

from models.errors import CorruptArtifact
from models.store.default_model import REPOSITORY_FILE, read_default
from models.store.history import HISTORY_FILE, read_history
from models.store.operating_points import OPERATING_POINTS_FILE, read_operating_point
from models.store.regular_file import open_regular
from models.store.routing import ROUTING_FILE, read_routing

READERS = [
    pytest.param(REPOSITORY_FILE, read_default, id=REPOSITORY_FILE),
    pytest.param(ROUTING_FILE, read_routing, id=ROUTING_FILE),
    pytest.param(OPERATING_POINTS_FILE, lambda folder: read_operating_point(folder, 1, 2), id=OPERATING_POINTS_FILE),
    pytest.param(HISTORY_FILE, read_history, id=HISTORY_FILE),
]


@pytest.mark.timeout(10)
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
@pytest.mark.parametrize(("name", "read"), READERS)
def test_pipe_or_folder_in_place_of_a_file_is_refused_at_once(tmp_path, name, read, make):
    make(tmp_path / name)
    with pytest.raises(CorruptArtifact, match="is no file, but a folder, a pipe or a device"):
        read(tmp_path)


def test_link_to_a_file_is_followed(tmp_path):
    (tmp_path / "there").write_bytes(b"text")
    (tmp_path / "here").symlink_to("there")
    with open_regular(tmp_path / "here") as file:
        assert file.read() == b"text"
