"""A store beside its model: whatever is added, pinned, unpinned, damaged and cleared, what is pinned can be read."""

from __future__ import annotations

import io
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from registry.errors import BlockNotFound, NotFoundError
from registry.ipfs.cid import CID
from registry.ipfs.profiles import UNIXFS_V1_2025
from registry.ipfs.store import LocalStore, MemoryStore
from registry.ipfs.traverse import traverse
from registry.ipfs.unixfs import add_file

from .profile import walk

SMALL = replace(UNIXFS_V1_2025, chunk=4, width=2)


class StoreMachine(RuleBasedStateMachine):
    """The model: all blocks that there ever were, those that must be here, those that may be, and the pins."""

    roots = Bundle("roots")

    def __init__(self) -> None:
        super().__init__()
        self.path = Path(tempfile.mkdtemp())
        self.store = LocalStore(self.path, durable=False)
        self.all = MemoryStore()
        self.here: set[CID] = set()
        self.pinned: set[CID] = set()

    def teardown(self) -> None:
        shutil.rmtree(self.path)

    def below(self, root: CID) -> set[CID]:
        return {cid.v1() for cid, _ in traverse(root, self.all)}

    @rule(target=roots, data=st.binary(max_size=40).map(lambda data: data[:3] * 7 + data))
    def add(self, data: bytes) -> CID:
        """Contents share beginnings, so their trees share blocks."""
        cid = add_file(io.BytesIO(data), self.store, SMALL).cid
        add_file(io.BytesIO(data), self.all, SMALL)
        self.here |= self.below(cid)
        return cid

    @rule(root=roots)
    def pin(self, root: CID) -> None:
        whole = self.below(root) <= self.here
        try:
            self.store.pin(root)
            assert whole
            self.pinned.add(root.v1())
        except BlockNotFound:
            assert not whole

    @rule(root=roots)
    def pin_with_source(self, root: CID) -> None:
        self.store.pin(root, source=self.all)
        self.here |= self.below(root)
        self.pinned.add(root.v1())

    @rule(root=roots)
    def unpin(self, root: CID) -> None:
        try:
            self.store.unpin(root)
            assert root.v1() in self.pinned
        except NotFoundError:
            assert root.v1() not in self.pinned
        self.pinned.discard(root.v1())

    @rule()
    def clear(self) -> None:
        keep = {cid for root in self.pinned for cid in self.below(root)}
        cleared = self.store.gc(grace=0)
        assert cleared.removed == len(self.here - keep) and cleared.kept == len(keep)
        self.here = keep

    @rule(root=consumes(roots))
    def damage_and_mend(self, root: CID) -> None:
        found = sorted(self.below(root) & self.here, key=str)
        for cid in found[::2]:
            self.store.file_of(cid).write_bytes(b"damage")
        assert set(self.store.fsck(self.all).damaged) == set(found[::2])

    @rule()
    def open_again(self) -> None:
        self.store = LocalStore(self.path, durable=False)

    @invariant()
    def what_must_be_here_is_here_and_right(self) -> None:
        assert set(self.store) == self.here
        for cid in self.here:
            assert self.store.get(cid) == self.all.get(cid)
        assert {pin.cid for pin in self.store.pins()} == self.pinned


def test_what_is_pinned_can_be_read() -> None:
    walk(StoreMachine, examples=25, steps=25)
