"""The files that processes share their counts by."""

from __future__ import annotations

import os
import shutil

import pytest
from prometheus_client import values
from prometheus_client.mmap_dict import MmapedDict

from server.metric_files import FILE_BYTES, MetricFiles
from server.setting_rows import SettingsError


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.setattr(values, "ValueClass", values.ValueClass)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "")
    made = MetricFiles(str(tmp_path), workers=2, engines=1)
    yield made
    values.close_all_multiprocess_files()
    made.remove()


def num_answers(metrics):
    return metrics.registry.get_sample_value(
        "opsin_http_requests_total", {"route": "/predict", "method": "POST", "status": "200"}
    )


def test_any_process_sees_the_counts_of_all(files):
    first, second, engine = (files.metrics_of(place) for place in ("http0", "http1", "engine0"))
    for metrics in (first, first, second):
        metrics.note_request("/predict", "POST", 200, 0.01)
    engine.note_batch([0.1, 0.2], 0.3)
    for metrics in (first, second):
        assert num_answers(metrics) == 3
        assert metrics.registry.get_sample_value("opsin_batch_size_sum") == 2


def test_room_that_is_seen_before_its_value_is_read_once_more(files, monkeypatch):
    metrics = files.metrics_of("http0")
    metrics.note_request("/predict", "POST", 200, 0.01)
    read, empty = MmapedDict.read_all_values_from_file, [[("", 0.0, 0.0, 16)]]
    found = staticmethod(lambda file: empty.pop() if empty else read(file))
    monkeypatch.setattr(MmapedDict, "read_all_values_from_file", found)
    assert num_answers(metrics) == 1
    assert not empty


def test_successor_goes_on_with_the_counts_of_its_predecessor(files, tmp_path):
    files.metrics_of("http0").note_request("/predict", "POST", 200, 0.01)
    before = sorted(tmp_path.rglob("*.db"))
    successor = files.metrics_of("http0")
    assert num_answers(successor) == 1
    successor.note_request("/predict", "POST", 200, 0.01)
    assert num_answers(successor) == 2
    assert sorted(tmp_path.rglob("*.db")) == before


def test_files_have_their_size_from_the_start_and_are_nobody_elses(files, tmp_path):
    (folder,) = tmp_path.iterdir()
    assert folder.stat().st_mode & 0o077 == 0
    for file in folder.iterdir():
        assert file.stat().st_size == FILE_BYTES
        assert file.stat().st_blocks * 512 >= FILE_BYTES


def test_master_alone_removes_the_folder(files, tmp_path):
    child = os.fork()
    if child == 0:
        files.remove()
        os._exit(0)
    os.waitpid(child, 0)
    assert list(tmp_path.iterdir())
    files.remove()
    files.remove()
    assert not list(tmp_path.iterdir())


def test_folder_of_a_server_that_was_killed_is_removed_by_the_next(files, tmp_path):
    (alive,) = tmp_path.iterdir()
    abandoned, young, others = (tmp_path / f"{name}-x" for name in ("opsin-metrics", "opsin-metrics-young", "others"))
    for folder in (abandoned, young, others):
        folder.mkdir()
        (folder / "counter_http0.db").write_bytes(bytes(10))
    for folder in (alive, abandoned, others):
        os.utime(folder, (0, 0))
    MetricFiles(str(tmp_path), workers=1, engines=1).remove()
    assert set(tmp_path.iterdir()) == {alive, young, others}


def test_folder_that_cannot_be_written_is_one_line(tmp_path):
    with pytest.raises(
        SettingsError, match=r"\Athe metrics need 768 KiB in /dev/shm or, .*: No such file or directory\Z"
    ):
        MetricFiles(str(tmp_path / "nowhere"), workers=2, engines=1)


def test_process_whose_files_are_lost_counts_by_itself(files, tmp_path):
    (folder,) = tmp_path.iterdir()
    shutil.rmtree(folder)
    metrics = files.metrics_of("http0")
    metrics.note_request("/predict", "POST", 200, 0.01)
    assert num_answers(metrics) == 1


def test_folder_of_another_user_is_left_alone(tmp_path, monkeypatch):
    old = tmp_path / "opsin-metrics-old"
    old.mkdir()
    os.utime(old, (0, 0))
    other = os.geteuid() + 1
    with monkeypatch.context() as patch:
        patch.setattr(os, "geteuid", lambda: other)
        MetricFiles(str(tmp_path), workers=1, engines=1).remove()
    assert old.exists()
    MetricFiles(str(tmp_path), workers=1, engines=1).remove()
    assert not old.exists()
