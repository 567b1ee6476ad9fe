"""Data that stay where they are, and the offering of runs on them."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry import CID, DataBudget, Licence, Registry, ResultFile, Terms
from registry.errors import AccessDenied, InputError, Unverified
from registry.ipfs.store import NullSink
from registry.ipfs.unixfs import add_tree

TERMS = Terms(
    code=(CID.raw(b"mean.py"),),
    outputs=(ResultFile(path="mean.csv", bytes=1000),),
    budget=DataBudget(runs=3, bytes=3000),
)
RUNS = Licence.uses("runs", uses=5, price="1 USD")


def test_data_become_an_asset_that_sells_nothing_and_an_offering_that_has_no_content(
    author: Registry, folder: Path, name: str
) -> None:
    offer = author.publish(folder, name=name, type="dataset", license="MIT", licences=[RUNS], compute=TERMS)
    found = author.get(offer.did)
    assert found.ddo.compute is not None and found.ddo.content is None
    assert found.ddo.compute.hosts == (author.address,) and [one.name for one in found.licences] == ["runs"]
    raw = author.get(found.ddo.compute.data)  # type: ignore[arg-type]
    assert raw.licences == () and raw.ddo.compute is None and raw.ddo.content is not None and raw.ddo.content.kept
    assert author.publish(folder, name=name, type="dataset", license="MIT", licences=[RUNS], compute=TERMS).tx is None


def test_no_block_of_data_that_stay_is_in_any_store(author: Registry, buyer: Registry, folder: Path, name: str) -> None:
    for path in (folder / "penguins.csv", folder / "raw" / "notes.txt"):
        path.write_text(f"Told nowhere else: {path.name}")
    offer = author.publish(folder, name=name, type="dataset", license="MIT", licences=[RUNS], compute=TERMS)
    raw = author.get(author.get(offer.did).ddo.compute.data)  # type: ignore[arg-type,union-attr]
    added = add_tree(folder, NullSink())
    assert raw.ddo.content is not None and raw.ddo.content.cid == added.cid
    assert not any(author.store.has(cid) for cid in (added.cid, *(file.cid for file in added.files)))
    buyer.buy(offer.did)
    for verb in (buyer.open, author.open):
        with pytest.raises(AccessDenied, match="stays with its owner"):
            verb(raw.did, "penguins.csv")
    with pytest.raises(AccessDenied):
        buyer.download(raw.did, folder.parent / "taken")
    assert not (folder.parent / "taken").exists() and buyer.files(raw.did) == ()


def test_the_copy_that_the_owner_keeps_is_held_against_the_document(author: Registry, folder: Path, name: str) -> None:
    offer = author.publish(folder, name=name, type="dataset", license="MIT", compute=TERMS)
    raw = author.get(offer.did).ddo.compute.data  # type: ignore[union-attr]
    assert raw is not None and author.verify(raw, folder).files == 2
    (folder / "penguins.csv").write_text("species,mass\n")
    with pytest.raises(Unverified):
        author.verify(raw, folder)
    author.update(raw, path=folder)
    assert author.get(raw).ddo.content.kept and author.verify(raw, folder).files == 2  # type: ignore[union-attr]
    with pytest.raises(InputError, match="No block"):
        author.verify(raw)


def test_data_that_are_public_are_offered_without_a_second_copy(author: Registry, folder: Path, name: str) -> None:
    data = author.publish(folder, name=name, type="dataset", license="CC0-1.0")
    terms = TERMS.with_changes(data=data.did)
    offer = author.publish(None, name=name, type="dataset", license="CC0-1.0", licences=[RUNS], compute=terms)
    assert author.get(offer.did).ddo.compute == terms.with_changes(hosts=(author.address,))
    with pytest.raises(InputError, match="another asset"):
        author.publish(folder, name=name, type="dataset", license="CC0-1.0", compute=terms)
    with pytest.raises(InputError, match="no data"):
        author.publish(None, name=name, type="dataset", license="CC0-1.0", compute=TERMS)


def test_a_dry_run_shows_the_data_as_they_will_be_told_of_and_stores_nothing(
    author: Registry, folder: Path, name: str
) -> None:
    shown = author.publish(folder, name=name, type="dataset", license="MIT", compute=TERMS, dry_run=True)
    assert [ddo.content.kept for ddo in shown.documents if ddo.content] == [True]
    assert not author.store.has(shown.documents[0].cid)
