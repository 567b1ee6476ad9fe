"""What a chain returns is read by the rules of the ABI, also beside ape, which loosens them for its whole process."""

from __future__ import annotations

import pytest
from ape.utils import abi  # noqa: F401 # it loosens eth_abi as it is imported
from eth_abi.abi import decode as loosened
from eth_abi.abi import encode
from eth_abi.exceptions import DecodingError
from hypothesis import given
from hypothesis import strategies as st

from registry.chain.connection import Chain
from registry.chain.decoding import decode

VALUES = {
    "uint256": 7,
    "uint8": 7,
    "int256": -7,
    "bool": True,
    "address": "0x" + "11" * 20,
    "bytes32": b"\x01" * 32,
    "bytes": b"abc",
    "string": "abc",
    "uint256[]": (1, 2),
    "(uint256,address)": (1, "0x" + "11" * 20),
}


def test_ape_reads_what_is_not_there() -> None:
    """If it no longer does, nothing of this is needed."""
    assert loosened(["uint256"], b"") == (0,)


@given(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=4), st.data())
def test_data_that_end_early_are_refused(kinds: list[str], data: st.DataObject) -> None:
    values = tuple(VALUES[kind] for kind in kinds)
    whole = encode(kinds, values)
    assert decode(kinds, whole) == values
    heads = sum(32 * (2 if kind.startswith("(") else 1) for kind in kinds)
    with pytest.raises(ValueError, match="do not hold"):
        decode(kinds, whole[: data.draw(st.integers(0, heads - 1))])


def test_what_a_contract_returns_is_held_to_the_same_rules(chain: Chain) -> None:
    with pytest.raises(DecodingError):
        chain.w3.codec.decode(["uint256"], bytes(31))
