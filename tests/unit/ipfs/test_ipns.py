"""Names whose content changes: records that other software signed, and what liars and late-comers hand out instead."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from registry.errors import InputError, Unavailable, Unverified
from registry.ipfs import varint
from registry.ipfs.cid import CID
from registry.ipfs.dag import encode
from registry.ipfs.ipns import IpnsName, read_record
from registry.ipfs.mutable import MutableNames
from registry.ipfs.routing import DelegatedRouter
from registry.ipfs.server import Server
from registry.ipfs.store import LocalStore
from registry.ipfs.trustless import TrustlessGateway
from registry.ipfs.unixfs import add_tree

from .lying import Request, lying
from .support import DATA

# Made by boxo, the library of Kubo: https://github.com/ipfs/gateway-conformance/tree/main/fixtures
RECORDS: dict[str, dict[str, str]] = json.loads((DATA / "ipns_records.json").read_text())
CONTENT = f"/ipfs/{CID.raw(b'hello')}"


def recorded(what: str) -> tuple[IpnsName, bytes]:
    return IpnsName.parse(RECORDS[what]["name"]), b64decode(RECORDS[what]["record"])


def field(number: int, value: bytes | int) -> bytes:
    if isinstance(value, int):
        return varint.encode(number << 3) + varint.encode(value)
    return varint.encode(number << 3 | 2) + varint.encode(len(value)) + value


class Holder:
    """Somebody with a key."""

    def __init__(self, seed: int = 1) -> None:
        self.key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        public = field(1, 1) + field(2, self.key.public_key().public_bytes_raw())
        self.name = IpnsName(b"\x00" + varint.encode(len(public)) + public)

    def sign(self, value: str = CONTENT, sequence: int = 1, hours: float = 24, **changed: Any) -> bytes:
        """A record as the specification has it; `changed` are fields of its data."""
        until = (datetime.now(UTC) + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
        data = {"Value": value.encode(), "Validity": until.encode(), "ValidityType": 0, "Sequence": sequence, "TTL": 0}
        signed = encode(data | changed)
        return field(8, self.key.sign(b"ipns-signature:" + signed)) + field(9, signed)


class Place:
    """Who hands out records."""

    name = "the place"

    def __init__(self, *records: bytes) -> None:
        self.records = list(records)

    def record(self, name: IpnsName) -> bytes:
        return self.records[0]


@pytest.fixture
def holder() -> Holder:
    return Holder()


@pytest.fixture
def resolve(tmp_path: Path) -> Callable[..., str]:
    """Resolve by what places hand out; what was seen is remembered between calls."""

    def ask(name: object, *records: bytes, dns: str | None = None) -> str:
        return MutableNames([Place(record) for record in records], tmp_path / "ipns", dns=dns).resolve(str(name))

    return ask


# --- Records of others ---------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["v1-v2", "v2", "v1-v2-broken-signature-v1", "rsa", "ed25519 by its base58 name"])
def test_a_record_that_other_software_signed_is_read(what: str) -> None:
    name, data = recorded(what)
    record = read_record(name, data)
    assert record.value.startswith("/ipfs/") and record.name == name
    assert IpnsName.parse(str(name)) == IpnsName.parse(f"/ipns/{name}") == name


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("v1-v2-broken-signature-v2", "signature"),
        ("v1-v2-broken-v1-value", "beside what is signed"),
        ("v1", "no signature of version 2"),
    ],
)
def test_a_record_that_other_software_broke_is_refused(what: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_record(*recorded(what))


@pytest.mark.parametrize("what", ["v2", "rsa"])
def test_no_bit_of_what_was_signed_can_be_changed(what: str) -> None:
    name, data = recorded(what)
    good = read_record(name, data)
    for place in range(0, len(data), 7):
        changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        try:
            assert read_record(name, changed) == good  # of a version 1 beside it nothing is believed
        except ValueError:
            continue


def test_a_record_of_somebody_else_is_refused(holder: Holder) -> None:
    with pytest.raises(ValueError, match="not that of the name's key"):
        read_record(holder.name, Holder(2).sign())
    with pytest.raises(ValueError, match="does not have the key"):
        read_record(recorded("rsa")[0], holder.sign())


@pytest.mark.parametrize(
    "changed",
    [
        {"Value": "text"},
        {"Value": b"/etc/passwd"},
        {"Value": b"/ipfs/a b"},
        {"Validity": b"tomorrow"},
        {"Validity": b"\xff"},
        {"ValidityType": 1},
        {"Sequence": -1},
        {"Sequence": "1"},
        {"TTL": True},
    ],
)
def test_what_no_record_says_is_refused_though_it_is_signed(holder: Holder, changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        read_record(holder.name, holder.sign(**changed))


@pytest.mark.parametrize("data", [b"", b"\x00", b"\xff" * 20, bytes(10_241), field(9, b"\x01"), field(8, b"") * 2])
def test_bytes_that_are_no_record_are_refused(holder: Holder, data: bytes) -> None:
    with pytest.raises(ValueError):
        read_record(holder.name, data)


@pytest.mark.parametrize("text", ["", "hello", str(CID.raw(b"")), "Qm123", "12D3KooW!", "k51qzi5uqu5d"])
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="no name of IPNS"):
        IpnsName.parse(text)


# --- Which of them counts ------------------------------------------------------------------------


def test_the_newest_record_that_is_good_counts(holder: Holder, resolve: Callable[..., str]) -> None:
    newest = f"{CONTENT}/newest"
    found = resolve(holder.name, holder.sign(), b"garbage", holder.sign(newest, 7), Holder(2).sign(sequence=9))
    assert found == newest
    assert resolve(f"ipns://{holder.name}/a/b.csv", holder.sign(newest, 7)) == f"{newest}/a/b.csv"


def test_a_record_that_is_over_is_refused(holder: Holder, resolve: Callable[..., str]) -> None:
    with pytest.raises(Unverified, match="was good until"):
        resolve(holder.name, holder.sign(hours=-1))


def test_an_older_record_does_not_take_anybody_back(holder: Holder, resolve: Callable[..., str]) -> None:
    old, new = holder.sign(sequence=4), holder.sign(f"{CONTENT}/new", 5)
    assert resolve(holder.name, old) == CONTENT
    assert resolve(holder.name, new) == f"{CONTENT}/new"
    assert resolve(holder.name, old) == f"{CONTENT}/new"  # replayed
    assert resolve(holder.name) == f"{CONTENT}/new"  # and known without anybody


def test_an_older_record_is_not_taken_when_the_newest_is_over(
    holder: Holder, resolve: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "ipns").mkdir()
    (tmp_path / "ipns" / str(holder.name)).write_bytes(holder.sign(sequence=5, hours=-1))
    with pytest.raises(Unverified, match="the newest record, 5, was good until"):
        resolve(holder.name, holder.sign(sequence=4))
    assert resolve(holder.name, holder.sign(sequence=6)) == CONTENT


def test_a_damaged_memory_is_no_record(holder: Holder, resolve: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "ipns").mkdir()
    (tmp_path / "ipns" / str(holder.name)).write_bytes(b"damaged")
    assert resolve(holder.name, holder.sign()) == CONTENT


def test_names_that_lead_to_names_end(holder: Holder, resolve: Callable[..., str]) -> None:
    other = Holder(2)
    with pytest.raises(InputError, match="from name to name"):
        resolve(holder.name, holder.sign(f"/ipns/{holder.name}"))
    with pytest.raises(Unverified):
        resolve(holder.name, holder.sign(f"/ipns/{other.name}", 9))


def test_gateways_and_routers_hand_out_records(holder: Holder, tmp_path: Path) -> None:
    paths: list[str] = []

    def answer(request: Request) -> None:
        paths.append(request.path_only)
        assert request.headers["Accept"] == "application/vnd.ipfs.ipns-record"
        request.send(holder.sign(), Content_Type="application/vnd.ipfs.ipns-record")

    def absent(request: Request) -> None:
        request.send(b"none", 404)

    with lying(answer) as server, lying(absent) as empty, lying(lambda request: request.send(b"", 500)) as broken:
        for number, kind in enumerate((TrustlessGateway, DelegatedRouter)):
            names = MutableNames([kind(empty.url), kind(server.url)], tmp_path / str(number))
            assert names.resolve(str(holder.name)) == CONTENT
            for url in (empty.url, broken.url):
                with pytest.raises(Unavailable):
                    MutableNames([kind(url, deadline=2.0)], tmp_path / "none").resolve(str(holder.name))
    assert paths == [f"/ipns/{holder.name}", f"/routing/v1/ipns/{holder.name}"]


# --- Domains -------------------------------------------------------------------------------------


def resolver(texts: dict[str, list[str]]) -> Callable[[Request], None]:
    def answer(request: Request) -> None:
        assert request.query["type"] == "TXT"
        found = [{"type": 16, "data": text} for text in texts.get(unquote(request.query["name"]), [])]
        request.send(json.dumps({"Status": 0, "Answer": [{"type": 5, "data": "x"}, *found]}).encode())

    return answer


def test_a_domain_leads_to_content_by_its_dnslink(holder: Holder, resolve: Callable[..., str]) -> None:
    texts = {
        "_dnslink.docs.example.com": ['"v=spf1"', f'"dnslink={CONTENT[:20]}" "{CONTENT[20:]}"'],
        "old.example.com": [f"dnslink=/ipns/{holder.name}"],
        "_dnslink.bad.example.com": ['"dnslink=/ipfs/a b"'],
    }
    with lying(resolver(texts)) as server:
        dns = f"{server.url}/dns-query"
        assert resolve("docs.example.com/a.csv", dns=dns) == f"{CONTENT}/a.csv"
        assert resolve("ipns://Old.Example.com", holder.sign(), dns=dns) == CONTENT
        with pytest.raises(Unverified, match="no path of content"):
            resolve("bad.example.com", dns=dns)
        with pytest.raises(Unavailable, match="has none"):
            resolve("none.example.com", dns=dns)
    with pytest.raises(InputError, match="Nobody was named"):
        resolve("docs.example.com")
    for nonsense in (b"<html>", b"[]", b'{"Answer": [{}]}'):
        with lying(lambda request, body=nonsense: request.send(body)) as server, pytest.raises(Unavailable):  # type: ignore[misc]
            resolve("docs.example.com", dns=server.url)


# --- On our own gateway --------------------------------------------------------------------------


def test_the_gateway_follows_names_and_hands_their_records_on(tmp_path: Path) -> None:
    holder, store = Holder(), LocalStore(tmp_path / "blocks", durable=False)
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "a.txt").write_bytes(b"hello")
    root = add_tree(tmp_path / "made", store).cid
    record = holder.sign(f"/ipfs/{root}")
    place, names = Place(record), tmp_path / "ipns"
    with Server(store, names=MutableNames([place], names)) as server:
        found = httpx.get(f"{server.url}/ipns/{holder.name}/a.txt")
        assert (found.content, found.headers["x-ipfs-path"]) == (b"hello", f"/ipns/{holder.name}/a.txt")
        assert "immutable" not in found.headers["cache-control"]
        listed = httpx.get(f"{server.url}/ipns/{holder.name}", follow_redirects=True)
        assert listed.url.path == f"/ipns/{holder.name}/" and "a.txt" in listed.text
        gateway = TrustlessGateway(server.url)
        assert gateway.record(holder.name) == record
        assert MutableNames([gateway], tmp_path / "other").resolve(str(holder.name)) == f"/ipfs/{root}"
        place.records = [holder.sign(f"/ipfs/{CID.raw(b'older')}", sequence=0)]
        assert httpx.get(f"{server.url}/ipns/{holder.name}/a.txt").content == b"hello", "nobody takes it back"
        other = Holder(2).name
        asked = {
            f"/ipns/{other}": 502,  # what the place has is of another key
            f"/ipns/{holder.name}/none": 404,
            f"/ipns/{root}": 400,
            "/ipns/example.com": 400,
            f"/ipns/{holder.name}/a.txt?format=ipns-record": 400,
            f"/ipfs/{root}?format=ipns-record": 400,
        }
        assert {path: httpx.get(f"{server.url}{path}").status_code for path in asked} == asked
    with Server(store) as server:
        assert httpx.get(f"{server.url}/ipns/{holder.name}").status_code == 404


def test_the_rpc_follows_names_wherever_a_path_may_stand(holder: Holder, tmp_path: Path) -> None:
    store, other = LocalStore(tmp_path / "blocks", durable=False), Holder(2)
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "a.txt").write_bytes(b"hello")
    root = add_tree(tmp_path / "made", store).cid
    records = {holder.name: holder.sign(f"/ipns/{other.name}/sub"), other.name: other.sign(f"/ipfs/{root}")}

    class Places:
        name = "the places"

        def record(self, name: IpnsName) -> bytes:
            return records[name]

    def post(server: Server, command: str, **params: str) -> httpx.Response:
        return httpx.post(f"{server.url}/api/v0/{command}", params=params)

    with Server(store, names=MutableNames([Places()], tmp_path / "ipns")) as server:
        assert post(server, "name/resolve", arg=str(holder.name)).json() == {"Path": f"/ipfs/{root}/sub"}
        once = post(server, "name/resolve", arg=f"/ipns/{holder.name}", recursive="false")
        assert once.json() == {"Path": f"/ipns/{other.name}/sub"}
        assert post(server, "cat", arg=f"/ipns/{other.name}/a.txt").content == b"hello"
        assert post(server, "resolve", arg=f"/ipns/{other.name}").json() == {"Path": f"/ipfs/{root}"}
        records[other.name] = holder.sign(sequence=9)
        (tmp_path / "ipns" / str(other.name)).unlink()
        forged = post(server, "name/resolve", arg=str(other.name))
        assert forged.status_code == 500 and "not that of the name's key" in forged.json()["Message"]
        for argument in ("nonsense", f"/ipfs/{root}", "example.com"):
            refused = post(server, "name/resolve", arg=argument)
            assert refused.status_code == 400 and refused.json()["Type"] == "error", argument
    with Server(store) as server:
        for command in ("name/resolve", "cat"):
            refused = post(server, command, arg=f"/ipns/{other.name}/a.txt")
            assert refused.status_code == 400 and "follows no names" in refused.json()["Message"]
