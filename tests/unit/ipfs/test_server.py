"""The server: a gateway that keeps to its specification, an RPC that Kubo's clients understand, and who is let in."""

from __future__ import annotations

import builtins
import io
import json
import re
import socket
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from registry.errors import BlockNotFound, InputError, Unavailable
from registry.ipfs.car import CarReader
from registry.ipfs.cid import CBOR, CID, DAG_CBOR
from registry.ipfs.copy import copy
from registry.ipfs.dag import encode
from registry.ipfs.dagpb import Link, Message, Type, encode_message, encode_node
from registry.ipfs.kubo import KuboRPC
from registry.ipfs.profiles import PROFILES, UNIXFS_V1_2025
from registry.ipfs.server import Server, serve
from registry.ipfs.store import LocalStore, MemoryStore
from registry.ipfs.trustless import TrustlessGateway
from registry.ipfs.unixfs import add_file, add_tree, cat, compute_cid

from .support import pattern

SMALL = replace(UNIXFS_V1_2025, chunk=7, width=3)
CONTENT = pattern(100)
TOKEN = "a token of the author's"
HELLO = CID.raw(b"hello world\n")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> LocalStore:
    return LocalStore(tmp_path_factory.mktemp("served"), durable=False)


@pytest.fixture(scope="module")
def server(store: LocalStore) -> Iterator[Server]:
    with Server(store) as running:
        yield running


@pytest.fixture
def ask(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=10) as client:
        yield client


@pytest.fixture(scope="module")
def root(store: LocalStore, tmp_path_factory: pytest.TempPathFactory) -> CID:
    """A folder: a large file in ten leaves, a page, a folder below, and a large folder that is sharded."""
    place = tmp_path_factory.mktemp("tree")
    (place / "sub").mkdir()
    (place / "many").mkdir()
    (place / "large.bin").write_bytes(CONTENT)
    (place / "page.html").write_bytes(b"<script>alert(1)</script>")
    (place / "sub" / "a b é.txt").write_bytes(b"hello world\n")
    for number in range(40):
        (place / "many" / f"{number}").write_bytes(b"%d" % number)
    return add_tree(place, store, replace(SMALL, hamt_threshold=400)).cid


# --- The gateway ---------------------------------------------------------------------------------


