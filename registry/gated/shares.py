"""Splitting a key among gateways, k of n, and putting it together again from whatever strangers hand over.

The shares are those of SLIP-39 (by the `shamir-mnemonic` package): words with a checksum, so they can be kept on paper
too. Any k give the key, fewer give nothing. What comes back may be of a liar: a key is believed only if its public half
is the one that the document names, and a share, where the document commits to it, only if it is that one.

The scheme is a hash commitment for each share, opened by the share itself: c = SHA-256 of a domain, the key's public
half, the gateway's place and the words.

* Binding: other words with the same c would be a second preimage of SHA-256 (2^256 tries; 2^128 for a publisher who
  prepares two, and gains nothing by it). So a wrong share is known alone, and no combinations are searched.
* Hiding, with SHA-256 as a random oracle: c tells nothing to anybody but for a guess of its whole input. The shares of
  a key of 256 bits are points of a polynomial of degree k-1 with a uniform coefficient. Holders of k-1 points know of
  any further one at most the 32 bits of SLIP-39's digest and the 5 bits that X25519 does not use, so at least 2^219
  values are left to be guessed. The public half in the document, against which a guess could be held as well, falls
  first: to 2^126 steps of a discrete logarithm. So all commitments together tell k-1 holders nothing that helps. Every
  input has that much entropy, and names its key and place: a salt would add nothing.
* It does not show that the shares fit each other, as Feldman's verifiable secret sharing would, for which SLIP-39's
  field has no group. A publisher who commits to shares that make no key is told from liars: all shares were right, and
  the key was not.

Documents that commit to nothing open too; then combinations are tried, to a deadline.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import TYPE_CHECKING, Final

from registry.errors import InputError
from registry.gated.identity import Identity
from registry.gated.protocol import MAX_SHARES

if TYPE_CHECKING:
    from shamir_mnemonic.share import Share

__all__ = ["Combined", "combine", "commitment", "read_share", "split"]

_DOMAIN: Final = "registry.share.v1"


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


def commitment(share: str, recipient: str, place: int) -> str:
    """What a document says of the share that the gateway at a place of its list (from 0) has of a key: 64 digits."""
    return hashlib.sha256(f"{_DOMAIN}\n{recipient}\n{place}\n{share}".encode()).hexdigest()


def read_share(text: str) -> Share | None:
    """A share as `split` makes them, in its one spelling; None for anything else.

    An iteration exponent other than 0 is refused unseen: it would be the gateway's choice, and the reader's time (each
    step doubles it, to three minutes a try).
    """
    from shamir_mnemonic.share import Share
    from shamir_mnemonic.utils import MnemonicError

    try:
        share = Share.from_mnemonic(text)
    except (MnemonicError, KeyError, IndexError, ValueError):
        return None
    usual = (share.iteration_exponent, share.group_index, share.group_threshold, share.group_count, len(share.value))
    return share if usual == (0, 0, 1, 1, 32) and share.mnemonic() == text else None


@dataclass(frozen=True, slots=True)
class Combined:
    """A key that was put together: from whose shares, and whose shares are not of it."""

    identity: Identity
    used: tuple[str, ...]
    liars: tuple[str, ...]


def combine(
    shares: Mapping[str, Sequence[str]],
    threshold: int,
    recipient: str,
    *,
    newest: str = "",
    until: float = float("inf"),
) -> Combined | None:
    """The key of `recipient` from the shares that each gateway gave, one of each; None if no right ones are enough.

    Wrong shares do no harm: other combinations are tried, with `newest` only those with that gateway, until the clock
    (`time.monotonic`, in seconds) is at `until`. Who gave only wrong ones is named.
    """
    read = {name: [share for text in given if (share := read_share(text))] for name, given in shares.items()}
    for chosen in _candidates(read, threshold, newest, until):
        identity = _identity(chosen.values())
        if identity is not None and identity.recipient == recipient:
            used = tuple(chosen.values())
            liars = [name for name in shares if name not in chosen and not _fits(read[name], used, recipient)]
            return Combined(identity, tuple(chosen), tuple(liars))
    return None


def _candidates(
    read: Mapping[str, Sequence[Share]], threshold: int, newest: str, until: float
) -> Iterator[dict[str, Share]]:
    """Shares of as many gateways as the threshold, such alone as say that they are of one splitting."""
    splittings = dict.fromkeys(share.group_parameters() for given in read.values() for share in given)
    for splitting in splittings:
        fitting = {name: [one for one in given if one.group_parameters() == splitting] for name, given in read.items()}
        names = [name for name in fitting if fitting[name] and name != newest]
        if splitting.member_threshold != threshold or (newest and not fitting[newest]):
            continue
        for others in combinations(names, threshold - bool(newest)):
            chosen = (newest, *others) if newest else others
            for shares in product(*(fitting[name] for name in chosen)):
                if time.monotonic() > until:
                    return
                if len({share.index for share in shares}) == threshold:
                    yield dict(zip(chosen, shares, strict=True))


def _fits(given: Sequence[Share], used: Sequence[Share], recipient: str) -> bool:
    """Whether one of a gateway's shares is of those that made the key, or makes it in the place of the first."""
    found = (_identity([share, *used[1:]]) for share in given)
    return any(share in used for share in given) or any(
        identity is not None and identity.recipient == recipient for identity in found
    )


def _identity(shares: Iterable[Share]) -> Identity | None:
    from shamir_mnemonic import MnemonicError, combine_mnemonics

    try:
        return Identity(combine_mnemonics([share.mnemonic() for share in shares]))
    except (MnemonicError, InputError, ValueError, IndexError):
        return None
