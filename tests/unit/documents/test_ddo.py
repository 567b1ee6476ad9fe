from __future__ import annotations

import base64
import copy
import hashlib
import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import jsonschema
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from registry.did import DID
from registry.documents.canonical import MAX_DEPTH
from registry.documents.ddo import DDO, MAX_BYTES, ContentFile, LicenceText, ddo_schema
from registry.documents.fields import is_licence_reference, utc_text
from registry.errors import DDOTooLarge, InvalidAddress, InvalidDDO
from registry.ipfs.cid import CID
from registry.types import to_address

from .support import REGISTRY

lines = st.text(st.characters(categories=("L", "N", "P", "S"), codec="utf-8"), min_size=1, max_size=30)
cids = st.binary(max_size=8).map(CID.raw)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False).filter(lambda x: not 2**53 <= abs(x) < 1e21)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4)
    ),
    max_leaves=12,
)
file_names = st.sampled_from([f"{folder}/{name}" for folder in "abc" for name in ("x.csv", "ü.bin", "z 1")])
files = st.builds(
    ContentFile, path=file_names, size=st.integers(0, 99), cid=cids, media_type=st.none() | st.just("text/csv")
)
contents = st.fixed_dictionaries(
    {
        "cid": cids,
        "size": st.integers(99 * 9, 2**53 - 1),
        "profile": st.just("unixfs-v1-2025"),
        "files": st.lists(files, max_size=9, unique_by=lambda file: file.path),
    }
)
dids = st.builds(
    DID, st.integers(1, 10**6), st.just("0x06012c8cf97bead5deae237070f9587f8e7a266d"), st.integers(0, 2**64 - 1)
)
ddos = st.builds(
    DDO,
    type=st.sampled_from(["dataset", "model", "algorithm", "app", "notebook", "other"]),
    name=lines,
    description=st.text(st.characters(categories=("L", "N", "P", "S"), include_characters="\n\t ", codec="utf-8")),
    author=st.none() | lines,
    created=st.datetimes().map(lambda moment: moment.replace(microsecond=0).isoformat() + "Z"),
    license=st.sampled_from(["CC0-1.0", "MIT OR Apache-2.0", "https://example.org/licence"]),
    tags=st.lists(lines, max_size=4, unique=True),
    content=st.none() | contents,
    licences=st.lists(st.builds(LicenceText, name=lines, terms=lines), max_size=3, unique_by=lambda text: text.name),
    parents=st.lists(dids, max_size=3, unique=True),
    conforms_to=st.lists(cids, max_size=2, unique=True),
    additional=st.dictionaries(st.text(st.characters(codec="utf-8")), json_values, max_size=4),
)


def faults_of(make: Any) -> dict[str, str]:
    """Return pointer and message of each fault that `make` is refused for."""
    with pytest.raises(InvalidDDO) as caught:
        make()
    return {fault.pointer: fault.message for fault in caught.value.faults}


def spoilt(ddo: DDO, **changes: Any) -> bytes:
    """Return canonical bytes of a document with changed top-level fields; None takes one out."""
    fields = {**ddo.to_dict(), **changes}
    return rfc8785.dumps({key: value for key, value in fields.items() if value is not None})


@given(ddos)
def test_a_ddo_reads_back_what_it_writes(ddo: DDO) -> None:
    data = ddo.to_bytes()
    again = DDO.from_bytes(data)
    assert again == ddo
    assert hash(again) == hash(ddo)
    assert again.to_bytes() == data == rfc8785.dumps(json.loads(data))


@given(ddos)
def test_a_ddo_survives_plain_json_copies_and_pickles(ddo: DDO) -> None:
    assert DDO.from_dict(json.loads(json.dumps(ddo.to_dict()))) == ddo
    assert pickle.loads(pickle.dumps(ddo)) == ddo == copy.deepcopy(ddo)


