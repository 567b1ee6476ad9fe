"""What every verb stands on: a chain, the contracts on it, somebody who signs, and a place for blocks."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from registry.chain import reverts
from registry.chain.acting import Actor, Nobody, Sending
from registry.chain.connection import TEST_CHAINS
from registry.chain.journal import Journal
from registry.chain.receipt_contract import receipts_of
from registry.chain.signers import as_signer
from registry.did import DID, split_version
from registry.errors import (
    AssetNotFound,
    ConnectionFailed,
    ContractError,
    InputError,
    NotDeployed,
    RegistryError,
    TransactionReverted,
    WrongChain,
)
from registry.ipfs.hosts import NetworkReach
from registry.ipfs.store import BlockStore
from registry.money import Amount, Token
from registry.results import Asset, AssetRef, Done
from registry.text.kernel import show_lists_as_tables
from registry.text.progress import Progress, no_progress, show_progress
from registry.text.waits import tell_waits
from registry.types import Address, to_address

if TYPE_CHECKING:
    from web3.contract import Contract
    from web3.contract.contract import ContractFunction

    from registry.chain.addresses import Deployment
    from registry.chain.connection import Chain
    from registry.chain.signers import Signer
    from registry.gated.gated_content import KeysInUse
    from registry.gated.key_store import KeyStore


class Session:
    """A chain, the registry on it, and the actor: what every class of verbs stands on, and all of it.

    Such a class has no other base and changes nothing of this one. What it needs of another subject it asks of an
    object that is made of the session: of `Catalogue` what an asset is and offers, of `Rights` what an account holds.

    Parameters are what `Registry.connect` and `Registry.local` make; the signer acts unless an `actor` is given;
    `journal` keeps what was sent, so that an interrupted command can be finished by running it again; `home` is the
    folder for what else must outlive the process, None if nothing must; `names` finds the asset of ``owner/name``;
    `progress` shows how far long work is, None shows nothing.
    Raises `WrongChain` if the registry is on another chain.
    """

    def __init__(
        self,
        chain: Chain,
        deployment: Deployment,
        *,
        signer: object = None,
        actor: Actor | None = None,
        store: BlockStore,
        journal: Journal,
        home: Path | None = None,
        progress: Progress | None = show_progress,
        keys: KeyStore | None = None,
        names: Callable[[Session, str], DID] | None = None,
    ) -> None:
        if deployment.chain_id != chain.chain_id:
            raise WrongChain(deployment.chain_id, chain.chain_id, f"The registry {deployment.registry}")
        self.chain = chain
        self.deployment = deployment
        self.progress: Progress = progress or no_progress
        if self.progress is not no_progress:
            tell_waits(self)
        self.actor = actor if actor is not None else _actor(chain, signer, journal, self.progress)
        self.store = store
        self.journal = journal
        self.home = home
        self._keys = keys
        self._names = names
        self.ask_passphrase: Callable[[], str | None] | None = None
        show_lists_as_tables()

    @property
    def keys(self) -> KeyStore:
        """Where the keys of gated content are kept: in the keyring or a folder at home, or in memory without a home."""
        if self._keys is None:
            from registry.gated.key_store import open_keys

            self._keys = open_keys(self.home / "keys" if self.home else None, self.ask_passphrase)
        return self._keys

    @cached_property
    def in_use(self) -> KeysInUse:
        """Keys of gated content that this client has used, and what it has open."""
        from registry.gated.gated_content import KeysInUse

        return KeysInUse()

    @property
    def reach(self) -> NetworkReach:
        """How far addresses in documents of others may lead: to the Internet, into the networks that ``REGISTRY_REACH``
        names, and on chains for tests to this machine."""
        return NetworkReach.of_user(loopback=self.chain.chain_id in TEST_CHAINS)

    @cached_property
    def assets(self) -> Contract:
        """The AssetRegistry contract."""
        return self.chain.contract("AssetRegistry", self.deployment.registry)

    @cached_property
    def market(self) -> Contract:
        """The Marketplace contract."""
        return self.chain.contract("Marketplace", self.deployment.marketplace)

    @cached_property
    def stream_contract(self) -> Contract:
        """The Streams contract."""
        return self.chain.contract("Streams", self.deployment.streams)

    @cached_property
    def escrow_contract(self) -> Contract:
        """The ComputeEscrow contract."""
        return self.chain.contract("ComputeEscrow", self.deployment.escrow)

    @cached_property
    def receipt_contract(self) -> Contract:
        """The contract that takes receipts of uses."""
        return self.chain.contract("Receipts", receipts_of(self.deployment.registry))

    @property
    def sales_rules(self) -> tuple[Address, int, int]:
        """What all sellers keep to: who receives the fee, the fee in basis points, until when sales are paused."""
        treasury, fee_bps, until = self.chain.call(self.assets.functions.salesRules())
        return to_address(treasury), int(fee_bps), int(until)

    @property
    def signer(self) -> Signer | None:
        """The account that signs, None for a client that can only read; that of a team refuses to sign."""
        return self.actor.signer

    @property
    def address(self) -> Address:
        """The account that acts; raises `NoSigner` for a client that can only read."""
        return self.actor.address

    @cached_property
    def all_tokens(self) -> tuple[Token, ...]:
        """Every payment token that the registry ever took, by index; their order never changes."""
        known = [token for token, _allowed in self.chain.call(self.assets.functions.paymentTokens())]
        erc20 = [self.erc20(token).functions for token in known if int(token, 16)]
        with self.chain.ahead(*(question for one in erc20 for question in (one.decimals(), one.symbol()))):
            return tuple(self._token(index, token) for index, token in enumerate(known))

    @property
    def tokens(self) -> tuple[Token, ...]:
        """The payment tokens that the registry takes now."""
        known = self.chain.call(self.assets.functions.paymentTokens())
        return tuple(self.token_at(index) for index, (_address, allowed) in enumerate(known) if allowed)

    def token_at(self, index: int) -> Token:
        """The payment token of this index, also one that the registry came to know since this client was made."""
        if index >= len(self.all_tokens):
            # Not `del`: another thread may have been faster.
            self.__dict__.pop("all_tokens", None)
        return self.all_tokens[index]

    def token_of(self, address: str) -> Token:
        """The payment token at this address (zero for the native coin), see `token_at`."""
        wanted = int(address, 16)
        for token in self.all_tokens:
            if int(token.address or "0x0", 16) == wanted:
                return token
        known = self.chain.call(self.assets.functions.paymentTokens())
        return self.token_at([int(token, 16) for token, _allowed in known].index(wanted))

    def amount(self, value: str | Amount, *, token: Token | str | None = None) -> Amount:
        """Read ``"12.5 USDC"`` in the payment tokens of the registry.

        Raises `InvalidAmount` and `UnknownToken`.
        """
        return Amount.parse(value, self.tokens, token=token)

    def balance(self, token: str = "ETH", *, account: str | None = None) -> Amount:  # nosec B107 # the native coin
        """What `account` (default: the signer) holds of a payment token."""
        holder = to_address(account) if account else self.address
        found = next((known for known in self.tokens if token in (known.symbol, known.address)), None)
        chosen = found or self.amount(f"0 {token}").token
        return Amount(self.units(chosen, holder), chosen)

    def units(self, token: Token, holder: str) -> int:
        """Balance of `holder` in the smallest unit of the token."""
        if token.address is None:
            return self.chain.balance(holder)
        return int(self.chain.call(self.erc20(token.address).functions.balanceOf(holder)))

    def decimals_of(self, token: str) -> int:
        """Decimals of the token at an address; 0 for one that does not say, which it need not (EIP-20)."""
        try:
            return int(self.chain.call(self.erc20(token).functions.decimals()))
        except (ContractError, NotDeployed, TransactionReverted):
            if not self.chain.has_code(token):
                raise
            return 0

    def erc20(self, address: str) -> Contract:
        """An ERC-20 with permit at the address."""
        return self.chain.contract("LocalDollar", address)

    def did(self, asset: AssetRef) -> DID:
        """The DID of an asset of this registry, from its number, its text, a short name of the user's, ``owner/name``,
        itself or what was found.

        Raises `AmbiguousAsset` for a name that several have, `InvalidDID`, `WrongChain` for another chain's asset,
        `AssetNotFound` for another registry's, and `InputError` for one that names a version.
        """
        if isinstance(asset, Asset):
            asset = asset.did
        if isinstance(asset, int):
            return DID(self.chain.chain_id, self.deployment.registry, asset)
        if isinstance(asset, str) and split_version(asset)[1] is not None:
            raise InputError(
                f"{asset!r} names a version, and this is about the asset as it is now.",
                hint=f"Name it without: {split_version(asset)[0]}.",
            )
        if isinstance(asset, str) and not asset.startswith("did:") and self._names is not None:
            asset = self._names(self, asset)
        did = asset if isinstance(asset, DID) else DID.parse(asset)
        if did.chain_id != self.chain.chain_id:
            raise WrongChain(did.chain_id, self.chain.chain_id, f"Asset {did}")
        if did.registry != self.deployment.registry:
            raise AssetNotFound(str(did), f"it is of another registry than {self.deployment.registry}")
        return did

    def read(self, did: DID, function: ContractFunction) -> Any:
        """Ask the registry about an asset; raises `AssetNotFound` if it has none of this number."""
        try:
            return self.chain.call(function)
        except (reverts.AssetNotFound, reverts.ERC721NonexistentToken) as error:
            raise AssetNotFound(str(did)) from error

    def act(
        self,
        what: str,
        call: ContractFunction,
        *,
        value: int = 0,
        intent: str | None = None,
        dry_run: bool = False,
    ) -> Done:
        """Have the actor make a call with `value` wei, or say what it would cost; `what` completes "To ..., a signer is
        needed.".

        With `intent`, a transaction of that intent which an interrupted run has left is finished instead; a dry run
        says so.
        Raises what the contract would answer, `InsufficientBalance`, and the errors of `ChainError`.
        """
        outcome = self.actor.outbox(what, dry_run=dry_run).send(call, value=value, intent=intent)
        return Done(what, outcome.cost, outcome.tx, before=outcome.before)

    def signed_by(self, signer: object) -> Self:
        """The same client, used by another signer."""
        return self.acting_as(_actor(self.chain, signer, self.journal, self.progress))

    def acting_as(self, actor: Actor) -> Self:
        """The same client with another actor."""
        return type(self)(
            self.chain,
            self.deployment,
            actor=actor,
            store=self.store,
            journal=self.journal,
            home=self.home,
            progress=self.progress,
            keys=self.keys,
            names=self._names,
        )

    def _token(self, index: int, address: str) -> Token:
        if int(address, 16) == 0:
            return Token(symbol="ETH", decimals=18, address=None, index=index)
        contract, checked = self.erc20(address), to_address(address)
        decimals = self.decimals_of(address)
        try:
            return Token(self.chain.call(contract.functions.symbol()), decimals, checked, index)
        except ConnectionFailed:
            raise
        except (RegistryError, UnicodeDecodeError, OverflowError):
            # One odd symbol must not keep everybody from assets that are priced in other tokens.
            return Token(f"token{index}", decimals, checked, index)


def _actor(chain: Chain, signer: object, journal: Journal, progress: Progress) -> Actor:
    """Who acts with a signer of any kind, or with none."""
    found = as_signer(signer)
    return Nobody() if found is None else Sending(chain, found, journal, progress=progress)


def whole(value: int, what: str, *, low: int = 1, high: int = 2**32 - 1) -> int:
    """Return `value` if it is an int from `low` to `high`, as the contracts take it; raises `InputError`."""
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise InputError(
            f"{value!r} is not a number of {what}.", hint=f"It is a whole number from {low:,} to {high:,}."
        )
    return value
