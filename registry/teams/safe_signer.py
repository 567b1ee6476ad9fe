"""A Safe as a signer, whose owners sign for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from registry.chain.signers import Signer
from registry.documents.typed_data import safe_message
from registry.errors import SignerError
from registry.types import to_address

__all__ = ["SafeSigner"]


class SafeSigner:
    """Signs messages as a Safe: enough of its owners sign each, and whoever checks asks the Safe (ERC-1271).

    `owners` are their signers, as many as the Safe's threshold. Transactions of a Safe are proposed by
    `registry.teams`, and not signed here.
    """

    def __init__(self, safe: str, owners: Sequence[Signer], *, chain_id: int) -> None:
        self.address: Final = to_address(safe)
        self.owners: Final = tuple(sorted(owners, key=lambda owner: int(owner.address, 16)))
        self._chain_id = chain_id

    def __repr__(self) -> str:
        return f"SafeSigner({self.address}, {len(self.owners)} owners)"

    def sign_text(self, message: bytes) -> bytes:
        """The signatures of the owners of a personal message, as the Safe takes them."""
        from registry.chain.signatures import text_digest

        return self._sign(text_digest(message))

    def sign_typed_data(self, full_message: dict[str, Any]) -> bytes:
        """The signatures of the owners of an EIP-712 message, as the Safe takes them."""
        from registry.chain.signatures import typed_digest

        return self._sign(typed_digest(full_message))

    def sign_transaction(self, tx: dict[str, Any]) -> bytes:
        """Raises `SignerError`: a Safe sends nothing by itself."""
        raise SignerError(
            f"{self.address} is a Safe and cannot send a transaction by itself.",
            hint="Propose it with registry.teams.collect, and have its owners sign.",
        )

    def _sign(self, digest: bytes) -> bytes:
        message = safe_message(self._chain_id, self.address, digest)
        return b"".join(owner.sign_typed_data(message) for owner in self.owners)