def test_a_block_comes_as_it_is(ask: httpx.Client, store: LocalStore, root: CID) -> None:
    for request in (
        {"params": {"format": "raw"}},
        {"headers": {"Accept": "application/vnd.ipld.raw"}},
        {"params": {"format": "raw"}, "headers": {"Accept": "application/vnd.ipld.car"}},  # the parameter is stronger
    ):
        answer = ask.get(f"/ipfs/{root}", **request)  # type: ignore[arg-type]
        assert answer.content == store.get(root)
        assert answer.headers["content-type"] == "application/vnd.ipld.raw"
        assert answer.headers["x-ipfs-roots"] == str(root)
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_what_is_known_already_is_not_sent_again(ask: httpx.Client, root: CID) -> None:
    for query in ("?format=raw", "?format=car", "/large.bin"):
        first = ask.get(f"/ipfs/{root}{query}")
        again = ask.get(f"/ipfs/{root}{query}", headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert ask.get(f"/ipfs/{root}{query}", headers={"If-None-Match": '"other"'}).status_code == 200


def blocks(answer: httpx.Response) -> list[CID]:
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/vnd.ipld.car; version=1; order=dfs; dups=n")
    return [cid for cid, _ in CarReader(io.BytesIO(answer.content))]


def test_an_archive_has_the_blocks_of_its_scope(ask: httpx.Client, store: LocalStore, root: CID) -> None:
    everything = blocks(ask.get(f"/ipfs/{root}?format=car"))
    assert everything[0] == root and len(everything) == len(set(everything)) == len(list(store))
    assert blocks(ask.get(f"/ipfs/{root}?format=car&dag-scope=block")) == [root]
    assert blocks(ask.get(f"/ipfs/{root}?format=car&dag-scope=entity")) == [root]
    large = blocks(ask.get(f"/ipfs/{root}/large.bin?format=car&dag-scope=block"))
    assert len(large) == 2 and large[0] == root
    whole = blocks(ask.get(f"/ipfs/{root}/large.bin?format=car&dag-scope=entity"))
    assert whole == blocks(ask.get(f"/ipfs/{root}/large.bin?format=car"))
    copied = MemoryStore()
    for cid, block in CarReader(io.BytesIO(ask.get(f"/ipfs/{root}/large.bin?format=car&dag-scope=entity").content)):
        copied.put(cid, block)
    assert b"".join(cat(large[1], copied)) == CONTENT


def test_an_archive_of_a_sharded_folder_has_its_shards_and_no_files(
    ask: httpx.Client, store: LocalStore, root: CID
) -> None:
    shards = blocks(ask.get(f"/ipfs/{root}/many?format=car&dag-scope=entity"))
    assert len(shards) > 2 and not any(cid.codec == HELLO.codec for cid in shards)
    path = blocks(ask.get(f"/ipfs/{root}/many/7?format=car&dag-scope=entity"))
    assert path[-1] == CID.raw(b"7") and 3 <= len(path) < len(shards)  # only the branch that leads there


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("0:0", CONTENT[:1]),
        ("0:6", CONTENT[:7]),
        ("7:7", CONTENT[7:8]),
        ("50:*", CONTENT[50:]),
        ("-10:*", CONTENT[-10:]),
        ("-10:-5", CONTENT[-10:-4]),
        ("0:*", CONTENT),
        ("99:1000", CONTENT[99:]),
        ("1000:*", b""),
        ("-1000:3", CONTENT[:4]),
    ],
)
def test_an_archive_of_a_range_has_what_the_range_needs_and_no_more(
    ask: httpx.Client, store: LocalStore, root: CID, asked: str, part: bytes
) -> None:
    answer = ask.get(f"/ipfs/{root}/large.bin", params={"format": "car", "dag-scope": "entity", "entity-bytes": asked})
    got = MemoryStore()
    for cid, block in CarReader(io.BytesIO(answer.content)):
        got.put(cid, block)
    file = CID.parse(answer.headers["x-ipfs-roots"].split(",")[-1])
    at = CONTENT.find(part)
    assert b"".join(cat(file, got, at, at + len(part))) == part
    leaves = [cid for cid, _ in CarReader(io.BytesIO(answer.content)) if cid.codec == HELLO.codec]
    assert len(leaves) <= len(part) // 7 + 2


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("?format=zip", 400),
        ("?format=car&dag-scope=some", 400),
        ("?format=car&entity-bytes=x", 400),
        ("?format=car&entity-bytes=1:2:3", 400),
        ("?format=car&car-version=2", 400),
        ("/missing", 404),
        ("/large.bin/below", 404),
        ("/../../etc/passwd", 404),
        ("/%2e%2e/x", 404),
    ],
)
def test_what_cannot_be_answered_is_said(ask: httpx.Client, root: CID, query: str, status: int) -> None:
    assert ask.get(f"/ipfs/{root}{query}").status_code == status


def test_what_is_not_here_is_said(ask: httpx.Client, store: LocalStore) -> None:
    absent = CID.raw(b"absent")
    for query in ("", "?format=raw", "?format=car", "/a/b"):
        assert ask.get(f"/ipfs/{absent}{query}").status_code == 404
    assert ask.get(f"/ipfs/{absent}", headers={"Cache-Control": "only-if-cached"}).status_code == 412
    assert ask.get("/ipfs/nonsense").status_code == 400
    assert ask.get("/ipns/example.com").status_code == 404


def test_a_block_that_is_missing_below_breaks_the_archive_off(store: LocalStore, ask: httpx.Client) -> None:
    lost = add_file(io.BytesIO(b"lost and found" * 20), store, SMALL).cid
    leaf = CID.raw((b"lost and found" * 20)[-7:])
    held = store.get(leaf)
    store.file_of(leaf).unlink()
    try:
        with pytest.raises(httpx.RemoteProtocolError):
            ask.get(f"/ipfs/{lost}?format=car")
        with pytest.raises((Unavailable, BlockNotFound)):
            copy(lost, TrustlessGateway(str(ask.base_url), deadline=2), MemoryStore())
    finally:
        store.put(leaf, held)


