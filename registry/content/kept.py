"""Content that its owner keeps: its document has the CID of all of it, and no block of it is handed out."""

from __future__ import annotations

import io
from collections.abc import Mapping
from os import PathLike
from typing import Any

from registry.assets.drafting import Draft, Packed, Stored, packed
from registry.content.plain import Plain
from registry.errors import AccessDenied, InputError
from registry.gated.policy import Gated
from registry.ipfs.unixfs import FileEntry
from registry.results import Asset, Published, Verification
from registry.session import Session
from registry.types import Address

__all__ = ["Kept"]


class Kept:
    """Content that lies with its owner, and is computed on there."""

    def __init__(self, session: Session) -> None:
        self._session = session

    # --- Reading ---------------------------------------------------------------------------------

    def require_access(self, found: Asset) -> None:
        """Raise `AccessDenied` for all but the owner, whatever they hold: a licence gives nothing of it."""
        if found.owner != self._session.address:
            raise self._refusal(found)

    def files(self, found: Asset) -> tuple[FileEntry, ...]:
        """Nothing: its files are not told."""
        return ()

    def open(self, found: Asset, path: str) -> io.BufferedReader:
        """Raise `AccessDenied`."""
        raise self._refusal(found)

    def download(self, found: Asset, target: str | PathLike[str]) -> tuple[FileEntry, ...]:
        """Raise `AccessDenied`."""
        raise self._refusal(found)

    def verify(self, found: Asset, path: str | PathLike[str] | None) -> Verification:
        """Hash the owner's copy at `path`. Raises `Unverified`, and `InputError` without a path."""
        if path is None:
            raise InputError(
                f"No block of the content of {found.did} is in any store.", hint="Name the copy that its owner keeps."
            )
        return Plain(self._session).verify(found, path)

    # --- Packing ---------------------------------------------------------------------------------

    def admit(self, draft: Draft, owner: Address, again: bool) -> None:
        """Refuse to sell what nobody will get, and to keep for another. Raises `InputError`."""
        if draft.licences:
            raise InputError(
                f"{draft.name!r} stays with its owner, so its licences would give nothing.",
                hint="Sell runs on it: publish(..., compute=Terms(...)).",
            )

    def pack(self, draft: Draft, dry_run: bool) -> Stored:
        """Hash what lies at the path of a draft, and store nothing."""
        assert draft.path is not None
        return self._pack(draft.path, draft.hidden)

    def deliver(self, draft: Draft, made: Published) -> None:
        """Do nothing: it is where it was."""

    def resumed(
        self, found: Asset, path: str | PathLike[str], gated: Gated | None, hidden: bool, fields: Mapping[str, Any]
    ) -> Packed | None:
        """Nothing is ever left to do."""
        return None

    def pack_next(
        self, found: Asset, path: str | PathLike[str], gated: Gated | None, hidden: bool, dry_run: bool
    ) -> Packed:
        """Hash a folder or file, and store nothing."""
        return self._pack(path, hidden)

    def deliver_next(self, found: Asset, path: str | PathLike[str]) -> None:
        """Do nothing: it is where it was."""

    # --- Below -----------------------------------------------------------------------------------

    def _pack(self, path: str | PathLike[str], hidden: bool) -> Packed:
        found = packed(self._session, path, hidden, dry_run=True)
        return Packed(found.content.with_changes(files=(), kept=True), found.left_out)

    def _refusal(self, found: Asset) -> AccessDenied:
        signer = self._session.signer
        return AccessDenied(
            str(found.did),
            "of nobody" if signer is None else signer.address,
            f"its content stays with its owner, {found.owner}",
            hint="Compute on it through its offering; its owner has it where it was published from.",
        )