@given(st.binary() | st.text().map(str.encode) | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_refused_with_a_typed_error(data: bytes) -> None:
    with pytest.raises(InvalidDDO) as caught:
        DDO.from_bytes(data)
    str(caught.value).encode()


@given(ddos, st.data())
def test_a_changed_byte_is_refused_or_is_another_document(ddo: DDO, data: st.DataObject) -> None:
    raw = bytearray(ddo.to_bytes())
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    try:
        other = DDO.from_bytes(bytes(raw))
    except InvalidDDO:
        return
    assert other.to_bytes() == bytes(raw)
    assert other.digest != ddo.digest


@given(st.dictionaries(st.sampled_from([*DDO.model_fields, "conformsTo", "x"]), json_values | st.floats(), max_size=6))
def test_any_fields_make_a_ddo_or_a_typed_error(fields: dict[str, Any]) -> None:
    try:
        DDO(**fields)
    except InvalidDDO as error:
        assert error.faults
        str(error).encode()


def test_the_document_is_erc_721_metadata(penguins: DDO) -> None:
    metadata = json.loads(penguins.to_bytes())
    assert metadata["name"] == "Palmer penguins"
    assert {"description", "image", "external_url"} <= set(metadata)
    assert "id" not in metadata


def test_digest_and_cid_are_those_of_the_bytes(penguins: DDO) -> None:
    assert penguins.digest == hashlib.sha256(penguins.to_bytes()).digest()
    assert penguins.cid == CID.from_digest(penguins.digest)
    assert penguins.cid == CID.raw(penguins.to_bytes())


def test_a_known_document_has_a_known_cid() -> None:
    ddo = DDO(type="dataset", name="One", created="2026-11-23T17:00:00Z", license="CC0-1.0")
    expected = (
        b'{"created":"2026-11-23T17:00:00Z","description":"","license":"CC0-1.0",'
        b'"name":"One","type":"dataset","version":"1.0.0"}'
    )
    assert ddo.to_bytes() == expected
    # CIDv1, raw, sha2-256 of 32 bytes, in base32, put together by hand.
    multihash = b"\x01\x55\x12\x20" + hashlib.sha256(expected).digest()
    assert str(ddo.cid) == "b" + base64.b32encode(multihash).decode().lower().rstrip("=")


def test_optional_fields_without_value_are_left_out(penguins: DDO) -> None:
    bare = penguins.with_changes(
        image=None, external_url=None, author=None, tags=(), content=None, licences=(), parents=(), conforms_to=(),
        additional={},
    )  # fmt: skip
    assert set(bare.to_dict()) == {"version", "type", "name", "description", "created", "license"}


def test_a_copy_with_changes_is_checked_and_the_original_stays(penguins: DDO) -> None:
    assert penguins.with_changes(name="Other").name == "Other"
    assert penguins.with_changes() == penguins
    assert penguins.name == "Palmer penguins"
    assert set(faults_of(lambda: penguins.with_changes(name="", colour="red"))) == {"/name", "/colour"}


def test_a_ddo_is_frozen_all_the_way_down(penguins: DDO) -> None:
    with pytest.raises(ValidationError):
        penguins.name = "Other"
    with pytest.raises(TypeError, match="with_changes"):
        penguins.additional["rows"] = 1  # type: ignore[index]
    with pytest.raises(TypeError, match="with_changes"):
        penguins.additional["nested"].update(x=1)
    theirs: dict[str, Any] = {"list": [1]}
    ddo = penguins.with_changes(additional=theirs)
    theirs["list"].append(2)
    assert ddo.to_dict()["additional"] == {"list": [1]}


def test_all_faults_are_told_at_once_each_with_its_pointer(penguins: DDO) -> None:
    data = spoilt(
        penguins,
        name=5,
        created="yesterday",
        tags=["a", 1, "a"],
        content={**penguins.to_dict()["content"], "size": -1, "files": [{"path": "../x", "size": 1.5, "cid": "Qm"}]},
        licences=[{"name": "a", "k~y/1": 1}],
        parents=["did:op:1"],
        unknown=1,
    )
    assert set(faults_of(lambda: DDO.from_bytes(data))) == {
        "/name", "/created", "/tags/1", "/content/size", "/content/files/0/path", "/content/files/0/size",
        "/content/files/0/cid", "/licences/0/k~0y~11", "/parents/0", "/unknown",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version", "2.0.0"),
        ("type", "poem"),
        ("type", None),
        ("name", ""),
        ("name", "x" * 257),
        ("name", "two\nlines"),
        ("name", "\u202egpj.exe"),
        ("description", "x" * 20_001),
        ("description", "bell\x07"),
        ("description", None),
        ("image", "http://example.org/a.png"),
        ("image", "ipfs://nonsense"),
        ("image", "javascript:alert(1)"),
        ("image", "https://"),
        ("external_url", "file:///etc/passwd"),
        ("external_url", "https://exa mple.org"),
        ("author", ""),
        ("created", "2026-11-23T17:00:00.5Z"),
        ("created", "2026-11-23T17:00:00+00:00"),
        ("created", "2026-02-30T17:00:00Z"),
        ("created", "2026-11-23"),
        ("license", "free for all"),
        ("license", "ftp://example.org"),
        ("tags", "penguins"),
        ("tags", ["x"] * 65),
        ("content", []),
        ("licences", [{}]),
        ("parents", ["did:nft:eip155:1_erc721:0x00_1"]),
        ("conformsTo", ["bafy"]),
        ("additional", []),
        ("additional", "x"),
    ],
)
def test_a_wrong_field_is_refused_at_its_pointer(penguins: DDO, field: str, value: Any) -> None:
    pointers = faults_of(lambda: DDO.from_bytes(spoilt(penguins, **{field: value})))
    assert pointers
    assert all(at == f"/{field}" or at.startswith(f"/{field}/") for at in pointers)