def test_a_file_comes_whole_and_in_ranges(ask: httpx.Client, root: CID) -> None:
    whole = ask.get(f"/ipfs/{root}/large.bin")
    assert whole.content == CONTENT and whole.headers["content-length"] == "100"
    for asked, part in {
        "bytes=0-0": CONTENT[:1],
        "bytes=6-7": CONTENT[6:8],
        "bytes=90-": CONTENT[90:],
        "bytes=-5": CONTENT[-5:],
        "bytes=50-5000": CONTENT[50:],
        "bytes=-5000": CONTENT,
    }.items():
        answer = ask.get(f"/ipfs/{root}/large.bin", headers={"Range": asked})
        assert (answer.status_code, answer.content) == (206, part)
        at = CONTENT.find(part)
        assert answer.headers["content-range"] == f"bytes {at}-{at + len(part) - 1}/100"
    for asked in ("bytes=100-", "bytes=5-4", "bytes=-0"):
        answer = ask.get(f"/ipfs/{root}/large.bin", headers={"Range": asked})
        assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */100")
    for asked in ("bytes=0-1,3-4", "lines=1-2", "bytes=-", "bytes=a-b"):
        assert ask.get(f"/ipfs/{root}/large.bin", headers={"Range": asked}).status_code == 200
    assert ask.get(f"/ipfs/{root}/large.bin", headers={"Range": "bytes=0-0", "If-Range": '"x"'}).status_code == 200


def test_the_head_of_an_answer_is_the_answer_without_its_body(ask: httpx.Client, root: CID) -> None:
    for query in ("/large.bin", "?format=raw", "/page.html"):
        head, full = ask.head(f"/ipfs/{root}{query}"), ask.get(f"/ipfs/{root}{query}")
        assert head.content == b"" and head.status_code == full.status_code
        assert head.headers["content-length"] == full.headers["content-length"]
        assert head.headers["etag"] == full.headers["etag"]
    assert ask.head(f"/ipfs/{root}?format=car").status_code == 200


def test_a_page_of_a_strangers_is_shown_without_rights(ask: httpx.Client, root: CID) -> None:
    answer = ask.get(f"/ipfs/{root}/page.html")
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["content-security-policy"] == "sandbox"


def test_a_folder_is_listed(ask: httpx.Client, root: CID) -> None:
    assert ask.get(f"/ipfs/{root}/sub").headers["location"] == f"/ipfs/{root}/sub/"
    page = ask.get(f"/ipfs/{root}/sub/").text
    assert "a%20b%20%C3%A9.txt" in page and "bafybei" in page
    assert ask.get(f"/ipfs/{root}/sub/a b é.txt").text == "hello world\n"


def test_a_name_in_a_list_cannot_be_markup(ask: httpx.Client, store: LocalStore) -> None:
    store.put(HELLO, b"hello world\n")
    block = encode_node([Link(HELLO, b"<b onclick='x'>&", 1)], encode_message(Message(Type.DIRECTORY)))
    cid = CID.of(block, codec=0x70)
    store.put(cid, block)
    assert "<b" not in ask.get(f"/ipfs/{cid}/").text


def test_documents_have_their_type(ask: httpx.Client, store: LocalStore) -> None:
    document = encode({"a": 1, "hello": HELLO})
    cid = CID.of(document, codec=DAG_CBOR)
    store.put(cid, document)
    store.put(HELLO, b"hello world\n")
    answer = ask.get(f"/ipfs/{cid}")
    assert (answer.headers["content-type"], answer.content) == ("application/vnd.ipld.dag-cbor", document)
    for query in ("?format=dag-json", "?format=json"):
        assert ask.get(f"/ipfs/{cid}{query}").json() == {"a": 1, "hello": {"/": str(HELLO)}}
    plain = CID.of(document, codec=CBOR)
    store.put(plain, document)
    assert ask.get(f"/ipfs/{plain}").headers["content-type"] == "application/cbor"


def test_a_path_leads_through_documents(ask: httpx.Client, store: LocalStore, root: CID) -> None:
    document = encode({"a": [1, 2], "tree": root})
    cid = CID.of(document, codec=DAG_CBOR)
    store.put(cid, document)
    assert ask.get(f"/ipfs/{cid}/tree/large.bin").content == CONTENT
    raw = ask.get(f"/ipfs/{cid}/tree?format=raw")
    assert raw.content == store.get(root) and raw.headers["x-ipfs-roots"] == f"{cid},{root}"
    assert ask.get(f"/ipfs/{cid}/a/1").json() == 2
    for query in ("a/1?format=raw", "a/7", "b", "a?format=car"):
        assert ask.get(f"/ipfs/{cid}/{query}").status_code == 404


