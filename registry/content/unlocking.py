"""Keys of gated assets: find access, sign in at key gateways, gather the key, open the content."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from registry.assets.catalogue import Catalogue
from registry.assets.rights import Rights
from registry.chain import reverts
from registry.content.block_wait import BlockWait
from registry.content.uses import SignedReceipt, sign_receipt, submit_receipt
from registry.documents.licence import Kind
from registry.errors import (
    AccessDenied,
    FileNotInAsset,
    InputError,
    InsufficientBalance,
    JournalError,
    RegistryError,
    SignerError,
    TooFewShares,
)
from registry.gated.identity import Identity
from registry.results import Asset, Holding
from registry.session import Session
from registry.text.warned import warn_caller
from registry.types import to_address

if TYPE_CHECKING:
    from registry.documents.ddo import Content, Encryption, KeyGateway
    from registry.gated.gated_content import GatedContent
    from registry.gated.key_store import Job
    from registry.gated.protocol import Receipt, Release, ReleaseRequest
    from registry.gated.share_client import Gathered, Wallet

__all__ = ["GatewayWarning", "Unlocker", "Unlocking", "wallet_of"]

LEAD_POLLS: Final = 5
"""How often a gateway may say that a use is on its way, and nothing of it is on the chain, before another is asked."""

_RECEIPT_SECONDS: Final = 3600
_RECEIPT_DEADLINE: Final = 90.0
"""Seconds for a release that a use is consumed for: its transaction must be in a block first."""


class GatewayWarning(UserWarning):
    """The key was recovered, although some gateways failed or lied."""


class Unlocker:
    """Gets the keys of content that is encrypted, for the account of a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def unlock(self, found: Asset) -> Identity:
        """See `Unlocking.unlock`."""
        key = self._unlock(found)
        self.served(found)
        return key

    def _unlock(self, found: Asset) -> Identity:
        """`unlock`; a use that it spent stays written down until `served`, so that a client that is stopped loses
        nothing."""
        encryption = _encryption(found)
        key = self._session.in_use.spent.get(encryption.recipient)
        if key is not None:
            return key
        owner = found.owner == self._session.address
        unfinished = None if owner else self._unfinished_use(encryption)
        holding = None if owner or unfinished else self._holding(found)
        if not owner and not unfinished and holding is None:
            found = Catalogue(self._session).get(found.did)  # licences may be newer than what is in hand
            holding = self._holding(found)
        lasting = owner or (holding is not None and holding.kind is not Kind.USE)
        if lasting:
            key = self._session.in_use.had.get(encryption.recipient)
            key = key or self._kept(encryption.recipient, required=owner and not encryption.gateways)
        if key is None:
            key = self._gather(found, encryption, holding, owner, unfinished)
            if lasting:
                with contextlib.suppress(InputError, JournalError):  # it can be recovered again
                    self._session.keys.put(self._session.address, key)
        (self._session.in_use.had if lasting else self._session.in_use.spent)[encryption.recipient] = key
        return key

    def require_access(self, found: Asset) -> None:
        """Raise `AccessDenied`, with what could be bought, if the signer may not open the gated asset now.

        A key that a use was spent for, or that the owner shared, is access while this client lives; and so is a use
        that was spent by a client that was stopped before it had the key.
        """
        encryption = _encryption(found)
        if encryption.recipient not in self._session.in_use.spent and not self._unfinished_use(encryption):
            Rights(self._session).require_access(found)

    def opened(self, found: Asset) -> GatedContent:
        """The content of a gated asset, opened. Raises what `unlock` raises."""
        opened = self.unserved(found)
        self.served(found)
        return opened

    def unserved(self, found: Asset) -> GatedContent:
        """`opened`; a use that it spent stays written down until it is `served`."""
        from registry.gated.gated_content import GatedContent

        content = content_of(found)
        if content.cid not in self._session.in_use.contents:
            self._session.in_use.contents[content.cid] = GatedContent(content, self._unlock(found), self._session.store)
        else:
            self.require_access(found)
        return self._session.in_use.contents[content.cid]

    def served(self, found: Asset) -> None:
        """Forget the use that was spent for what the account has now."""
        recipient = self._session.in_use.uses.pop(_encryption(found).recipient, None)
        if recipient is None:
            return
        job = self._use_job(_encryption(found))
        with contextlib.suppress(JournalError), job.alone():  # else it serves once more
            if (job.get("") or {}).get("recipient") == recipient:
                job.begin(None)
                self._session.keys.clear(self._session.address, recipient)

    def at_hand(self, found: Asset) -> Identity | None:
        """A key that can be used without asking anybody, by somebody who has access."""
        recipient = _encryption(found).recipient
        if (
            recipient in self._session.in_use.spent
            or self._session.signer is None
            or not Rights(self._session).has_access(found)
        ):
            return self._session.in_use.spent.get(recipient)
        return self._session.in_use.had.get(recipient) or self._kept(recipient, required=False)

    def _holding(self, found: Asset) -> Holding | None:
        """What the signer has of the licence that opens the asset; one that takes a use only if there is no other."""
        if not found.licences:
            return None
        active = [held for held in Rights(self._session).holdings(found) if held.active]
        return min(active, key=lambda held: held.kind is Kind.USE, default=None)

    def _kept(self, recipient: str, *, required: bool) -> Identity | None:
        try:
            return self._session.keys.get(self._session.address, recipient)
        except (InputError, SignerError):
            if required:
                raise
            return None

    def _use_job(self, encryption: Encryption) -> Job:
        """Where a use of the signer's is written down while its key is not had yet."""
        name = sha256(f"use {self._session.address} {encryption.recipient}".encode()).hexdigest()
        return self._session.keys.jobs.job(name)

    def _unfinished_use(self, encryption: Encryption) -> tuple[Identity, Receipt] | None:
        """The receipt of a use that was signed before its key was recovered, and the key that its shares are sealed to.

        None if there is none, or if it was never handed in and its time is over.
        """
        from registry.gated.protocol import Receipt

        if self._session.signer is None:
            return None
        noted = self._use_job(encryption).get("")
        if not noted:
            return None
        fresh = self._kept(noted["recipient"], required=False)
        if fresh is None:
            return None
        receipt = Receipt.model_validate_json(noted["receipt"])
        good = self._is_spent(receipt) or receipt.deadline > self._session.chain.block().timestamp
        return (fresh, receipt) if good else None

    def _is_spent(self, receipt: Receipt) -> bool:
        """Whether somebody has handed a receipt in."""
        nonce = int(receipt.nonce)
        return (
            int(self._session.chain.call(self._session.receipt_contract.functions.nonces(receipt.account, nonce >> 64)))
            != nonce
        )

    def _use(self, found: Asset, encryption: Encryption, licence: int | None) -> tuple[Identity, Receipt]:
        """Sign a use away for a fresh key. Both are kept first: a client that is interrupted retries with the same, and
        so does one that asks at the same moment in another process."""
        from registry.gated.protocol import Receipt, release_ref

        with self._use_job(encryption).alone():
            if (begun := self._unfinished_use(encryption)) is not None:
                return begun
            fresh = Identity.generate()
            ref = release_ref(str(found.did), encryption.key_version, fresh.recipient)
            signed = sign_receipt(
                self._session, Catalogue(self._session).offer(found, licence), ref=ref, seconds=_RECEIPT_SECONDS
            )
            with contextlib.suppress(InputError, SignerError):  # without a place for keys there is none for this one
                self._session.keys.put(self._session.address, fresh)
                self._use_job(encryption).begin({"recipient": fresh.recipient, "receipt": signed.to_json()})
            return fresh, Receipt.model_validate_json(signed.to_json())

    def _gather(
        self,
        found: Asset,
        encryption: Encryption,
        holding: Holding | None,
        owner: bool,
        unfinished: tuple[Identity, Receipt] | None,
    ) -> Identity:
        from registry.gated.protocol import ReleaseRequest

        if holding is None and not owner and unfinished is None and not encryption.gateways:
            Rights(self._session).require_access(found)
        licence = Catalogue(self._session).offer(found, holding.licence).number if holding is not None else None
        if unfinished is None and holding is not None and holding.kind is Kind.USE:
            unfinished = self._use(found, encryption, licence)
        uses = unfinished is not None
        fresh, receipt = unfinished or (Identity.generate(), None)
        if receipt is not None:
            licence = receipt.licence
        request = ReleaseRequest(
            did=str(found.did),
            version=encryption.key_version,
            recipient=fresh.recipient,
            licence=licence,
            receipt=receipt,
        )
        gathered = self._ask(request, fresh, encryption, receipt)
        if gathered.found is None:
            raise self._without_key(found, encryption, gathered, holding is not None or owner or uses)
        if uses:
            self._session.in_use.uses[encryption.recipient] = fresh.recipient
        if gathered.causes:
            told = "; ".join(f"{url}: {cause}" for url, cause in gathered.causes.items())
            warn_caller(
                f"The key of {found.did} was recovered, although some gateways failed or lied: {told}.", GatewayWarning
            )
        return gathered.found.identity

    def _ask(
        self, request: ReleaseRequest, fresh: Identity, encryption: Encryption, receipt: Receipt | None
    ) -> Gathered:
        """Ask the gateways until they make the key, for as long as what they wait for may yet come.

        A receipt is handed in by one of them, or if none pays for it by the signer; the others find it done.
        """
        from registry.gated.share_client import DEADLINE, HEDGE, gather

        deadline = DEADLINE if receipt is None else _RECEIPT_DEADLINE
        wallet, wait = wallet_of(self._session, "open a gated asset"), BlockWait(self._session, encryption.gateways)
        first, polls, lead = 0, 0, receipt is not None and not self._is_spent(receipt)
        while True:
            gathered = gather(
                request,
                fresh,
                encryption.gateways,
                encryption.threshold,
                encryption.recipient,
                wallet,
                _is_signed,
                self._session.reach,
                deadline=deadline,
                hedge=HEDGE if receipt is None else deadline,
                first=first,
                lead=lead,
            )
            if gathered.found is not None or wait.is_over:
                return replace(gathered, hint=wait.hint)
            if receipt is not None and lead and gathered.unpaid and not gathered.too_fresh:
                self._hand_in(receipt)
                lead = False
                wait.begin()
                continue
            if not gathered.too_fresh:
                return gathered
            wait.pause()
            if receipt is not None and lead:
                lead, polls = not self._is_spent(receipt), polls + 1
                if lead and polls % LEAD_POLLS == 0:  # whatever the first one says, nothing comes of it
                    first = (first + 1) % len(encryption.gateways)

    def _hand_in(self, receipt: Receipt) -> None:
        """Consume the use that a receipt gives, since no gateway pays for it: at the cost of the signer, or of the
        first owner of a Safe who can pay. Raises `InsufficientBalance` and `SignerError`; the receipt stays noted."""
        signed = SignedReceipt.from_json(receipt.model_dump_json())
        payers = tuple(getattr(self._session.signer, "owners", ())) or (self._session.signer,)
        self._session.progress("handing the receipt in", 0, 0)
        for payer in payers:
            try:
                done = submit_receipt(self._session.signed_by(payer), signed)
            except reverts.InvalidAccountNonce:
                return  # somebody was faster
            except InsufficientBalance:
                if payer is payers[-1]:
                    raise
                continue
            told = f"No key gateway paid for consuming the use: {to_address(payer.address)} did ({done.cost})."
            warn_caller(told, GatewayWarning)
            return

    def _without_key(self, found: Asset, encryption: Encryption, gathered: Gathered, has_access: bool) -> RegistryError:
        """The error for a key that could not be recovered."""
        if not has_access:
            try:
                Rights(self._session).require_access(found)
            except AccessDenied as error:
                return error
        none = "No key gateway serves it: ask its owner for the recovery file."
        hint = gathered.hint if encryption.gateways else none
        causes = [f"{url}: {cause}" for url, cause in gathered.causes.items()] or ["there is no key gateway"]
        return TooFewShares(str(found.did), gathered.shares, encryption.threshold, causes, gathered.liars, hint=hint)


