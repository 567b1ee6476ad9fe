from __future__ import annotations

import contextlib
import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.did import DID
from registry.documents.ddo import DDO
from registry.documents.licence import Kind, Licence
from registry.documents.ocean import from_ocean_v4
from registry.documents.ocean_export import to_ocean_v4
from registry.documents.ocean_shapes import OCEAN_VERSIONS, ocean_did
from registry.errors import InputError, InvalidAddress, InvalidDDO, InvalidLicence, RegistryError

from .test_ddo import ddos

NFT = "0xBB1081DbF3227bbB233Db68f7117114baBb43656"
TOKEN = "0xfF4AE9869Cafb5Ff725f962F3Bbc22Fb303A8aD8"
PARAMETER = {
    "name": "age",
    "type": "number",
    "label": "Age",
    "required": True,
    "description": "Your age",
    "default": "7",
}


def whole_document() -> dict[str, Any]:
    """Return a document with every field that Ocean's 4.7.0 has."""
    return {
        "@context": ["https://w3id.org/did/v1"],
        "id": ocean_did(NFT, 137),
        "version": "4.7.0",
        "chainId": 137,
        "nftAddress": NFT,
        "metadata": {
            "created": "2021-12-20T14:35:20Z",
            "updated": "2022-01-01T00:00:00Z",
            "name": "Weather in Lisbon",
            "description": "Ten years of measurements.",
            "type": "algorithm",
            "author": "Met office",
            "license": "CC-BY-4.0",
            "copyrightHolder": "Met office",
            "links": ["https://example.org/sample.csv"],
            "tags": ["weather", "lisbon"],
            "categories": ["climate"],
            "contentLanguage": "en",
            "additionalInformation": {"termsAndConditions": True, "weights": [1, 2.5]},
            "algorithm": {
                "version": "0.1",
                "language": "python",
                "rawcode": "print(1)",
                "container": {"entrypoint": "python $ALGO", "image": "py", "tag": "3.11", "checksum": "sha256:44e1"},
                "consumerParameters": [PARAMETER],
            },
        },
        "services": [
            {
                "id": "download",
                "type": "access",
                "files": "0x04" + "ab" * 40,
                "datatokenAddress": TOKEN,
                "serviceEndpoint": "https://provider.example.org",
                "timeout": 2_592_000,
                "name": "Download for a month",
                "description": "All files as CSV.",
                "credentials": {"allow": [{"type": "address", "values": [NFT]}]},
                "additionalInformation": {"note": "x"},
                "consumerParameters": [{**PARAMETER, "type": "select", "options": '[{"a":"A"}]'}],
            },
            {
                "id": "compute",
                "type": "compute",
                "files": "0x04" + "cd" * 40,
                "datatokenAddress": TOKEN,
                "serviceEndpoint": "https://provider.example.org",
                "timeout": 0,
                "compute": {
                    "allowRawAlgorithm": False,
                    "allowNetworkAccess": True,
                    "publisherTrustedAlgorithmPublishers": [NFT],
                    "publisherTrustedAlgorithms": [
                        {"did": "did:op:1", "filesChecksum": "f", "containerSectionChecksum": "c", "serviceId": "s"}
                    ],
                },
            },
        ],
        "credentials": {
            "match_allow": "any",
            "match_deny": "all",
            "allow": [{"type": "accessList", "chainId": 1, "accessList": NFT}],
            "deny": [{"type": "address", "values": [TOKEN]}],
        },
        "nft": {"address": NFT, "name": "n", "symbol": "s", "owner": TOKEN, "state": 3, "created": "", "tokenURI": ""},
        "datatokens": [{"address": TOKEN, "name": "n", "symbol": "s", "serviceId": "download"}],
        "event": {"txid": "0x1", "block": 1, "from": TOKEN, "contract": NFT, "datetime": "2021-12-20T14:35:20"},
        "purgatory": {"state": True, "reason": "copyright"},
        "stats": {"orders": 5},
    }


@pytest.fixture
def ocean() -> dict[str, Any]:
    return whole_document()


def faults_of(doc: Any, **options: Any) -> dict[str, str]:
    with pytest.raises(InvalidDDO) as caught:
        from_ocean_v4(doc, **options)
    return {fault.pointer: fault.message for fault in caught.value.faults}


