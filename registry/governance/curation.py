"""Curation: flags with bonds, answers, appeals and decisions; what is endorsed, and what cannot be sold anew."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from registry.assets.catalogue import Catalogue
from registry.chain.fees import Cost
from registry.did import DID
from registry.errors import BondAboveMaximum, InputError, NotFoundError
from registry.governance.governed import R
from registry.governance.pinned_documents import Document, Documents, cid_of
from registry.ipfs.cid import CID
from registry.market.buying import short_of
from registry.money import Amount
from registry.results import AssetRef, Done, Listing
from registry.session import whole
from registry.text.html import Shown
from registry.types import ZERO_ADDRESS, Address, to_address

if TYPE_CHECKING:
    from registry.chain.logs import TxReceipt

ANSWER_TIME: Final = 7 * 86_400
DECISION_TIME: Final = 90 * 86_400
"""Seconds, as in `Curation.sol`."""


class CaseState(IntEnum):
    """How far a case is; the numbers are those of the contract."""

    NONE = 0
    OPEN = 1
    UPHELD = 2
    DISMISSED = 3
    LAPSED = 4


@dataclass(frozen=True, slots=True)
class Case(Shown):
    """A flag on an asset, or an appeal of its owner against a delisting; times in seconds since 1970.

    ============ ==================================================================
    reason       document of whoever flagged or appealed
    answer       document of the owner; None without one
    claimant     who flagged, or appealed
    bond         what they put up
    answer_until until then the owner may answer; 0 for an appeal
    lapses_at    afterwards anybody may close it, and the bond goes back
    ============ ==================================================================
    """

    number: int
    did: DID
    appeal: bool
    state: CaseState
    reason: CID
    answer: CID | None
    claimant: Address
    bond: Amount
    opened_at: int
    answer_until: int
    lapses_at: int

    def __str__(self) -> str:
        kind = "appeal" if self.appeal else "flag"
        return (
            f"case {self.number}: {kind} of {self.did} by {self.claimant}, bond {self.bond}, {self.state.name.lower()}"
        )


@dataclass(frozen=True, slots=True)
class Filed(Shown):
    """A case that was opened, or would be: then `number` and `tx` are None. `approval` let curation take the bond."""

    number: int | None
    did: DID
    appeal: bool
    reason: CID
    bond: Amount
    cost: Cost
    tx: TxReceipt | None
    approval: TxReceipt | None

    def __str__(self) -> str:
        what = f"{'appeal for' if self.appeal else 'flag'} {self.did} with a bond of {self.bond}"
        return f"would {what} ({self.cost})" if self.tx is None else f"{what}: case {self.number}"


@dataclass(frozen=True, slots=True)
class Council(Shown):
    """Who may decide flags and endorse besides the DAO; None for nobody."""

    account: Address | None


class Curation(Documents[R]):
    """Verbs of curation. Those of the DAO and its council say so, and are reached by proposal as well."""

    # --- Looking ---------------------------------------------------------------------------------

    def listing(self, asset: AssetRef) -> Listing:
        """What curation says of an asset."""
        found = Catalogue(self.registry).listing(self.registry.did(asset))
        assert found is not None
        return found

    def case(self, number: int) -> Case:
        """A case by its number; raises `NotFoundError`."""
        whole(number, "a case", low=0, high=2**64 - 1)
        answer = self.registry.chain.call(self.curation_contract.functions.caseOf(number))
        asset_id, reason, reply, claimant, token, bond, opened, appeal, state, _delisting = answer
        if state == CaseState.NONE:
            raise NotFoundError(f"There is no case {number}.", hint="'registry curation cases' shows them.")
        return Case(
            number=number,
            did=self.registry.did(asset_id),
            appeal=appeal,
            state=CaseState(state),
            reason=CID.from_digest(bytes(reason)),
            answer=cid_of(bytes(reply)),
            claimant=to_address(claimant),
            bond=self._amount(bond, token),
            opened_at=opened,
            answer_until=0 if appeal else opened + ANSWER_TIME,
            lapses_at=opened + DECISION_TIME,
        )

    def cases(self, asset: AssetRef | None = None, *, open_only: bool = False) -> tuple[Case, ...]:
        """All cases, or those of an asset, in the order of their numbers."""
        filters = {} if asset is None else {"assetId": self.registry.did(asset).asset_id}
        opened = self.registry.chain.events(
            self.curation_contract.events.CaseOpened(), filters=filters, from_block=self.dao.block
        )
        found = (self.case(int(event.args["caseId"])) for event in opened)
        return tuple(case for case in found if not open_only or case.state is CaseState.OPEN)

    def bonds(self) -> tuple[Amount, ...]:
        """What a flag or an appeal costs, in each token that bonds are taken in."""
        functions = self.curation_contract.functions
        costs = ((token, int(self.registry.chain.call(functions.bondIn(token)))) for token in self._bond_tokens())
        return tuple(self._amount(cost, token) for token, cost in costs if cost)

    def bonds_of(self, account: str | None = None) -> tuple[Amount, ...]:
        """What `account` (default: the signer) may withdraw of bonds that are theirs."""
        holder = to_address(account) if account else self.registry.address
        functions = self.curation_contract.functions
        held = (
            (token, int(self.registry.chain.call(functions.owedTo(token, holder)))) for token in self._bond_tokens()
        )
        return tuple(self._amount(units, token) for token, units in held if units)

    def council(self) -> Council:
        """Who may decide besides the DAO now."""
        found = to_address(self.registry.chain.call(self.curation_contract.functions.council()))
        return Council(None if found == ZERO_ADDRESS else found)

    # --- For anybody, and for owners -------------------------------------------------------------

    def flag(
        self,
        asset: AssetRef,
        reason: Document,
        *,
        token: str | None = None,
        max_bond: str | Amount | None = None,
        dry_run: bool = False,
    ) -> Filed:
        """Say, with a bond, what is wrong with an asset; the bond comes back if the flag is upheld or never decided.

        `token` names which bond is put up where there are several. The bond that is seen now is the most that is paid,
        unless `max_bond` says more or less. Raises `InsufficientBalance` and `BondAboveMaximum`; nothing was sent then.
        """
        return self._open(asset, reason, token, max_bond, dry_run, appeal=False)

    def appeal(
        self,
        asset: AssetRef,
        reason: Document,
        *,
        token: str | None = None,
        max_bond: str | Amount | None = None,
        dry_run: bool = False,
    ) -> Filed:
        """Appeal against a delisting, by the owner, to the DAO; see `flag`. An appeal in vain costs the bond."""
        return self._open(asset, reason, token, max_bond, dry_run, appeal=True)

    def answer(self, case: int, document: Document, *, dry_run: bool = False) -> Done:
        """Answer a flag, once, within seven days: by the owner of the asset."""
        found = self.case(case)
        call = self.curation_contract.functions.answer(found.number, self.pin_document(document))
        return self.registry.act(f"answer case {found.number}", call, dry_run=dry_run)

    def lapse(self, case: int, *, dry_run: bool = False) -> Done:
        """Close a case that nobody decided within 90 days, so that the bond goes back: anybody may."""
        call = self.curation_contract.functions.lapse(self.case(case).number)
        return self.registry.act(f"let case {case} lapse", call, dry_run=dry_run)

    def withdraw_bonds(
        self, token: str | None = None, *, to: str | None = None, dry_run: bool = False
    ) -> tuple[Done, ...]:
        """Take out the bonds that are the signer's: in one token or in all, a transaction for each.

        Raises `InputError` if there is nothing to take.
        """
        held = [amount for amount in self.bonds_of() if token in (None, amount.token.symbol, amount.token.address)]
        if not held:
            raise InputError(
                f"No bonds{f' in {token}' if token else ''} are {self.registry.address}'s to withdraw.",
                hint="A bond comes back when its case is decided for you, or lapses.",
            )
        receiver = to_address(to) if to else self.registry.address
        functions = self.curation_contract.functions
        return tuple(
            self.registry.act(
                f"withdraw {amount} to {receiver}",
                functions.claim(amount.token.address, self.registry.address, receiver),
                dry_run=dry_run,
            )
            for amount in held
        )

    def relist(self, asset: AssetRef, *, dry_run: bool = False) -> Done:
        """End a delisting: anybody once its time is over, the DAO at any time."""
        did = self.registry.did(asset)
        call = self.curation_contract.functions.relist(did.asset_id)
        return self.registry.act(f"let {did} be sold again", call, dry_run=dry_run)

    # --- For the DAO and its council -------------------------------------------------------------

    def decide_flag(self, case: int, *, upheld: bool, reason: Document, until: int = 0, dry_run: bool = False) -> Done:
        """Decide a flag: by the DAO or its council, after the answer or the time for it.

        One that is upheld delists the asset until `until` (seconds since 1970, a day to a year from now; 0: until the
        DAO ends it).
        """
        whole(until, "seconds since 1970", low=0, high=2**48 - 1)
        call = self.curation_contract.functions.decideFlag(
            self.case(case).number, upheld, self.pin_document(reason), until
        )
        return self.registry.act(f"{'uphold' if upheld else 'dismiss'} case {case}", call, dry_run=dry_run)

    def decide_appeal(self, case: int, *, upheld: bool, reason: Document, dry_run: bool = False) -> Done:
        """Decide an appeal: by the DAO alone. An upheld one ends the delisting."""
        call = self.curation_contract.functions.decideAppeal(self.case(case).number, upheld, self.pin_document(reason))
        return self.registry.act(f"{'uphold' if upheld else 'dismiss'} case {case}", call, dry_run=dry_run)

    def endorse(self, asset: AssetRef, reason: Document, *, dry_run: bool = False) -> Done:
        """Recommend an asset as it is now, its document and its owner: by the DAO or its council.

        Another version, or another owner, is not recommended by it.
        """
        found = Catalogue(self.registry).get(asset)
        call = self.curation_contract.functions.endorse(
            found.did.asset_id, found.version, found.owner, self.pin_document(reason)
        )
        return self.registry.act(f"endorse version {found.version} of {found.did}", call, dry_run=dry_run)

    def unendorse(self, asset: AssetRef, reason: Document, *, dry_run: bool = False) -> Done:
        """End an endorsement: by the DAO or its council."""
        did = self.registry.did(asset)
        call = self.curation_contract.functions.unendorse(did.asset_id, self.pin_document(reason))
        return self.registry.act(f"no longer endorse {did}", call, dry_run=dry_run)

    def delist(self, asset: AssetRef, reason: Document, *, until: int = 0, dry_run: bool = False) -> Done:
        """Stop new sales of an asset without a flag: by the DAO alone, until `until` (seconds) as for `decide_flag`."""
        did = self.registry.did(asset)
        whole(until, "seconds since 1970", low=0, high=2**48 - 1)
        call = self.curation_contract.functions.delist(did.asset_id, self.pin_document(reason), until)
        return self.registry.act(f"delist {did}", call, dry_run=dry_run)

    def set_bond(self, bond: str | Amount, *, dry_run: bool = False) -> Done:
        """Set what a flag or an appeal costs in a token, ``"50 USD"``; ``"0 USD"`` ends the token: by the DAO.

        Raises `InputError` for the native coin.
        """
        amount = self.registry.amount(bond)
        if amount.token.address is None:
            raise InputError("Bonds are taken in tokens, not in the native coin.", hint="Name a token.")
        call = self.curation_contract.functions.setBond(amount.token.address, amount.units)
        return self.registry.act(f"take bonds of {amount}", call, dry_run=dry_run)

    def name_council(self, account: str, *, until: int, dry_run: bool = False) -> Done:
        """Name who may decide flags and endorse besides the DAO, until `until` (seconds since 1970, at most a year from
        now): by the DAO."""
        whole(until, "seconds since 1970", low=0, high=2**48 - 1)
        call = self.curation_contract.functions.nameCouncil(to_address(account), until)
        return self.registry.act(f"name the council {account}", call, dry_run=dry_run)

    # --- Internal --------------------------------------------------------------------------------

    def _open(
        self,
        asset: AssetRef,
        reason: Document,
        token: str | None,
        max_bond: str | Amount | None,
        dry_run: bool,
        *,
        appeal: bool,
    ) -> Filed:
        registry, did = self.registry, self.registry.did(asset)
        bond = self._bond(token)
        most = bond if max_bond is None else registry.amount(max_bond, token=bond.token)
        if bond.units > most.units:
            raise BondAboveMaximum(str(bond), str(most))
        short = short_of(registry, bond, dry_run)
        functions, address = self.curation_contract.functions, str(bond.token.address)
        open_ = functions.appeal if appeal else functions.flag
        digest = self.pin_document(reason)
        if short is not None:
            return Filed(None, did, appeal, CID.from_digest(digest), bond, short, None, None)
        call = open_(did.asset_id, digest, address, most.units)
        what = f"{'appeal for' if appeal else 'flag'} {did}"
        dollar = registry.erc20(address).functions
        allowed = int(registry.chain.call(dollar.allowance(registry.address, self.dao.curation)))
        approval = None
        if allowed < bond.units:
            approved = registry.act(
                f"let curation take {bond}", dollar.approve(self.dao.curation, bond.units), dry_run=dry_run
            )
            if dry_run:
                # The case itself cannot be tried before the approval is there: the approval is what is estimated.
                return Filed(None, did, appeal, CID.from_digest(digest), bond, approved.cost, None, None)
            approval = approved.tx
        done = registry.act(what, call, dry_run=dry_run)
        opened = done.tx.named("CaseOpened") if done.tx else ()
        number = next((int(event.args["caseId"]) for event in opened if event.address == self.dao.curation), None)
        return Filed(number, did, appeal, CID.from_digest(digest), bond, done.cost, done.tx, approval)

    def _bond(self, token: str | None) -> Amount:
        offered = self.bonds()
        fitting = [bond for bond in offered if token in (None, bond.token.symbol, bond.token.address)]
        if len(fitting) != 1:
            known = ", ".join(map(str, offered)) or "none"
            problem = f"No bond is taken in {token!r}." if not fitting else "Bonds are taken in several tokens."
            raise InputError(problem, hint=f"Bonds: {known}.")
        return fitting[0]

    def _bond_tokens(self) -> list[Address]:
        changed = self.registry.chain.events(self.curation_contract.events.BondChanged(), from_block=self.dao.block)
        return list(dict.fromkeys(to_address(event.args["token"]) for event in changed))
