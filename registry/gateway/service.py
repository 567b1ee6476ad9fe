"""The gateway itself: what it does for whom, apart from how it is asked."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from registry.chain.addresses import Deployment
from registry.chain.connection import Chain
from registry.chain.journal import Journal
from registry.chain.sender import Sender
from registry.chain.signatures import recover, typed_digest
from registry.did import DID
from registry.errors import InputError, JournalError, WrongChain
from registry.gated.protocol import (
    MAX_KEPT,
    Deposit,
    Gateway,
    Nonce,
    NonceRequest,
    Release,
    ReleaseRequest,
    Revocation,
    SignedInvitation,
    Stored,
)
from registry.gated.shares import read_share
from registry.gateway.audit_log import AuditLog
from registry.gateway.chainview import ChainView
from registry.gateway.consuming import ReceiptConsumer
from registry.gateway.database import FILE, Database, StoredInvitation, StoredShare
from registry.gateway.entitlement import KeyEntitlement
from registry.gateway.keys import Keys, seal
from registry.gateway.nonces import Nonces
from registry.gateway.rate_limit import RateLimit
from registry.gateway.refusal import Refusal
from registry.gateway.settings import Settings
from registry.gateway.signin import CheckedSignIn, Doorkeeper

REFUSALS_A_SECOND: Final = 1.0
"""Lines of the audit log that refusals may take; all are counted in the metrics."""

MAX_OF_ONE: Final = 4
"""Shares of one version that one account may hand in: else an editor could fill the place of the owner's."""

MAX_INVITED: Final = 1000
"""Invitations to one asset that are kept; those that are over are forgotten."""

LONGEST_INVITATION: Final = 10 * 366 * 24 * 3600
"""Seconds; longer than that is a mistake."""


