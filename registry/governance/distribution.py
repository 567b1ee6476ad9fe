"""The distribution of the token: claiming by proof, and what vests over time."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from registry.calls.words import in_votes
from registry.errors import InputError, WrongProof
from registry.governance.entitlements import Entitlement, Entitlements, Proven, read_proofs
from registry.governance.governed import Governed, R
from registry.ipfs.cid import CID
from registry.ipfs.limits import ReadLimits
from registry.ipfs.unixfs import add_file, cat
from registry.results import Done
from registry.system import disk
from registry.text.html import Shown
from registry.types import ZERO_ADDRESS, Address, to_address

if TYPE_CHECKING:
    from web3.contract import Contract

MAX_LIST: Final = 2**28
"""Bytes of a list with proofs that is read."""


@dataclass(frozen=True, slots=True)
class TokenClaim(Shown):
    """An entitlement of the distribution: whether it was claimed, and where the tokens go (a vesting wallet, or the
    account itself)."""

    proven: Proven
    claimed: bool
    receiver: Address

    @property
    def entitlement(self) -> Entitlement:
        """What may be claimed."""
        return self.proven.entitlement

    def __str__(self) -> str:
        what = f"{in_votes(self.entitlement.amount)} for {self.entitlement.account}"
        vests = f", vesting in {self.receiver}" if self.entitlement.duration else ""
        return f"{what}{vests}, {'claimed' if self.claimed else 'to claim'}"


@dataclass(frozen=True, slots=True)
class Vesting(Shown):
    """A vesting wallet; amounts in units of 1e-18, times in seconds since 1970.

    Nothing vests before `cliff`; then what is proportional to the time since `start`, and all of it at `end`.
    `releasable` is what has vested and is still there, `locked` what has not vested.
    """

    wallet: Address
    owner: Address
    start: int
    cliff: int
    end: int
    released: int
    releasable: int
    locked: int
    delegate: Address | None

    def __str__(self) -> str:
        released, ready, locked = map(in_votes, (self.released, self.releasable, self.locked))
        return f"vesting wallet {self.wallet} of {self.owner}: {released} released, {ready} to release, {locked} locked"


class TokenDistribution(Governed[R]):
    """Verbs for a list of entitlements whose Merkle root is on chain."""

    @cached_property
    def distributor(self) -> Contract:
        """The TokenDistributor contract; raises `InputError` for a DAO that distributes nothing."""
        if self.dao.distributor is None:
            raise InputError("This DAO has no distribution of its token.", hint="There is nothing to claim.")
        return self.registry.chain.contract("TokenDistributor", self.dao.distributor)

    def pin_entitlements(self, listed: Entitlements) -> CID:
        """Store a list with its proofs as a file, and return its CID, for anybody to host."""
        return add_file(io.BytesIO(listed.to_json()), self.registry.store).cid

    def entitlements(self, source: str | Path | CID, *, account: str | None = None) -> tuple[Proven, ...]:
        """Read a list with proofs from a JSON file or a CID, all of it or what is for an account.

        Raises `InvalidEntitlements`, the content errors of the store, and `InputError` for a file that cannot be read.
        """
        holder = to_address(account) if account else None
        text = str(source).removeprefix("ipfs://")
        if isinstance(source, CID) or str(source).startswith("ipfs://"):
            data = b"".join(cat(CID.parse(text), self.registry.store, limits=ReadLimits(total=MAX_LIST)))
            return read_proofs(data, source, account=holder)
        try:
            data = disk.read(source, MAX_LIST)
        except OSError as error:
            raise InputError(
                f"{text!r} cannot be read: {error.strerror}.", hint="Name a file, or ipfs://CID."
            ) from error
        return read_proofs(data[:MAX_LIST], source, account=holder)

    def claims(
        self, source: str | Path | CID | Iterable[Proven], *, account: str | None = None
    ) -> tuple[TokenClaim, ...]:
        """What of a list `account` (default: the signer) may claim, or has.

        Raises `WrongProof` for a list of another distribution.
        """
        holder = to_address(account) if account else self.registry.address
        if isinstance(source, (str, Path, CID)):
            source = self.entitlements(source, account=holder)
        return tuple(self._claim(proven) for proven in source if proven.entitlement.account == holder)

    def claim(
        self, source: str | Path | CID | Iterable[Proven], *, account: str | None = None, dry_run: bool = False
    ) -> tuple[Done, ...]:
        """Claim all that is open to `account` (default: the signer): a transaction for each; anybody may, and pays.

        The tokens go to the account, or into its vesting wallet. Raises `WrongProof`, `ClaimsAreOver`, and `InputError`
        if there is nothing to claim.
        """
        found = self.claims(source, account=account)
        open_ = [claim for claim in found if not claim.claimed]
        if not open_:
            reason = "all of it was claimed" if found else "the list does not name it"
            raise InputError(
                f"There is nothing to claim for {account or self.registry.address}: {reason}.",
                hint="Look with 'registry dao claims'.",
            )
        return tuple(self._send(claim, dry_run) for claim in open_)

    def vesting(self, wallet: str) -> Vesting:
        """A vesting wallet as it is now; raises `NotDeployed` if none is there."""
        chain, address = self.registry.chain, to_address(wallet)
        functions, token = self._wallet(address).functions, self.dao.token
        released = int(chain.call(functions.released(token)))
        held = int(chain.call(self.token.functions.balanceOf(address)))
        releasable = int(chain.call(functions.releasable(token)))
        delegate = to_address(chain.call(self.token.functions.delegates(address)))
        return Vesting(
            wallet=address,
            owner=to_address(chain.call(functions.owner())),
            start=int(chain.call(functions.start())),
            cliff=int(chain.call(functions.cliff())),
            end=int(chain.call(functions.end())),
            released=released,
            releasable=releasable,
            locked=held - releasable,
            delegate=None if delegate == ZERO_ADDRESS else delegate,
        )

    def release_vested(self, wallet: str, *, dry_run: bool = False) -> Done:
        """Send what has vested to the owner of a vesting wallet; anybody may. Raises `InputError` if nothing has."""
        found = self.vesting(wallet)
        if not found.releasable:
            raise InputError(f"Nothing is to be released from {found.wallet} now.", hint="Wait until more has vested.")
        call = self._wallet(found.wallet).functions.release(self.dao.token)
        return self.registry.act(f"release {in_votes(found.releasable)} to {found.owner}", call, dry_run=dry_run)

    def delegate_vested(self, wallet: str, to: str | None = None, *, dry_run: bool = False) -> Done:
        """Let `to` (default: the owner) cast the votes of all that is in a vesting wallet: by its owner."""
        found = self.vesting(wallet)
        target = to_address(to) if to else found.owner
        call = self._wallet(found.wallet).functions.delegateVotes(self.dao.token, target)
        return self.registry.act(f"delegate the votes of {found.wallet} to {target}", call, dry_run=dry_run)

    def sweep(self, *, dry_run: bool = False) -> Done:
        """Send what nobody claimed to the treasury, after the end; anybody may. Raises `ClaimsAreOpen`."""
        what = "send what nobody claimed to the treasury"
        return self.registry.act(what, self.distributor.functions.sweep(), dry_run=dry_run)

    # --- Internal --------------------------------------------------------------------------------

    def _claim(self, proven: Proven) -> TokenClaim:
        chain, functions, entitlement = self.registry.chain, self.distributor.functions, proven.entitlement
        if proven.root != self._root:
            raise WrongProof(entitlement.account, proven.root, self._root)
        receiver = entitlement.account
        if entitlement.duration:
            receiver = to_address(chain.call(functions.vestingOf(entitlement.words)))
        return TokenClaim(proven, bool(chain.call(functions.isClaimed(entitlement.words))), receiver)

    @cached_property
    def _root(self) -> bytes:
        return bytes(self.registry.chain.call(self.distributor.functions.root()))

    def _send(self, claim: TokenClaim, dry_run: bool) -> Done:
        call = self.distributor.functions.claim(claim.entitlement.words, list(claim.proven.proof))
        what = f"claim {in_votes(claim.entitlement.amount)} for {claim.entitlement.account}"
        return self.registry.act(what, call, dry_run=dry_run)

    def _wallet(self, address: Address) -> Contract:
        return self.registry.chain.contract("TokenVesting", address)
