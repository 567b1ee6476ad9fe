"""Agree to a proposal: by a signature, for a Safe that is an owner, or by a transaction."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, cast

from registry.chain.signers import as_signer, is_safe_of_ape, telling
from registry.documents.typed_data import nested
from registry.errors import InputError, NoSigner, NotAnOwner, WrongNonce
from registry.teams.proposal_file import Kind, Signature, TeamProposal, merged, nested_message, nested_signers
from registry.teams.proposing import Proposing
from registry.teams.team_results import Team
from registry.teams.team_verbs import R
from registry.types import Address, to_address

if TYPE_CHECKING:
    from registry.chain.signers import Signer


class Signing(Proposing[R]):
    """Agree to a proposal."""

    def sign(
        self,
        proposal: TeamProposal,
        *,
        kind: Literal["eip712", "eth_sign"] = "eip712",
        owner: str | None = None,
        signer: object = None,
        allow_unread: bool = False,
    ) -> TeamProposal:
        """Return the proposal with one's signature: read it with `describe` first. A wallet's page shows it too.

        `signer` is by default the client's: a key, a key file, an ape account. The account that ape-safe has of the
        Safe itself (``accounts.load("our-safe")``) does too: then all those of its owners sign that ape has. `owner`
        names a Safe that is an owner itself and that one signs for (ERC-1271): its word counts once enough of its own
        owners have given theirs. With `allow_unread` one signs for bytes that nobody here can read.

        Raises `WrongChain`, `TamperedProposal`, `UnsafeCall`, `NotAnOwner`, `WrongNonce` for one whose turn has
        passed, `SignerError`, and `InputError` for another `kind`.
        """
        if kind not in ("eip712", "eth_sign"):
            raise InputError(
                f"{kind!r} is no way to sign.", hint="There are eip712 and eth_sign; see approve_hash too."
            )
        team = self._checked(proposal)
        if proposal.nonce < team.nonce:
            raise WrongNonce(team.address, proposal.nonce, team.nonce)
        told = self._in_words(proposal, team, allow_unread)
        for account in self._signers(signer, team if owner is None else self._team(to_address(owner))):
            mine = to_address(account.address)
            account = telling(account, lambda: str(told))
            if owner is not None:
                made = self._sign_for(proposal, team, to_address(owner), account)
            elif mine not in team.owners:
                raise NotAnOwner(mine, team.address, team.owners)
            else:
                made = Signature(mine, kind, _signed(proposal, kind, account))
            others = [signature for signature in proposal.signatures if signature.owner != made.owner]
            proposal = proposal.with_signatures([*others, made])
            proposal.verify()
        return proposal

    def approve_hash(self, proposal: TeamProposal, *, allow_unread: bool = False) -> TeamProposal:
        """Agree by a transaction instead of a signature, and return the proposal with that.

        For accounts that cannot sign; inside `collect` it is how one team agrees to what another proposes: its own
        proposal then carries that of the other, for its owners to read. Raises what `sign` raises, as `WrongNonce` and
        `NotAnOwner`, and what sending raises.
        """
        team = self._checked(proposal)
        if proposal.nonce < team.nonce:
            raise WrongNonce(team.address, proposal.nonce, team.nonce)
        self._read(proposal, team, allow_unread=allow_unread)
        mine = self._registry.address
        if mine not in team.owners:
            raise NotAnOwner(mine, team.address, team.owners)
        if not self._approved(proposal, mine):
            call = self._safe(team.address).functions.approveHash(bytes.fromhex(proposal.safe_tx_hash[2:]))
            intent = f"approve:{team.address}:{proposal.safe_tx_hash}"
            self._registry.act(f"approve {proposal}", call, intent=intent)
            if (written := self._registry.actor.written) is not None:
                written.beside.append(replace(proposal, note="", signatures=()))
        others = [signature for signature in proposal.signatures if signature.owner != mine]
        return proposal.with_signatures([*others, Signature(mine, "approved")])

    def merge(self, *proposals: TeamProposal) -> TeamProposal:
        """One proposal with the signatures of all that are handed in.

        Raises `TamperedProposal` if they are not one and the same transaction, `NotAnOwner`, and what `sign` raises.
        """
        found = merged(proposals)
        self._checked(found)
        return found

    def _signers(self, signer: object, team: Team) -> list[Signer]:
        """Who signs for a team: of a Safe of ape, all those of its owners that ape has."""
        if is_safe_of_ape(signer):
            safe = cast(Any, signer)
            if to_address(safe.address) != team.address:
                raise InputError(
                    f"Ape's account {safe.alias} is the Safe {safe.address}, not {team.address}.",
                    hint="Pass the account of the Safe whose owners are to sign.",
                )
            # Not `local_signers`: without the ABI of the Safe's handler, which explorers have, it is always empty.
            wallet = (*safe.account_manager, *safe.account_manager.test_accounts)
            known = {to_address(account.address): account for account in wallet if not is_safe_of_ape(account)}
            signers = [as_signer(known[owner]) for owner in team.owners if owner in known]
            if not signers:
                raise NoSigner("sign for this Safe", hint="Ape has the key of none of its owners.")
            return [found for found in signers if found is not None]
        found = as_signer(signer) if signer is not None else self._registry.signer
        if found is None:
            raise NoSigner("sign a proposal")
        return [found]

    def _sign_for(self, proposal: TeamProposal, team: Team, owner: Address, account: Signer) -> Signature:
        """Add the word of one owner of the Safe `owner` to what that Safe says."""
        if owner not in team.owners:
            raise NotAnOwner(owner, team.address, team.owners)
        inner, mine = self._deciding(owner), to_address(account.address)
        if mine not in inner.owners:
            raise NotAnOwner(mine, inner.address, inner.owners)
        before = next((signature for signature in proposal.signatures if signature.owner == owner), None)
        words = nested_signers(proposal, before) if before is not None and before.kind == "contract" else {}
        words[mine] = account.sign_typed_data(nested_message(proposal, owner))
        return Signature(owner, "contract", nested(words))


def _signed(proposal: TeamProposal, kind: Kind, account: Signer) -> bytes:
    if kind == "eip712":
        return account.sign_typed_data(proposal.typed_data)
    if not hasattr(account, "sign_text"):
        raise InputError(f"{account!r} signs no personal messages.", hint="Sign with kind='eip712'.")
    made = bytes(account.sign_text(bytes.fromhex(proposal.safe_tx_hash[2:])))
    # The Safe tells personal messages by a v that is 4 higher.
    return made[:64] + bytes([made[64] + 4])
