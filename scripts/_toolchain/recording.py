"""A recording of `registry demo` as one SVG that moves without script: ``recording.py docs/pictures/demo.svg``.

The demo is run in a terminal of its own and what it writes is kept with the time at which it came. Long waits are cut,
and what comes all at once is slowed down to what a reader can follow. Whoever asked for less motion sees the end.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import struct
import sys
import termios
import time
from collections.abc import Iterable, Iterator
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.style import Style
from rich.terminal_theme import TerminalTheme
from rich.text import Text

COLUMNS, ROWS = 104, 32
WIDE, HIGH, EDGE = 8.4, 19, 16
"""A letter and a line, and the edge around all of them, in units of the picture."""

_CONSOLE: Final = Console(width=COLUMNS, file=sys.stderr)
"""By which lines are wrapped and styles are read; nothing is written to it."""

LINE_SECONDS: Final = 0.22
LONGEST_WAIT: Final = 1.2
LAST_SECONDS: Final = 6.0
"""A line at the least, a wait at the most, and the end before all begins again."""

THEME: Final = TerminalTheme(
    (15, 20, 27),
    (214, 221, 230),
    [
        (70, 80, 92),
        (240, 113, 120),
        (126, 211, 137),
        (240, 196, 100),
        (110, 170, 255),
        (200, 150, 240),
        (92, 205, 214),
        (214, 221, 230),
    ],
)


def record(command: list[str]) -> Iterator[tuple[float, str]]:
    """What a command writes to a terminal, with the seconds at which it came. SystemExit if it fails."""
    process, terminal = pty.fork()
    if process == 0:
        os.environ.update(TERM="xterm-256color", COLORTERM="truecolor")
        os.execvp(command[0], command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    began, rest = time.monotonic(), b""
    while True:
        try:
            read = os.read(terminal, 65_536)
        except OSError:  # how a terminal says that nobody writes any more
            break
        whole, _, rest = (rest + read).rpartition(b"\n")
        if whole:
            yield time.monotonic() - began, whole.decode()
    if code := os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]):
        raise SystemExit(f"{' '.join(command)} ended with {code}")


def paced(written: Iterable[tuple[float, str]]) -> Iterator[tuple[float, list[Text]]]:
    """Lines as a terminal wraps them, with the seconds at which a reader sees them."""
    seen, before = 0.0, 0.0
    for came, text in written:
        seen += min(came - before, LONGEST_WAIT)
        before = came
        for line in text.replace("\r", "").split("\n"):
            seen += LINE_SECONDS
            yield seen, list(Text.from_ansi(line).wrap(_CONSOLE, COLUMNS))


def drawn(lines: list[tuple[float, Text]]) -> str:
    """The picture: all lines below each other, moved up behind a window that shows as many as a terminal does."""
    seconds = lines[-1][0] + LAST_SECONDS
    steps = "".join(
        f"{100 * at / seconds:.2f}%{{transform:translateY({-HIGH * max(number - ROWS, 0)}px)}}"
        for number, (at, _) in enumerate(lines, 1)
        if number >= ROWS
    )
    shown = "".join(
        f"{100 * at / seconds:.2f}%{{transform:translateY({HIGH * min(number, ROWS)}px)}}"
        for number, (at, _) in enumerate(lines[:ROWS], 1)
    )
    end, width, height = -HIGH * max(len(lines) - ROWS, 0), COLUMNS * WIDE + 2 * EDGE, ROWS * HIGH + 2 * EDGE
    text = "\n".join(_line(line, number) for number, (_, line) in enumerate(lines, 1))
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" role="img">
<title>registry demo, as it runs in a terminal</title>
<style>
text {{ font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; white-space: pre }}
text {{ fill: {_hex(THEME.foreground_color)} }}
#lines {{ transform: translateY({end}px); animation: up {seconds:.1f}s step-end infinite }}
#cover {{ transform: translateY({ROWS * HIGH}px); animation: show {seconds:.1f}s step-end infinite }}
@keyframes up {{ 0%{{transform:translateY(0)}}{steps} }}
@keyframes show {{ 0%{{transform:translateY(0)}}{shown}100%{{transform:translateY({ROWS * HIGH}px)}} }}
@media (prefers-reduced-motion: reduce) {{ #lines, #cover {{ animation: none }} }}
</style>
<rect width="100%" height="100%" rx="10" fill="{_hex(THEME.background_color)}"/>
<clipPath id="window"><rect width="{width:.0f}" height="{ROWS * HIGH}"/></clipPath>
<g transform="translate(0 {EDGE})" clip-path="url(#window)">
<g id="lines">
{text}
</g>
<rect id="cover" width="100%" height="100%" fill="{_hex(THEME.background_color)}"/>
</g>
</svg>
"""


def _line(line: Text, number: int) -> str:
    """A line, each run of one style at its column and as wide as its letters, so that columns stand in any font."""
    spans = []
    letters = [(letter, line.get_style_at_offset(_CONSOLE, at)) for at, letter in enumerate(line.plain)]
    at = 0
    for style, run in groupby(letters, key=lambda one: one[1]):
        said = "".join(letter for letter, _ in run)
        if said.strip():
            left = len(said) - len(said.lstrip())
            kept = said.strip()
            place = f'x="{EDGE + (at + left) * WIDE:.1f}" textLength="{len(kept) * WIDE:.1f}"'
            spans.append(f"<tspan {place}{_look(style)}>{escape(kept)}</tspan>")
        at += len(said)
    return f'<text y="{number * HIGH - 5}">{"".join(spans)}</text>'


def _look(style: Style) -> str:
    colour = f' fill="{_hex(style.color.get_truecolor(THEME))}"' if style.color else ""
    return colour + (' font-weight="bold"' if style.bold else "") + (' opacity=".6"' if style.dim else "")


def _hex(colour: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def main() -> None:
    """Run the demo and draw it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", type=Path)
    parser.add_argument("command", nargs="*", default=["registry", "demo"])
    chosen = parser.parse_args()
    asked = (0.0, "\x1b[2m$\x1b[0m \x1b[1m" + " ".join(chosen.command) + "\x1b[0m")
    lines = [(at, part) for at, parts in paced([asked, *record(chosen.command)]) for part in parts]
    chosen.target.write_text(drawn(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
