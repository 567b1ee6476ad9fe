"""Teams: people who own assets together through a Safe, and decide from Python without anybody's service.

A member proposes calls, the others read in words what they would do, sign the file, and anybody executes it. What is
signed is computed again from the content by everybody who touches it; a proposal can hand nobody the team's rights.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeVar, cast

from registry import papers
from registry.assets import Draft
from registry.chain.calls import Agreed, decoded, unpacked
from registry.chain.fees import NOTHING, Cost
from registry.chain.recorder import Collector, collected, try_call
from registry.chain.safe import NAMES, is_part, safe_contract
from registry.chain.sender import Call
from registry.chain.signers import as_signer, is_safe_of_ape, telling
from registry.did import DID
from registry.errors import (
    ConnectionFailed,
    ContractError,
    Fault,
    InputError,
    InsufficientSignatures,
    InvalidProposal,
    NoSigner,
    NotAnOwner,
    NotDeployed,
    RegistryError,
    TamperedProposal,
    TeamError,
    TransactionReverted,
    UnsafeCall,
    WrongChain,
    WrongNonce,
)
from registry.ipfs.cid import CID
from registry.ipfs.store import fetch
from registry.market import Market
from registry.proposal import (
    CALL,
    DELEGATECALL,
    MAX_NOTE,
    VERSIONS,
    Kind,
    Proposal,
    Signature,
    merged,
    nested,
    nested_message,
    nested_signers,
)
from registry.splits import weights
from registry.types import ZERO_ADDRESS, Address, to_address
from registry.words import CallInWords, Words, clean, require_read

if TYPE_CHECKING:
    from web3.contract import Contract
    from web3.contract.contract import ContractFunction

    from registry.chain.connection import Chain
    from registry.chain.logs import Receipt
    from registry.chain.signers import Signer

SENTINEL: Final = "0x" + "0" * 39 + "1"
"""What the Safe marks the ends of its lists with; it cannot be an owner."""

R = TypeVar("R", bound=Market)


@dataclass(frozen=True, slots=True)
class Team:
    """A Safe: any `threshold` of its `owners` decide. `nonce` counts what it did, `version` is the Safe's.

    `splitter` shares the revenue as one of the owners set it up; None where no owner set one up. What an asset
    pays, and to whom, is always for its payout to say.
    """

    address: Address
    owners: tuple[Address, ...]
    threshold: int
    splitter: Address | None
    nonce: int
    version: str

    def __str__(self) -> str:
        return f"team {self.address} ({self.threshold} of {len(self.owners)})"


@dataclass(frozen=True, slots=True)
class NewTeam(Team):
    """A team as it was founded: `asset` is its first one, `tx` None if nothing had to be sent, or for a dry run."""

    asset: DID | None
    cost: Cost
    tx: Receipt | None


@dataclass(frozen=True, slots=True)
class Executed:
    """What a team did: the proposal, what that cost who sent it, and the assets that it published.

    `before` says that it was executed before: nothing was sent now, and it cost nothing.
    """

    proposal: Proposal
    cost: Cost
    tx: Receipt | None
    assets: tuple[DID, ...] = ()
    before: bool = False

    def __str__(self) -> str:
        if self.before:
            return f"execute {self.proposal}: that was done before, nothing was sent"
        return f"execute {self.proposal} ({self.cost}{', nothing was sent' if self.tx is None else ''})"


State = Literal["executable", "needs signatures", "waiting", "executed", "replaced", "refused"]


@dataclass(frozen=True, slots=True)
class Pending:
    """Where a proposal stands. `missing` are signatures that it still needs; `reason` says more where there is more.

    ``waiting`` is for an earlier nonce, ``replaced`` by another transaction of its nonce; a file that cannot be
    trusted is ``refused`` and has no `proposal`.
    """

    state: State
    proposal: Proposal | None
    missing: int = 0
    reason: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class ProposalInWords:
    """A proposal for reading before signing; ``str`` has all of it.

    The three hashes are computed here from the content: compare them with what a hardware wallet shows.
    """

    proposal: Proposal
    team: Team
    calls: tuple[CallInWords, ...]
    safe_tx_hash: str
    domain_hash: str
    message_hash: str
    signed: tuple[Address, ...]

    def __str__(self) -> str:
        proposal = self.proposal
        lines = [
            f"Proposal {proposal.nonce} of {self.team} on chain {proposal.chain_id}",
            *([f"note (not signed): {clean(proposal.note)}"] if proposal.note else []),
            "",
        ]
        for number, call in enumerate(self.calls, 1):
            first, *rest = call.lines("   ")
            lines += [f"{number}. {first.strip()}", *rest]
        lines += [
            "",
            f"safeTxHash   {self.safe_tx_hash}",
            f"domain hash  {self.domain_hash}",
            f"message hash {self.message_hash}",
            f"signed by    {', '.join(self.signed) or 'nobody yet'} ({len(self.signed)} of {self.team.threshold})",
        ]
        return "\n".join(lines)


class Teams(Generic[R]):
    """What teams do, as the account of a registry's client. Got as `Registry.teams`."""

    def __init__(self, registry: R) -> None:
        self._registry = registry

    # --- Founding and looking up -----------------------------------------------------------------

    def create(
        self,
        owners: Iterable[str],
        *,
        threshold: int,
        shares: Mapping[str, str | Decimal | int] | None = None,
        publish: Draft | None = None,
        salt: int = 0,
        dry_run: bool = False,
    ) -> NewTeam:
        """Found a team: its Safe, the splitter of `shares`, and a first asset that it owns, in one transaction.

        `shares` are percentages (``"33.3 %"``, 100 in all) or whole weights by account; the revenue of the asset
        goes to their splitter unless the draft names another payout. The same people, threshold and `salt` are always
        the same team: run again, or after a stranger who made parts of it, only what is missing is done.

        Raises `InputError`, what publishing raises, and what the contracts answer.
        """
        listed = tuple(to_address(owner) for owner in owners)
        _check_owners(listed, threshold, salt)
        team = (list(listed), threshold, list(weights(shares)) if shares else [], salt)
        registry, factory = self._registry, self._factory.functions
        sender = registry.sender("found a team")
        safe, splitter = (to_address(found) for found in self._chain.call(factory.teamOf(team)))
        plan = None
        if publish is not None:
            payout = publish.payout or (splitter if shares else None)
            plan = registry.planned(replace(publish, payout=payout), dry_run=dry_run)
            safe, _ = (
                to_address(found) for found in self._chain.call(factory.publishingTeamOf(team, plan.publication))
            )
        intent = f"team:{self._factory.address}:{safe}:{splitter}"
        published: int | None = None
        if not dry_run:
            if plan is not None:
                registry.keep(plan.ddo)
                intent += f":{plan.cid}"
            sender.settle(intent)
        if plan is not None:
            published = registry.published(safe, plan)
        there = self._chain.has_code(safe) and (not shares or self._chain.has_code(splitter))
        tx: Receipt | None = None
        cost = NOTHING
        call = factory.createTeam(team) if plan is None else factory.createTeamAndPublish(team, plan.publication)
        if (not there) if plan is None else (published is None):
            if dry_run:
                cost = sender.preview(call)
            else:
                tx = sender.send(call, intent=intent)
                cost = tx.cost
                published = next((event.args["assetId"] for event in tx.named("MetadataPublished")), None)
        founded = Team(safe, listed, threshold, None, 0, VERSIONS[0])
        known = self._team(safe) if self._chain.has_code(safe) else founded
        return NewTeam(
            address=safe,
            owners=known.owners,
            threshold=known.threshold,
            splitter=splitter if shares else None,
            nonce=known.nonce,
            version=known.version,
            asset=None if published is None else registry.did(published),
            cost=cost,
            tx=tx,
        )

    def get(self, address: str) -> Team:
        """The team at an address, as it is now; raises `TeamError` if there is no Safe."""
        found = self._team(to_address(address))
        events = self._chain.events(
            self._factory.events.TeamCreated,
            filters={"safe": found.address},
            from_block=self._registry.deployment.block,
        )
        for event in events:
            # Anybody may call the factory with the team's people and shares of his own.
            if int(event.args["splitter"], 16) and self._chain.receipt(event.tx_hash).sender in found.owners:
                return replace(found, splitter=to_address(event.args["splitter"]))
        return found

    # --- Proposing -------------------------------------------------------------------------------

    @contextmanager
    def collect(self, team: Team | str) -> Iterator[R]:
        """A client that acts as the team and sends nothing: hand it to `propose` after the block.

        >>> with registry.teams.collect(team) as act:        # doctest: +SKIP
        ...     act.reprice(7, "month", "15 USD")
        ...     act.set_payout(7, splitter)
        >>> proposal = registry.teams.propose(team, act)     # doctest: +SKIP
        """
        collector = Collector(_address(team))
        try:
            yield self._registry.signed_by(collector)
        finally:
            collector.close()

    def propose(
        self,
        team: Team | str,
        calls: Market | Call | ContractFunction | Iterable[Call | ContractFunction],
        *,
        note: str = "",
        nonce: int | None = None,
        allow_unread: bool = False,
    ) -> Proposal:
        """Propose calls of the team: those that `collect` collected, or any others; several become one batch.

        They are tried on the chain together. `nonce` is by default the next; two proposals of one nonce exclude each
        other. Anybody may propose; nothing is sent. What a stranger's contract takes can be read if the call is a bound
        function, or its `Call.abi` names the function; with `allow_unread` it need not be.

        Raises what the calls would be refused with, `InputError` for none, `WrongNonce` for one that has passed,
        `UnsafeCall` for one that not all owners could read, and `TeamError` for a Safe of another version.
        """
        listed = collected(calls)
        lent = getattr(calls, "signer", None)
        beside = lent.beside if isinstance(lent, Collector) else []
        found = self._team(_address(team))
        if found.version not in VERSIONS:
            raise TeamError(f"{found} is a Safe {found.version}.", hint=f"Known here: {', '.join(VERSIONS)}.")
        if len(note) > MAX_NOTE:
            raise InputError(f"The note has {len(note):,} characters.", hint=f"It has {MAX_NOTE:,} at most.")
        if len(listed) == 1:
            to, value, data, operation = listed[0].to, listed[0].value, listed[0].data, CALL
        else:
            to, value, operation = self._multisend, 0, DELEGATECALL
            data = _batch(listed)
        made = Proposal(
            chain_id=self._chain.chain_id,
            safe=found.address,
            version=found.version,
            to=to,
            value=value,
            data=data,
            operation=operation,
            nonce=found.nonce if nonce is None else _nonce(nonce),
            note=note,
            abi=tuple(dict.fromkeys(signature for call in listed for signature in call.abi)),
            agrees_to=tuple(other for other in beside if isinstance(other, Proposal)),
        )
        if made.nonce < found.nonce:
            raise WrongNonce(found.address, made.nonce, found.nonce)
        if made.nonce == found.nonce:
            # One for later may need what those before it do.
            self._try(made)
        self._read(made, found, allow_unread=allow_unread)
        return made

    def reject(self, team: Team | str, nonce: int | None = None, *, note: str = "") -> Proposal:
        """Propose to do nothing at a nonce (by default the next): executed, it takes the place of all others there."""
        address = _address(team)
        return self.propose(address, Call(address, b""), nonce=nonce, note=note)

    def describe(self, proposal: Proposal, *, allow_unread: bool = False) -> ProposalInWords:
        """A proposal in words, with its hashes computed anew.

        Raises `WrongChain`, `TamperedProposal`, and `UnsafeCall` for one that runs foreign code as the team, or cannot
        be read to its last byte. With `allow_unread`, calls of strangers' contracts are shown as bytes instead.
        """
        return self._in_words(proposal, self._checked(proposal), allow_unread)

    # --- Signing ---------------------------------------------------------------------------------

    def sign(
        self,
        proposal: Proposal,
        *,
        kind: Literal["eip712", "eth_sign"] = "eip712",
        owner: str | None = None,
        signer: object = None,
        allow_unread: bool = False,
    ) -> Proposal:
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

    def approve_hash(self, proposal: Proposal, *, allow_unread: bool = False) -> Proposal:
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
            if isinstance(self._registry.signer, Collector):
                self._registry.signer.beside.append(replace(proposal, note="", signatures=()))
        others = [signature for signature in proposal.signatures if signature.owner != mine]
        return proposal.with_signatures([*others, Signature(mine, "approved")])

    def merge(self, *proposals: Proposal) -> Proposal:
        """One proposal with the signatures of all that are handed in.

        Raises `TamperedProposal` if they are not one and the same transaction, `NotAnOwner`, and what `sign` raises.
        """
        found = merged(proposals)
        self._checked(found)
        return found

    # --- Executing -------------------------------------------------------------------------------

    def execute(self, proposal: Proposal, *, dry_run: bool = False) -> Executed:
        """Carry a proposal out that enough owners have signed. Anybody may, and pays the fee.

        Tried on the chain first. Executed already, by whomever, that transaction is returned and nothing sent; an
        interrupted run is finished. Raises `InsufficientSignatures`, `WrongNonce`, what `sign` raises, and what the
        contracts would answer to the calls.
        """
        sender = self._registry.sender("execute a proposal")
        intent = f"team:{proposal.safe}:{proposal.safe_tx_hash}"
        if not dry_run:
            sender.settle(intent)
        team = self._checked(proposal)
        if proposal.nonce < team.nonce:
            earlier = self._executed(proposal)
            if earlier is None:
                raise WrongNonce(team.address, proposal.nonce, team.nonce)
            return replace(self._outcome(proposal, earlier), cost=NOTHING, before=True)
        if proposal.nonce > team.nonce:
            raise WrongNonce(team.address, proposal.nonce, team.nonce)
        valid = self._valid(proposal, team)
        if len(valid) < team.threshold:
            signed = [signature.owner for signature in valid]
            missing = [owner for owner in team.owners if owner not in signed]
            raise InsufficientSignatures(team.address, signed, team.threshold, missing)
        self._try(proposal)
        call = self._execution(proposal, valid[: team.threshold])
        if dry_run:
            return Executed(proposal, sender.preview(call), None)
        try:
            return self._outcome(proposal, sender.send(call, intent=intent))
        except TransactionReverted as error:
            # Somebody else was faster, with this proposal or another of its nonce.
            now = self._team(team.address)
            if now.nonce <= proposal.nonce:
                raise
            earlier = self._executed(proposal)
            if earlier is None:
                raise WrongNonce(team.address, proposal.nonce, now.nonce) from error
            return self._outcome(proposal, earlier)

    def pending(self, source: str | Path | Iterable[Proposal], team: Team | str) -> tuple[Pending, ...]:
        """What became of the proposals of a team, in a folder of their files or as they are, by nonce.

        Those of other teams and chains are left out. Raises `InputError` for what is no folder.
        """
        found = self._team(_address(team))
        listed: list[Pending] = []
        if isinstance(source, str | Path):
            folder = Path(source)
            if not folder.is_dir():
                raise InputError(f"{source} is no folder.", hint="Name the folder with the files of the proposals.")
            for path in papers.listed(folder):
                try:
                    listed.append(self._standing(Proposal.load(path), found, str(path)))
                except (InvalidProposal, InputError) as error:
                    listed.append(Pending("refused", None, reason=error.message, path=str(path)))
        else:
            listed = [self._standing(proposal, found) for proposal in source]
        mine = [
            entry
            for entry in listed
            if entry.proposal is None
            or (entry.proposal.safe, entry.proposal.chain_id) == (found.address, self._chain.chain_id)
        ]
        return tuple(sorted(mine, key=lambda entry: (entry.proposal.nonce if entry.proposal else -1, entry.path)))

    # --- Passing on ------------------------------------------------------------------------------

    def put(self, proposal: Proposal) -> CID:
        """Keep a proposal in the block store and return the CID by which others get it."""
        data = proposal.to_bytes()
        cid = CID.raw(data)
        self._registry.store.put(cid, data)
        return cid

    def from_cid(self, cid: CID | str) -> Proposal:
        """Get a proposal that somebody has `put`; raises `ContentError` and its kinds, and `InvalidProposal`."""
        parsed = CID.parse(cid)
        return Proposal.from_bytes(fetch(parsed, self._registry.store), source=parsed)

    # --- Below the verbs -------------------------------------------------------------------------

    @property
    def _chain(self) -> Chain:
        return self._registry.chain

    @property
    def _multisend(self) -> Address:
        return self._registry.deployment.safe["multisend"]

    @cached_property
    def _factory(self) -> Contract:
        return self._chain.contract("TeamFactory", self._registry.deployment.teams)

    def _safe(self, address: str) -> Contract:
        return safe_contract(self._chain, address)

    def _team(self, address: Address) -> Team:
        functions = self._safe(address).functions
        try:
            version = str(self._chain.call(functions.VERSION()))
            owners = tuple(to_address(owner) for owner in self._chain.call(functions.getOwners()))
            threshold, nonce = (int(self._chain.call(ask())) for ask in (functions.getThreshold, functions.nonce))
        except (NotDeployed, TransactionReverted, ContractError) as error:
            raise TeamError(
                f"There is no Safe at {address} on chain {self._chain.chain_id}.", hint="Check address and network."
            ) from error
        return Team(address, owners, threshold, None, nonce, version)

    def _checked(self, proposal: Proposal) -> Team:
        """Return the team of a proposal, if the proposal is what it says and cannot hand the team over."""
        if proposal.chain_id != self._chain.chain_id:
            raise WrongChain(proposal.chain_id, self._chain.chain_id, f"The {proposal}")
        proposal.verify()
        team = self._team(proposal.safe)
        if team.version != proposal.version or proposal.version not in VERSIONS:
            reason = f"is {proposal.version}, but the Safe is {team.version}"
            raise TamperedProposal(proposal, [Fault("/safeVersion", reason)])
        self._unpacked(proposal)
        for signature in proposal.signatures:
            if signature.owner not in team.owners:
                raise NotAnOwner(signature.owner, team.address, team.owners)
        return team

    def _in_words(self, proposal: Proposal, team: Team, allow_unread: bool) -> ProposalInWords:
        return ProposalInWords(
            proposal=proposal,
            team=team,
            calls=self._read(proposal, team, allow_unread=allow_unread),
            safe_tx_hash=proposal.safe_tx_hash,
            domain_hash=proposal.domain_hash,
            message_hash=proposal.message_hash,
            signed=tuple(signature.owner for signature in self._valid(proposal, team)),
        )

    def _read(self, proposal: Proposal, team: Team, *, allow_unread: bool) -> tuple[CallInWords, ...]:
        """The calls of a proposal in words; raises `UnsafeCall` if not all of it can be read."""
        people = {owner: f"owner {number}" for number, owner in enumerate(team.owners, 1)}
        others = [other for other in proposal.agreed() if other.chain_id == proposal.chain_id]
        words = Words(
            self._registry,
            {**people, team.address: "the team"},
            by=team.address,
            team=True,
            given=(signature for one in (proposal, *others) for signature in one.abi),
            agreed={
                (other.safe, bytes.fromhex(other.safe_tx_hash[2:])): Agreed(
                    Call(other.to, other.data, other.value), other.operation == DELEGATECALL
                )
                for other in others
            },
        )
        told = words.of(Call(proposal.to, proposal.data, proposal.value), delegate=proposal.operation == DELEGATECALL)
        require_read([told], allow_unread=allow_unread)
        return told.inner if proposal.operation == DELEGATECALL else (told,)

    def _unpacked(self, proposal: Proposal) -> Sequence[Call]:
        """The calls of a proposal; raises `UnsafeCall` for a delegatecall that is no plain batch of calls."""
        if proposal.operation == CALL:
            return [Call(proposal.to, proposal.data, proposal.value)]
        reason = ""
        found = decoded(proposal.data, NAMES["multisend"])
        calls = unpacked(bytes(found[1]["transactions"])) if found is not None else None
        if proposal.to != self._multisend:
            reason = f"the batches of this chain go through {self._multisend}"
        elif not is_part(self._chain, proposal.to, "multisend"):
            reason = "the code there is not that of the published MultiSendCallOnly"
        elif proposal.value:
            reason = "a batch carries no value of its own"
        elif calls is None:
            reason = "its data is not a well-formed batch of plain calls"
        if reason or calls is None:
            raise UnsafeCall(
                proposal.to, f"its code would run as the team's own (delegatecall), and {reason}", proposal.data
            )
        return calls

    def _try(self, proposal: Proposal) -> None:
        """Run the calls on the chain as it is, without signatures; raises what the first that fails answers."""
        calls = self._unpacked(proposal)
        if len(calls) == 1 and proposal.operation == CALL:
            self._try_one(proposal, calls[0])
            return
        if self._works(proposal.safe, calls):
            return
        low, high = 0, len(calls)
        # The first `low` calls work together, the first `high` do not.
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._works(proposal.safe, calls[:middle]) else (low, middle)
        try:
            self._try_one(proposal, calls[low])
        except RegistryError as error:
            error.add_note(f"It is call {high} of {len(calls)} of the {proposal}.")
            raise
        raise TransactionReverted(f"call {high} of {len(calls)} fails after those before it, and would not alone")

    def _try_one(self, proposal: Proposal, call: Call) -> None:
        if call.data and not self._chain.has_code(call.to):
            raise NotDeployed(self._chain.chain_id, f"there is no contract at {call.to}")
        try_call(self._chain, proposal.safe, call)

    def _works(self, safe: Address, calls: Sequence[Call]) -> bool:
        """Whether calls succeed one after the other, by the simulation that the Safe's own handler offers."""
        simulate = safe_contract(self._chain, safe, "handler").functions.simulate(self._multisend, _batch(calls))
        try:
            self._chain.call(simulate)
        except (TransactionReverted, ContractError):
            return False
        except NotDeployed:
            # A Safe with another handler: the execution itself is tried before it is sent.
            return True
        return True

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

    def _sign_for(self, proposal: Proposal, team: Team, owner: Address, account: Signer) -> Signature:
        """Add the word of one owner of the Safe `owner` to what that Safe says."""
        if owner not in team.owners:
            raise NotAnOwner(owner, team.address, team.owners)
        inner, mine = self._team(owner), to_address(account.address)
        if mine not in inner.owners:
            raise NotAnOwner(mine, inner.address, inner.owners)
        before = next((signature for signature in proposal.signatures if signature.owner == owner), None)
        words = nested_signers(proposal, before) if before is not None and before.kind == "contract" else {}
        words[mine] = account.sign_typed_data(nested_message(proposal, owner))
        return Signature(owner, "contract", nested(words))

    def _approved(self, proposal: Proposal, owner: Address) -> bool:
        digest = bytes.fromhex(proposal.safe_tx_hash[2:])
        return bool(self._chain.call(self._safe(proposal.safe).functions.approvedHashes(owner, digest)))

    def _agrees(self, proposal: Proposal, signature: Signature) -> bool:
        """Whether the chain accepts the word of a contract (ERC-1271), asked as the Safe will ask."""
        contract = safe_contract(self._chain, signature.owner, "handler")
        ask = contract.get_function_by_signature("isValidSignature(bytes,bytes)")
        try:
            return bytes(self._chain.call(ask(proposal.preimage, signature.data))) == _AGREED
        except ConnectionFailed:
            raise
        except RegistryError:
            return False

    def _valid(self, proposal: Proposal, team: Team) -> list[Signature]:
        """The signatures that the Safe will accept now, with approvals on chain that nobody added."""
        found = []
        for signature in proposal.signatures:
            if signature.kind == "approved":
                continue
            if signature.kind != "contract" or self._agrees(proposal, signature):
                found.append(signature)
        there = {signature.owner for signature in found}
        for owner in team.owners:
            if owner not in there and self._approved(proposal, owner):
                found.append(Signature(owner, "approved"))
        return found

    def _execution(self, proposal: Proposal, signatures: Sequence[Signature]) -> ContractFunction:
        return self._safe(proposal.safe).functions.execTransaction(
            proposal.to,
            proposal.value,
            proposal.data,
            proposal.operation,
            0,
            0,
            0,
            ZERO_ADDRESS,
            ZERO_ADDRESS,
            proposal.encode_signatures(signatures),
        )

    def _executed(self, proposal: Proposal) -> Receipt | None:
        """The transaction that carried a proposal out, None if none did."""
        events = self._chain.events(
            self._safe(proposal.safe).events.ExecutionSuccess,
            filters={"txHash": bytes.fromhex(proposal.safe_tx_hash[2:])},
            from_block=self._registry.deployment.block,
        )
        return next((self._chain.receipt(event.tx_hash) for event in events), None)

    def _outcome(self, proposal: Proposal, tx: Receipt) -> Executed:
        home = self._registry.deployment.registry
        made = [e for e in tx.named("MetadataPublished") if e.address == home and e.args["version"] == 1]
        return Executed(proposal, tx.cost, tx, tuple(self._registry.did(event.args["assetId"]) for event in made))

    def _standing(self, proposal: Proposal, team: Team, path: str = "") -> Pending:
        if (proposal.safe, proposal.chain_id) != (team.address, self._chain.chain_id):
            return Pending("refused", proposal, path=path)
        try:
            self._checked(proposal)
        except TeamError as error:
            return Pending("refused", proposal, reason=error.message[:MAX_NOTE], path=path)
        if proposal.nonce < team.nonce:
            done = self._executed(proposal)
            return Pending("executed" if done else "replaced", proposal, path=path)
        missing = max(0, team.threshold - len(self._valid(proposal, team)))
        if proposal.nonce > team.nonce:
            return Pending("waiting", proposal, missing, f"the team is at nonce {team.nonce}", path)
        return Pending("needs signatures" if missing else "executable", proposal, missing, path=path)