def url(length: int) -> str:
    return "https://example.org/".ljust(length, "x")


def gateway(number: int, **changes: Any) -> dict[str, Any]:
    letters = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
    made = {
        "url": f"https://{number}.example.org",
        "recipient": "age1" + letters[number] * 58,
        "signer": to_address(f"0x{number + 1:040x}"),
    }
    return {**made, **changes}


def content(**changes: Any) -> dict[str, Any]:
    return {"cid": CID.raw(b"folder"), "size": 9, "profile": "unixfs-v1-2025", **changes}


def one_file(**changes: Any) -> dict[str, Any]:
    return {"content": content(files=[{"path": "a", "size": 1, "cid": CID.raw(b""), **changes}])}


def gated(**changes: Any) -> dict[str, Any]:
    return {"content": content(encryption={"recipient": "age1" + "q" * 58, "key_version": 1, **changes})}


# How it is made as large as it is said; the sizes that are taken, and those that are refused, where.
LIMITS: dict[str, tuple[Callable[[int], dict[str, Any]], tuple[int, ...], tuple[int, ...], str]] = {
    "name": (lambda n: {"name": "x" * n}, (1, 256), (0, 257), "/name"),
    "description": (lambda n: {"description": "x" * n}, (0, 20_000), (20_001,), "/description"),
    "image": (lambda n: {"image": url(n)}, (2048,), (2049,), "/image"),
    "image on IPFS": (lambda n: {"image": f"ipfs://{CID.raw(b'')}/".ljust(n, "x")}, (67, 2048), (2049,), "/image"),
    "home": (lambda n: {"external_url": url(n)}, (2048,), (2049,), "/external_url"),
    "author": (lambda n: {"author": "x" * n}, (1, 256), (257,), "/author"),
    "licence by its address": (lambda n: {"license": url(n)}, (2048,), (2049,), "/license"),
    "licence by its name": (lambda n: {"license": "A" * n}, (1, 2048), (0, 2049), "/license"),
    "length of a tag": (lambda n: {"tags": ["x" * n]}, (1, 256), (0, 257), "/tags/0"),
    "tags": (lambda n: {"tags": [str(tag) for tag in range(n)]}, (0, 64), (65,), "/tags"),
    "parents": (lambda n: {"parents": [DID(1, REGISTRY, at) for at in range(n)]}, (0, 8), (9,), "/parents"),
    "name of a licence": (lambda n: {"licences": [{"name": "x" * n}]}, (1, 256), (0, 257), "/licences/0/name"),
    "words of a licence": (
        lambda n: {"licences": [{"name": "a", "description": "x" * n}]},
        (0, 10_000),
        (10_001,),
        "/licences/0/description",
    ),
    "terms": (
        lambda n: {"licences": [{"name": "a", "terms": "x" * n}]},
        (0, 20_000),
        (20_001,),
        "/licences/0/terms",
    ),
    "profile": (lambda n: {"content": content(profile="x" * n)}, (1, 64), (0, 65), "/content/profile"),
    "size": (lambda n: {"content": content(size=n)}, (0, 2**53 - 1), (-1, 2**53), "/content/size"),
    "path": (lambda n: one_file(path="x" * n), (1, 1024), (0, 1025), "/content/files/0/path"),
    "media type": (
        lambda n: one_file(media_type="a/b".ljust(n, "x")),
        (3, 128),
        (129,),
        "/content/files/0/media_type",
    ),
    "version of a key": (
        lambda n: gated(key_version=n),
        (1, 2**32 - 1),
        (0, 2**32, 2**32 + 1),
        "/content/encryption/key_version",
    ),
    "gateways": (
        lambda n: gated(gateways=[gateway(at) for at in range(n)]),
        (0, 16),
        (17,),
        "/content/encryption/gateways",
    ),
    "threshold": (
        lambda n: gated(threshold=n, gateways=[gateway(at) for at in range(16)]),
        (1, 16),
        (0, 17),
        "/content/encryption/threshold",
    ),
    "address of a gateway": (
        lambda n: gated(gateways=[gateway(0, url=url(n))]),
        (2048,),
        (2049,),
        "/content/encryption/gateways/0/url",
    ),
}