@pytest.mark.parametrize(
    ("nft", "chain", "digest"),
    [
        (NFT, 137, "fa0e8fa9550e8eb13392d6eeb9ba9f8111801b332c8d2345b350b3bc66b379d5"),
        (
            "0xa331155197F70e5e1EA0CC2A1f9ddB1D49A9C1De",
            1,
            "aee900df7379cda6a5aa1b87bd77e053906002058f649825df0bffe5d8cf17dc",
        ),
    ],
)
def test_the_did_of_ocean_is_the_known_one(nft: str, chain: int, digest: str) -> None:
    assert ocean_did(nft, chain) == ocean_did(nft.lower(), chain) == f"did:op:{digest}"


def test_an_import_reads_what_both_have(ocean: dict[str, Any]) -> None:
    ddo = from_ocean_v4(ocean).ddo
    assert (ddo.type, ddo.name, ddo.author, ddo.license) == (
        "algorithm",
        "Weather in Lisbon",
        "Met office",
        "CC-BY-4.0",
    )
    assert ddo.created == "2021-12-20T14:35:20Z"
    assert ddo.tags == ("weather", "lisbon")
    assert DDO.from_bytes(ddo.to_bytes()) == ddo


@pytest.mark.parametrize("version", OCEAN_VERSIONS)
def test_import_and_export_keep_every_field(ocean: dict[str, Any], version: str) -> None:
    ocean["version"] = version
    original = copy.deepcopy(ocean)
    ddo = from_ocean_v4(ocean).ddo
    assert ocean == original
    assert to_ocean_v4(ddo) == original
    assert to_ocean_v4(DDO.from_bytes(ddo.to_bytes())) == original


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("created", "2021-12-20T14:35:20.123+02:00"),
        ("created", "2021-12-20T14:35:20"),
        ("license", "Ask the author!"),
        ("license", ""),
        ("author", ""),
        ("tags", []),
        ("tags", ["a", "a", ""]),
        ("name", "n" * 512),
        ("name", "two\nlines"),
        ("description", "lines with\r\ncarriage return"),
        ("additionalInformation", {}),
    ],
)
def test_a_wording_that_has_no_place_here_survives_too(ocean: dict[str, Any], did: DID, field: str, value: Any) -> None:
    ocean["metadata"][field] = value
    ddo = from_ocean_v4(ocean).ddo
    assert to_ocean_v4(ddo) == ocean
    changed = ddo.with_changes(name="Another name")
    assert to_ocean_v4(changed)["metadata"]["name"] == "Another name"
    assert from_ocean_v4(to_ocean_v4(ddo, did=did)).ddo == ddo


def test_optional_fields_may_be_missing(ocean: dict[str, Any]) -> None:
    for key in ("copyrightHolder", "links", "tags", "categories", "contentLanguage", "additionalInformation"):
        del ocean["metadata"][key]
    del ocean["metadata"]["algorithm"], ocean["credentials"]
    ocean["services"] = []
    assert to_ocean_v4(from_ocean_v4(ocean).ddo) == ocean


def test_services_become_licences_only_at_a_price_that_was_given(ocean: dict[str, Any]) -> None:
    imported = from_ocean_v4(ocean)
    assert imported.licences == ()
    assert any("has no prices" in note and "'download'" in note for note in imported.notes)

    imported = from_ocean_v4(ocean, prices={"download": "12.5 USDC"})
    (licence,) = imported.licences
    assert licence.in_words() == "30 days of access for 12.5 USDC"
    assert imported.ddo.licences == (licence.text,)
    ocean["services"][0]["timeout"] = 0
    (licence,) = from_ocean_v4(ocean, prices={"download": 0}).licences
    assert licence.in_words() == "access for as long as it is held, free of charge"


@pytest.mark.parametrize(
    ("timeout", "kind"), [(0, Kind.HOLD), (1, Kind.PERIOD), (2**32 - 1, Kind.PERIOD), (2**32, Kind.HOLD)]
)
def test_a_period_is_as_long_as_the_contract_can_keep(ocean: dict[str, Any], timeout: int, kind: Kind) -> None:
    ocean["services"][0]["timeout"] = timeout
    imported = from_ocean_v4(ocean, prices={"download": 0})
    (licence,) = imported.licences
    assert (licence.kind, licence.quantity) == (kind, timeout if kind is Kind.PERIOD else 0)
    assert any("lasts longer" in note for note in imported.notes) is (timeout == 2**32)