class Unlocking(Session):
    """The verbs of consumers for the keys of content that is encrypted."""

    def unlock(self, found: Asset) -> Identity:
        """The key of an asset's content, for the signer.

        Its owner has it where keys are kept (`Session.keys`). Others get it from the key gateways of the document: they
        sign in, and the gateways ask the chain. Under a licence of uses that takes one use, and the key is forgotten
        with this client; else it is kept. Gateways that failed or lied while others did not are named in a
        `GatewayWarning`.

        Raises `AccessDenied` with what could be bought, `TooFewShares` if too few gateways gave a right share,
        `SignerError` if the account does not sign, and `JournalError` if a use cannot be written down, before it is
        spent.
        """
        return Unlocker(self).unlock(found)

    def opened(self, found: Asset) -> GatedContent:
        """The content of a gated asset, opened. Raises what `unlock` raises."""
        return Unlocker(self).opened(found)

    def forget_keys(self) -> int:
        """Forget the keys that are kept for this account, those of its own assets too; returns how many."""
        self.in_use.forget()
        return self.keys.clear(self.address)


def wallet_of(session: Session, what: str) -> Wallet:
    """The signer as key gateways know it. Raises `NoSigner`, and `SignerError` for one that signs no messages."""
    from registry.chain.signers import sign_text
    from registry.gated.share_client import Wallet

    signer = session.actor.signing(what)
    patience = float(getattr(signer, "patience", 0.0))
    return Wallet(session.address, session.chain.chain_id, lambda message: sign_text(signer, message), patience)


def is_gated(found: Asset) -> bool:
    """Whether the content of an asset is encrypted."""
    return found.ddo.content is not None and found.ddo.content.encryption is not None


def content_of(found: Asset) -> Content:
    """The content of an asset. Raises `FileNotInAsset` for one without."""
    if found.ddo.content is None:
        raise FileNotInAsset("", [])
    return found.ddo.content


def _encryption(found: Asset) -> Encryption:
    encryption = content_of(found).encryption
    if encryption is None:
        raise InputError(f"The content of {found.did} is not encrypted.", hint="Open it with registry.open.")
    return encryption


def _is_signed(gateway: KeyGateway, request: ReleaseRequest, release: Release) -> bool:
    """Whether the account that the document names for a gateway has signed its answer."""
    from registry.chain.signatures import recover, text_digest

    digest = text_digest(release.signed_text(request))
    return recover(digest, bytes.fromhex(release.signature.removeprefix("0x"))) == gateway.signer
