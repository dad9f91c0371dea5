import os
import re

import pytest

from training.folders import require_writable


def test_folder_that_is_there_or_can_be_made_will_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    require_writable({"--workdir": tmp_path, "--repository": tmp_path / "a/b", "--output": None})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("below", ["", "run"])
def test_file_is_no_folder(tmp_path, below):
    file = tmp_path / "pets"
    file.touch()
    message = re.escape(f"--workdir must be a folder, got {file / below}: {file} is a file")
    with pytest.raises(ValueError, match=message):
        require_writable({"--workdir": file / below})


def test_folder_that_is_read_only_is_told_at_once(tmp_path, monkeypatch):
    # Root may write anywhere.
    monkeypatch.setattr(os, "access", lambda path, mode: mode == os.F_OK and path == tmp_path)
    message = re.escape(f"--repository {tmp_path}/models cannot be written, as {tmp_path} is read-only for you: choose")
    with pytest.raises(ValueError, match=message):
        require_writable({"--repository": tmp_path / "models"})