def test_two_services_of_one_name_become_two_licences(ocean: dict[str, Any]) -> None:
    first = ocean["services"][0]
    ocean["services"] = [{**first, "id": str(number)} for number in range(3)]
    imported = from_ocean_v4(ocean, prices={"0": 0, "1": 0, "2": 0})
    names = [licence.name for licence in imported.licences]
    assert names == ["Download for a month", "Download for a month (2)", "Download for a month (3)"]


def test_a_price_for_the_wrong_service_is_refused(ocean: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="no service 'nope'"):
        from_ocean_v4(ocean, prices={"nope": 0})
    with pytest.raises(InputError, match="cannot be sold"):
        from_ocean_v4(ocean, prices={"compute": 0})
    with pytest.raises(InvalidLicence):
        from_ocean_v4(ocean, prices={"download": 5})


def test_the_notes_say_what_changed_its_meaning(ocean: dict[str, Any]) -> None:
    notes = " ".join(from_ocean_v4(ocean).notes)
    for word in (
        "encrypted",
        "datatokens",
        "credentials",
        "compute",
        "parameters",
        "container",
        "state 3",
        "purgatory",
    ):
        assert word in notes


def test_all_faults_of_an_ocean_document_are_told_with_pointers(ocean: dict[str, Any]) -> None:
    ocean["metadata"]["name"] = "abc"
    ocean["metadata"]["description"] = "short"
    ocean["metadata"]["created"] = "yesterday"
    del ocean["metadata"]["license"]
    ocean["metadata"]["algorithm"]["container"]["tag"] = ""
    ocean["services"][1]["timeout"] = "0"
    ocean["services"][0]["datatokenAddress"] = "0x123"
    ocean["services"][0]["consumerParameters"][0]["type"] = 7
    ocean["services"][1]["compute"]["publisherTrustedAlgorithms"][0]["did"] = 1
    ocean["credentials"]["allow"][0]["accessList"] = "0x1"
    assert set(faults_of(ocean)) == {
        "/metadata/name",
        "/metadata/description",
        "/metadata/created",
        "/metadata/license",
        "/metadata/algorithm/container/tag",
        "/services/0/datatokenAddress",
        "/services/0/consumerParameters/0/type",
        "/services/1/timeout",
        "/services/1/compute/publisherTrustedAlgorithms/0/did",
        "/credentials/allow/0/accessList",
    }


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"id": "did:op:" + "0" * 64}, "/id"),
        ({"id": "did:ope:1"}, "/id"),
        ({"chainId": 1}, "/id"),
        ({"chainId": "137"}, "/chainId"),
        ({"version": "5.0.0"}, "/version"),
        ({"version": 5}, "/version"),
        ({"nftAddress": "0x12"}, "/nftAddress"),
        ({"services": {}}, "/services"),
        ({"@context": "x"}, "/@context"),
        ({"stats": float("nan")}, "/stats"),
        ({"stats": {"orders": 2**60}}, "/stats/orders"),
    ],
)
def test_a_wrong_document_is_refused(ocean: dict[str, Any], change: dict[str, Any], pointer: str) -> None:
    assert pointer in faults_of({**ocean, **change})


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2000-10-31T01:30:00.000-05:00Z", "2000-10-31T06:30:00Z"),
        ("2000-10-31T01:30:00.000-05:00", "2000-10-31T06:30:00Z"),
        ("2000-10-31t01:30:00z", "2000-10-31T01:30:00Z"),
        (" 2000-10-31 01:30:00Z", "2000-10-31T01:30:00Z"),
        ("2000-10-31", "2000-10-31T00:00:00Z"),
        ("Tue, 31 Oct 2000 01:30:00 GMT", "2000-10-31T01:30:00Z"),
    ],
)
def test_an_odd_date_that_can_mean_one_moment_only_is_read(ocean: dict[str, Any], written: str, read: str) -> None:
    ocean["metadata"]["created"] = ocean["metadata"]["updated"] = written
    ddo = from_ocean_v4(ocean).ddo
    assert ddo.created == read and to_ocean_v4(ddo) == ocean


