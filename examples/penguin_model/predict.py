"""Guess the species of penguins from four measurements; needs numpy and `weights.json` beside this file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

WEIGHTS = Path(__file__).resolve().parent / "weights.json"

Row = Mapping[str, Any] | Sequence[float]


def load_model(path: Path = WEIGHTS) -> dict[str, Any]:
    """Return the model that `train.py` wrote."""
    model: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return model


def probabilities(rows: Sequence[Row], *, model: dict[str, Any] | None = None) -> NDArray[Any]:
    """Return a rows x classes array of probabilities.

    A row is a mapping with ``bill_length_mm``, ``bill_depth_mm``, ``flipper_length_mm`` and ``body_mass_g``, or
    four numbers in this order. Raises ValueError for a measurement that is missing or not finite.
    """
    model = model or load_model()
    names = model["features"]
    if len(rows) == 0:
        return np.zeros((0, len(model["classes"])))
    table = []
    for number, row in enumerate(rows):
        if isinstance(row, Mapping):
            missing = [name for name in names if name not in row]
            if missing:
                raise ValueError(f"Row {number} has no {', '.join(missing)}.")
            row = [row[name] for name in names]
        if len(row) != len(names):
            raise ValueError(f"Row {number} has {len(row)} values, not {len(names)}: {', '.join(names)}.")
        table.append([float(value) for value in row])
    x = np.array(table)
    if not np.isfinite(x).all():
        raise ValueError(
            f"Row {int(np.argwhere(~np.isfinite(x))[0][0])} has a measurement that is not a finite number."
        )
    scores = (x - model["mean"]) / model["deviation"] @ np.array(model["weights"]).T + model["bias"]
    scores = np.exp(scores - scores.max(axis=1, keepdims=True))
    result: NDArray[Any] = scores / scores.sum(axis=1, keepdims=True)
    return result


def predict(rows: Sequence[Row], *, model: dict[str, Any] | None = None) -> list[str]:
    """Return the likeliest species of each row, e.g. ``["Adelie"]``; rows as in `probabilities`."""
    model = model or load_model()
    return [model["classes"][number] for number in probabilities(rows, model=model).argmax(axis=1)]
