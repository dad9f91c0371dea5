"""The live camera, as Chromium's fake device: a green picture with a clock in it."""

from __future__ import annotations

import pytest
from running_server import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.e2e]


@pytest.fixture
def permit(driver):
    """Say for a page whether it may use the camera."""

    def permit(setting):
        driver.execute_cdp_cmd("Browser.setPermission", {"permission": {"name": "camera"}, "setting": setting})

    yield permit
    driver.execute_cdp_cmd("Browser.resetPermissions", {})


LIGHT = """
    const video = document.querySelector("#viewfinder video");
    window.tracks ??= video.srcObject ? video.srcObject.getTracks() : undefined;
    return window.tracks?.map((track) => track.readyState);
"""


def test_frames_are_asked_for_one_at_a_time_and_the_light_goes_off(open_page, served, permit, traffic):
    page = open_page(served)
    permit("granted")
    page.click("#live")
    wait_until(lambda: page.find("#viewfinder ol li"))
    assert page.run("return document.activeElement.id") == "stop"
    assert page.run(LIGHT) == ["live"]
    assert page.text("#viewfinder ol li:first-child .label") == "green"
    assert page.status().startswith("green, ")
    wait_until(lambda: len(traffic.update().statuses("/predict")) > 3)
    assert traffic.most_at_once("/predict") == 1
    assert page.cards() == []
    page.click("#stop")
    assert page.run(LIGHT) == ["ended"]
    assert not page.is_shown("#viewfinder")
    assert page.run("return document.activeElement.id") == "live"
    num_asked = len(traffic.update().statuses("/predict"))
    page.run("await new Promise((resolve) => { setTimeout(resolve, 600); })")
    assert len(traffic.update().statuses("/predict")) <= num_asked + 1  # the one that was on its way


def test_escape_stops_the_camera_and_a_frame_can_be_kept(open_page, served, permit):
    page = open_page(served)
    permit("granted")
    page.click("#live")
    wait_until(lambda: page.find("#viewfinder ol li"))
    page.click("#keep")
    [card] = page.answered()
    assert (card["labels"][0], card["hasPreview"]) == ("green", True)
    assert card["name"].startswith("camera ")
    assert page.run(LIGHT) == ["live"]
    [stop] = page.find("#stop")
    stop.send_keys("\ue00c")  # Escape
    assert page.run(LIGHT) == ["ended"]


def test_camera_goes_off_with_the_page(driver, open_page, served, permit):
    page = open_page(served)
    permit("granted")
    page.click("#live")
    wait_until(lambda: page.run(LIGHT) == ["live"])
    page.run(
        "Object.defineProperty(document, 'hidden', { get: () => true });"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    assert page.run(LIGHT) == ["ended"]
    assert page.text("#camera-trouble") == "The camera was switched off, as the page was out of sight."


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("NotAllowedError", "The camera is blocked. Allow it for this page in the browser"),
        ("NotFoundError", "No camera was found."),
        ("NotReadableError", "The camera cannot be opened. Perhaps another program uses it."),
    ],
)
def test_camera_that_does_not_open_is_told_of(open_page, served, name, words):
    page = open_page(served)
    page.run(
        "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', arguments[0]); }".replace(
            "arguments[0]", repr(name)
        )
    )
    page.click("#live")
    wait_until(lambda: page.is_shown("#camera-trouble"))
    assert page.text("#camera-trouble").startswith(words)
    assert not page.is_shown("#viewfinder")


def test_camera_that_is_unplugged_is_told_of(open_page, served, permit):
    page = open_page(served)
    permit("granted")
    page.click("#live")
    wait_until(lambda: page.find("#viewfinder ol li"))
    page.run(
        "const [track] = document.querySelector('#viewfinder video').srcObject.getTracks();"
        "track.dispatchEvent(new Event('ended'))"
    )
    assert page.text("#camera-trouble").startswith("The camera was disconnected")
    assert not page.is_shown("#viewfinder")
    assert page.run("return document.activeElement.id") == "live"


def test_server_that_refuses_is_not_asked_for_every_frame(open_page, served, permit):
    page = open_page(served)
    permit("granted")
    page.run(
        """
        window.numAsked = 0;
        window.fetch = async () => {
            numAsked++;
            return Response.json({ error: { code: "invalid_request", message: "no" } }, { status: 400 });
        };
        """
    )
    page.click("#live")
    wait_until(lambda: page.is_shown("#viewfinder .trouble"))
    page.run("await new Promise((resolve) => { setTimeout(resolve, 900); })")
    assert page.run("return numAsked") <= 2
    assert page.text("#viewfinder .trouble") == "The server does not take such a request."
    page.click("#stop")


def test_blocked_camera_is_told_of_and_opens_once_it_is_allowed(open_page, served, permit):
    page = open_page(served)
    permit("denied")
    page.click("#live")
    wait_until(lambda: page.is_shown("#camera-trouble"))
    assert page.text("#camera-trouble").startswith("The camera is blocked.")
    permit("granted")
    page.click("#live")
    wait_until(lambda: page.find("#viewfinder ol li"))
    assert not page.is_shown("#camera-trouble")
    page.click("#stop")


def test_without_https_the_camera_is_said_to_need_it(open_page, served):
    page = open_page(served)
    page.run("Object.defineProperty(navigator, 'mediaDevices', { value: undefined })")
    page.click("#live")
    wait_until(lambda: page.is_shown("#camera-trouble"))
    assert "https" in page.text("#camera-trouble")