@pytest.mark.parametrize(
    "written", ["10/11/2000", "31 Oct 2000", "972955800", "Tue Oct 31 2000 01:30:00 GMT+0100", "2000-10-31T25:00Z", "Z"]
)
def test_a_date_that_could_mean_several_moments_or_none_is_refused(ocean: dict[str, Any], written: str) -> None:
    ocean["metadata"]["created"] = written
    assert faults_of(ocean) == {"/metadata/created": "is not an ISO 8601 moment"}


def test_a_contract_in_other_letters_is_read_as_ocean_reads_it_and_told(ocean: dict[str, Any]) -> None:
    ocean["nftAddress"], token = NFT.replace("bB", "Bb"), TOKEN.replace("f", "F")
    ocean["services"][0]["datatokenAddress"] = ocean["credentials"]["allow"][0]["accessList"] = token
    imported = from_ocean_v4(ocean)
    assert [note for note in imported.notes if "checksum" in note] == [
        f"Contract {ocean['nftAddress']} has a checksum that is wrong; as Ocean does, it is read as {NFT}.",
        f"Contract {token} has a checksum that is wrong; as Ocean does, it is read as {TOKEN}.",
    ]
    assert to_ocean_v4(imported.ddo) == ocean
    with pytest.raises(InvalidAddress):
        to_ocean_v4(imported.ddo, nft_address=ocean["nftAddress"])


def test_what_is_no_address_is_refused_in_a_sentence(ocean: dict[str, Any]) -> None:
    ocean["services"][0]["datatokenAddress"] = "0x123"
    assert faults_of(ocean) == {
        "/services/0/datatokenAddress": "'0x123' is not an address: it has 3 digits, not 40",
    }


def test_a_document_of_metadata_alone_is_one_without_licences(ocean: dict[str, Any], did: DID) -> None:
    del ocean["services"]
    imported = from_ocean_v4(ocean)
    assert imported.licences == () and not any("service" in note.lower() for note in imported.notes)
    assert to_ocean_v4(imported.ddo) == ocean
    again = to_ocean_v4(
        imported.ddo,
        did=did,
        licences=[Licence.free("research")],
        datatokens=[TOKEN],
        service_endpoint="https://a.example",
    )
    assert [service["id"] for service in again["services"]] == ["licence-0"]
    bare = {name: part for name, part in to_ocean_v4(imported.ddo, did=did).items() if name != "services"}
    assert to_ocean_v4(from_ocean_v4(bare).ddo, did=did) == bare


@pytest.mark.parametrize("kind", ["string", "date", "file", ""])
def test_a_consumer_parameter_may_be_of_any_type(ocean: dict[str, Any], kind: str) -> None:
    ocean["services"][0]["consumerParameters"][0]["type"] = kind
    ocean["metadata"]["algorithm"]["consumerParameters"] = [{**PARAMETER, "type": kind}]
    assert to_ocean_v4(from_ocean_v4(ocean).ddo) == ocean


@pytest.mark.parametrize("version", ["5.0.0", "4.0.0", "deprecated"])
def test_another_version_is_refused_in_one_sentence_and_not_field_by_field(version: str) -> None:
    """Of version 5 all lies under credentialSubject: each field of version 4 would be missing."""
    credential = {"version": version, "id": "did:ope:" + "0" * 64, "credentialSubject": {"metadata": {}}}
    (told,) = faults_of(credential).values()
    assert repr(version) in told and "4.7.0" in told
    assert ("verifiable credentials" in told) is (version == "5.0.0")


def test_two_services_with_one_id_are_refused(ocean: dict[str, Any]) -> None:
    ocean["services"][1]["id"] = "download"
    assert set(faults_of(ocean)) == {"/services/1/id"}


@pytest.mark.parametrize("doc", [None, [], "x", 5, {}, {"metadata": {}}])
def test_what_is_no_document_is_refused(doc: Any) -> None:
    assert faults_of(doc)