@pytest.mark.parametrize("what", LIMITS)
def test_a_field_may_be_as_large_as_it_may_be_and_no_larger(penguins: DDO, what: str) -> None:
    make, taken, refused, at = LIMITS[what]
    for size in taken:
        made = penguins.with_changes(**make(size))
        assert DDO.from_bytes(made.to_bytes()) == made
    for size in refused:
        changes = make(size)
        assert set(faults_of(lambda changes=changes: penguins.with_changes(**changes))) == {at}


@pytest.mark.parametrize("value", ["1", True, 1.0])
@pytest.mark.parametrize("field", ["size", "threshold", "key_version", "hidden"])
def test_numbers_are_numbers_and_truths_are_truths(penguins: DDO, field: str, value: Any) -> None:
    if field == "hidden" and value is True:
        value = 1
    changes = {"content": content(size=value)} if field == "size" else gated(**{field: value})
    (at,) = faults_of(lambda: penguins.with_changes(**changes))
    assert at.endswith(f"/{field}")


@pytest.mark.parametrize(
    ("url", "taken"),
    [
        ("https://keys.example.org", True),
        ("https://keys.example.org:8454/under/here", True),
        ("http://localhost:8454", True),
        ("http://127.0.0.1", True),
        ("http://[::1]:8454", True),
        ("http://keys.example.org", False),
        ("ftp://localhost", False),
        ("https://keys.example.org/", False),
        ("https://keys.example.org?key=1", False),
        ("https://keys.example.org#top", False),
        ("https://ann@keys.example.org", False),
        ("http://localhost?key=1", False),
        ("https://KEYS.example.org", False),
        ("https://keys.example.org:443", False),
        ("https://keys.example.org.", False),
        ("https://keys.example.org:22", False),
        ("https://2130706433", False),
        ("https://k\u0435ys.example.org", False),
        ("https://[::ffff:127.0.0.1]", False),
    ],
)
def test_a_gateway_is_asked_where_nobody_listens_in(penguins: DDO, url: str, taken: bool) -> None:
    changes = gated(gateways=[gateway(0, url=url)])
    if taken:
        assert penguins.with_changes(**changes).content.encryption.gateways[0].url == url
    else:
        assert set(faults_of(lambda: penguins.with_changes(**changes))) == {"/content/encryption/gateways/0/url"}


def test_faults_read_on_from_the_name_of_their_field(penguins: DDO) -> None:
    found = faults_of(lambda: penguins.with_changes(name=5, content=content(size=-1)))
    assert found == {"/name": "input should be a valid string", "/content/size": found["/content/size"]}
    assert found["/content/size"].startswith("input should be greater than or equal to 0")


@pytest.mark.parametrize("same", ["url", "recipient", "signer"])
def test_no_two_gateways_are_one(penguins: DDO, same: str) -> None:
    first = gateway(0)
    found = faults_of(
        lambda: penguins.with_changes(**gated(gateways=[first, gateway(1), gateway(2, **{same: first[same]})]))
    )
    assert found == {f"/content/encryption/gateways/2/{same}": "repeats number 0"}


