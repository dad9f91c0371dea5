"""The browser's window as a test wants it, and what axe-core finds wrong in it."""

from __future__ import annotations

import contextlib
from importlib import resources

import pytest


@contextlib.contextmanager
def emulated(driver, *, width=None, scheme=None, is_phone=False):
    if width:
        metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": is_phone}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": scheme}] if scheme else []
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    try:
        yield
    finally:
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def faults(driver):
    """What axe-core finds wrong, as rule and element."""
    axe = pytest.importorskip("axe_core_python", reason="no axe: make test-browser installs it")
    driver.execute_script((resources.files(axe) / "axe.min.js").read_text("utf-8"))
    found = driver.execute_async_script("axe.run().then(arguments[arguments.length - 1])")
    assert len(found["passes"]) > 20
    return [(fault["id"], node["html"][:200]) for fault in found["violations"] for node in fault["nodes"]]
