"""How far long work is: a line where somebody looks, in a terminal or below a cell of a notebook."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from shutil import get_terminal_size
from typing import Final

from registry.text.kernel import in_notebook
from registry.text.letters import visible

__all__ = ["Progress", "ProgressLine", "counts_bytes", "no_progress", "show_progress"]

Progress = Callable[[str, int, int], None]
"""Called as `progress(what, done, total)`; `what` names the stage, the unit is bytes or items, and `total` is 0 where
nobody knows it. A stage is over when `done` reaches `total`."""

_OF_BYTES: Final = (
    *("comparing ", "describing ", "downloading ", "encrypting ", "hashing ", "importing ", "opening "),
    *("storing ", "verifying "),
)
_OF_ITEMS: Final = frozenset({"verifying documents"})


def counts_bytes(what: str) -> bool:
    """Whether a stage of this name counts bytes, and not items."""
    return what.startswith(_OF_BYTES) and what not in _OF_ITEMS


LONG: Final = 2.0
"""Seconds of work before anything is shown."""

PAUSE: Final = 1.0
"""Seconds of silence after which another stage is other work."""

OFTEN: Final = 0.2
"""Seconds between two looks of a line."""

WIDTH: Final = 79


def no_progress(what: str, done: int, total: int) -> None:
    """Show nothing."""


class ProgressLine:
    """The line of the stage that runs. It is gone when the stage is over; where nobody looks, there is none.

    A stage of which nobody knows the end has its name written once, since nothing would take the line away.
    """

    def __init__(self) -> None:
        self._what: str | None = None
        # When work began, when its stage did, and when it was heard of and shown last, in seconds of the clock.
        self._began = self._since = self._heard = self._shown = float("-inf")
        self._over = self._named = False
        self._width = 0

    def __call__(self, what: str, done: int, total: int) -> None:
        # No lock: threads can only spoil each other's line, and a process that is forked off would inherit a held one.
        now = time.monotonic()
        if what != self._what or self._over:
            if what == self._what and now - self._heard <= PAUSE:
                return  # of a thread that is late
            self._clear()
            if now - self._heard > PAUSE:
                self._began = now
            self._what, self._since, self._over, self._named = what, now, False, False
        self._heard = now
        if 0 < total <= done:
            self._clear()
            self._over = True
        elif now - self._began < LONG or not _somebody_looks():
            return
        elif total > 0 and now - self._shown >= OFTEN:
            self._show(visible(what, keep=""), done, total, now)
        elif total <= 0 and not self._named:
            self._named = True
            _write(visible(what, keep="")[:WIDTH] + " ...\n")

    def wait(self, what: str, done: int, total: int) -> None:
        """Say in a line of its own what is waited for, which moves by nothing that is done here."""
        if _somebody_looks():
            self._clear()
            _write(f"{visible(what, keep='')}: {done:,}{f' of {total:,}' if total else ''}\n")

    def _show(self, label: str, done: int, total: int, now: float) -> None:
        from rich.cells import set_cell_size  # some letters are two columns wide

        self._shown, self._width = now, min(get_terminal_size().columns - 1, WIDTH)
        left = (now - self._since) * (total - done) / done if done > 0 else 0
        end = f" {done / total:4.0%}" + (f", {timedelta(seconds=round(left))} left" if left else "")
        _write("\r" + set_cell_size(set_cell_size(label, max(self._width - 28, 8)) + end, self._width))

    def _clear(self) -> None:
        if self._width:
            _write("\r" + " " * self._width + "\r")
            self._width = 0


show_progress: Final = ProgressLine()
"""What clients show by default, on standard error."""


def _somebody_looks() -> bool:
    return in_notebook() or (sys.stderr is not None and not sys.stderr.closed and sys.stderr.isatty())


def _write(text: str) -> None:
    with suppress(OSError, ValueError):  # work goes on when its terminal is gone
        sys.stderr.write(text)
        sys.stderr.flush()