def test_a_document_commits_to_all_shares_or_to_none(penguins: DDO) -> None:
    def faults(*commitments: Any) -> dict[str, str]:
        named = [gateway(n) | ({"commitment": c} if c else {}) for n, c in enumerate(commitments)]
        return faults_of(lambda: penguins.with_changes(**gated(gateways=named)))

    at = "/content/encryption/gateways"
    assert faults("ab" * 32, None) == {f"{at}/1/commitment": "is missing, and others have one"}
    assert faults("ab" * 32, "ab" * 32) == {f"{at}/1/commitment": "repeats number 0"}
    for odd in ("AB" * 32, "ab" * 31, "0x" + "ab" * 31, "xy" * 32):
        assert set(faults(odd)) == {f"{at}/0/commitment"}
    named = [gateway(n) | {"commitment": f"{n:064x}"} for n in range(2)]
    made = penguins.with_changes(**gated(gateways=named))
    assert DDO.from_bytes(made.to_bytes()) == made
    assert made.to_dict()["content"]["encryption"]["gateways"][1]["commitment"] == f"{1:064x}"


def test_one_host_counts_once_but_for_this_machine(penguins: DDO) -> None:
    urls = ["https://a.example", "https://b.example", "https://a.example:8443/another"]
    found = faults_of(lambda: penguins.with_changes(**gated(gateways=[gateway(n, url=u) for n, u in enumerate(urls)])))
    assert found == {"/content/encryption/gateways/2/url": "is on the same host as number 0"}
    here = [gateway(number, url=f"http://127.0.0.1:{8454 + number}") for number in range(3)]
    assert len(penguins.with_changes(**gated(gateways=here)).content.encryption.gateways) == 3


def test_a_cid_or_an_address_in_another_spelling_is_refused(penguins: DDO) -> None:
    cid = CID.raw(b"folder")
    for odd in ("B" + str(cid)[1:].upper(), "f" + bytes(cid).hex(), "F" + bytes(cid).hex().upper()):
        found = faults_of(lambda odd=odd: penguins.with_changes(content=content(cid=odd)))
        assert found == {"/content/cid": f"is not in its usual form {cid}"}
    usual = to_address("0x" + "ab" * 20)
    for odd in (usual.lower(), "0x" + usual[2:].upper()):
        found = faults_of(lambda odd=odd: penguins.with_changes(**gated(gateways=[gateway(0, signer=odd)])))
        assert found == {"/content/encryption/gateways/0/signer": f"is not in its usual form {usual}"}


@pytest.mark.parametrize("path", ["/a", "a/", "a//b", "./a", "a/..", "..", "a\\b", "a\nb", "", "x" * 1025])
def test_an_odd_path_is_refused(path: str) -> None:
    assert set(faults_of(lambda: ContentFile(path=path, size=0, cid=CID.raw(b"")))) == {"/path"}


def test_contents_that_contradict_themselves_are_refused(penguins: DDO) -> None:
    def with_files(*paths: str, size: int = 9) -> Any:
        listed = [{"path": path, "size": 1, "cid": CID.raw(b"")} for path in paths]
        return lambda: penguins.with_changes(
            content={"cid": CID.raw(b""), "size": size, "profile": "unixfs-v1-2025", "files": listed}
        )

    assert set(faults_of(with_files("a", "b", "a"))) == {"/content/files/2/path"}
    assert set(faults_of(with_files("a", "a/b"))) == {"/content/files/1/path"}
    assert set(faults_of(with_files("a", "b", size=1))) == {"/content/size"}


def test_repeats_are_refused_where_they_stand(penguins: DDO, did: DID) -> None:
    found = faults_of(
        lambda: penguins.with_changes(tags=["a", "b", "a"], parents=[did, did], licences=[{"name": "a"}, {"name": "a"}])
    )
    assert set(found) == {"/tags/2", "/parents/1", "/licences/1/name"}


