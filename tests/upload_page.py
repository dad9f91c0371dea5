"""The upload page, by what can be seen of it and done with it, in a Chromium that a driver drives."""

from __future__ import annotations

import base64

from running_server import wait_until


class Page:
    """The page, by what can be seen of it and done with it."""

    def __init__(self, driver, server, path="/"):
        self._driver = driver
        driver.get(f"http://127.0.0.1:{server.port}{path}")

    def find(self, selector):
        return self._driver.find_elements("css selector", selector)

    def click(self, selector):
        [element] = self.find(selector)
        element.click()

    def text(self, selector):
        """As it can be seen, white space as one space; of the first where there are several."""
        found = self._driver.execute_script("return document.querySelector(arguments[0]).innerText", selector)
        return " ".join(found.split())

    def is_shown(self, selector):
        return any(element.is_displayed() for element in self.find(selector))

    def run(self, script, *arguments):
        """Run JavaScript, whose value is given back once it is there."""
        code = f"const done = arguments[arguments.length - 1]; (async () => {{ {script} }})().then(done)"
        return self._driver.execute_async_script(code, *arguments)

    def choose(self, *files):
        [field] = self.find("#image")
        field.send_keys("\n".join(str(file) for file in files))

    def cards(self):
        """Of each photo, the first on top: name, the texts below it, and whether it still waits for its answer."""
        return self._driver.execute_script("""
            return [...document.querySelectorAll("#results .result")].map((card) => ({
                name: card.querySelector("h3").textContent,
                labels: [...card.querySelectorAll("ol .label")].map((label) => label.textContent),
                percents: [...card.querySelectorAll("ol .percent")].map((percent) => percent.textContent),
                verdict: [...card.querySelectorAll(".verdict")].filter((line) => line.offsetParent)
                    .map((line) => line.innerText.replace("\\n", " ")).join(),
                error: card.querySelector(".error").hidden ? null : card.querySelector(".error").textContent,
                hasRetry: card.querySelector(".retry") !== null,
                hasPreview: card.querySelector("img").naturalWidth > 0 && !card.querySelector(".picture.none"),
                isBusy: card.hasAttribute("aria-busy"),
                wait: card.querySelector(".wait").hidden ? null : card.querySelector(".wait").textContent,
                trouble: card.querySelector(".trouble").hidden ? null : card.querySelector(".trouble").textContent,
                set: card.querySelector(".set").hidden ? null
                    : card.querySelector(".set").innerText.replace(/\\s+/g, " "),
                sent: card.querySelector(".sent").hidden ? null : card.querySelector(".sent").textContent,
                parts: [...card.querySelectorAll(".times dt")].map((part) => part.textContent),
            }))""")

    def answered(self, num_cards=1):
        """The cards, once there are so many and none of them is busy."""
        wait_until(lambda: len(self.cards()) == num_cards and not any(card["isBusy"] for card in self.cards()))
        return self.cards()

    def status(self):
        [line] = self.find("#status")
        return line.get_attribute("textContent")

    def form_is_marked(self):
        [form] = self.find("#form")
        return "over" in form.get_attribute("class").split()

    def drag(self, event, *files, y=400):
        """Let the browser believe that files are dragged over the window, and dropped."""
        data = {"items": [], "files": [str(file) for file in files], "dragOperationsMask": 1}
        command = {"type": event, "x": 400, "y": y, "data": data}
        self._driver.execute_cdp_cmd("Input.dispatchDragEvent", command)

    def leave(self):
        """End a drag as if it had left the window, which the browser cannot be made to believe: the event alone."""
        self._driver.execute_script("document.body.dispatchEvent(new DragEvent('dragleave', { bubbles: true }))")

    def paste(self, content):
        """Paste a picture, PNG, as from the clipboard."""
        self._driver.execute_script(
            """
            const bytes = Uint8Array.from(atob(arguments[0]), (letter) => letter.charCodeAt(0));
            const clipboardData = new DataTransfer();
            clipboardData.items.add(new File([bytes], "image.png", { type: "image/png" }));
            document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
            """,
            base64.b64encode(content).decode(),
        )
