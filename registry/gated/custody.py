"""Splitting a key among gateways, k of n, and putting it together again from whatever strangers hand over.

The shares are those of SLIP-39 (by the `shamir-mnemonic` package): words with a checksum, so they can be kept on paper
too. Any k give the key, fewer give nothing. What comes back may be of a liar: a key is believed only if its public half
is the one that the document names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from registry.errors import InputError
from registry.gated.identity import Identity
from registry.gated.protocol import MAX_SHARES

__all__ = ["Combined", "combine", "split"]

_TRIES: Final = 2_000
"""Combinations that are tried at most; with n gateways of which m lie there are far fewer for any n in use."""


def split(identity: Identity, threshold: int, count: int) -> tuple[str, ...]:
    """Shares of a key, of which any `threshold` give it back; each call makes new ones, which fit no others.

    Raises `InputError` unless 1 <= threshold <= count <= 16.
    """
    from shamir_mnemonic import generate_mnemonics

    if not 1 <= threshold <= count <= MAX_SHARES:
        raise InputError(f"A key cannot be split {threshold} of {count}.", hint=f"There are 1 to {MAX_SHARES} shares.")
    if threshold == 1:
        # SLIP-39 has one share for a threshold of one; everybody gets it.
        return tuple(generate_mnemonics(1, [(1, 1)], identity.secret_bytes(), iteration_exponent=0)[0] * count)
    made = generate_mnemonics(1, [(threshold, count)], identity.secret_bytes(), iteration_exponent=0)
    return tuple(made[0])


@dataclass(frozen=True, slots=True)
class Combined:
    """A key that was put together: from whose shares, and whose shares are not of it."""

    identity: Identity
    used: tuple[str, ...]
    liars: tuple[str, ...]


def combine(shares: Mapping[str, str], threshold: int, recipient: str) -> Combined | None:
    """The key of `recipient` from the shares that each gateway gave; None if there are not enough right ones.

    Wrong shares do no harm: other combinations are tried, and who gave them is named.
    """
    right = _find(shares, threshold, recipient)
    if right is None:
        return None
    identity, used = right
    liars = [name for name in shares if name not in used and not _fits(name, used, shares, recipient)]
    return Combined(identity, used, tuple(liars))


def _find(shares: Mapping[str, str], threshold: int, recipient: str) -> tuple[Identity, tuple[str, ...]] | None:
    for tries, names in enumerate(combinations(shares, threshold)):
        if tries == _TRIES:
            break
        identity = _identity(shares[name] for name in names)
        if identity is not None and identity.recipient == recipient:
            return identity, names
    return None


def _fits(name: str, used: tuple[str, ...], shares: Mapping[str, str], recipient: str) -> bool:
    """Whether a share makes the key too, in the place of one that did."""
    identity = _identity([shares[name], *(shares[other] for other in used[1:])])
    return identity is not None and identity.recipient == recipient


def _identity(shares: Iterable[str]) -> Identity | None:
    from shamir_mnemonic import MnemonicError, combine_mnemonics

    try:
        return Identity(combine_mnemonics(shares))
    except (MnemonicError, InputError, ValueError, IndexError):
        return None
