"""The notebook that this process works for, if there is one."""

from __future__ import annotations

import sys
from typing import Any

from registry.text.html import table

__all__ = ["in_notebook", "show_lists_as_tables"]


def in_notebook() -> bool:
    """Whether what is written goes below a cell: a kernel runs this process, and not a shell in a terminal."""
    return getattr(_shell(), "kernel", None) is not None


def show_lists_as_tables() -> None:
    """Have IPython show lists and tuples of results as tables, unless it was told already how to show lists."""
    formatter = getattr(_shell(), "display_formatter", None)
    if formatter is None:
        return
    html = formatter.formatters["text/html"]
    for kind in (tuple, list):
        if kind not in html.type_printers:
            html.for_type(kind, _shown)


def _shown(things: Any) -> Any:
    """IPython asks this of lists of others too: those that show themselves go on doing so."""
    own = getattr(things, "_repr_html_", None)
    return own() if callable(own) else table(things)


def _shell() -> Any:
    ipython = sys.modules.get("IPython")
    ask = getattr(ipython, "get_ipython", None)
    return None if ask is None else ask()
