"""Audits that fetch random blocks back, and the drill that restores from an archive."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.errors import BlockNotFound, InputError, Unavailable, Unverified
from registry.ipfs.audit import audit, chance_to_miss
from registry.ipfs.cid import CID
from registry.ipfs.recovery import back_up, rehearse, restore
from registry.ipfs.store import LocalStore, MemoryStore
from registry.ipfs.traverse import traverse
from registry.ipfs.unixfs import Added, add_tree

from .support import Stranger


@pytest.fixture
def kept(folder: Callable[..., Path]) -> tuple[MemoryStore, Added]:
    """A folder of 40 files in a store."""
    store = MemoryStore()
    return store, add_tree(folder({f"sub/{n}.bin": os.urandom(100) for n in range(40)}), store)


def copy_of(store: MemoryStore, root: CID) -> Stranger:
    copy = Stranger()
    for cid, block in traverse(root, store):
        assert block is not None
        copy.put(cid, block)
    return copy


def test_a_replica_that_has_all_is_sound(kept: tuple[MemoryStore, Added]) -> None:
    store, added = kept
    seen: list[tuple[str, int, int]] = []
    found = audit(
        [added.cid],
        store,
        {"one": copy_of(store, added.cid), "two": store},
        share=0.5,
        progress=lambda *news: seen.append(news),
    )
    assert found.sound and (found.blocks, found.sample) == (42, 21)
    assert [(one.name, one.checked) for one in found.replicas] == [("one", 21), ("two", 21)]
    assert seen[20] == ("auditing one", 21, 21) and seen[-1] == ("auditing two", 21, 21)
    assert "21 of 42 blocks from 2 replicas, all sound" in str(found)


def test_a_lost_a_forged_and_a_silent_block_are_found_and_named(kept: tuple[MemoryStore, Added]) -> None:
    store, added = kept
    lossy, forging = copy_of(store, added.cid), copy_of(store, added.cid)
    lost, forged = added.files[3].cid, added.files[4].cid
    del lossy.blocks[lost]
    forging.blocks[forged] = b"something else"

    class Silent:
        name = "a silent one"

        def get(self, cid: CID) -> bytes:
            raise Unavailable(f"Block {cid}")

    found = audit([added.cid], store, {"lossy": lossy, "forging": forging, "silent": Silent()}, share=1.0)
    first, second, third = found.replicas
    assert not found.sound and str(found).count("not sound: lossy, forging, silent") == 1
    assert [(finding.cid, finding.error) for finding in first.findings] == [(lost, "BlockNotFound")]
    assert [(finding.cid, finding.error) for finding in second.findings] == [(forged, "Unverified")]
    assert {finding.error for finding in third.findings} == {"Unavailable"} and len(third.findings) == 42


def test_a_seed_repeats_a_draw_and_without_one_draws_differ(kept: tuple[MemoryStore, Added]) -> None:
    store, added = kept

    def drawn(seed: int | None) -> list[CID]:
        replica = copy_of(store, added.cid)
        audit([added.cid], store, {"it": replica}, seed=seed)
        return replica.asked

    assert drawn(7) == drawn(7) != drawn(8)
    assert drawn(None) != drawn(None)


def test_the_leaves_of_the_tree_are_asked_of_the_replicas_only(folder: Callable[..., Path]) -> None:
    whole = MemoryStore()
    added = add_tree(folder({f"{n}": os.urandom(50) for n in range(20)}), whole)
    trees = MemoryStore()
    trees.put(added.cid, whole.get(added.cid))
    assert audit([added.cid], trees, {"it": copy_of(whole, added.cid)}, share=1.0).sound


def test_what_two_roots_share_is_one_block(kept: tuple[MemoryStore, Added]) -> None:
    store, added = kept
    file = added.files[0].cid
    assert audit([added.cid, file], store, {"it": store}).blocks == 42


@settings(deadline=None)
@given(st.data())
def test_the_chance_to_miss_a_loss_is_hypergeometric(data: st.DataObject) -> None:
    blocks = data.draw(st.integers(1, 200))
    lost = data.draw(st.integers(0, blocks))
    sample = data.draw(st.integers(0, blocks))
    exact = Fraction(math.comb(blocks - lost, sample), math.comb(blocks, sample))
    assert chance_to_miss(blocks, lost, sample) == pytest.approx(float(exact), rel=1e-9)


def test_audits_miss_as_often_as_they_say(kept: tuple[MemoryStore, Added]) -> None:
    store, added = kept
    lossy = copy_of(store, added.cid)
    for entry in added.files[:4]:
        del lossy.blocks[entry.cid]
    runs = [audit([added.cid], store, {"it": lossy}, at_least=8, seed=seed) for seed in range(400)]
    missed = sum(run.sound for run in runs) / len(runs)
    said = runs[0].misses(4 / 42)
    assert said == pytest.approx(math.comb(38, 8) / math.comb(42, 8))
    assert abs(missed - said) < 4 * math.sqrt(said * (1 - said) / len(runs))


@pytest.mark.parametrize("wrong", [{"share": 0.0}, {"share": 1.1}, {"at_least": 0}])
def test_an_audit_of_nothing_is_none(kept: tuple[MemoryStore, Added], wrong: dict[str, float]) -> None:
    store, added = kept
    with pytest.raises(InputError, match="make no audit"):
        audit([added.cid], store, {"it": store}, **wrong)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="0 replicas"):
        audit([added.cid], store, {})
    with pytest.raises(InputError, match="do not fit"):
        chance_to_miss(10, 11, 1)


# --- Recovery ------------------------------------------------------------------------------------


def test_the_drill_restores_every_byte_from_the_archive_alone(kept: tuple[MemoryStore, Added], tmp_path: Path) -> None:
    store, added = kept
    seen: list[str] = []
    drill = rehearse(added.cid, store, tmp_path / "a.car", progress=lambda what, done: seen.append(what))
    assert (drill.files, drill.size, drill.archive.blocks) == (40, 4000, 42)
    assert {what.split()[0] for what in seen} == {"packing", "unpacking", "reading"}
    assert [path.name for path in tmp_path.iterdir() if path.name != "content"] == ["a.car"]
    bare = LocalStore(tmp_path / "blocks")
    assert restore(tmp_path / "a.car", bare).roots == (added.cid,)
    assert [pin.cid for pin in bare.pins()] == [added.cid]
    assert bare.gc(grace=0).removed == 0


def test_a_damaged_archive_restores_nothing(kept: tuple[MemoryStore, Added], tmp_path: Path) -> None:
    store, added = kept
    back_up(added.cid, store, tmp_path / "a.car")
    content = (tmp_path / "a.car").read_bytes()
    for number, broken in enumerate(
        (content[:-1] + bytes([content[-1] ^ 1]), content[:-1], content[: len(content) // 2], b"", b"junk")
    ):
        (tmp_path / "b.car").write_bytes(broken)
        bare = LocalStore(tmp_path / f"blocks {number}")
        with pytest.raises(Unverified):
            restore(tmp_path / "b.car", bare)
        assert bare.pins() == ()


def test_an_archive_that_leaves_a_block_out_is_not_taken_for_whole(
    kept: tuple[MemoryStore, Added], tmp_path: Path
) -> None:
    store, added = kept
    back_up(added.cid, store, tmp_path / "a.car")
    content = (tmp_path / "a.car").read_bytes()
    (tmp_path / "a.car").write_bytes(content[:-138])  # 2 of length, 36 of CID, 100 of the last block
    bare = LocalStore(tmp_path / "blocks")
    with pytest.raises(BlockNotFound):
        restore(tmp_path / "a.car", bare)
    assert bare.pins() == ()


def test_a_backup_is_written_whole_or_not_at_all_and_never_over_another(
    kept: tuple[MemoryStore, Added], tmp_path: Path
) -> None:
    store, added = kept
    holed = copy_of(store, added.cid)
    del holed.blocks[added.files[-1].cid]
    with pytest.raises(BlockNotFound):
        back_up(added.cid, holed, tmp_path / "a.car")
    assert [path.name for path in tmp_path.iterdir()] == ["content"]
    back_up(added.cid, store, tmp_path / "a.car")
    with pytest.raises(InputError, match="exists already"):
        back_up(added.cid, store, tmp_path / "a.car")
    with pytest.raises(InputError, match="cannot be read"):
        restore(tmp_path / "nothing.car", LocalStore(tmp_path / "blocks"))
