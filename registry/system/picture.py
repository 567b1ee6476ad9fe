"""Pictures in a file, the same bytes for the same numbers."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

from registry.errors import InputError
from registry.system import disk


@contextmanager
def picture(
    path: str | PathLike[str], title: str, *, size: tuple[float, float], overwrite: bool = False
) -> Iterator[tuple[Any, Path]]:
    """A matplotlib figure of `size` inches to draw on, and its file (``.svg`` or ``.png``), written at the end.

    Raises `InputError` without matplotlib, for other endings, and if the file cannot be written, and `WouldOverwrite`
    for a file with other content, unless told to `overwrite`.
    """
    target = Path(path)
    if target.suffix.lower() not in (".svg", ".png"):
        raise InputError(f"{target} is not the name of a picture.", hint="It ends in .svg or .png.")
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InputError(
            "Charts need matplotlib, which is not installed.", hint="Run: pip install 'asset-registry[charts]'."
        ) from error
    # No date and no chance in it, and no name on chain is read as mathematics.
    with rc_context({"svg.hashsalt": "registry", "text.parse_math": False, "svg.fonttype": "none"}):
        figure = Figure(figsize=size, layout="constrained")
        figure.suptitle(title)
        yield figure, target
        metadata = {"Date": None} if target.suffix.lower() == ".svg" else {"Software": None}
        drawn = io.BytesIO()
        figure.savefig(drawn, format=target.suffix.lower()[1:], metadata=metadata)
        disk.put(target, target.name, drawn.getvalue(), overwrite=overwrite)
