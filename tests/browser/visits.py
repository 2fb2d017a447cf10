"""Visits to served sites with a real browser, and what went wrong on them."""

from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Page, ViewportSize

from sample import State


@dataclass
class Served:
    """Sites on a running server: `urls[state]` is where one is served, `roots[state]` its web root."""

    urls: dict[State, str] = field(default_factory=dict)
    roots: dict[State, Path] = field(default_factory=dict)


class Visit:
    """A page in a window of its own, and what went wrong with it."""

    def __init__(self, page: Page, site: str) -> None:
        self.page = page
        self.site = site
        self.wrong: list[str] = []
        page.on("console", lambda message: self.wrong.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        page.on("requestfailed", lambda request: self.wrong.append(f"failed: {request.url}"))
        page.on("request", lambda request: self._asked(request.url))
        page.on("response", lambda response: self._answered(response.url, response.status))

    def _asked(self, url: str) -> None:
        if not url.startswith(self.site):
            self.wrong.append(f"outside: {url}")

    def _answered(self, url: str, status: int) -> None:
        if status >= 400:
            self.wrong.append(f"{status}: {url}")


class Visitor:
    """Opens pages of the served sites."""

    def __init__(self, browser: Browser, served: Served) -> None:
        self._browser = browser
        self._served = served
        self._pages: list[Page] = []

    def open(self, state: State, path: str, width: int = 1440, *, dark: bool = False) -> Visit:
        """Open a page, at a width in px, in a light or a dark desktop."""
        page = self._browser.new_page(
            viewport=ViewportSize(width=width, height=900), color_scheme="dark" if dark else "light"
        )
        self._pages.append(page)
        url = self._served.urls[state]
        visit = Visit(page, url)
        page.goto(f"{url}/{path}")
        return visit

    def leave(self) -> None:
        """Close what was opened."""
        for page in self._pages:
            page.close()
