"""Blocks from strangers: whatever is in them, the reader returns promised bytes or raises one of its errors."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.errors import (
    BlockNotFound,
    ContentError,
    InputError,
    LimitExceeded,
    RegistryError,
    UnsupportedCodec,
    Unverified,
)
from registry.ipfs import hamt, varint
from registry.ipfs.cid import CBOR, CID, DAG_CBOR, DAG_JSON, DAG_PB, JSON, RAW
from registry.ipfs.dagpb import Link, Message, Type, decode_message, decode_node, encode_message, encode_node
from registry.ipfs.limits import LIMITS, ReadLimits
from registry.ipfs.profiles import UNIXFS_V0_2015, UNIXFS_V1_2025
from registry.ipfs.unixfs import add_file, add_tree, cat, export, ls, resolve, stat, walk

from .support import Stranger, pattern

SMALL = replace(UNIXFS_V1_2025, chunk=7, width=3)
FOLDER = Message(Type.DIRECTORY)


def read(cid: CID, source: Stranger, **options: object) -> bytes:
    return b"".join(cat(cid, source, **options))  # type: ignore[arg-type]


def parts(stranger: Stranger, sizes: list[int], filesize: int, *contents: bytes) -> CID:
    links = [Link(stranger.block(content, RAW), b"", len(content)) for content in contents]
    return stranger.node(links, Message(Type.FILE, filesize=filesize, blocksizes=sizes))


# --- Bytes that are not the promised ones --------------------------------------------------------


def test_a_flipped_bit_in_any_block_is_refused(stranger: Stranger, folder: Callable[..., Path], tmp_path: Path) -> None:
    path = folder({f"name {n}": pattern(n) for n in range(20)})
    cid = add_tree(path, stranger, replace(SMALL, hamt_threshold=0)).cid
    for target, block in list(stranger.blocks.items()):
        if target == CID.raw(b""):
            continue
        stranger.blocks[target] = block[:-1] + bytes([block[-1] ^ 1])
        with pytest.raises(Unverified, match="a stranger") as caught:
            export(cid, stranger, tmp_path / "out")
        assert caught.value.cid == target
        assert not (tmp_path / "out").exists()
        stranger.blocks[target] = block
    assert len(list(tmp_path.iterdir())) == 1
    export(cid, stranger, tmp_path / "out")


def test_a_valid_block_under_another_name_is_refused(stranger: Stranger) -> None:
    cid = add_file(io.BytesIO(pattern(70)), stranger, SMALL).cid
    leaves = [block for block in stranger.blocks if block.codec == RAW]
    stranger.blocks[leaves[0]], stranger.blocks[leaves[1]] = stranger.blocks[leaves[1]], stranger.blocks[leaves[0]]
    with pytest.raises(Unverified):
        read(cid, stranger)


def test_nothing_comes_out_before_it_is_verified(stranger: Stranger) -> None:
    cid = add_file(io.BytesIO(pattern(70)), stranger, SMALL).cid
    last = CID.raw(pattern(70)[63:])
    stranger.blocks[last] = b"forged!"
    pieces = cat(cid, stranger)
    read_so_far = b""
    with pytest.raises(Unverified):
        for piece in pieces:
            read_so_far += piece
    assert read_so_far == pattern(63)


def test_a_missing_block_is_named(stranger: Stranger) -> None:
    cid = add_file(io.BytesIO(pattern(70)), stranger, SMALL).cid
    last = CID.raw(pattern(70)[63:])
    del stranger.blocks[last]
    with pytest.raises(BlockNotFound) as caught:
        read(cid, stranger)
    assert caught.value.cid == last


def test_an_oversized_block_is_refused(stranger: Stranger) -> None:
    cid = stranger.block(bytes(LIMITS.block + 1), RAW)
    with pytest.raises(LimitExceeded, match="2,097,153"):
        read(cid, stranger)
    assert len(read(stranger.block(bytes(LIMITS.block), RAW), stranger)) == LIMITS.block


def test_a_node_of_too_many_links_is_refused(stranger: Stranger) -> None:
    leaf = Link(stranger.block(b"x", RAW), b"", 1)
    cid = stranger.node([leaf] * 100, Message(Type.FILE, filesize=100, blocksizes=[1] * 100))
    assert len(read(cid, stranger, limits=ReadLimits(fanout=100))) == 100
    with pytest.raises(LimitExceeded, match="number of links"):
        read(cid, stranger, limits=ReadLimits(fanout=99))


# --- Sizes that lie ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sizes", "filesize"),
    [([3, 3], 7), ([3, 4], 7), ([3], 3), ([3, 3, 3], 9), ([], 0), ([3, 2**63], 3 + 2**63), ([6, 0], 6), ([2, 4], 6)],
)
def test_sizes_that_do_not_add_up_are_refused(stranger: Stranger, sizes: list[int], filesize: int) -> None:
    with pytest.raises((Unverified, LimitExceeded)):
        read(parts(stranger, sizes, filesize, b"abc", b"def"), stranger)


def test_a_part_that_lies_about_itself_is_refused_in_any_range(stranger: Stranger) -> None:
    cid = parts(stranger, [3, 5], 8, b"abc", b"def")
    assert read(cid, stranger, start=0, end=3) == b"abc"
    with pytest.raises(Unverified, match="3 bytes, not the stated 5"):
        read(cid, stranger, start=7)


def test_a_claim_of_endless_size_is_refused_at_once(stranger: Stranger) -> None:
    cid = parts(stranger, [2**62, 2**62], 2**63, b"abc", b"def")
    assert stat(cid, stranger).size == 2**63
    with pytest.raises(LimitExceeded):
        cat(cid, stranger)


def test_as_many_bytes_are_read_at_once_as_may_be(stranger: Stranger) -> None:
    cid = add_file(io.BytesIO(pattern(70)), stranger, SMALL).cid
    assert len(read(cid, stranger, start=3, end=43, limits=ReadLimits(total=40))) == 40
    for start, end, size in ((3, 44, 41), (0, None, 70), (0, 71, 70), (-60, None, 60)):
        with pytest.raises(LimitExceeded, match=f"size of {cid} in bytes is {size}, over the limit of 40"):
            cat(cid, stranger, start, end, limits=ReadLimits(total=40))


def test_the_depths_of_files_and_folders_are_told(stranger: Stranger) -> None:
    file = stranger.block(b"x", RAW)
    for _ in range(3):
        file = stranger.node([Link(file, b"", 1)], Message(Type.FILE, filesize=1, blocksizes=[1]))
    assert read(file, stranger, limits=ReadLimits(depth=3)) == b"x"
    with pytest.raises(LimitExceeded, match=r"depth of the file at .* is 3, over the limit of 2"):
        read(file, stranger, limits=ReadLimits(depth=2))
    folder = stranger.node([], FOLDER)
    for _ in range(4):
        folder = stranger.node([Link(folder, b"d", 1)], FOLDER)
    assert len(list(walk(folder, stranger, limits=ReadLimits(depth=4)))) == 5
    with pytest.raises(LimitExceeded, match=f"depth of the folders of {folder} is 3, over the limit of 2"):
        list(walk(folder, stranger, limits=ReadLimits(depth=2)))


def test_as_many_entries_are_listed_as_may_be(stranger: Stranger) -> None:
    leaf = stranger.block(b"x", RAW)
    inner = stranger.node([Link(leaf, b"a", 1), Link(leaf, b"b", 1)], FOLDER)
    cid = stranger.node([Link(leaf, b"a", 1), Link(inner, b"d", 1), Link(leaf, b"e", 1)], FOLDER)
    assert len(ls(cid, stranger, limits=ReadLimits(entries=3))) == 3
    with pytest.raises(LimitExceeded, match=f"number of entries of {cid} is 3, over the limit of 2"):
        ls(cid, stranger, limits=ReadLimits(entries=2))
    assert len(list(walk(cid, stranger, limits=ReadLimits(entries=5)))) == 6
    with pytest.raises(LimitExceeded, match=f"number of entries of {cid} is 5, over the limit of 4"):
        list(walk(cid, stranger, limits=ReadLimits(entries=4)))


def test_what_is_no_file_or_no_folder_is_refused_as_what_it_is(stranger: Stranger) -> None:
    link = stranger.node([], Message(Type.SYMLINK, data=b"there"))
    folder = stranger.node([Link(link, b"a", 1)], FOLDER)
    with pytest.raises(InputError, match="is a folder, not a file"):
        cat(folder, stranger)
    with pytest.raises(InputError, match="is a symbolic link to 'there'"):
        cat(link, stranger)
    for part, kind in ((folder, "folder"), (link, "symlink")):
        file = stranger.node([Link(part, b"", 1)], Message(Type.FILE, filesize=1, blocksizes=[1]))
        with pytest.raises(Unverified, match=f"its part {part} is a {kind}"):
            read(file, stranger)
    for other, kind in ((file, "file"), (link, "symlink")):
        with pytest.raises(InputError, match=f"is a {kind}, not a folder"):
            ls(other, stranger)


# --- Shapes that never end -----------------------------------------------------------------------


def test_a_deep_chain_is_refused(stranger: Stranger) -> None:
    cid = stranger.block(b"x", RAW)
    for depth in range(1000):
        cid = stranger.node([Link(cid, b"", 1)], Message(Type.FILE, filesize=1, blocksizes=[1]))
        if depth == 31:
            assert read(cid, stranger) == b"x"
    with pytest.raises(LimitExceeded, match="depth"):
        read(cid, stranger)


def test_a_deep_nest_of_folders_is_refused(stranger: Stranger, tmp_path: Path) -> None:
    cid = stranger.node([], FOLDER)
    for _ in range(1000):
        cid = stranger.node([Link(cid, b"d", 1)], FOLDER)
    with pytest.raises(LimitExceeded, match="depth"):
        list(walk(cid, stranger))
    with pytest.raises(LimitExceeded):
        export(cid, stranger, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_fan_in_bomb_of_bytes_is_refused_at_once(stranger: Stranger) -> None:
    cid, size = stranger.block(b"x", RAW), 1
    for _ in range(10):
        cid = stranger.node([Link(cid, b"", 1)] * 64, Message(Type.FILE, filesize=size * 64, blocksizes=[size] * 64))
        size *= 64
    with pytest.raises(LimitExceeded):
        cat(cid, stranger)
    assert read(cid, stranger, start=size // 2, end=size // 2 + 10) == b"x" * 10


def test_a_fan_in_bomb_of_nothing_is_refused(stranger: Stranger) -> None:
    cid = stranger.block(b"", RAW)
    cid = stranger.node([Link(cid, b"", 0)] * 64, Message(Type.FILE, filesize=0, blocksizes=[0] * 64))
    with pytest.raises(Unverified, match="is empty"):
        read(cid, stranger)


def test_a_fan_in_bomb_of_folders_is_refused(stranger: Stranger) -> None:
    cid = stranger.node([], FOLDER)
    for _ in range(10):
        cid = stranger.node([Link(cid, b"%02d" % n, 1) for n in range(64)], FOLDER)
    seen = 0
    with pytest.raises(LimitExceeded, match="number of entries"):
        for _ in walk(cid, stranger, limits=ReadLimits(entries=20_000)):
            seen += 1
    assert seen == 20_001  # the root among them, of 64**10


def test_a_shard_cannot_stand_in_two_places(stranger: Stranger) -> None:
    name = b"a name"
    index = hamt.slot(hamt.murmur3(name), 1, 256)
    leaf = Link(stranger.block(b"x", RAW), b"%02X" % index + name, 1)
    inner = stranger.node([leaf], shard([index]))
    outer = stranger.node([Link(inner, b"%02X" % n, 1) for n in range(256)], shard(list(range(256))))
    with pytest.raises(Unverified, match="wrong slot"):
        ls(outer, stranger)


@pytest.mark.parametrize("step", [-1, 1])
def test_a_name_beside_its_slot_is_refused(stranger: Stranger, step: int) -> None:
    name = b"a name"
    index = hamt.slot(hamt.murmur3(name), 0, 256)
    assert 0 < index < 255
    cid = stranger.node([Link(stranger.block(b"x", RAW), b"%02X" % (index + step) + name, 1)], shard([index + step]))
    with pytest.raises(Unverified, match=r"'a name'.* is in the wrong slot"):
        ls(cid, stranger)


@pytest.mark.parametrize(("fanout", "levels"), [(8, 21), (16, 16), (32, 12), (256, 8), (512, 7), (1024, 6)])
def test_a_shard_is_read_to_the_last_bits_of_a_hash_and_no_deeper(stranger: Stranger, fanout: int, levels: int) -> None:
    name, digits = b"a name", hamt.prefix_length(fanout)
    hashed = hamt.murmur3(name)

    def tree(depth: int) -> CID:
        """The name at the end of so many shards, each of which has the slot for it."""
        found, tail = stranger.block(b"x", RAW), name
        for level in reversed(range(depth)):
            # Below the last level there are no bits left for a slot.
            slot = hamt.slot(hashed, level, fanout) if level < levels else 0
            found = stranger.node([Link(found, b"%0*X" % (digits, slot) + tail, 1)], shard([slot], fanout=fanout))
            tail = b""
        return found

    assert [entry.path for entry in ls(tree(levels), stranger)] == ["a name"]
    assert resolve(tree(levels), "a name", stranger) == CID.raw(b"x")
    for read in (lambda: ls(tree(levels + 1), stranger), lambda: resolve(tree(levels + 1), "a name", stranger)):
        with pytest.raises(Unverified, match="more levels than a hash has bits for"):
            read()


def test_the_total_of_an_export_is_bounded(stranger: Stranger, folder: Callable[..., Path], tmp_path: Path) -> None:
    cid = add_tree(folder({f"{n}": pattern(100) for n in range(5)}), stranger).cid
    with pytest.raises(LimitExceeded, match="over the limit of 450"):
        export(cid, stranger, tmp_path / "out", limits=ReadLimits(total=450))
    assert not (tmp_path / "out").exists()
    assert len(export(cid, stranger, tmp_path / "out", limits=ReadLimits(total=500))) == 5


# --- Folders that lie ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [b"", b".", b"..", b"../x", b"/etc/passwd", b"a/b", b"a\\b", b"nul\0", b"\x1b[2J", b"latin-\xe9"]
)
def test_a_name_that_leads_out_of_its_folder_is_refused(stranger: Stranger, name: bytes, tmp_path: Path) -> None:
    leaf = stranger.block(b"x", RAW)
    place = hamt.slot(hamt.murmur3(name), 0, 256)
    plain = stranger.node([Link(leaf, name, 1)], FOLDER)
    sharded = stranger.node([Link(leaf, b"%02X" % place + name, 1)], shard([place]))
    for cid in (plain, sharded):
        for act in (lambda cid: ls(cid, stranger), lambda cid: export(cid, stranger, tmp_path / "deep" / "out")):
            with pytest.raises(Unverified):
                act(cid)
    assert [path for path in tmp_path.rglob("*") if path.name != "deep"] == []


def test_two_entries_of_one_name_are_refused(stranger: Stranger) -> None:
    links = [Link(stranger.block(text, RAW), b"name", 1) for text in (b"good", b"evil")]
    cid = stranger.node(links, FOLDER)
    with pytest.raises(Unverified, match="twice"):
        ls(cid, stranger)
    with pytest.raises(Unverified, match="twice"):
        resolve(cid, "name", stranger)


@pytest.mark.parametrize("target", [b"/etc", b"../../x", b"a/../../x", b"", b"\xff", b"C:\\x", b"..\\x"])
def test_a_link_out_of_the_target_is_refused(stranger: Stranger, target: bytes, tmp_path: Path) -> None:
    link = stranger.node([], Message(Type.SYMLINK, data=target))
    cid = stranger.node([Link(link, b"a", 1), Link(stranger.block(b"x", RAW), b"b", 1)], FOLDER)
    with pytest.raises(Unverified, match="link"):
        export(cid, stranger, tmp_path / "out", symlinks="keep")
    with pytest.raises(InputError, match="symbolic link"):
        export(cid, stranger, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_link_out_of_the_target_through_another_is_refused(stranger: Stranger, tmp_path: Path) -> None:
    up = stranger.node([], Message(Type.SYMLINK, data=b"../.."))
    out = stranger.node([], Message(Type.SYMLINK, data=b"up/.."))
    inner = stranger.node([Link(up, b"up", 1), Link(out, b"z", 1)], FOLDER)
    middle = stranger.node([Link(inner, b"er", 1)], FOLDER)
    cid = stranger.node([Link(middle, b"deep", 1)], FOLDER)
    with pytest.raises(Unverified, match="leads out"):
        export(cid, stranger, tmp_path / "out", symlinks="keep")
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_not_written_through_a_link(stranger: Stranger, tmp_path: Path) -> None:
    """A link and a folder of one name: the reader refuses the pair, so no write can follow the link."""
    link = stranger.node([], Message(Type.SYMLINK, data=b"."))
    inner = stranger.node([Link(stranger.block(b"x", RAW), b"b", 1)], FOLDER)
    cid = stranger.node([Link(link, b"a", 1), Link(inner, b"a", 1)], FOLDER)
    with pytest.raises(Unverified, match="twice"):
        export(cid, stranger, tmp_path / "out", symlinks="keep")


def shard(used: list[int], **changed: object) -> Message:
    return replace(Message(Type.HAMT, hamt.bitfield(used), hash_type=0x22, fanout=256), **changed)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (shard([0], fanout=3), "fanout of 3"),
        (shard([0], fanout=None), "fanout of 0"),
        (shard([0], fanout=2048), "fanout"),
        (shard([0], hash_type=0x12), "hashed with 18"),
        (shard([0], hash_type=None), "hashed with None"),
        (shard([]), "0 slots for 1"),
        (shard([0, 1]), "2 slots for 1"),
        (shard([9]), "does not begin with its slot 09"),
        (shard([0], data=bytes(40)), "longer than its fanout"),
    ],
)
def test_a_malformed_shard_is_refused(stranger: Stranger, message: Message, reason: str) -> None:
    cid = stranger.node([Link(stranger.block(b"x", RAW), b"00name", 1)], message)
    with pytest.raises(Unverified, match=reason):
        ls(cid, stranger)
    with pytest.raises((Unverified, ContentError)):
        resolve(cid, "name", stranger) and ls(cid, stranger)


def test_a_shard_below_must_be_a_shard_with_entries(stranger: Stranger) -> None:
    for below in (
        stranger.node([], shard([])),
        stranger.node([], FOLDER),
        stranger.block(b"x", RAW),
        stranger.node([Link(stranger.block(b"x", RAW), b"0name", 1)], shard([0], fanout=16)),
    ):
        cid = stranger.node([Link(below, b"00", 1)], shard([0]))
        with pytest.raises(Unverified, match="not a shard"):
            ls(cid, stranger)


def test_shards_deeper_than_the_hash_are_refused(stranger: Stranger) -> None:
    name = b"a name"
    hashed = hamt.murmur3(name)
    cid = stranger.block(b"x", RAW)
    for level in reversed(range(9)):
        index = hamt.slot(hashed, level, 256) if level < 8 else 0
        cid = stranger.node([Link(cid, b"%02X" % index + (name if level == 8 else b""), 1)], shard([index]))
    with pytest.raises(Unverified, match="more levels"):
        ls(cid, stranger)
    with pytest.raises(Unverified, match="more levels"):
        resolve(cid, "a name", stranger)


# --- Blocks that are no nodes --------------------------------------------------------------------


GIT = 0x78


def test_another_codec_is_refused_before_it_is_fetched(stranger: Stranger) -> None:
    cid = CID.of(b"\xa0", codec=GIT)
    with pytest.raises(UnsupportedCodec, match="0x78"):
        cat(cid, stranger)
    assert stranger.asked == []


@pytest.mark.parametrize("codec", [0, RAW - 1, RAW + 1, DAG_PB - 1, DAG_CBOR + 1, GIT])
def test_a_folder_with_an_entry_of_another_codec_is_refused(stranger: Stranger, codec: int) -> None:
    cid = stranger.node([Link(CID.of(b"\xa0", codec=codec), b"a name", 1)], FOLDER)
    for read_all in (ls, lambda *arguments: list(walk(*arguments))):
        with pytest.raises(UnsupportedCodec):
            read_all(cid, stranger)


@pytest.mark.parametrize("codec", [CBOR, DAG_CBOR, DAG_JSON, JSON])
def test_a_document_in_a_folder_is_a_file_of_its_bytes(stranger: Stranger, codec: int, tmp_path: Path) -> None:
    document = stranger.block(b"{}", codec)
    cid = stranger.node([Link(document, b"a name", 2)], FOLDER)
    assert [(entry.path, entry.kind, entry.size) for entry in ls(cid, stranger)] == [("a name", "file", 2)]
    assert read(document, stranger) == b"{}"
    for _ in range(2):
        export(cid, stranger, tmp_path / "out", resume=True)
        assert (tmp_path / "out" / "a name").read_bytes() == b"{}"
        (tmp_path / "out" / "a name").unlink()


def test_a_folder_with_a_name_that_reaches_out_is_its_publishers_fault(stranger: Stranger) -> None:
    cid = stranger.node([Link(CID.raw(b""), b"../foo", 1)], FOLDER)
    with pytest.raises(Unverified, match="from its publisher was refused") as caught:
        ls(cid, stranger)
    assert "every copy" in caught.value.hint.lower() and "another source" not in str(caught.value)


LINK = b"\x0a\x24" + bytes(CID.raw(b""))
NODE = b"\x0a\x02\x08\x01"


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"\x0a",
        b"\x0a\x05\x08\x01",
        b"\x0a\x00",
        b"\x0a\x02\x08\x03",
        b"\x0a\x02\x08\x09",
        b"\x0a\x04\x08\x01\x08\x01",
        b"\x0a\x03\x08\x81\x00",
        NODE + NODE,
        NODE + b"\x1a\x00",
        NODE + b"\x08\x01",
        b"\x0b" + NODE,
        NODE + b"\xff" * 11,
        b"\x12\x00" + NODE,
        b"\x12\x02\x0a\x00" + NODE,
        b"\x12" + bytes([len(LINK) + 2]) + LINK + b"\x20\x01" + NODE,
        b"\x12" + bytes([2 * len(LINK)]) + LINK + LINK + NODE,
        b"\x12" + bytes([len(LINK) + 2]) + b"\x12\x00" + LINK + NODE,
        b"\x12" + bytes([len(LINK)]) + LINK + NODE + b"\x12" + bytes([len(LINK)]) + LINK,
        b"\x12\x06\x0a\x04\x01\x55\x11\x01" + NODE,
    ],
)
def test_a_malformed_node_is_refused(stranger: Stranger, block: bytes) -> None:
    cid = stranger.block(block)
    for act in (ls, stat, cat):
        with pytest.raises(Unverified, match="malformed"):
            act(cid, stranger)


def everything(cid: CID, source: Stranger, place: Path) -> None:
    """Use a CID in every way; only the package's errors may come out."""
    bounds = ReadLimits(entries=200, total=100_000)
    for act in (
        lambda: stat(cid, source),
        lambda: ls(cid, source, limits=bounds),
        lambda: list(walk(cid, source, limits=bounds)),
        lambda: b"".join(cat(cid, source, limits=bounds)),
        lambda: b"".join(cat(cid, source, -5, limits=bounds)),
        lambda: resolve(cid, "a/b", source, limits=bounds),
        lambda: export(cid, source, place / "out", symlinks="keep", limits=bounds),
    ):
        try:
            act()
        except RegistryError as error:
            assert error.message


