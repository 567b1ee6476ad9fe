"""Acts on pages of a hub, as a reader with a wallet presses them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

from chromium import Chromium

SAID = "document.querySelector('.act-box [role=status]')?.innerText ?? ''"


class ActPage:
    """A page with acts, and the dialog that one of them opens."""

    def __init__(self, browser: Chromium, hub: str, path: str, ready: str) -> None:
        self._browser = browser
        # The hub is a moment behind its chain.
        until = time.monotonic() + 60
        browser.open(hub + path)
        while not browser.evaluate(f"Boolean(document.querySelector({json.dumps(ready)}))"):
            assert time.monotonic() < until, browser.evaluate("document.body.innerText")[:2_000]
            time.sleep(0.3)
            browser.open(hub + path)
        browser.evaluate(f"void (window.button = document.querySelector({json.dumps(ready)}))")

    def until(self, expression: str, *, seconds: float = 60) -> None:
        try:
            self._browser.until(expression, seconds=seconds)
        except AssertionError:
            raise AssertionError(f"{expression}; the dialog says: {self.text!r}") from None

    def lie(self, **values: str) -> None:
        """What a hub that lies would have written."""
        for name, value in values.items():
            place = "document.documentElement" if name in ("chain", "registry") else "window.button.parentElement"
            self._browser.evaluate(f"{place}.dataset.{name} = {json.dumps(value)}")

    @contextmanager
    def lying(self, **values: str) -> Iterator[None]:
        """Its act, of a hub that lies; then the dialog is shut, and the page as it was."""
        self._browser.evaluate(
            "void (window.truth = [document.documentElement, window.button.parentElement]"
            ".map((e) => [e, {...e.dataset}]))"
        )
        self.lie(**values)
        self.open()
        yield
        self._browser.evaluate("document.querySelector('.act-box').close()")
        self.until("!document.querySelector('.act-box')")
        self._browser.evaluate("window.truth.forEach(([e, told]) => Object.assign(e.dataset, told))")

    def press(self, words: str) -> None:
        button = (
            f"[...document.querySelectorAll('.act-box button')].find(b => b.innerText.startsWith({json.dumps(words)}))"
        )
        self.until(button)
        self._browser.evaluate(f"{button}.click()")

    def open(self) -> None:
        self._browser.evaluate("window.button.click()")

    def fill(self, **values: str) -> None:
        for name, value in values.items():
            self.until(f"document.querySelector('.act-box [name={name}]')")
            self._browser.evaluate(f"document.querySelector('.act-box [name={name}]').value = {json.dumps(value)}")

    def says(self, words: str) -> None:
        self.until(f"({SAID}).includes({json.dumps(words)})")

    @property
    def text(self) -> str:
        return str(self._browser.evaluate("document.querySelector('.act-box')?.innerText ?? ''"))


def act_button(act: str, licence: int | None = None) -> str:
    """Where the button of an act is on a page, of a licence by its number."""
    one = "" if licence is None else f'[data-licence="{licence}"]'
    return f"[data-act={act}]{one} > button"
