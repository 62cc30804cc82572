"""A real browser that has no network, and whatever goes wrong on its pages."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


class Browser:
    """A page, and whatever went wrong on it."""

    def __init__(self, page: Page):
        self.page = page
        self.trouble: list[str] = []
        page.on("requestfailed", lambda request: self.trouble.append(request.url[:200]))
        page.on("pageerror", lambda error: self.trouble.append(str(error)))
        page.on("console", self.heard)
        page.on("request", self.asked)

    def heard(self, message) -> None:
        if message.type == "error":
            self.trouble.append(message.text)

    def asked(self, request) -> None:
        """Offline, a request elsewhere would also fail: but nothing may even try."""
        if not request.url.startswith(("file:", "data:", "blob:")):
            self.trouble.append(f"asked for {request.url[:200]}")

    def open(self, path: Path) -> Page:
        self.page.goto(path.as_uri())
        return self.page

    def painted(self) -> int:
        """Pictures of the page that have been decoded, all of which must have been."""
        self.page.wait_for_function("[...document.images].every(picture => picture.complete)")
        widths = self.page.evaluate("[...document.images].map(picture => picture.naturalWidth)")
        assert all(width > 0 for width in widths), widths
        return len(widths)


@contextmanager
def started() -> Iterator[Browser]:
    """A browser with one page."""
    assert CHROMIUM, "install it first: apt-get install chromium"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = chromium.new_context(offline=True, viewport={"width": 1400, "height": 1000})
        yield Browser(context.new_page())
        chromium.close()


def colours(page: Page, selector: str) -> int:
    """Different colours in what was painted at `selector`: 1 would be an empty area."""
    return page.evaluate(
        """selector => {
            const picture = document.querySelector(selector), canvas = document.createElement("canvas")
            canvas.width = picture.naturalWidth || picture.width
            canvas.height = picture.naturalHeight || picture.height
            const context = canvas.getContext("2d")
            context.drawImage(picture, 0, 0)
            const all = context.getImageData(0, 0, canvas.width, canvas.height).data
            return new Set(new Uint32Array(all.buffer)).size
        }""",
        selector,
    )