fields = st.one_of(
    st.tuples(st.integers(0, 9), st.just(0), st.integers(0, 2**64 - 1)).map(
        lambda f: varint.encode(f[0] << 3) + varint.encode(f[2])
    ),
    st.tuples(st.integers(0, 9), st.binary(max_size=50)).map(
        lambda f: varint.encode(f[0] << 3 | 2) + varint.encode(len(f[1])) + f[1]
    ),
    st.binary(max_size=6),
)
messages = st.builds(
    Message,
    st.sampled_from(Type),
    st.one_of(st.none(), st.binary(max_size=40)),
    st.one_of(st.none(), st.integers(0, 200), st.integers(0, 2**64 - 1)),
    st.lists(st.one_of(st.integers(0, 40), st.integers(0, 2**64 - 1)), max_size=5),
    st.one_of(st.none(), st.just(0x22), st.integers(0, 2**64 - 1)),
    st.one_of(st.none(), st.sampled_from([8, 256, 1024]), st.integers(0, 2**64 - 1)),
)
FUZZ = settings(
    deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@FUZZ
@given(st.one_of(st.binary(max_size=100), st.lists(fields, max_size=6).map(b"".join)))
def test_any_bytes_as_a_node_raise_nothing_untyped(tmp_path: Path, block: bytes) -> None:
    stranger = Stranger()
    for wrapped in (block, b"\x0a" + varint.encode(len(block)) + block):
        everything(stranger.block(wrapped), stranger, tmp_path)


@FUZZ
@given(st.data())
def test_any_graph_of_nodes_raises_nothing_untyped(tmp_path: Path, data: st.DataObject) -> None:
    stranger = Stranger()
    cids = [stranger.block(b"", RAW), stranger.block(b"some bytes", RAW), CID(1, DAG_PB, b"\x00\x04" + NODE)]
    names = st.sampled_from([b"", b"a", b"b", b"00", b"01a", b"..", b"0FFb", "é".encode(), b"\xff"])
    for _ in range(data.draw(st.integers(1, 5))):
        links = data.draw(
            st.lists(st.builds(Link, st.sampled_from(cids), names, st.integers(0, 2**64 - 1)), max_size=5)
        )
        cids.append(stranger.node(links, data.draw(messages)))
    everything(cids[-1], stranger, tmp_path)


@FUZZ
@given(st.integers(0, 10**6), st.integers(0, 255), st.sampled_from([UNIXFS_V0_2015, SMALL]))
def test_a_spoilt_node_with_a_true_hash_raises_nothing_untyped(
    tmp_path: Path, at: int, value: int, profile: object
) -> None:
    stranger = Stranger()
    root = add_file(io.BytesIO(pattern(40)), stranger, profile).cid  # type: ignore[arg-type]
    block = bytearray(stranger.blocks[root])
    block[at % len(block)] = value
    everything(stranger.block(bytes(block)), stranger, tmp_path)


links = st.builds(
    Link,
    st.sampled_from([CID.raw(b"a"), CID.of(NODE, codec=DAG_PB)]),
    st.binary(max_size=20),
    st.integers(0, 2**64 - 1),
)


@given(st.lists(links, max_size=5), messages)
def test_what_is_encoded_decodes_to_itself(some: list[Link], message: Message) -> None:
    node = decode_node(encode_node(some, encode_message(message)))
    assert list(node.links) == some
    assert decode_message(node.data or b"") == replace(message, blocksizes=tuple(message.blocksizes))