def test_blocks_and_documents_come_in_ranges_too(ask: httpx.Client, store: LocalStore, root: CID) -> None:
    answer = ask.get(f"/ipfs/{root}?format=raw", headers={"Range": "bytes=2-9"})
    assert (answer.status_code, answer.content) == (206, store.get(root)[2:10])


def test_a_file_is_called_as_it_is_asked_for(ask: httpx.Client, root: CID) -> None:
    page = f"/ipfs/{root}/page.html"
    assert "content-disposition" not in ask.get(page).headers
    kept = ask.get(page, params={"download": "true", "filename": 'a "é".csv'}).headers
    assert kept["content-disposition"] == "attachment; filename=\"a ___.csv\"; filename*=UTF-8''a%20%22%C3%A9%22.csv"
    assert kept["content-type"].startswith("text/csv")
    assert ask.get(page, params={"filename": "b.html"}).headers["content-disposition"] == 'inline; filename="b.html"'


def test_an_index_stands_for_its_folder_and_a_list_is_not_kept_for_ever(
    ask: httpx.Client, store: LocalStore, tmp_path: Path
) -> None:
    (tmp_path / "index.html").write_text("<p>welcome")
    cid = add_tree(tmp_path, store).cid
    answer = ask.get(f"/ipfs/{cid}/")
    assert answer.text == "<p>welcome" and "immutable" in answer.headers["cache-control"]
    (tmp_path / "index.html").rename(tmp_path / "other.html")
    listed = ask.get(f"/ipfs/{add_tree(tmp_path, store).cid}/")
    assert "other.html" in listed.text and "immutable" not in listed.headers["cache-control"]
    again = ask.get(str(listed.url), headers={"If-None-Match": listed.headers["etag"]})
    assert again.status_code == 304


def test_a_tree_comes_as_a_tar(ask: httpx.Client, root: CID) -> None:
    for answer in (
        ask.get(f"/ipfs/{root}/sub?format=tar"),
        ask.get(f"/ipfs/{root}/sub", headers={"Accept": "application/x-tar"}),
        post(ask, "get", params={"arg": f"{root}/sub"}),
    ):
        with tarfile.open(fileobj=io.BytesIO(answer.content)) as tar:
            assert tar.getnames() == ["sub", "sub/a b é.txt"]
            file = tar.extractfile("sub/a b é.txt")
            assert file is not None and file.read() == b"hello world\n"


def test_an_archive_is_known_by_its_path_and_its_options(ask: httpx.Client, root: CID) -> None:
    sub = ask.get(f"/ipfs/{root}/sub?format=car").headers["x-ipfs-roots"].rpartition(",")[2]
    urls = [f"/ipfs/{root}/sub?format=car", f"/ipfs/{sub}?format=car", f"/ipfs/{sub}?format=car&car-dups=y"]
    urls += [f"/ipfs/{sub}?format=car&dag-scope=block", f"/ipfs/{root}/sub?format=car&dag-scope=entity"]
    assert len({ask.get(url).headers["etag"] for url in urls}) == len(urls)


def test_blocks_come_as_often_as_they_are_linked_to_if_that_is_wanted(ask: httpx.Client, store: LocalStore) -> None:
    twice = add_file(io.BytesIO(b"1234567" * 3), store, SMALL).cid
    for query in ("&car-dups=y", "&car-dups=y&dag-scope=entity"):
        answer = ask.get(f"/ipfs/{twice}?format=car{query}")
        assert "dups=y" in answer.headers["content-type"]
        found = [cid for cid, _ in CarReader(io.BytesIO(answer.content))]
        assert found == [twice, *[CID.raw(b"1234567")] * 3]
    accepted = {"Accept": "application/vnd.ipld.car; version=1; dups=y"}
    assert "dups=y" in ask.get(f"/ipfs/{twice}", headers=accepted).headers["content-type"]
    assert len(blocks(ask.get(f"/ipfs/{twice}?format=car"))) == 2


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("application/vnd.ipld.car; version=2; q=0.1, application/vnd.ipld.car; version=1", "application/vnd.ipld.car"),
        ("application/vnd.ipld.raw;q=0.2, application/vnd.ipld.car;q=0.9", "application/vnd.ipld.car"),
        ("application/vnd.ipld.raw, */*;q=0.5", "application/vnd.ipld.raw"),
        ("text/html, application/vnd.ipld.raw;q=0.5", "text/html"),
        ("*/*", "text/html"),
    ],
)
def test_what_is_accepted_most_is_sent(ask: httpx.Client, root: CID, accept: str, kind: str) -> None:
    answer = ask.get(f"/ipfs/{root}/page.html", headers={"Accept": accept})
    assert answer.headers["content-type"].startswith(kind)