def test_a_document_of_ours_comes_back_equal(penguins: DDO, did: DID) -> None:
    ddo = penguins.with_changes(type="model")
    exported = to_ocean_v4(ddo, did=did)
    assert exported["metadata"]["type"] == "dataset"
    assert exported["id"] == ocean_did(did.registry, did.chain_id)
    imported = from_ocean_v4(exported)
    assert imported.ddo == ddo
    assert imported.ddo.digest == ddo.digest


@given(ddos.filter(lambda ddo: len(ddo.name) >= 4 and "ocean" not in ddo.additional))
def test_every_document_of_ours_comes_back_equal(ddo: DDO) -> None:
    ddo = ddo.with_changes(description="Long enough: " + ddo.description)
    exported = to_ocean_v4(ddo, chain_id=137, nft_address=NFT)
    assert from_ocean_v4(exported).ddo == ddo


def test_our_licences_become_access_services(penguins: DDO, did: DID) -> None:
    licences = (Licence.free("research"), Licence.period("month", days=30, price="1 USDC"), Licence.uses("u", uses=5))
    exported = to_ocean_v4(
        penguins, did=did, licences=licences, datatokens=[TOKEN] * 3, service_endpoint="https://gateway.example.org"
    )
    assert [(service["id"], service["timeout"]) for service in exported["services"]] == [
        ("licence-0", 0),
        ("licence-1", 2_592_000),
    ]
    assert from_ocean_v4(exported).ddo == penguins
    with pytest.raises(InputError):
        to_ocean_v4(penguins, did=did, licences=licences)


def test_what_others_added_to_our_export_is_kept(penguins: DDO, did: DID) -> None:
    exported = to_ocean_v4(penguins, did=did)
    exported["metadata"]["copyrightHolder"] = "Somebody"
    ddo = from_ocean_v4(exported).ddo
    assert ddo.content == penguins.content
    assert to_ocean_v4(ddo, did=did) == exported


def test_what_does_not_fit_ocean_is_refused_with_its_pointer(penguins: DDO, did: DID) -> None:
    with pytest.raises(InvalidDDO) as caught:
        to_ocean_v4(penguins.with_changes(name="abc", description=""), did=did)
    assert {fault.pointer for fault in caught.value.faults} == {"/metadata/name", "/metadata/description"}
    with pytest.raises(InputError, match="chain"):
        to_ocean_v4(penguins)
    with pytest.raises(InvalidAddress):
        to_ocean_v4(penguins, chain_id=1, nft_address="0x1")


@pytest.mark.parametrize(
    ("block", "end"),
    [
        (5, "registry"),
        ({"document": 5}, "document"),
        ({"document": {"name": "x"}}, "name"),
        ({"document": {"colour": "red"}}, "colour"),
        ({"document": {"additional": {"ocean": {}}}}, "ocean"),
        ({"document": {}, "did": "did:op:1"}, "did"),
    ],
)
def test_a_spoilt_part_of_our_own_is_refused(ocean: dict[str, Any], block: Any, end: str) -> None:
    ocean["metadata"]["additionalInformation"]["registry"] = block
    (pointer,) = faults_of(ocean)
    assert pointer.startswith("/metadata/additionalInformation/registry") and pointer.endswith(end)


@pytest.mark.parametrize(
    "kept",
    [
        5,
        {},
        {"metadata": 1, "services": []},
        {"metadata": {"additionalInformation": 1}, "services": []},
        {"metadata": {"name": 5, "tags": 1, "created": {}}, "services": []},
        {"metadata": {}, "services": [1]},
        {"metadata": {}, "services": [], "chainId": "x", "nftAddress": 5},
    ],
)
def test_an_export_of_hand_written_remains_is_right_or_refused(penguins: DDO, did: DID, kept: Any) -> None:
    ddo = penguins.with_changes(additional={"ocean": kept})
    with contextlib.suppress(RegistryError):
        assert to_ocean_v4(ddo, did=did)["metadata"]["name"] == ddo.name


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.data())
def test_a_document_spoilt_anywhere_is_imported_or_refused_with_a_typed_error(data: st.DataObject) -> None:
    doc: Any = whole_document()
    place = doc
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = data.draw(json_values)
    try:
        ddo = from_ocean_v4(doc).ddo
    except InvalidDDO as error:
        assert error.faults
        return
    assert to_ocean_v4(ddo) == doc
