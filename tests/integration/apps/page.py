"""A page of an app, as visitors see and press it."""

from __future__ import annotations

import json
from pathlib import Path

from chromium import Chromium


class Page:
    """What a visitor sees, and presses: also in the shadow roots of components."""

    def __init__(self, browser: Chromium, address: str) -> None:
        self._browser = browser
        browser.open(address)
        browser.evaluate(f"void ({FIND})")

    @property
    def text(self) -> str:
        return str(self._browser.evaluate("seen()"))

    def says(self, words: str, *, seconds: float = 90) -> None:
        try:
            self._browser.until(f"seen().includes({json.dumps(words)})", seconds=seconds)
        except AssertionError:
            raise AssertionError(f"{words!r} is not in {self.text!r}; {self._browser.said}") from None

    def give(self, file: Path) -> None:
        self._browser.until("parts('input[type=file]').length")
        self._browser.give("parts('input[type=file]')[0]", file)

    def lacks(self, words: str) -> None:
        self._browser.until(f"!seen().includes({json.dumps(words)})", seconds=30)

    def press(self, words: str) -> None:
        # Found and pressed at once: what is drawn anew in between would be gone.
        found = f"parts('button').find(b => b.innerText.startsWith({json.dumps(words)}) && !b.disabled)"
        pressed = f"(found => found && (found.click(), true))({found})"
        try:
            self._browser.until(pressed, seconds=60)
        except AssertionError:
            raise AssertionError(f"no button {words!r} in {self.text!r}; {self._browser.said}") from None


FIND = """
window.roots = (node = document) => [node, ...[...node.querySelectorAll('*')]
  .filter(one => one.shadowRoot).flatMap(one => roots(one.shadowRoot))],
window.parts = (name) => roots().flatMap(root => [...root.querySelectorAll(name)]),
window.seen = () => [document.body, ...roots().slice(1).flatMap(root => [...root.children])]
  .filter(one => one.tagName !== 'STYLE').map(one => one.innerText ?? '').join('\\n')
"""