@pytest.mark.parametrize("bracket", [b"[", b'{"a":', b'{"additional":[', b'[{"a":'])
def test_a_depth_bomb_is_refused_without_recursion(bracket: bytes) -> None:
    message = faults_of(lambda: DDO.from_bytes(bracket * (MAX_BYTES // len(bracket))))[""]
    assert f"deeper than {MAX_DEPTH}" in message


@pytest.mark.parametrize("data", [b'"\\"', b'\\"', b"[],", b'"'])
def test_crafted_quotes_and_brackets_are_refused_quickly(data: bytes) -> None:
    assert faults_of(lambda: DDO.from_bytes(data * (MAX_BYTES // len(data))))


def test_depth_is_the_same_for_reading_and_writing(penguins: DDO) -> None:
    value: Any = 1
    for _ in range(MAX_DEPTH - 2):
        value = [value]
    ddo = penguins.with_changes(additional={"x": value})
    assert DDO.from_bytes(ddo.to_bytes()) == ddo
    assert faults_of(lambda: penguins.with_changes(additional={"x": [value]}))


def test_a_value_that_holds_itself_is_refused(penguins: DDO) -> None:
    loop: list[Any] = []
    loop += [loop] * 10
    assert faults_of(lambda: penguins.with_changes(additional={"x": loop}))


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), 2**53, -(2**53), float(2**53), 1e20, "\ud800", b"bytes", {1}, object()],
)
def test_what_json_cannot_keep_is_refused_in_additional(penguins: DDO, value: Any) -> None:
    assert set(faults_of(lambda: penguins.with_changes(additional={"a/b": [value]}))) == {"/additional/a~1b/0"}


def test_names_that_are_not_text_are_refused_in_additional(penguins: DDO) -> None:
    assert set(faults_of(lambda: penguins.with_changes(additional={"a": {1: 2}}))) == {"/additional/a/1"}
    assert faults_of(lambda: penguins.with_changes(additional={"\ud800": 1}))


@pytest.mark.parametrize(
    ("spoil", "pointer", "reason"),
    [
        (lambda data: b" " + data, "", "canonical JSON"),
        (lambda data: data + b"\n", "", "canonical JSON"),
        (lambda data: data.replace(b'"version":"1.0.0"', b'"version":"1\\u002e0.0"'), "", "canonical JSON"),
        (lambda data: data.replace(b"2.5", b"2.50"), "", "canonical JSON"),
        (lambda data: data.replace(b'{"additional"', b'{"zzz":1,"additional"'), "/zzz", "not a known field"),
        (lambda data: data.replace(b'"rows":344', b'"rows":344,"rows":344'), "/additional/rows", "more than once"),
        (lambda data: data.replace(b"344}", b"NaN}"), "/additional/rows", "finite"),
        (lambda data: data.replace(b"344}", b"9007199254740993}"), "/additional/rows", "2**53-1"),
        (lambda data: data.replace(b"344}", b"9" * 9000 + b"}"), "/additional/rows", "finite"),
        (lambda data: data.replace(b"344}", b"1e999}"), "/additional/rows", "finite"),
        (lambda data: data.replace(b"Palmer", b"P\xfflmer"), "", "UTF-8 at byte"),
        (lambda data: data.replace(b"Palmer", b"\\ud800"), "/name", "surrogate"),
        (lambda data: data[:-1], "", "not JSON"),
        (lambda data: b"\xef\xbb\xbf" + data, "", "not JSON"),
        (lambda data: b"", "", "not JSON"),
        (lambda data: b"[]", "", "not a JSON object"),
        (lambda data: b"null", "", "not a JSON object"),
        (lambda data: data.decode(), "", "not bytes"),
    ],
)
def test_bytes_with_another_spelling_are_refused(penguins: DDO, spoil: Any, pointer: str, reason: str) -> None:
    data = penguins.to_bytes()
    found = faults_of(lambda: DDO.from_bytes(spoil(data)))
    assert reason in found[pointer]


def test_the_first_byte_that_is_otherwise_is_named(penguins: DDO) -> None:
    data = penguins.to_bytes()
    number = data.index(b"2.5") + len(b"2.5")
    for spoilt, place in ((b" " + data, 0), (data.replace(b"2.5", b"2.50"), number), (data + b"\n", len(data))):
        found = faults_of(lambda spoilt=spoilt: DDO.from_bytes(spoilt))
        assert found == {"": f"is not canonical JSON (RFC 8785) from byte {place} on"}


@pytest.mark.parametrize(
    "extra", [{"image": None}, {"tags": []}, {"additional": {}}, {"parents": []}, {"author": None}]
)
def test_empty_fields_in_bytes_are_refused_since_they_have_no_place(extra: dict[str, Any]) -> None:
    fields = {"created": "2026-11-23T17:00:00Z", "description": "", "license": "CC0-1.0", "name": "One"}
    fields |= {"type": "dataset", "version": "1.0.0"}
    ((key, _),) = extra.items()
    found = faults_of(lambda: DDO.from_bytes(rfc8785.dumps({**fields, **extra})))
    assert found == {f"/{key}": "has no value; leave it out"}
    del fields["version"]
    assert faults_of(lambda: DDO.from_bytes(rfc8785.dumps(fields))) == {"/version": "is missing"}


def test_a_document_over_one_block_is_refused_both_ways(penguins: DDO) -> None:
    assert MAX_BYTES == 1024 * 1024, "which every node of IPFS passes on"
    big = penguins.with_changes(additional={"x": "y" * MAX_BYTES})
    with pytest.raises(DDOTooLarge) as caught:
        big.to_bytes()
    assert caught.value.limit == MAX_BYTES
    with pytest.raises(DDOTooLarge):
        DDO.from_bytes(b" " * (MAX_BYTES + 1))
    fitting = MAX_BYTES - len(penguins.with_changes(additional={"x": ""}).to_bytes())
    full = penguins.with_changes(additional={"x": "y" * fitting})
    assert len(full.to_bytes()) == MAX_BYTES
    assert DDO.from_bytes(full.to_bytes()) == full


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ("MIT", True),
        ("LicenseRef-Ours", True),
        ("GPL-2.0-or-later WITH Bison-exception-2.2", True),
        ("(MIT OR Apache-2.0) AND CC0-1.0", True),
        ("ipfs://bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy", True),
        ("MIT OR", False),
        ("OR MIT", False),
        ("(MIT", False),
        ("MIT)", False),
        ("MIT  OR ISC", False),
        ("MIT ISC", False),
        ("(MIT zzz", False),
        ("! MIT)", False),
        ("( MIT *", False),
        (url(2048), True),
        (url(2049), False),
    ],
)
def test_licence_expressions_are_told_from_prose(text: str, accepted: bool) -> None:
    assert is_licence_reference(text) is accepted


def test_the_w3c_document_names_controller_and_services(penguins: DDO, did: DID) -> None:
    document = penguins.did_document(did, "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed")
    assert document["id"] == str(did)
    assert document["controller"] == "did:pkh:eip155:1:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
    endpoints = {service["id"].split("#")[1]: service["serviceEndpoint"] for service in document["service"]}
    assert penguins.content is not None
    assert endpoints == {
        "ddo": f"ipfs://{penguins.cid}",
        "content": f"ipfs://{penguins.content.cid}",
        "home": "https://example.org/",
    }
    with pytest.raises(InvalidAddress):
        penguins.did_document(did, "alice")


def test_the_json_schema_accepts_documents_and_refuses_others(penguins: DDO) -> None:
    validator = jsonschema.Draft202012Validator(ddo_schema())
    validator.check_schema(ddo_schema())
    assert not list(validator.iter_errors(penguins.to_dict()))
    for wrong in ({"name": ""}, {"type": "poem"}, {"unknown": 1}, {"tags": "x"}, {"content": {"cid": 1}}):
        assert list(validator.iter_errors({**penguins.to_dict(), **wrong}))


def test_moments_are_written_in_utc() -> None:
    zone = timezone(timedelta(hours=2))
    assert utc_text(datetime(2026, 11, 23, 19, 0, 0, 999, tzinfo=zone)) == "2026-11-23T17:00:00Z"
    with pytest.raises(InvalidDDO):
        utc_text(datetime(2026, 11, 23))


def test_documents_need_no_web3() -> None:
    code = (
        "import sys, registry.documents.ddo, registry.documents.licence, registry.documents.ocean, registry.types\n"
        "registry.types.to_address('0x' + '11' * 20)\n"
        "print([name for name in ('web3', 'ape', 'pandas', 'eth_utils') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
