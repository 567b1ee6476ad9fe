"""The example data set and model are what their cards say."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest


def load(path: Path) -> ModuleType:
    """Run a script as a module and leave no byte code beside it: the folder is published as it is."""
    module = ModuleType(path.stem)
    module.__file__ = str(path)
    exec(compile(path.read_text(encoding="utf-8"), path, "exec"), module.__dict__)
    return module


@pytest.fixture(scope="module")
def train(examples: Path) -> ModuleType:
    return load(examples / "penguin_model" / "train.py")


@pytest.fixture(scope="module")
def predict(examples: Path) -> ModuleType:
    return load(examples / "penguin_model" / "predict.py")


def test_the_examples_are_small(examples: Path) -> None:
    files = [path for path in examples.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert sum(path.stat().st_size for path in files) < 300_000


def test_the_data_are_those_of_the_provenance_note(examples: Path) -> None:
    digest = hashlib.sha256((examples / "penguins" / "penguins.csv").read_bytes()).hexdigest()
    assert digest in (examples / "penguins" / "PROVENANCE.md").read_text(encoding="utf-8")


def test_training_gives_the_committed_weights_byte_for_byte(train: ModuleType) -> None:
    assert train.to_bytes(train.train()[0]) == train.WEIGHTS.read_bytes()


def test_the_accuracy_on_held_out_birds_is_the_one_claimed(
    train: ModuleType, predict: ModuleType, examples: Path
) -> None:
    card = (examples / "penguin_model" / "MODEL_CARD.md").read_text(encoding="utf-8")
    claimed = re.search(r"(\d+) of the (\d+) held-out birds are right", card)
    assert claimed is not None
    _, _, x, y = train.split(*train.load())
    right = sum(guess == train.CLASSES[truth] for guess, truth in zip(predict.predict(x), y, strict=True))
    assert (right, len(y)) == (int(claimed[1]), int(claimed[2]))


def test_the_accuracy_over_all_fifths_is_the_one_claimed(train: ModuleType, examples: Path) -> None:
    x, y = train.load()
    right = 0
    for fifth in range(5):
        held = np.arange(len(y)) % 5 == fifth
        mean, deviation, weights = train.fit(x[~held], y[~held])
        scores = np.hstack([np.ones((held.sum(), 1)), (x[held] - mean) / deviation]) @ weights.T
        right += int((scores.argmax(axis=1) == y[held]).sum())
    card = (examples / "penguin_model" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert f"{right} of the {len(y)} are right" in card


def test_rows_are_mappings_or_numbers(predict: ModuleType) -> None:
    row = {"bill_length_mm": 39.1, "bill_depth_mm": 18.7, "flipper_length_mm": 181, "body_mass_g": 3750}
    assert predict.predict([row, [50.0, 15.0, 220, 5500]]) == ["Adelie", "Gentoo"]
    assert predict.predict([]) == []
    assert predict.probabilities([row]).sum() == pytest.approx(1)


@pytest.mark.parametrize("row", [{"bill_length_mm": 1}, [1, 2, 3], [1, 2, 3, float("nan")], [1, 2, 3, "x"]])
def test_a_row_that_cannot_be_judged_is_refused(predict: ModuleType, row: object) -> None:
    with pytest.raises(ValueError):
        predict.predict([row])
