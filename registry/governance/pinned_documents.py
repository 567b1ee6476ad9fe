"""The documents behind standards, reasons and answers: one raw block each, of which the chain has the digest."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from registry.errors import ConnectionFailed, InputError, Unverified
from registry.governance.governed import Governed, R
from registry.ipfs.cid import CID, RAW
from registry.ipfs.store import fetch
from registry.money import Amount, Token
from registry.system import disk
from registry.types import Address, Digest, to_address, to_digest

MAX_DOCUMENT: Final = 2**20
"""Bytes of a document: what one block holds."""

Document = str | bytes | Path | CID
"""What a document is given as: its text, its bytes, a file, or the CID of what is stored already."""


class Documents(Governed[R]):
    """Storing and reading documents; and amounts of tokens that the registry takes no payment in."""

    def pin_document(self, document: Document) -> Digest:
        """Store a document as one raw block, read it back, and return its digest; a CID must be there already.

        Raises `InputError` for an empty document, one over 1 MiB, a file that cannot be read, and a CID that is not of
        one raw block with sha2-256; `BlockNotFound` and `Unverified` for a CID whose bytes cannot be fetched.
        """
        if isinstance(document, CID):
            if document.codec != RAW:
                raise InputError(f"{document} is not one raw block.", hint="It starts with bafkrei.")
            self.document(document)
            return to_digest(document.digest)
        data = _bytes(document)
        if not 0 < len(data) <= MAX_DOCUMENT:
            raise InputError(
                f"A document has 1 to {MAX_DOCUMENT:,} bytes, not {len(data):,}.",
                hint="Publish what is longer as an asset, and name its DID in the document.",
            )
        cid = CID.raw(data)
        self.registry.store.put(cid, data)
        self.document(cid)
        return to_digest(cid.digest)

    def document(self, cid: CID | str) -> str:
        """The text of a document, verified against its CID; raises `BlockNotFound` and `Unverified`."""
        wanted = CID.parse(cid)
        data = fetch(wanted, self.registry.store)
        if len(data) > MAX_DOCUMENT:
            raise Unverified(wanted, "its store", f"it has more than {MAX_DOCUMENT:,} bytes")
        return data.decode("utf-8", "replace")

    def _amount(self, units: int, token: str) -> Amount:
        return Amount(units, self._token(to_address(token)))

    def _token(self, address: Address) -> Token:
        known = {found.address: found for found in self.registry.all_tokens}
        if address in known:
            return known[address]
        chain, functions = self.registry.chain, self.registry.erc20(address).functions
        decimals = self.registry.decimals_of(address)
        try:
            return Token(chain.call(functions.symbol()), decimals, address, 0)
        except ConnectionFailed:
            raise
        except Exception:  # whatever an odd token answers must not hide a case
            return Token(f"token-{address[2:10]}", decimals, address, 0)


def cid_of(digest: bytes) -> CID | None:
    """The CID of a document; None for no digest."""
    return CID.from_digest(to_digest(bytes(digest))) if any(digest) else None


def _bytes(document: str | bytes | Path) -> bytes:
    if isinstance(document, bytes):
        return document
    if isinstance(document, str):
        return document.encode()
    try:
        return disk.read(document, MAX_DOCUMENT)
    except OSError as error:
        raise InputError(f"{str(document)!r} cannot be read: {error.strerror}.", hint="Name a text file.") from error
