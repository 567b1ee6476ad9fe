"""The notebooks of the examples, run by a kernel from their first cell to their last."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

EXAMPLES = Path(__file__).parents[3] / "examples"
NOTES = sorted((EXAMPLES / "notebooks").glob("*.ipynb"))


def test_there_are_three_and_none_has_outputs_in_the_repository() -> None:
    assert [note.stem for note in NOTES] == ["derive_and_share", "find_judge_read", "gated_by_the_second"]
    for note in NOTES:
        cells = nbformat.read(note, as_version=4).cells
        assert not [
            cell.source for cell in cells if cell.cell_type == "code" and (cell.outputs or cell.execution_count)
        ]


@pytest.mark.parametrize("note", NOTES, ids=lambda note: note.stem)
def test_a_notebook_runs_and_shows_what_it_says(note: Path, tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES / "penguins", tmp_path / "penguins")
    (tmp_path / "notebooks").mkdir()
    made = nbformat.read(note, as_version=4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        NotebookClient(
            made, timeout=300, startup_timeout=300, resources={"metadata": {"path": str(tmp_path / "notebooks")}}
        ).execute()
    outputs = [
        str(output.get("text") or output["data"].get("text/html") or output["data"]["text/plain"])
        for cell in made.cells
        if cell.cell_type == "code"
        for output in cell.outputs
    ]
    shown = "\n".join(outputs)
    for words in SHOWN[note.stem]:
        assert words in shown, words


SHOWN = {
    "find_judge_read": ("Penguins of Palmer Station", "12.5 USD", "penguins.csv", "Gentoo", "124"),
    "derive_and_share": ("Ann", "Bob", "author of the data", "USD"),
    "gated_by_the_second": ("may not open", "Adelie", "152", "19.99", "USD"),
}