_AGREED: Final = bytes.fromhex("20c13b0b")
"""What a contract answers to isValidSignature(bytes,bytes) when it agrees."""


def _check_owners(owners: Sequence[Address], threshold: int, salt: int) -> None:
    if not owners:
        raise InputError("A team has one owner or more.", hint="Name the accounts that own together.")
    for number, owner in enumerate(owners):
        if owner in (ZERO_ADDRESS, SENTINEL):
            raise InputError(f"{owner} cannot be an owner.", hint="Name an account that somebody has.")
        if owner in owners[:number]:
            raise InputError(f"{owner} is named twice.", hint="Each owner has one vote.")
    if not isinstance(threshold, int) or isinstance(threshold, bool) or not 1 <= threshold <= len(owners):
        raise InputError(f"{threshold!r} of {len(owners)} owners cannot decide.", hint=f"It is 1 to {len(owners)}.")
    if not isinstance(salt, int) or isinstance(salt, bool) or not 0 <= salt < 2**256:
        raise InputError(f"{salt!r} is not a salt.", hint="It is a whole number from 0 to 2**256-1.")


def _nonce(nonce: int) -> int:
    if not isinstance(nonce, int) or isinstance(nonce, bool) or not 0 <= nonce < 2**53:
        raise InputError(f"{nonce!r} is not a nonce.", hint="It is a whole number from 0.")
    return nonce


