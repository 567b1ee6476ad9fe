"""A run on data that stay with their owner, run again by a stranger who never has them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hosting import Hosted
from terminal import runner

from registry import CID
from registry.cli import cli
from registry.cli.app import App
from registry.errors import CannotReproduce
from registry.sandbox.runs.record import RunRecord
from registry.system.disk import load


@pytest.fixture
def record(hosted: Hosted, tmp_path: Path) -> RunRecord:
    """The owner's own run of the mean, at home."""
    made = hosted.owner.experiments.run(tmp_path / "program.py", {"data": hosted.home}, outputs=tmp_path / "made")
    assert made.record.code.cid == hosted.mean
    return made.record


def changed(record: RunRecord, part: str, **changes: Any) -> RunRecord:
    """A record whose code, or first input or output, says something else."""
    old = getattr(record, part)
    new = old.model_copy(update=changes) if not isinstance(old, tuple) else (old[0].model_copy(update=changes),)
    return record.model_copy(update={part: new})


def test_a_run_on_data_that_stay_is_run_again_where_they_are(
    hosted: Hosted, record: RunRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """gated_without_access"""
    with pytest.raises(CannotReproduce, match="input 'data' cannot be found") as caught:
        hosted.stranger.experiments.reproduce(record, outputs=tmp_path / "here")
    assert "--at OFFERING" in caught.value.hint
    done = hosted.stranger.reproduce_at(record, hosted.offer, outputs=tmp_path / "there")
    assert (done.word, done.exit, [one.path for one in done.verdicts]) == ("same", 0, ["mean.csv"])
    assert done.receipt is not None and f"at the host {hosted.owner.address}" in done.notes[0]
    assert hosted.stranger.jobs.verify(done.receipt).outputs[0].cid == record.outputs[0].cid
    assert "Adelie,3700.0,20" in (tmp_path / "there" / "mean.csv").read_text()

    other = changed(record, "outputs", cid=CID.raw(b"another table"))
    assert hosted.stranger.reproduce_at(other, hosted.offer, outputs=tmp_path / "other").word == "differs"
    (tmp_path / "run.json").write_bytes(record.to_bytes())
    monkeypatch.setattr(App, "registry", lambda _app, *, to=None: hosted.stranger)
    words = ["reproduce", str(tmp_path / "run.json"), "--at", str(hosted.offer), "--json"]
    ended = runner().invoke(cli, [*words, "--out", str(tmp_path / "told")])
    assert (ended.exit_code, json.loads(ended.stdout)["verdict"]) == (0, "same"), ended.stderr
    kept = load(tmp_path / "told.receipt.json", 2**20)
    assert hosted.stranger.jobs.verify(kept).outputs[0].cid == record.outputs[0].cid
    assert "belong to --at" in runner().invoke(cli, [*words[:2], "--escrow"]).stderr

    single = record.model_copy(update={"params": {"by": "sex"}})
    with pytest.raises(CannotReproduce, match="on its data is withheld"):
        hosted.stranger.reproduce_at(single, hosted.offer, outputs=tmp_path / "single")


def test_what_would_be_another_run_is_not_ordered(hosted: Hosted, record: RunRecord, tmp_path: Path) -> None:
    data = str(hosted.owner.get(hosted.offer).ddo.compute.data)  # type: ignore[union-attr]
    for wrong, why in (
        (changed(record, "inputs", name="ward"), "it read 'ward', and a job reads one thing, called 'data'"),
        (changed(record, "inputs", cid=CID.raw(b"other data")), "and runs are on"),
        (changed(record, "inputs", did=data, version=2), f"version 2, and runs are on {data} version 1 now"),
        (changed(record, "code", arguments=("--fast",)), r"the arguments \['--fast'\]"),
        (changed(record, "code", cid=CID.raw(b"nobody has it")), "its code: "),
        (changed(record, "environment", lock=CID.raw(b"a lock")), "not the one that is locked with its code"),
        (changed(record, "environment", variables={"REGISTRY_SEED": "1e9"}), "seed '1e9' is none of a job"),
        (record.model_copy(update={"inputs": ()}), "it read nothing"),
    ):
        with pytest.raises(CannotReproduce, match=why):
            hosted.stranger.reproduce_at(wrong, hosted.offer, outputs=tmp_path / "out")
    assert hosted.stranger.jobs.ordered.all() == () == hosted.desk.book.all()
