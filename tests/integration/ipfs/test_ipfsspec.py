"""Upstream's ipfsspec, which was written for other gateways, works on ours: its client, our server.

Its own tests read one sentence in five encodings; these are made anew here.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from ipfsspec.async_ipfs import AsyncIPFSFileSystem, AsyncIPFSGateway

from registry.ipfs.builder import Builder
from registry.ipfs.cid import CID, DAG_PB
from registry.ipfs.dagpb import Link, Message, Type, encode_message, encode_node
from registry.ipfs.profiles import KUBO_V1, UNIXFS_V0_2015
from registry.ipfs.server import Server
from registry.ipfs.store import LocalStore

CONTENT = b"a sentence to read"
ENCODINGS = ("default", "multi", "raw", "raw_multi", "write")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> LocalStore:
    return LocalStore(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def root(store: LocalStore) -> str:
    """A folder that has the sentence as one node, as several, raw, as several raw, and as a part that is a file."""
    several = replace(UNIXFS_V0_2015, chunk=5)
    parts = {}
    for name, profile in zip(ENCODINGS[:4], (UNIXFS_V0_2015, several, KUBO_V1, replace(KUBO_V1, chunk=5)), strict=True):
        with Builder(store, profile, None) as builder:
            parts[name] = builder.file(io.BytesIO(CONTENT), name)
    part = encode_node((), encode_message(Message(Type.RAW, data=CONTENT, filesize=len(CONTENT))))
    leaf = CID.of(part, codec=DAG_PB)
    store.put(leaf, part)
    message = Message(Type.FILE, filesize=len(CONTENT), blocksizes=[len(CONTENT)])
    whole = encode_node([Link(leaf, b"", len(part))], encode_message(message))
    store.put(CID.of(whole, codec=DAG_PB), whole)
    links = [Link(found.cid, name.encode(), found.tsize) for name, found in parts.items()]
    links.append(Link(CID.of(whole, codec=DAG_PB), b"write", len(whole) + len(part)))
    with Builder(store, UNIXFS_V0_2015, None) as builder:
        return str(builder.folder(links, "")[0])


@pytest.fixture(scope="module")
def gateway(store: LocalStore) -> Iterator[str]:
    with Server(store) as server:
        yield server.url


@pytest.fixture(scope="module")
def fs(gateway: str) -> AsyncIPFSFileSystem:
    AsyncIPFSFileSystem.clear_instance_cache()
    return AsyncIPFSFileSystem(gateway_addr=gateway)


@pytest.mark.parametrize("name", ENCODINGS)
def test_it_reads_every_encoding(fs: AsyncIPFSFileSystem, root: str, name: str) -> None:
    info = fs.info(f"{root}/{name}")
    assert (info["size"], info["type"]) == (len(CONTENT), "file")
    assert fs.cat(f"{root}/{name}") == CONTENT
    with fs.open(f"{root}/{name}") as file:
        assert file.read() == CONTENT


def test_it_learns_the_cid_of_a_folder(fs: AsyncIPFSFileSystem, root: str) -> None:
    info = fs.info(root)
    assert (info["CID"], info["type"]) == (root, "directory")


def test_it_lists_with_and_without_details(fs: AsyncIPFSFileSystem, root: str) -> None:
    names = [f"{root}/{name}" for name in ENCODINGS]
    assert fs.ls(root, detail=False) == names
    found = fs.ls(root, detail=True)
    assert [entry["name"] for entry in found] == names
    assert {entry["size"] for entry in found} == {len(CONTENT)}


@pytest.mark.parametrize("detail", [False, True])
def test_it_is_told_what_is_missing(fs: AsyncIPFSFileSystem, root: str, detail: bool) -> None:
    with pytest.raises(FileNotFoundError):
        fs.ls(f"{root}/missing", detail=detail)
    with pytest.raises(FileNotFoundError):
        fs.cat(str(CID.raw(b"nobody has this")))


def test_it_globs(fs: AsyncIPFSFileSystem, root: str) -> None:
    assert fs.glob(f"{root}/r*") == [f"{root}/raw", f"{root}/raw_multi"]


def test_it_reads_a_range(fs: AsyncIPFSFileSystem, root: str) -> None:
    assert fs.cat_file(f"{root}/default", start=3, end=7) == CONTENT[3:7]


def test_it_downloads(fs: AsyncIPFSFileSystem, root: str, tmp_path: Path) -> None:
    fs.get_file(f"{root}/default", str(tmp_path / "default"))
    assert (tmp_path / "default").read_bytes() == CONTENT


def test_it_tells_files_from_folders_and_both_from_nothing(fs: AsyncIPFSFileSystem, root: str) -> None:
    assert fs.exists(f"{root}/default") and not fs.exists(f"{root}/missing")
    assert fs.isfile(f"{root}/default") and not fs.isfile(root)
    assert fs.isdir(root) and not fs.isdir(f"{root}/default")


def test_its_gateway_by_itself(gateway: str, root: str) -> None:
    import aiohttp

    async def ask() -> tuple[dict[str, object], bytes, list[str]]:
        async with aiohttp.ClientSession() as session:
            there = AsyncIPFSGateway(gateway)
            path = f"{root}/multi"
            return await there.info(path, session), await there.cat(path, session), await there.ls(root, session)

    info, content, names = asyncio.run(ask())
    assert (info["size"], content, len(names)) == (len(CONTENT), CONTENT, len(ENCODINGS))
