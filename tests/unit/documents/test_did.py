from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.did import DID, split_asset_url
from registry.errors import InputError, InvalidAddress, InvalidDID, RegistryError
from registry.types import CHAIN_ID_MAX, to_address, to_asset_id, to_digest

LOWER = "0x06012c8cf97bead5deae237070f9587f8e7a266d"
GOOD = f"did:nft:eip155:1_erc721:{LOWER}_42"

dids = st.builds(
    DID,
    st.integers(1, CHAIN_ID_MAX),
    st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex()),
    st.integers(0, 2**64 - 1),
)


@given(dids)
def test_a_did_reads_back_what_it_writes(did: DID) -> None:
    assert DID.parse(str(did)) == did


@pytest.mark.parametrize("did", [DID(CHAIN_ID_MAX, LOWER, 2**64 - 1), DID(1, LOWER, 0), DID(1, LOWER, 2**64 - 1)])
def test_the_first_and_last_of_each_number_are_there(did: DID) -> None:
    assert DID.parse(str(did)) == did


@pytest.mark.parametrize("number", [-1, 2**64, 2**64 + 1])
def test_beyond_the_last_there_is_no_asset(number: int) -> None:
    with pytest.raises(InvalidDID, match=rf"not from 0 to {2**64 - 1}"):
        DID(1, LOWER, number)


@pytest.mark.parametrize("number", [0, CHAIN_ID_MAX + 1])
def test_beyond_the_last_there_is_no_chain(number: int) -> None:
    with pytest.raises(InvalidDID, match=rf"not from 1 to {CHAIN_ID_MAX}"):
        DID(number, LOWER, 1)


def test_a_long_text_is_looked_into_up_to_128_characters() -> None:
    padded = GOOD + "4" * (128 - len(GOOD))
    with pytest.raises(InvalidDID, match="not from 0"):
        DID.parse(padded)
    with pytest.raises(InvalidDID, match="129 characters, over 128") as caught:
        DID.parse(padded + "4")
    assert padded + "..." in str(caught.value)


def test_the_parts_of_a_did() -> None:
    did = DID.parse(GOOD)
    assert (did.chain_id, did.registry, did.asset_id) == (1, "0x06012c8cf97BEaD5deAe237070F9587f8E7A266d", 42)
    assert did.caip19 == f"eip155:1/erc721:{LOWER}/42"
    assert did == DID(1, LOWER, 42) == DID(1, did.registry, 42)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "start"),
        ("did:op:abc", "start"),
        (GOOD.upper(), "start"),
        (f"did:nft:eip155:1_erc721:{LOWER}", "three parts"),
        (GOOD + "_1", "three parts"),
        (GOOD.replace("eip155", "cosmos"), "eip155"),
        (GOOD.replace("erc721", "erc1155"), "erc721"),
        (GOOD.replace("eip155:1", "eip155:01"), "leading zeros"),
        (GOOD.replace("eip155:1", "eip155:0"), "not from 1"),
        (GOOD.replace("eip155:1", "eip155:-1"), "plain decimal"),
        (GOOD.replace("_42", "_042"), "leading zeros"),
        (GOOD.replace("_42", "_"), "plain decimal"),
        (GOOD.replace("_42", "_4٢"), "plain decimal"),
        (GOOD.replace("_42", "_18446744073709551616"), "not from 0"),
        (GOOD.replace(LOWER, "0x06012c8cf97BEaD5deAe237070F9587f8E7A266d"), "lower case"),
        (GOOD.replace(LOWER, LOWER[:-1]), "hexadecimal"),
        (GOOD + "\n", "plain decimal"),
        (GOOD + "0" * 200, "characters"),
    ],
)
def test_a_malformed_did_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(InvalidDID, match=reason):
        DID.parse(text)


@given(st.text() | st.text().map(lambda end: GOOD + end) | st.none())
def test_any_text_is_a_did_or_a_typed_error(text: str) -> None:
    try:
        assert str(DID.parse(text)) == text
    except RegistryError as error:
        assert isinstance(error, InvalidDID)


@pytest.mark.parametrize("parts", [(0, LOWER, 1), (1, "0x12", 1), (1, LOWER, -1), (1, LOWER, 2**64), (True, LOWER, 1)])
def test_a_did_cannot_be_made_of_wrong_parts(parts: tuple[int, str, int]) -> None:
    with pytest.raises(InvalidDID):
        DID(*parts)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        (f"asset://{GOOD}/data/a b.csv", "data/a b.csv"),
        (f"{GOOD}/data/", "data"),
        (f"asset://{GOOD}", ""),
        (f"asset://{GOOD}/", ""),
    ],
)
def test_an_asset_url_is_split_into_did_and_path(url: str, path: str) -> None:
    assert split_asset_url(url) == (DID.parse(GOOD), None, path)


def test_an_asset_url_without_a_did_is_refused() -> None:
    with pytest.raises(InvalidDID):
        split_asset_url("asset:///data.csv")


@pytest.mark.parametrize(
    "checksummed",
    # EIP-55's own examples.
    [
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
        "0x52908400098527886E0F7030069857D2E4169EE7",
    ],
)
def test_addresses_get_the_checksum_of_eip_55(checksummed: str) -> None:
    for form in (checksummed, checksummed.lower(), "0x" + checksummed[2:].upper(), bytes.fromhex(checksummed[2:])):
        assert to_address(form) == checksummed


@pytest.mark.parametrize(
    "address",
    [
        "",
        "0x",
        LOWER[2:],
        LOWER + "0",
        "0X" + LOWER[2:],
        LOWER[:-1] + "g",
        LOWER.replace("d", "D"),
        b"\1" * 19,
        None,
        5,
    ],
)
def test_a_wrong_address_is_refused(address: object) -> None:
    with pytest.raises(InvalidAddress):
        to_address(address)  # type: ignore[arg-type]


def test_what_is_nearly_an_address_is_told_what_is_wrong_with_it() -> None:
    for written, why in (("ann.eth", "ENS"), ("Vault.Ann.ETH", "ENS"), (LOWER.replace("d", "D"), "checksum")):
        with pytest.raises(InvalidAddress, match=why):
            to_address(written)


def test_asset_numbers_and_digests_have_their_widths() -> None:
    assert to_asset_id(2**64 - 1) == 2**64 - 1
    assert to_digest(b"\1" * 32) == b"\1" * 32
    for number in (-1, 2**64, True, "1"):
        with pytest.raises(InputError):
            to_asset_id(number)  # type: ignore[arg-type]
    for digest in (b"", b"\1" * 31, "1" * 32):
        with pytest.raises(InputError):
            to_digest(digest)  # type: ignore[arg-type]
