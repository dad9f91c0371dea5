"""Debian's Chromium, driven by Selenium: headless, with a camera of its own, and with no host but this machine."""

from __future__ import annotations

from pathlib import Path

BROWSER, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")
SWITCHES = (
    "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-quic --no-first-run --disable-sync "
    "--disable-background-networking --disable-component-update --window-size=900,900 "
    "--use-fake-device-for-media-stream --lang=en-GB"
)
NO_HOST = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"


def missing() -> list[str]:
    """Name what is not installed."""
    return [str(file) for file in (BROWSER, DRIVER) if not file.exists()]


def start_chromium(profile, *switches):
    """Start it with a profile folder; gives the driver."""
    from selenium import webdriver  # in the environment of those who drive it alone

    options = webdriver.ChromeOptions()
    options.binary_location = str(BROWSER)
    for switch in (*SWITCHES.split(), NO_HOST, f"--user-data-dir={profile}", *switches):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options, webdriver.ChromeService(str(DRIVER)))
