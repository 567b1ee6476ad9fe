"""Values in blocks by their paths, ``CID/rows/3/name``: through DAG-CBOR, DAG-JSON and folders, from block to block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from registry.errors import FileNotInAsset, LimitExceeded, UnsupportedCodec, Unverified
from registry.ipfs.blocks import BlockSink, BlockSource, fetch, keep, writing
from registry.ipfs.cid import CBOR, CID, DAG_CBOR, DAG_JSON, DAG_PB, JSON, RAW
from registry.ipfs.dag import CODECS, decode, encode
from registry.ipfs.dagpb import decode_node
from registry.ipfs.limits import LIMITS, ReadLimits
from registry.ipfs.nesting import load_json
from registry.ipfs.reader import Reader

__all__ = ["Reached", "get_value", "put_value", "reach_path"]

_SHOWN: Final = 9


@dataclass(frozen=True, slots=True)
class Reached:
    """Where a path leads: the `blocks` on its way from the root on, and the `rest` of it, which lies in the last."""

    blocks: tuple[CID, ...]
    rest: tuple[str, ...] = ()

    @property
    def cid(self) -> CID:
        """The block that the path ends in."""
        return self.blocks[-1]


def put_value(value: Any, sink: BlockSink, codec: str = "dag-cbor", *, pin: bool = False) -> CID:
    """Keep a value as one block of "dag-cbor" or "dag-json"; its `CID`s are links. Raises `InputError` for what has no
    such form, `LimitExceeded` for what is larger than a block may be, and with `pin` for links whose blocks are not
    there `BlockNotFound`."""
    block = encode(value, codec)
    if len(block) > LIMITS.block:
        raise LimitExceeded("The size of the value in bytes", len(block), LIMITS.block)
    cid = CID.of(block, codec=CODECS[codec])
    with writing(sink):
        sink.put(cid, block)
        if pin:
            keep(sink, {cid: ""})
    return cid


def get_value(root: CID, path: str, source: BlockSource, *, limits: ReadLimits = LIMITS) -> Any:
    """The value at a path: None, bool, int, float, str, bytes, list, dict, `CID`. A link at its end is followed. Raises
    `FileNotInAsset` with what is there instead, and the content errors."""
    return _Walk(source, limits, fields=True).to(root, path)[1]


def reach_path(
    root: CID, path: str, source: BlockSource, *, fields: bool = True, limits: ReadLimits = LIMITS
) -> Reached:
    """Where a path leads, without fetching what its last link leads to. Without `fields`, the names in a folder are all
    that leads on from one. Raises as `get_value`."""
    return _Walk(source, limits, fields=fields).to(root, path, lazy=True)[0]


class _Walk:
    def __init__(self, source: BlockSource, limits: ReadLimits, *, fields: bool) -> None:
        self._source, self._limits, self._fields = source, limits, fields
        self._reader = Reader(source, limits)

    def to(self, root: CID, path: str, *, lazy: bool = False) -> tuple[Reached, Any]:
        names = [name for name in path.split("/") if name]
        blocks, done = [root], 0
        while done < len(names):
            named = self._named(blocks[-1], names[done:], path)
            if named is not None:
                blocks.append(named)
                done += 1
                continue
            value = self._value(blocks[-1])
            start = done
            while done < len(names) and not isinstance(value, CID):
                value = _step(value, names[done], names[:done], path)
                done += 1
            if not isinstance(value, CID):
                return Reached(tuple(blocks), tuple(names[start:])), value
            blocks.append(value)
        return Reached(tuple(blocks)), None if lazy else self._value(blocks[-1])

    def _named(self, cid: CID, names: Sequence[str], path: str) -> CID | None:
        """What the first of the names is in a folder; None for what is no folder, or has no such entry."""
        if cid.codec != DAG_PB:
            return None
        if not self._fields:
            return self._reader.resolve(cid, names[0])
        try:
            node = self._reader.node(cid)
        except Unverified:  # any dag-pb has fields, whether it is a file or folder or not
            return None
        link = self._reader.child(node, names[0]) if node.kind == "folder" else None
        return None if link is None else link.cid

    def _value(self, cid: CID) -> Any:
        block = fetch(cid, self._source, self._limits)
        try:
            match cid.codec:
                case _ if cid.codec == RAW:
                    return block
                case _ if cid.codec in (DAG_CBOR, DAG_JSON):
                    return decode(block, cid.codec)
                case _ if cid.codec == CBOR:
                    return decode(block)
                case _ if cid.codec == JSON:
                    return load_json(block)
                case _ if cid.codec == DAG_PB:
                    return _fields_of(block)
        except ValueError as error:
            raise Unverified(cid, Unverified.PUBLISHER, f"it is malformed: {error}") from None
        raise UnsupportedCodec(cid, cid.codec)


def _fields_of(block: bytes) -> dict[str, Any]:
    """A dag-pb node as the data model has it."""
    node = decode_node(block)
    links = [
        {"Hash": link.cid, "Name": link.name.decode("utf-8", "surrogateescape"), "Tsize": link.tsize}
        for link in node.links
    ]
    return {"Links": links} if node.data is None else {"Data": node.data, "Links": links}


def _step(value: Any, name: str, before: Sequence[str], path: str) -> Any:
    """What a name is in a map, or a number in a list."""
    if isinstance(value, dict):
        if name in value:
            return value[name]
        known = [*value]
    elif isinstance(value, list):
        if name.isascii() and name.isdecimal() and str(int(name[:9])) == name and int(name) < len(value):
            return value[int(name)]
        known = [str(index) for index in range(min(len(value), _SHOWN))]
    else:
        known = []
    raise FileNotInAsset(path, ["/".join((*before, one)) for one in known[:_SHOWN]])