def test_a_page_of_anybodys_may_fetch_what_it_can_check(ask: httpx.Client, root: CID) -> None:
    page = {"Origin": "https://example.com"}
    for query in ("?format=raw", "?format=car", "/none?format=raw"):
        assert ask.get(f"/ipfs/{root}{query}", headers=page).headers["access-control-allow-origin"] == "*"
    assert ask.options(f"/ipfs/{root}", headers=page).headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-origin" not in ask.get(f"/ipfs/{root}/page.html", headers=page).headers


def test_the_gateways_client_reads_it(server: Server, root: CID, tmp_path: Path) -> None:
    gateway = TrustlessGateway(server.url)
    wanted = [cid for cid, _ in gateway.car(root, "large.bin", scope="entity", entity_bytes=(0, 9))]
    assert wanted[0] == root and len(wanted) < 8
    local = LocalStore(tmp_path)
    copy(root, gateway, local)
    assert b"".join(cat(wanted[1], local)) == CONTENT


# --- The RPC -------------------------------------------------------------------------------------


@pytest.fixture
def node(server: Server) -> KuboRPC:
    return KuboRPC(server.url)


def test_the_rpc_is_a_store(node: KuboRPC) -> None:
    block = b"by the RPC"
    cid = CID.raw(block)
    assert not node.has(cid)
    with pytest.raises(BlockNotFound, match="node"):
        node.get(cid)
    node.put(cid, block)
    assert node.has(cid) and node.get(cid) == block
    document = encode({"link": cid})
    node.put(CID.of(document, codec=DAG_CBOR), document)
    assert node.get(CID.of(document, codec=DAG_CBOR)) == document


def test_a_tree_is_sent_exactly_and_pinned(node: KuboRPC, store: LocalStore) -> None:
    source = MemoryStore()
    cid = add_file(io.BytesIO(b"sent" * 100), source, SMALL).cid
    done: list[int] = []
    node.upload(cid, source, progress=done.append)
    assert cid in set(node.pins()) and done[-1] == sum(len(source.get(one)) for one in source._blocks)
    back = MemoryStore()
    for one, block in node.car(cid):
        back.put(one, block)
    assert back._blocks == source._blocks
    node.unpin(cid)
    assert cid not in set(node.pins())
    node.pin(cid, name="again")
    assert [pin.name for pin in store.pins() if pin.cid == cid] == ["again"]
    with pytest.raises(Unavailable, match="not pinned"):
        node.unpin(CID.raw(b"never"))


def test_a_pin_of_what_is_not_whole_is_refused(node: KuboRPC) -> None:
    source = MemoryStore()
    cid = add_file(io.BytesIO(b"half" * 100), source, SMALL).cid
    node.put(cid, source.get(cid))
    with pytest.raises((Unavailable, BlockNotFound)):
        node.pin(cid)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=str)
def test_add_makes_the_tree_that_was_computed(node: KuboRPC, tmp_path: Path, profile: Any) -> None:
    place = tmp_path / "to add"
    (place / "sub" / "below").mkdir(parents=True)
    (place / "a é.txt").write_bytes(b"a")
    (place / "sub" / "below" / "b").write_bytes(pattern(3_000_000))
    assert node.add(place, profile).cid == compute_cid(place, profile)
    assert node.add(place / "a é.txt", profile, pin=False).cid == compute_cid(place / "a é.txt", profile)


def post(ask: httpx.Client, command: str, **options: Any) -> httpx.Response:
    return ask.post(f"/api/v0/{command}", **options)


