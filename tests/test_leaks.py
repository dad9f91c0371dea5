"""The check that every server test passes through finds what a test could leave behind."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading

import leaks
import pytest
from leaks import SHARED_MEMORY, Resources, leaked_since

pytest_plugins = ["pytester"]


@pytest.fixture
def before():
    return Resources.now()


def test_nothing_is_found_where_nothing_was_left(before):
    assert leaked_since(before) == []


def test_thread_is_found_until_it_ends(before):
    may_end = threading.Event()
    thread = threading.Thread(target=may_end.wait, name="forgotten")
    thread.start()
    assert leaked_since(before, grace_s=0) == ["thread forgotten"]
    threading.Timer(0.1, may_end.set).start()
    assert leaked_since(before) == []


def test_descriptor_is_found_until_it_is_closed(before):
    descriptor = os.eventfd(0)
    assert leaked_since(before, grace_s=0) == [f"descriptor {descriptor} anon_inode:[eventfd]"]
    os.close(descriptor)
    assert leaked_since(before) == []


def test_child_is_found_until_it_has_been_waited_for(before):
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    leaked = leaked_since(before, grace_s=0)
    assert any(line.startswith(f"child {child.pid} ") for line in leaked)
    child.communicate(b"\n")
    assert leaked_since(before) == []


def test_shared_memory_that_nobody_holds_is_found(before):
    folder = SHARED_MEMORY / f"opsin-metrics-test-{os.getpid()}"
    folder.mkdir()
    try:
        assert leaked_since(before, grace_s=0) == [f"segment {folder}"]
    finally:
        shutil.rmtree(folder)
    assert leaked_since(before) == []


def test_test_that_leaks_fails(pytester, monkeypatch):
    monkeypatch.setattr(leaks, "GRACE_S", 0.05)
    pytester.makeconftest("from leaks import nothing_is_left")
    pytester.makepyfile(
        """
        import os

        def test_that_leaks(request):
            descriptor = os.eventfd(0)
            request.config.add_cleanup(lambda: os.close(descriptor))

        def test_that_does_not():
            os.close(os.eventfd(0))
        """
    )
    pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=2, errors=1)