class GatewayService:
    """One gateway of one registry: keeps its share of keys, and hands it to those with access.

    `folder` holds what outlives the process: `registry.gateway.database`, the journal of what was sent. `clock` gives
    seconds since 1970. Verbs raise `Refusal`; it raises `WrongChain` where the registry is on another chain.
    """

    def __init__(
        self,
        folder: Path,
        keys: Keys,
        chain: Chain,
        deployment: Deployment,
        settings: Settings,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if deployment.chain_id != chain.chain_id:
            raise WrongChain(deployment.chain_id, chain.chain_id, f"The registry {deployment.registry}")
        self.settings: Final = settings
        self.chain: Final = chain
        self.keys: Final = keys
        self.database: Final = Database(folder / FILE)
        self._bind(deployment)
        self.audit: Final = AuditLog(self.database, clock=clock)
        self.view: Final = ChainView(chain, settings.depth, head_age=settings.head_age, clock=clock)
        self._registry: Final = deployment.registry
        self._clock = clock
        self._entitlement = KeyEntitlement(self.view, deployment.registry)
        self._nonces = Nonces(self.database, settings.nonce_seconds, clock=clock)
        self._doorkeeper = Doorkeeper(domain=settings.domain, url=settings.url, chain_id=chain.chain_id, clock=clock)
        self._per_account = RateLimit(settings.account_rate, settings.account_burst)
        self._refusals = RateLimit(REFUSALS_A_SECOND, 1000)
        self._journal = Journal.at(folder).open()
        self.uses: Final = ReceiptConsumer(
            database=self.database,
            entitlement=self._entitlement,
            chain=chain,
            sender=Sender(chain, keys.signer, self._journal, timeout=settings.patience),
            contract=chain.contract("AssetRegistry", deployment.registry),
            first_block=deployment.block,
            settings=settings,
            clock=clock,
        )

    def close(self) -> None:
        """Close the files."""
        self.database.close()
        self._journal.close()

    # --- Asking ----------------------------------------------------------------------------------

    def describe(self) -> Gateway:
        """Who it is."""
        return Gateway(
            chain_id=self.chain.chain_id,
            registry=self._registry,
            depth=self.settings.depth,
            domain=self.settings.domain,
            age_recipient=self.keys.recipient,
            signer=self.keys.address,
        )

    def nonce(self, request: NonceRequest) -> Nonce:
        """A nonce for a sign-in message."""
        return self._nonces.make(request.account)

    # --- Keeping ---------------------------------------------------------------------------------

    async def deposit(self, deposit: Deposit) -> Stored:
        """Keep a share for the owner or an editor of the asset, beside those that are kept: none takes another's place,
        else a later owner or an editor could shut out who bought."""
        did = self._did(deposit.did)
        sign_in = self._doorkeeper.read(deposit.auth, deposit.did, deposit.resource())
        self._count(sign_in)
        self._welcome(sign_in.account)
        head, version = await self._entitlement.editor(did, sign_in)
        self._spend(sign_in)
        if deposit.version > version + 1:
            # Else one asset could fill the disk.
            raise Refusal(422, "invalid", f"Version {deposit.version} is far ahead: the asset is at {version}.")
        text = self._checked_share(deposit)
        share = StoredShare(
            deposit.did,
            deposit.version,
            deposit.index,
            deposit.threshold,
            deposit.sealed,
            sign_in.account,
            int(self._clock()),
        )
        with self.database.writing(durable=True):
            kept = self.database.shares_of(deposit.did, deposit.version)
            if any(self.keys.open_share(one.sealed) == text for one in kept):
                return Stored()
            if len(kept) >= MAX_KEPT or sum(one.depositor == sign_in.account for one in kept) >= MAX_OF_ONE:
                raise Refusal(
                    409,
                    "full",
                    f"This gateway keeps {len(kept)} shares of version {deposit.version} already.",
                    hint="Publish a new version with a new key.",
                )
            self.database.put_share(share)
            self._note("deposit", deposit.did, sign_in.account, head.number, version=deposit.version)
        return Stored()

    async def invite(self, signed: SignedInvitation) -> Stored:
        """Keep an invitation that the owner of the asset signed."""
        invitation, now = signed.invitation, int(self._clock())
        did = self._did(invitation.did)
        if not max(invitation.start, now) < invitation.end <= now + LONGEST_INVITATION:
            raise Refusal(422, "invalid", "The invitation ends before it starts, or is over, or never ends.")
        digest, signature = typed_digest(invitation.message()), bytes.fromhex(signed.signature[2:])
        owner = await self._entitlement.owner_of(did)
        self._welcome(owner)
        sign_in = CheckedSignIn(owner, "", b"", digest, signature, recover(digest, signature) == owner)
        head = await self._entitlement.owner(did, sign_in)
        self._per_account.take(owner)
        kept = StoredInvitation(
            invitation.id, invitation.did, invitation.account, invitation.start, invitation.end, owner, False
        )
        with self.database.writing(durable=True):
            if self.database.invited(invitation.did, now) >= MAX_INVITED:
                raise Refusal(
                    409, "full", f"{MAX_INVITED} invitations to this asset are kept.", hint="Wait until some are over."
                )
            self.database.put_invitation(kept)
            self._note("invite", invitation.did, owner, head.number, guest=invitation.account, id=invitation.id)
        return Stored()

    async def revoke(self, id: str, revocation: Revocation) -> Stored:
        """End an invitation that has not started, for the owner of the asset."""
        did = self._did(revocation.did)
        if id != revocation.id:
            raise Refusal(422, "invalid", "The path and the body name two invitations.")
        sign_in = self._doorkeeper.read(revocation.auth, revocation.did, revocation.resource())
        self._count(sign_in)
        head = await self._entitlement.owner(did, sign_in)
        self._spend(sign_in)
        with self.database.writing(durable=True):
            kept = self.database.invitation(id)
            if kept is None or kept.asset != revocation.did:
                raise Refusal(404, "not_found", "There is no such invitation.")
            if not kept.revoked and kept.start <= self._clock():
                raise Refusal(
                    409,
                    "started",
                    "The invitation has started, and holds until it ends.",
                    hint="Publish a new version with a new key to shut it out of what comes.",
                )
            self.database.revoke(id)
            self._note("revoke", revocation.did, sign_in.account, head.number, id=id)
        return Stored()

    # --- Handing out -----------------------------------------------------------------------------

    async def release(self, request: ReleaseRequest, *, page: str = "") -> Release:
        """Hand the share out, sealed to the recipient, to an account that has access now and had it at the depth; to a
        web page of the origin `page`, if one asks."""
        did = self._did(request.did)
        sign_in = self._doorkeeper.read(request.auth, request.did, request.resource(), page=page)
        self._count(sign_in)
        try:
            return await self._release(did, request, sign_in)
        except Refusal as error:
            if error.status in (403, 409) and self._worth_a_line():
                self._note("refuse", request.did, sign_in.account, None, version=request.version, code=error.code)
            raise

    async def _release(self, did: DID, request: ReleaseRequest, sign_in: CheckedSignIn) -> Release:
        receipt, account = request.receipt, sign_in.account
        if receipt is not None:
            if not sign_in.proven:
                await self._entitlement.prove(sign_in)
            self._spend(sign_in)
            # Before a use is spent for nothing.
            shares = self._shares(request)
            block, right = await self.uses.consume(request, receipt, account), "use"
        else:
            now = int(self._clock())
            inviters = [one.owner for one in self.database.invitations(request.did, account, now)]
            head, right = await self._entitlement.reader(did, sign_in, request.licence, inviters=inviters)
            self._spend(sign_in)
            shares, block = self._shares(request), head.number
        sealed = self._resealed(shares, request.recipient)
        answer = Release(version=request.version, sealed=sealed, block=block, signature="0x")
        signature = "0x" + self.keys.signer.sign_text(answer.signed_text(request)).hex()
        with self.database.writing():
            if receipt is not None:
                self.uses.released(receipt)
            recipient = hashlib.sha256(request.recipient.encode()).hexdigest()
            self._note(
                "release", request.did, account, block, version=request.version, right=right, recipient=recipient
            )
        return answer.model_copy(update={"signature": signature})

    # --- Internal --------------------------------------------------------------------------------

    def _bind(self, deployment: Deployment) -> None:
        """A folder serves one registry for good: the same asset number means another asset elsewhere."""
        mine = f"eip155:{deployment.chain_id}:{deployment.registry}"
        kept = self.database.fact("registry")
        if kept is None:
            self.database.note("registry", mine)
        elif kept != mine:
            raise JournalError(
                f"This gateway keeps shares for {kept}, not for {mine}.", hint="Take another folder for this registry."
            )

    def _did(self, text: str) -> DID:
        did = DID.parse(text)
        if did.chain_id != self.chain.chain_id or did.address != self._registry:
            raise Refusal(404, "not_found", f"{text} is not of the registry that this gateway serves.")
        return did

    def _welcome(self, account: str) -> None:
        if self.settings.depositors and account not in self.settings.depositors:
            raise Refusal(
                403, "not_owner", "This gateway keeps shares of its own publishers only.", hint="Run one, or ask."
            )

    def _worth_a_line(self) -> bool:
        """Whether a refusal goes into the audit log: strangers must not fill the disk with them."""
        try:
            self._refusals.take("all")
        except Refusal:
            return False
        return True

    def _count(self, sign_in: CheckedSignIn) -> None:
        # Only who signed is counted: else anybody could use up another's requests.
        if sign_in.proven:
            self._per_account.take(sign_in.account)

    def _spend(self, sign_in: CheckedSignIn) -> None:
        if not sign_in.proven:
            self._per_account.take(sign_in.account)
        self._nonces.spend(sign_in.nonce, sign_in.account, sign_in.text)

    def _shares(self, request: ReleaseRequest) -> list[StoredShare]:
        shares = self.database.shares_of(request.did, request.version)
        if not shares:
            raise Refusal(
                404,
                "not_found",
                f"This gateway keeps no share of version {request.version} of {request.did}.",
                hint="Ask another gateway that its document names.",
            )
        return shares

    def _resealed(self, shares: list[StoredShare], recipient: str) -> str:
        try:
            return seal(b"\n".join(self.keys.open_share(share.sealed) for share in shares), recipient)
        except InputError as error:
            raise Refusal(422, "invalid", error.message, hint=error.hint) from None

    def _checked_share(self, deposit: Deposit) -> bytes:
        try:
            text = self.keys.open_share(deposit.sealed)
        except InputError as error:
            raise Refusal(422, "invalid", error.message, hint=error.hint) from None
        share = read_share(text.decode("ascii", "replace"))
        if share is None:
            raise Refusal(
                422,
                "invalid",
                "What is sealed is no share of a key of 32 bytes.",
                hint="It is one mnemonic of SLIP-39, with an iteration exponent of 0, of one group.",
            )
        if (share.index, share.member_threshold) != (deposit.index, deposit.threshold):
            raise Refusal(422, "invalid", "The share has another number or threshold than the request says.")
        return text

    def _note(self, event: str, did: str, account: str, block: int | None, **details: Any) -> None:
        self.audit.write(event, did=did, account=account, block=block, **details)