def test_commands_answer_as_kubo_does(ask: httpx.Client, store: LocalStore, root: CID) -> None:
    assert post(ask, "version").json()["Version"] and "asset-registry" in post(ask, "id").json()["AgentVersion"]
    large = f"{root}/large.bin"
    assert post(ask, "cat", params={"arg": large}).content == CONTENT
    assert post(ask, "cat", params={"arg": f"/ipfs/{large}", "offset": 90, "length": 5}).content == CONTENT[90:95]
    assert post(ask, "cat", params={"arg": large, "offset": 1000}).content == b""
    (listed,) = post(ask, "ls", params={"arg": root}).json()["Objects"]
    assert [(one["Name"], one["Type"]) for one in listed["Links"]] == [
        ("large.bin", 2),
        ("many", 1),
        ("page.html", 2),
        ("sub", 1),
    ]
    assert post(ask, "block/stat", params={"arg": str(root)}).json() == {"Key": str(root), "Size": len(store.get(root))}
    refs = [line for line in post(ask, "refs", params={"arg": str(root)}).text.splitlines() if line]
    assert len(refs) == 4
    assert len(post(ask, "refs", params={"arg": str(root), "recursive": "true"}).text.splitlines()) > 40
    assert str(root) in post(ask, "refs/local").text


def test_values_are_put_and_read_by_paths(ask: httpx.Client, root: CID) -> None:
    value = {"n": 1.5, "list": [{"tree": {"/": str(root)}}]}
    (line,) = post(ask, "dag/put", files={"file": json.dumps(value).encode()}).text.splitlines()
    cid = json_of(line)["Cid"]["/"]
    assert cid == str(CID.of(encode({"n": 1.5, "list": [{"tree": root}]}), codec=DAG_CBOR))
    assert post(ask, "dag/get", params={"arg": cid}).json() == value
    assert post(ask, "dag/get", params={"arg": f"/ipfs/{cid}/list/0/tree/sub/Links/0/Name"}).json() == "a b é.txt"
    assert post(ask, "dag/resolve", params={"arg": f"{cid}/list/0"}).json() == {"Cid": {"/": cid}, "RemPath": "list/0"}
    assert post(ask, "resolve", params={"arg": f"/ipfs/{cid}/list/0/tree"}).json() == {"Path": f"/ipfs/{root}"}
    cbor = post(ask, "dag/get", params={"arg": cid, "output-codec": "dag-cbor"}).content
    again = post(ask, "dag/put", params={"input-codec": "dag-cbor"}, files={"file": cbor}).json()
    assert again["Cid"]["/"] == cid
    assert post(ask, "dag/stat", params={"arg": f"{root}/sub"}).json()["NumBlocks"] == 4
    assert [one["Name"] for one in post(ask, "object/links", params={"arg": f"{root}/sub"}).json()["Links"]]


def test_files_are_changed_in_place_as_clients_see_it(tmp_path: Path) -> None:
    store = LocalStore(tmp_path, durable=False)
    sub = add_file(io.BytesIO(b"added before"), store).cid
    with Server(store) as server, httpx.Client(base_url=server.url, timeout=10) as ask:
        change_files(ask, store, sub)


def change_files(ask: httpx.Client, store: LocalStore, sub: CID) -> None:
    def files(act: str, *args: str, **options: Any) -> httpx.Response:
        sent = options.pop("sent", None)
        answer = post(ask, f"files/{act}", params={"arg": list(args), **options}, files=sent and {"file": sent})
        assert answer.status_code == 200, answer.text
        return answer

    files("mkdir", "/data/deep", parents="true")
    files("write", "/data/a", create="true", sent=b"0123456789")
    files("write", "/data/a", offset="2", sent=b"xx")
    assert files("read", "/data/a").content == b"01xx456789"
    assert files("read", "/data/a", offset="1", count="3").content == b"1xx"
    files("cp", f"/ipfs/{sub}", "/data/sub")
    files("mv", "/data/a", "/data/deep/")
    listed = files("ls", "/data", long="true").json()["Entries"]
    assert [(one["Name"], one["Type"]) for one in listed] == [("deep", 1), ("sub", 0)]
    assert files("stat", "/data/deep/a").json()["Size"] == 10
    flushed = files("flush").json()["Cid"]
    assert post(ask, "cat", params={"arg": f"{flushed}/data/deep/a"}).content == b"01xx456789"
    files("rm", "/data/sub")
    files("rm", "/nothing", force="true")
    assert [one["Name"] for one in files("ls", "/data").json()["Entries"]] == ["deep"]
    store.gc(grace=-1)
    assert files("read", "/data/deep/a").content == b"01xx456789"  # a pin keeps it, and one only
    assert sum(pin.name == "the files of the RPC" for pin in store.pins()) == 1


