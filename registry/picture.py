"""Pictures in a file, the same bytes for the same numbers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

from registry.errors import InputError


@contextmanager
def picture(path: str | PathLike[str], title: str, *, size: tuple[float, float]) -> Iterator[tuple[Any, Path]]:
    """A matplotlib figure of `size` inches to draw on, and its file (``.svg`` or ``.png``), written at the end.

    Raises `InputError` without matplotlib, for other endings, and if the file cannot be written.
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
        try:
            figure.savefig(target, metadata=metadata)
        except OSError as error:
            raise InputError(f"{target} cannot be written: {error.strerror}.", hint="Choose another place.") from error