def _address(team: Team | str) -> Address:
    return team.address if isinstance(team, Team) else to_address(team)


def _signed(proposal: Proposal, kind: Kind, account: Signer) -> bytes:
    if kind == "eip712":
        return account.sign_typed_data(proposal.typed_data)
    if not hasattr(account, "sign_text"):
        raise InputError(f"{account!r} signs no personal messages.", hint="Sign with kind='eip712'.")
    made = bytes(account.sign_text(bytes.fromhex(proposal.safe_tx_hash[2:])))
    # The Safe tells personal messages by a v that is 4 higher.
    return made[:64] + bytes([made[64] + 4])


def _batch(calls: Sequence[Call]) -> bytes:
    """The call of MultiSendCallOnly that makes all of `calls`."""
    from eth_abi.abi import encode

    return _MULTISEND + encode(["bytes"], [_packed(calls)])


def _packed(calls: Sequence[Call]) -> bytes:
    from safe_eth.safe.multi_send import MultiSendOperation, MultiSendTx

    operation = MultiSendOperation.CALL
    return b"".join(
        bytes(MultiSendTx(operation, cast(Any, call.to), call.value, call.data).encoded_data) for call in calls
    )


_MULTISEND: Final = bytes.fromhex("8d80ff0a")
"""Selector of multiSend(bytes)."""

__all__ = ["Executed", "NewTeam", "Pending", "Proposal", "ProposalInWords", "Signature", "Team", "Teams"]