def test_the_node_says_what_it_is_and_is_not(ask: httpx.Client, store: LocalStore, tmp_path: Path) -> None:
    told = post(ask, "repo/stat").json()
    assert told["NumObjects"] == len(list(store)) and told["RepoSize"] > 0
    assert post(ask, "swarm/peers").json() == {"Peers": []}
    one, two = (post(ask, "add", files={"file": text}).json()["Hash"] for text in (b"pinned one", b"pinned two"))
    assert post(ask, "pin/update", params={"arg": [one, two]}).json() == {"Pins": [one, two]}
    assert str(CID.parse(one).v1()) not in post(ask, "pin/ls").text
    assert all(json_of(line)["Ok"] for line in post(ask, "pin/verify").text.splitlines())
    assert post(ask, "repo/gc").status_code == 200


def test_add_keeps_to_kubos_defaults_and_its_words(ask: httpx.Client) -> None:
    answer = post(ask, "add", files={"file": ("hello.txt", b"hello world\n")})
    assert answer.json() == {
        "Name": "hello.txt",
        "Hash": "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o",
        "Size": "20",
    }
    only = post(ask, "add", params={"only-hash": "true", "cid-version": "1"}, files={"file": ("x", b"not kept")})
    assert post(ask, "block/stat", params={"arg": only.json()["Hash"]}).status_code == 500
    wrapped = post(ask, "add", params={"wrap-with-directory": "true"}, files={"file": ("hello.txt", b"hello world\n")})
    assert [line["Name"] for line in map(json_of, wrapped.text.splitlines())] == ["hello.txt", ""]


def json_of(line: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(line)
    return found


@pytest.mark.parametrize(
    ("command", "options", "message"),
    [
        ("cat", {}, "required"),
        ("cat", {"params": {"arg": "nonsense"}}, "CID"),
        ("cat", {"params": {"arg": str(HELLO), "offset": "-1"}}, "not a number"),
        ("add", {}, "required"),
        ("add", {"files": {"file": ("../evil", b"x")}}, "another folder"),
        ("add", {"files": {"file": ("%2e%2e%2fevil", b"x")}}, "another folder"),
        ("add", {"files": {"file": ("a%00b", b"x")}}, "control character"),
        ("add", {"files": {"file": ("/".join("a" * 40), b"x")}}, "folders deep"),
        ("add", {"files": [("file", ("a", b"x")), ("file", ("a", b"y"))]}, "twice"),
        ("add", {"files": [("file", ("a", b"x")), ("file", ("a/b", b"y"))]}, "as a file and as a folder"),
        ("add", {"params": {"chunker": "rabin"}, "files": {"file": ("a", b"x")}}, "chunker"),
        ("add", {"params": {"chunker": "size-0"}, "files": {"file": ("a", b"x")}}, "chunker"),
        ("add", {"params": {"chunker": "size-99999999"}, "files": {"file": ("a", b"x")}}, "chunker"),
        ("add", {"params": {"cid-version": "2"}, "files": {"file": ("a", b"x")}}, "cid-version"),
        ("add", {"params": {"max-file-links": "1"}, "files": {"file": ("a", b"x")}}, "max-file-links"),
        ("block/put", {"params": {"cid-codec": "odd"}, "files": {"file": ("a", b"x")}}, "codecs"),
        ("block/put", {"files": {"file": ("a", bytes(2**21 + 1))}}, "over the limit"),
        ("dag/import", {"files": {"file": ("a", b"no archive")}}, "malformed|cut short|header"),
        ("pin/ls", {"params": {"arg": str(CID.raw(b"never"))}}, "not pinned"),
        ("pin/update", {"params": {"arg": str(HELLO)}}, "required"),
        ("dag/put", {"files": {"file": b"no json"}}, "no dag-json"),
        ("dag/put", {"params": {"store-codec": "odd"}, "files": {"file": b"1"}}, "store-codec"),
        ("dag/get", {"params": {"arg": str(CID.raw(b"never"))}}, "not found locally"),
        ("files/read", {"params": {"arg": "/none at all"}}, "no file"),
        ("files/write", {"params": {"arg": "/none at all"}, "files": {"file": b"1"}}, "no file"),
        ("files/mv", {"params": {"arg": "/one"}}, "required"),
        ("config", {"params": {"arg": "a"}}, "no settings"),
    ],
)
def test_a_call_that_is_wrong_is_answered_in_kubos_form(
    ask: httpx.Client, command: str, options: dict[str, Any], message: str
) -> None:
    answer = post(ask, command, **options)
    assert answer.status_code in (400, 500) and answer.json()["Type"] == "error"
    assert re.search(message, answer.json()["Message"])


def test_the_rpc_is_for_posts_and_for_commands_that_it_has(ask: httpx.Client) -> None:
    assert ask.get("/api/v0/version").status_code == 405
    assert post(ask, "shutdown").status_code == 404


# --- Who is let in -------------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["Origin", "Referer", "Sec-Fetch-Site"])
def test_a_web_page_does_not_reach_the_rpc(ask: httpx.Client, server: Server, header: str) -> None:
    assert post(ask, "version", headers={header: server.url}).status_code == 403
    assert ask.get(f"/ipfs/{HELLO}?format=raw", headers={header: server.url}).status_code in (200, 404)


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "", "192.168.0.1", "[::1", "localhost.evil"]
)
def test_a_name_of_a_strangers_is_not_answered_to(ask: httpx.Client, host: str) -> None:
    for answer in (post(ask, "version", headers={"Host": host}), ask.get(f"/ipfs/{HELLO}", headers={"Host": host})):
        assert answer.status_code in (400, 403)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:99", "[::1]:80", "bafy.ipfs.localhost"])
