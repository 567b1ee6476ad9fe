"""What must hold of any bytes that are read as a CID, an archive or a dag-pb block, and of what was read from them."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from typing import Any, Final

import libipld
from ipfsspec import car as peer_car
from ipfsspec import unixfsv1 as peer_pb

from registry.errors import ContentError, InvalidCID, LimitExceeded, RegistryError, UnsupportedHash, Unverified
from registry.ipfs import dag, varint
from registry.ipfs.car import CarReader, car_pieces
from registry.ipfs.cid import CID, DAG_CBOR, DAG_JSON, DAG_PB, JSON, RAW
from registry.ipfs.dagpb import Link, Message, Type, decode_message, decode_node, encode_message, encode_node
from registry.ipfs.limits import ReadLimits
from registry.ipfs.memory import MemoryStore
from registry.ipfs.unixfs import cat, ls, stat, walk

SHA2_256, SHA2_512, IDENTITY = 0x12, 0x13, 0x00
LIMITS: Final = ReadLimits(depth=8, block=4096, total=16_384, entries=64, fanout=64)


def attempt(read: Callable[[], Any], *refusals: type[Exception]) -> Any:
    """What was read, or None for one of the refusals that are promised; any other error is a finding."""
    try:
        return read()
    except refusals:
        return None


# --- CID -----------------------------------------------------------------------------------------


def cid_seeds() -> Iterator[bytes]:
    hello = CID.raw(b"hello")
    long = CID(1, DAG_CBOR, bytes((SHA2_512, 64)) + hashlib.sha512(b"hello").digest())
    inline = CID(1, RAW, bytes((IDENTITY, 5)) + b"hello")
    for cid in (hello, long, inline, CID(0, DAG_PB, hello.multihash), CID(1, DAG_JSON, hello.multihash)):
        yield bytes(cid)
        yield str(cid).encode()
    for base in "BfFkKz":
        yield libipld.encode_multibase(base, bytes(hello)).encode()


def check_cid(data: bytes) -> bool:
    """Binary and text: the same CID comes back, it has one spelling in each base, and libipld reads the same in it."""
    binary = attempt(lambda: CID.parse(data), InvalidCID)
    if binary is not None:
        assert bytes(binary) == data
        _cid_is_whole(binary)
    taken = attempt(lambda: CID.take(data), InvalidCID)
    if taken is not None:
        cid, end = taken
        assert end <= len(data) and bytes(cid) == data[:end] and CID.take(data[:end] + b"tail") == taken
        assert binary is None or taken == (binary, len(data))
    written = data.decode("utf-8", "surrogateescape")
    text = attempt(lambda: CID.parse(written), InvalidCID)
    if text is not None:
        _cid_is_whole(text)
        again = str(text) if text.version == 0 else libipld.encode_multibase(written[0], bytes(text))
        # Letters of these bases may be of either case.
        spelled = str.lower if written[0] in "fFbBkK" else str
        assert spelled(again) == spelled(written), "a CID has two spellings in one base"
    return binary is not None or text is not None


def _cid_is_whole(cid: CID) -> None:
    assert CID.parse(str(cid)) == CID.parse(bytes(cid)) == cid
    assert cid.v1().v1() == cid.v1() and cid.v1().multihash == cid.multihash
    if cid.hash_code in (IDENTITY, SHA2_256, SHA2_512):
        assert names(cid, b"wrong bytes") == cid.verify(b"wrong bytes") and cid.inline in (None, cid.digest)
    peer = attempt(lambda: libipld.decode_cid(bytes(cid)), ValueError)
    if peer is not None:
        hashed = peer["hash"]
        assert (peer["version"], peer["codec"], hashed["digest"]) == (cid.version, cid.codec, cid.digest)
        assert (hashed["code"], hashed["size"]) == (cid.hash_code, len(cid.digest))
        assert libipld.encode_cid(bytes(cid)) == str(cid)


def names(cid: CID, block: bytes) -> bool:
    """Whether a CID is that of these bytes, by the standard library alone; of another hash nobody here can say so."""
    hashes = {SHA2_256: hashlib.sha256, SHA2_512: hashlib.sha512}
    if (code := cid.hash_code) == IDENTITY:
        return cid.multihash[2:] == block
    return code in hashes and cid.multihash[2:] == hashes[code](block).digest()


# --- Archives ------------------------------------------------------------------------------------

VERSION_2: Final = bytes.fromhex("0aa16776657273696f6e02")


def car_seeds() -> Iterator[bytes]:
    blocks = [b"", b"hello", dag.encode({"a": [1, CID.raw(b"hello")]}), encode_node([], b"\x08\x01")]
    codecs = [RAW, RAW, DAG_CBOR, DAG_PB]
    parts = [(CID.of(block, codec=codec), block) for block, codec in zip(blocks, codecs, strict=True)]
    inline = CID(1, RAW, bytes((IDENTITY, 5)) + b"hello")
    long = CID(1, RAW, bytes((SHA2_512, 64)) + hashlib.sha512(b"hello").digest())
    old = CID(0, DAG_PB, parts[3][0].multihash)
    whole = b"".join(car_pieces(parts[2][0], [*parts, (inline, b"hello"), (long, b"hello"), (old, blocks[3])]))
    yield b"\0" + whole
    yield b"\0" + b"".join(car_pieces(parts[0][0], []))
    yield (
        b"\0" + VERSION_2 + bytes(16) + (51).to_bytes(8, "little") + len(whole).to_bytes(8, "little") + bytes(8) + whole
    )
    yield b"\1" + b"\0\5\0hello" + b"\1\0\0" + b"\2\3\0abc" + b"\3\2\0de"


def check_car(data: bytes) -> bool:
    """No block is handed out that is not its CID's, nor more than the limits allow; a whole archive of version 1 has
    one spelling, and ipfsspec reads the same in it. With a first byte that is odd, the rest says how to make an archive
    of good blocks and where to damage it: blocks of bytes made up would never have their hash."""
    stream = data[1:] if not data[:1] or not data[0] & 1 else _archive_by_recipe(data[1:])
    roots: tuple[CID, ...] = ()
    found: list[tuple[CID, bytes]] = []
    try:
        reader = CarReader(io.BytesIO(stream), limits=LIMITS)
        roots = reader.roots
        for cid, block in reader:
            assert names(cid, block), "a block is not what its CID names"
            found.append((cid, block))
            assert len(block) <= LIMITS.block and len(found) <= LIMITS.entries
            assert sum(len(block) for _, block in found) <= LIMITS.total
    except (Unverified, LimitExceeded, UnsupportedHash):
        return False
    if reader.version == 1:
        header = dag.encode({"roots": list(roots), "version": 1})
        pieces = [varint.encode(len(header)), header]
        for cid, block in found:
            pieces += [varint.encode(len(bytes(cid)) + len(block)), bytes(cid), block]
        if len(header) == varint.decode(stream)[0]:  # a header may have more words than these two
            assert b"".join(pieces) == stream
        theirs = attempt(lambda: list(peer_car.read_car(stream)[1]), Exception)
        assert theirs is None or [(bytes(cid), block) for cid, block, _ in theirs] == [
            (bytes(cid), block) for cid, block in found
        ]
    return True


def _archive_by_recipe(recipe: bytes) -> bytes:
    """(kind, length, place of a damage) of each block, then its bytes; the damage is left out where it is 0."""
    at, parts, damages = 0, list[tuple[CID, bytes]](), list[int]()
    while at + 3 <= len(recipe) and len(parts) < LIMITS.entries + 1:
        kind, length, damage = recipe[at : at + 3]
        block = recipe[at + 3 : at + 3 + length]
        at += 3 + length
        codec = (RAW, DAG_PB, DAG_CBOR, JSON)[kind >> 2 & 3]
        match kind & 3:
            case 0:
                cid = CID.of(block, codec=codec)
            case 1:
                cid = CID(1, codec, bytes((SHA2_512, 64)) + hashlib.sha512(block).digest())
            case 2:
                cid = CID(1, codec, bytes((IDENTITY, len(block[:100]))) + block[:100])
                block = block[:100]
            case _:
                cid = CID.of(block, codec=DAG_PB, version=0)
        parts.append((cid, block))
        damages.append(damage)
    if not parts:
        return b""
    pieces = list(car_pieces(parts[0][0], parts))
    for place, damage in enumerate(damages, start=1):
        if damage:
            piece = bytearray(pieces[place])
            piece[damage % len(piece)] ^= damage
            pieces[place] = bytes(piece)
    return b"".join(pieces)


# --- dag-pb --------------------------------------------------------------------------------------


def dag_pb_seeds() -> Iterator[bytes]:
    hello = CID.raw(b"hello")
    message = Message(Type.FILE, b"ab", 7, (5,))
    for node in (
        encode_node([Link(hello, b"", 5)], encode_message(message)),
        encode_node([Link(hello, "é".encode(), 5), Link(hello, b"b", 2**63)], encode_message(Message(Type.DIRECTORY))),
        encode_node([], encode_message(Message(Type.SYMLINK, b"target"))),
        encode_node([Link(hello, b"00a", 5)], encode_message(Message(Type.HAMT, b"\1", None, (), 0x22, 8))),
        encode_node([], b""),
    ):
        yield b"\0" + node
    for one in (message, Message(Type.RAW, b"x" * 30), Message(Type.HAMT, b"\xff", 1, (1, 2, 3), 0x22, 256)):
        yield b"\1" + encode_message(one)
    yield b"\1" + encode_message(message) + bytes.fromhex("38a403 4206 0880e59aa306")  # a mode and a time
    yield b"\1" + bytes.fromhex("0802 2203 010203")  # sizes in the packed form


def check_dag_pb(data: bytes) -> bool:
    """Odd first byte: a UnixFS message, else a node. Written again it is read again as the same, pure-protobuf reads
    the same in it, and whoever reads it as a file or a folder gets an answer or one of the errors of content."""
    body = data[1:]
    if data[:1] and data[0] & 1:
        return _check_message(body)
    node = attempt(lambda: decode_node(body), ValueError)
    cid = CID.of(body, codec=DAG_PB)
    found = attempt(lambda: dag.links(cid, body, LIMITS), ContentError)
    assert found is None or [link.cid for link in node.links] == list(found)
    store = MemoryStore()
    store.put(cid, body)
    for link in node.links if node is not None else ():
        if names(link.cid, b"hello"):
            store.put(link.cid, b"hello")
    for read in (
        lambda: sum(len(piece) for piece in cat(cid, store, limits=LIMITS)),
        lambda: ls(cid, store, limits=LIMITS),
        lambda: list(walk(cid, store, limits=LIMITS)),
        lambda: stat(cid, store, limits=LIMITS),
    ):
        attempt(read, RegistryError)
    if node is None:
        return False
    again = decode_node(encode_node(node.links, node.data or b""))
    assert again.links == node.links and again.data == (node.data or b"")
    theirs = attempt(lambda: peer_pb.PBNode.loads(body), Exception)  # it does not take names that are not UTF-8
    if theirs is not None:
        assert (theirs.Data or b"") == (node.data or b"")
        assert [(link.Hash, (link.Name or "").encode(), link.Tsize or 0) for link in theirs.Links] == [
            (bytes(link.cid), link.name, link.tsize) for link in node.links
        ]
    return True


def _check_message(body: bytes) -> bool:
    message = attempt(lambda: decode_message(body), ValueError)
    if message is None:
        return False
    assert decode_message(encode_message(message)) == message
    theirs = attempt(lambda: peer_pb.Data_.loads(body), Exception)
    if theirs is not None:
        mine = (message.data, message.filesize, tuple(message.blocksizes), message.hash_type, message.fanout)
        peers = (theirs.Data, theirs.filesize, tuple(theirs.blocksizes), theirs.hashType, theirs.fanout)
        assert (int(message.type), *mine) == (int(theirs.Type), *peers)
    return True
