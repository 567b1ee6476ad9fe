"""Train the penguin model: from the CSV to `weights.json`, the same bytes every time.

Multinomial logistic regression on four body measurements, fitted by Newton's method with a small ridge
penalty. The penalised likelihood is strictly convex, so there is one optimum and no random start; the
weights are rounded to six decimals, far above what differs from one processor to another.

    python train.py [penguins.csv] [weights.json] [scores.csv]

With a third file, the scores of the rows held out are written there with all their digits. `run.toml` says how the
registry runs it, and how close another run must come.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

HERE = Path(__file__).resolve().parent
CSV = HERE.parent / "penguins" / "penguins.csv"
WEIGHTS = HERE / "weights.json"

FEATURES = ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g")
CLASSES = ("Adelie", "Chinstrap", "Gentoo")
RIDGE = 1.0
HOLD_OUT = 5
"""Every fifth complete row, starting with the first, is kept from training."""


def load(path: Path = CSV) -> tuple[Array, Array]:
    """Return the measurements (rows x 4, float64) and class numbers of all rows without a missing measurement."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if all(row[name] not in ("", "NA") for name in FEATURES)]
    x = np.array([[float(row[name]) for name in FEATURES] for row in rows])
    y = np.array([CLASSES.index(row["species"]) for row in rows])
    return x, y


def split(x: Array, y: Array) -> tuple[Array, Array, Array, Array]:
    """Return x and y for training, then x and y held out."""
    held = np.arange(len(y)) % HOLD_OUT == 0
    return x[~held], y[~held], x[held], y[held]


def softmax(scores: Array) -> Array:
    """Return the class probabilities of each row of `scores`."""
    powers: Array = np.exp(scores - scores.max(axis=1, keepdims=True))
    result: Array = powers / powers.sum(axis=1, keepdims=True)
    return result


def fit(x: Array, y: Array) -> tuple[Array, Array, Array]:
    """Return the means and deviations of the features, and the weights (classes x (1 + features), bias first)."""
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    z = np.hstack([np.ones((len(x), 1)), (x - mean) / deviation])
    target = np.eye(len(CLASSES))[y]
    width = z.shape[1]
    weights = np.zeros((len(CLASSES), width))
    for _ in range(100):
        p = softmax(z @ weights.T)
        gradient = (p - target).T @ z + RIDGE * weights
        hessian = RIDGE * np.eye(weights.size)
        for a in range(len(CLASSES)):
            for b in range(len(CLASSES)):
                curvature = p[:, a] * ((a == b) - p[:, b])
                block = np.s_[a * width : (a + 1) * width, b * width : (b + 1) * width]
                hessian[block] += z.T @ (curvature[:, None] * z)
        step = np.linalg.solve(hessian, gradient.ravel()).reshape(weights.shape)
        weights -= step
        if np.abs(step).max() < 1e-12:
            return mean, deviation, weights
    raise RuntimeError("Newton's method did not settle; the data are not those this was written for.")


def train(path: Path = CSV) -> tuple[dict[str, Any], Array]:
    """Return the model as JSON (names, scaling, weights, what the held-out rows measured), and the scores of the
    held-out rows (rows x classes, float64)."""
    x, y, x_held, y_held = split(*load(path))
    mean, deviation, weights = fit(x, y)
    scores: Array = np.hstack([np.ones((len(x_held), 1)), (x_held - mean) / deviation]) @ weights.T
    guess = scores.argmax(axis=1)
    return {
        "format": "multinomial-logistic-regression/1",
        "features": list(FEATURES),
        "classes": list(CLASSES),
        "mean": _rounded(mean),
        "deviation": _rounded(deviation),
        "weights": [_rounded(row[1:]) for row in weights],
        "bias": _rounded(weights[:, 0]),
        "trained_on_rows": len(y),
        "held_out": {"rows": len(y_held), "correct": int((guess == y_held).sum())},
    }, scores


def _rounded(values: Array) -> list[float]:
    # Adding 0.0 turns -0.0 into 0.0.
    return [round(float(value), 6) + 0.0 for value in values]


def to_bytes(model: dict[str, Any]) -> bytes:
    """Return the file as it is committed."""
    return (json.dumps(model, indent=1) + "\n").encode()


if __name__ == "__main__":
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else CSV
    output = Path(sys.argv[2]) if len(sys.argv) > 2 else WEIGHTS
    result, scores = train(source)
    output.write_bytes(to_bytes(result))
    if len(sys.argv) > 3:
        rows = [",".join(CLASSES), *(",".join(repr(float(score)) for score in row) for row in scores)]
        Path(sys.argv[3]).write_text("\n".join(rows) + "\n", encoding="utf-8")
    held = result["held_out"]
    print(f"{output}: {held['correct']} of {held['rows']} held-out rows are right")
