"""Decoding of what chains return, by the rules of the ABI in every process.

eth_abi keeps its rules in one table for all who use it, and ape loosens one of them as it is imported: a number of
which bytes are missing is then read as if zeros stood there. Here the rules are eth_abi's own, whoever is loaded.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from eth_abi.codec import ABICodec
from eth_abi.decoding import UnsignedIntegerDecoder
from eth_abi.encoding import UnsignedIntegerEncoder
from eth_abi.exceptions import DecodingError
from eth_abi.registry import ABIRegistry, BaseEquals, registry

__all__ = ["decode", "strict"]


def decode(types: Iterable[str], data: bytes) -> tuple[Any, ...]:
    """Return the values of `types` in `data`. Raises `ValueError` for data that do not hold them."""
    try:
        return _codec().decode(list(types), data)
    except (DecodingError, OverflowError) as error:
        raise ValueError(f"the data do not hold what they should: {error}") from error


def strict(rules: ABIRegistry) -> ABICodec:
    """Return a codec with `rules`, but for numbers those of eth_abi; `rules` stay as they are."""
    copied: ABIRegistry = rules.copy()  # type: ignore[no-untyped-call]
    copied.unregister("uint")
    number = BaseEquals("uint")  # type: ignore[no-untyped-call]
    copied.register(number, UnsignedIntegerEncoder, UnsignedIntegerDecoder, label="uint")
    return ABICodec(copied)


@lru_cache(maxsize=1)
def _codec() -> ABICodec:
    return strict(registry)