def test_this_machines_names_are_answered_to(ask: httpx.Client, host: str) -> None:
    assert post(ask, "version", headers={"Host": host}).status_code == 200


def test_with_a_token_who_has_it_is_let_in(tmp_path: Path) -> None:
    local = LocalStore(tmp_path)
    with Server(local, token=TOKEN) as running, httpx.Client(base_url=running.url) as client:
        for given in (
            {},
            {"Authorization": "Bearer wrong"},
            {"Authorization": TOKEN},
            {"Authorization": b"Bearer \xe9"},
        ):
            for answer in (client.post("/api/v0/version", headers=given), client.get(f"/ipfs/{HELLO}", headers=given)):
                assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer"
        assert KuboRPC(running.url, token=TOKEN).version()
        with pytest.raises(Unavailable, match="401"):
            KuboRPC(running.url).version()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.1", "example.com", ""])
def test_others_are_not_served_without_a_token(tmp_path: Path, host: str) -> None:
    with pytest.raises(InputError, match="Others can reach"):
        Server(LocalStore(tmp_path), host=host)


def test_a_token_that_can_be_guessed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="guessed"):
        Server(LocalStore(tmp_path), token="secret")


def test_with_a_token_others_may_be_served(tmp_path: Path) -> None:
    with Server(LocalStore(tmp_path), host="0.0.0.0", token=TOKEN) as running:
        url = f"http://127.0.0.1:{running.port}"
        assert httpx.post(f"{url}/api/v0/version", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_a_port_that_is_taken_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(InputError, match="listened on"):
        serve(LocalStore(tmp_path), port=taken.getsockname()[1])


def test_without_the_extra_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any, **options: Any) -> Any:
        if name == "uvicorn":
            raise ModuleNotFoundError("No module named 'uvicorn'", name="uvicorn")
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"asset-registry\[server\]"):
        Server(LocalStore(tmp_path))


def test_it_stops_when_it_is_told_and_finishes_what_is_under_way(tmp_path: Path) -> None:
    local = LocalStore(tmp_path, durable=False)
    data = pattern(20_000_000)
    cid = add_file(io.BytesIO(data), local).cid
    running = Server(local).__enter__()
    with httpx.stream("GET", f"{running.url}/ipfs/{cid}") as answer:
        pieces = answer.iter_raw()
        got = next(pieces)
        stopping = threading.Thread(target=running.stop)
        stopping.start()
        assert got + b"".join(pieces) == data
    stopping.join(20)
    assert not stopping.is_alive()
    with pytest.raises(Unavailable):
        TrustlessGateway(running.url, deadline=1).get(cid)
