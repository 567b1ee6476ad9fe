"""A reader that remembers folders and the trees of large files, for those who read by many paths."""

from __future__ import annotations

from functools import lru_cache
from threading import Lock
from typing import Final

from registry.ipfs.blocks import BlockSource
from registry.ipfs.cid import CID, DAG_PB
from registry.ipfs.dagpb import Link, Type
from registry.ipfs.node import Node
from registry.ipfs.reader import Reader

__all__ = ["CACHED_FOLDERS", "CachedReader"]

CACHED_FOLDERS: Final = 64
_CACHED_NODES: Final = 4096


class CachedReader(Reader):
    """Keeps the nodes that it saw last, leaves excepted, and the names of the folders that it looked into."""

    def __init__(self, source: BlockSource) -> None:
        super().__init__(source)
        self._nodes: dict[CID, Node] = {}
        self._lock = Lock()
        self._folders = lru_cache(CACHED_FOLDERS)(lambda cid: dict(self.links(self.node(cid))))

    def node(self, cid: CID) -> Node:
        """As `Reader.node`, from memory if it is no leaf."""
        if cid.codec != DAG_PB:
            return super().node(cid)
        found = self._nodes.get(cid)
        if found is None:
            found = super().node(cid)
            if found.links or found.kind != "file":
                with self._lock:
                    if len(self._nodes) >= _CACHED_NODES:
                        del self._nodes[next(iter(self._nodes))]
                    self._nodes[cid] = found
        return found

    def child(self, node: Node, name: str) -> Link | None:
        """As `Reader.child`, from memory in a folder that is not sharded."""
        if node.type is not Type.DIRECTORY:
            return super().child(node, name)
        found: Link | None = self._folders(node.cid).get(name)
        return found
