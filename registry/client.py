"""The one client that most people import: `Registry`, with a verb for each thing to do."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Unpack, overload
from weakref import WeakValueDictionary

from registry.assets.catalogue import Reading
from registry.assets.owning import Owning
from registry.assets.rights import Entitled
from registry.chain.addresses import Deployment, find
from registry.chain.connection import Chain
from registry.chain.fees import FeeMarket, Gwei
from registry.chain.journal import Journal
from registry.chain.signers import dev_signer
from registry.content.entrusting import Entrusting
from registry.content.inviting import Inviting
from registry.content.keeping import Keeping
from registry.content.opening import Opening
from registry.content.publishing import Publishing
from registry.content.unlocking import Unlocking
from registry.content.uses import Uses
from registry.errors import InputError, InvalidDID, NotDeployed, UnknownAccount
from registry.home import home as default_home
from registry.home import make_home
from registry.index.finding import Searching, by_name
from registry.ipfs.sources import default_gateway, open_sources
from registry.ipfs.store import BlockSource, BlockStore, LocalStore, MemoryStore, ReadThrough
from registry.market.buying import Buying
from registry.money import Amount
from registry.revenue.lineage import Lineage
from registry.text.numbers import whole
from registry.text.progress import Progress, show_progress
from registry.types import to_address

if TYPE_CHECKING:
    from registry.assets.collection_verbs import CollectionOptions, CollectionPreview, Collections, PublishedCollection
    from registry.assets.drafting import Draft
    from registry.assets.short_names import ShortNames
    from registry.compute.commission import JobOptions, JobPlan
    from registry.compute.computing import Computing
    from registry.compute.experiments import Experiments
    from registry.compute.ordered_job import OrderedJob
    from registry.compute.redundancy import RedundantJob
    from registry.content.exporting import Exports
    from registry.did import DID
    from registry.governance import Governance
    from registry.imports.importing import Imports
    from registry.ipfs.cid import CID
    from registry.market.streams import Streams
    from registry.results import AssetRef, Done
    from registry.revenue.sharing import Revenue
    from registry.sandbox.runs.record import RunRecord
    from registry.sandbox.runs.reproducing import Reproduction
    from registry.session import Session
    from registry.talk.asking import Requests
    from registry.talk.talking import Talking
    from registry.teams.team import Teams

PEOPLE = ("author", "buyer", "stranger", "editor", "curator", "ann", "bob", "cleo")
"""Names for the funded accounts of a chain in this process; number 8 is its treasury and 9 its deployer."""

VOTES: Final = {"author": 3_000_000, "curator": 2_000_000, "ann": 1_500_000, "bob": 1_000_000, "cleo": 500_000}
"""Whole tokens of the people of a local DAO; the treasury has another 2,000,000."""

GUARDIAN: Final = "editor"
"""Who may brake and cancel in a local DAO, and has no vote."""


class Registry(
    Searching,
    Reading,
    Entitled,
    Publishing,
    Owning,
    Opening,
    Unlocking,
    Entrusting,
    Inviting,
    Uses,
    Keeping,
    Buying,
    Lineage,
):
    """A registry of AI assets on one chain, seen and used by one account.

    Made by `Registry.local` or `Registry.connect`. Reading needs no signer; each verb that sends something takes
    ``dry_run=True`` to say what it would do and cost.

    >>> registry = Registry.local()                                          # doctest: +SKIP
    >>> asset = registry.publish("data/", name="Penguins", type="dataset", license="CC0-1.0")  # doctest: +SKIP
    """

    @classmethod
    def local(cls, *, dao: Mapping[str, int] | bool = False, progress: Progress | None = show_progress) -> Registry:
        """Start a chain and a block store in this process, deploy the contracts, and act as ``author``.

        Nothing is written to disk and nothing outlives the process: for trying out, notebooks and tests. The
        accounts of `PEOPLE` have coins and 1,000,000 play dollars ("USD") each; `as_account` changes between them.
        With `dao` the registry belongs to a DAO, whose votes are those of `VOTES` or given by name, in whole tokens,
        and delegated to oneself; ``chain.advance`` lets time pass.
        """
        from registry.chain.local import deploy_local, found_local

        holders = _votes(dao)
        chain = Chain.in_process()
        deployment = deploy_local(chain)
        if dao:
            votes = {dev_signer(PEOPLE.index(name)).address: held for name, held in holders.items()}
            deployment = found_local(chain, deployment, votes, guardian=dev_signer(PEOPLE.index(GUARDIAN)).address)
        journal = Journal.in_memory()
        registry = cls(
            chain,
            deployment,
            signer=dev_signer(0),
            store=MemoryStore(),
            journal=journal,
            progress=progress,
            names=_named,
        )
        for name in PEOPLE:
            registry.as_account(name).fund("1_000_000 USD")
        for name in holders:
            registry.as_account(name).governance.delegate()
        return registry

    @classmethod
    def connect(
        cls,
        url: str | None = None,
        *,
        signer: object = None,
        deployment: str | Path | Deployment | None = None,
        store: BlockStore | str | Path | None = None,
        sources: Sequence[BlockSource | str] | None = None,
        chain_id: int | None = None,
        confirmations: int = 1,
        timeout: float = 30.0,
        max_fee: Gwei | None = None,
        tip: Gwei | None = None,
        gas_price: Gwei | None = None,
        home: str | Path | None = None,
        progress: Progress | None = show_progress,
    ) -> Registry:
        """Connect to the registry of a chain through the node at `url`, or of the network that is called so at home; by
        default of the network in use there (`registry connect` on the command line).

        ============= ====================================================================================
        signer        private key, key file, `Signer` or ape account; None to only read
        deployment    file of the deployment, or the registry's address, which leads to all its contracts; by default
                      ``deployments/<chain-id>.json`` here or at home
        store         folder of the block store; by default ``blocks`` at home
        sources       further places to read blocks from, all of it verified: ``https://...`` for a gateway,
                      ``kubo:http://...`` for a node, a folder, or a `BlockSource`; by default the user's gateway
                      (``$IPFS_GATEWAY``, ``~/.ipfs/gateway``), if there is one, and the sources of the network
        confirmations blocks to wait for after sending, the first included
        timeout       seconds for each request, and how long a node that limits who asks is asked again
        max_fee, tip  the most that a unit of gas may cost, and what of it goes to whoever makes the block, in gwei; by
                      default twice the base fee and the usual tip, or what the node asks for
        gas_price     the whole price of a unit of gas instead, in gwei, for chains without EIP-1559
        home          folder of store and journal; by default ``$REGISTRY_HOME`` or the user's data folder
        progress      called as `progress(stage, done, total)` while something takes long; by default a line on standard
                      error, in terminals and notebooks only; None for nothing
        ============= ====================================================================================

        Raises `ConnectionFailed`, `WrongChain`, `NotDeployed`, `WrongPassword`, `SignerError`, and `InputError` for a
        network that there is not.
        """
        from registry.chain.networks import Networks, sources_with

        networks = Networks(Path(home) if home else default_home())
        network = networks.meant(url)
        if network is not None:
            url, chain_id = network.node(), chain_id or network.chain_id
            deployment = deployment or networks.deployment(network.name)
            sources = sources_with(network, default_gateway()) if sources is None else sources
        if url is None:
            raise InputError(
                "No node was named, and no network is in use.",
                hint='Name one, as in Registry.connect("http://127.0.0.1:8545"), or run: registry connect.',
            )
        fees = FeeMarket(max_fee=max_fee, tip=tip, gas_price=gas_price)
        chain = Chain.connect(url, chain_id=chain_id, confirmations=confirmations, timeout=timeout, fees=fees)
        return cls.on(
            chain, signer=signer, deployment=deployment, store=store, sources=sources, home=home, progress=progress
        )

    @classmethod
    def from_environment(cls, *, progress: Progress | None = show_progress) -> Registry:
        """Connect as the environment says, with the variables that the command line reads.

        ``REGISTRY_RPC`` is the node, or the name of a network; by default the network in use. ``REGISTRY_KEY`` or
        ``REGISTRY_KEYFILE`` (with ``REGISTRY_PASSWORD``) signs; with neither the client only reads.
        ``REGISTRY_DEPLOYMENT``, ``REGISTRY_HOME``, ``REGISTRY_CHAIN_ID``, ``REGISTRY_CONFIRMATIONS``,
        ``REGISTRY_MAX_FEE``, ``REGISTRY_TIP`` and ``REGISTRY_GAS_PRICE`` are the parameters of `connect`. Raises
        `InputError` and what `connect` raises.
        """
        from registry.chain.networks import Networks

        settings = {name: os.environ.get(f"REGISTRY_{name}") or None for name in _VARIABLES}
        url = settings["RPC"]
        if url is None and not Networks(Path(settings["HOME"] or default_home())).in_use:
            raise InputError(
                "No client of a registry was passed, and the environment names no chain.",
                hint="Set REGISTRY_RPC (and REGISTRY_KEY), run 'registry connect', or pass what Registry.connect "
                "returns.",
            )
        if settings["KEY"] and settings["KEYFILE"]:
            raise InputError("REGISTRY_KEY and REGISTRY_KEYFILE name more than one signer.", hint="Keep one of them.")
        keyfile = Path(settings["KEYFILE"]).expanduser() if settings["KEYFILE"] else None
        return cls.connect(
            url,
            signer=settings["KEY"] or keyfile,
            deployment=settings["DEPLOYMENT"],
            chain_id=_number("CHAIN_ID", settings["CHAIN_ID"]),
            confirmations=_number("CONFIRMATIONS", settings["CONFIRMATIONS"]) or 1,
            max_fee=settings["MAX_FEE"],
            tip=settings["TIP"],
            gas_price=settings["GAS_PRICE"],
            home=settings["HOME"],
            progress=progress,
        )

    @classmethod
    def on(
        cls,
        chain: Chain,
        *,
        signer: object = None,
        deployment: str | Path | Deployment | None = None,
        store: BlockStore | str | Path | None = None,
        sources: Sequence[BlockSource | str] | None = None,
        journal: Journal | None = None,
        home: str | Path | None = None,
        progress: Progress | None = show_progress,
    ) -> Registry:
        """Use the registry of a chain that is connected already; parameters as of `connect`.

        `journal` keeps what was sent, by default in a file at home. Raises `NotDeployed`, `WrongChain`,
        `WrongPassword`, `SignerError` and `JournalError`.
        """
        base = Path(home) if home else default_home()
        found = deployment if isinstance(deployment, Deployment) else _deployment(chain, deployment, base)
        if found.chain_id == chain.chain_id and not chain.has_code(found.registry):
            raise NotDeployed(chain.chain_id, f"there is no contract at {found.registry}, where it was recorded")
        # Whoever brings both needs no home.
        if store is None or journal is None:
            make_home(base)
        blocks = LocalStore(store or base / "blocks") if store is None or isinstance(store, (str, Path)) else store
        places = open_sources(sources)
        if places:
            blocks = ReadThrough(blocks, places)
        kept = journal if journal is not None else Journal.at(base)
        if signer is not None:
            kept.open()
        return cls(chain, found, signer=signer, store=blocks, journal=kept, home=base, progress=progress, names=_named)

    def as_account(self, signer: object) -> Registry:
        """The same registry, used by another account: a signer, or a name of `PEOPLE` on a chain in this process.

        Raises `UnknownAccount`.
        """
        if isinstance(signer, str) and not signer.startswith("0x") and self.chain.is_in_process:
            if signer not in PEOPLE:
                raise UnknownAccount(signer, PEOPLE)
            signer = dev_signer(PEOPLE.index(signer))
        return self.signed_by(signer)

    @cached_property
    def revenue(self) -> Revenue:
        """Revenue that is shared: make splitters, forecast, distribute, claim, and state who earned what."""
        from registry.revenue.sharing import Revenue

        return Revenue(self)

    @cached_property
    def streams(self) -> Streams:
        """Access by the second: subscribe, extend, cancel with a refund, settle."""
        from registry.market.streams import Streams

        return Streams(self)

    @cached_property
    def collections(self) -> Collections:
        """A million assets in one transaction: publish a collection, prove, mint and check its items."""
        from registry.assets.collection_verbs import Collections

        return Collections(self)

    @overload
    def publish_collection(
        self,
        drafts: Iterable[Draft],
        *,
        name: str,
        dry_run: Literal[False] = ...,
        **options: Unpack[CollectionOptions],
    ) -> PublishedCollection: ...

    @overload
    def publish_collection(
        self, drafts: Iterable[Draft], *, name: str, dry_run: Literal[True], **options: Unpack[CollectionOptions]
    ) -> CollectionPreview: ...

    def publish_collection(
        self, drafts: Iterable[Draft], *, name: str, dry_run: bool = False, **options: Unpack[CollectionOptions]
    ) -> PublishedCollection | CollectionPreview:
        """Publish any number of assets in one transaction, with the `options` of `Collections.publish`: ``licences``,
        ``payout``, ``description`` and so on. Raises what that raises."""
        if dry_run:
            return self.collections.publish(drafts, name=name, dry_run=True, **options)
        return self.collections.publish(drafts, name=name, **options)

    def mint(self, item: AssetRef, *, dry_run: bool = False) -> Done:
        """Mint an item of a collection: see `Collections.mint`."""
        return self.collections.mint(item, dry_run=dry_run)

    @cached_property
    def teams(self) -> Teams[Registry]:
        """Teams of people who own assets together: found one, propose, sign, execute."""
        from registry.teams.team import Teams

        return Teams(self)

    @cached_property
    def names(self) -> ShortNames:
        """Short names of the user's for assets, which every verb takes in the place of a DID; kept at home."""
        from registry.assets.short_names import ShortNames

        return ShortNames(self.home)

    @cached_property
    def experiments(self) -> Experiments:
        """Code run on data in the sandbox, with a record of how; and records run again."""
        from registry.compute.experiments import Experiments

        return Experiments(self)

    @cached_property
    def jobs(self) -> Computing:
        """Jobs on data that stay where they are: ordered, run, opened and checked."""
        from registry.compute.computing import Computing

        return Computing(self)

    @overload
    def compute(
        self,
        code: AssetRef | CID | os.PathLike[str],
        on: AssetRef | Sequence[AssetRef],
        *,
        dry_run: Literal[False] = ...,
        **options: Unpack[JobOptions],
    ) -> OrderedJob: ...

    @overload
    def compute(
        self,
        code: AssetRef | CID | os.PathLike[str],
        on: AssetRef | Sequence[AssetRef],
        *,
        dry_run: Literal[True],
        **options: Unpack[JobOptions],
    ) -> JobPlan: ...

    def compute(
        self,
        code: AssetRef | CID | os.PathLike[str],
        on: AssetRef | Sequence[AssetRef],
        *,
        dry_run: bool = False,
        **options: Unpack[JobOptions],
    ) -> OrderedJob | JobPlan:
        """Have `code` (an asset, a CID or a path) run on the data behind the offering `on`, at the host of its terms,
        with the options of `JobOptions`: ``params``, ``max_total`` and so on.

        A licence of runs is bought where none is held and its price is within ``max_total``. Returns the job, to wait
        for, open and end; with `dry_run` what it would cost, its tier and limits, and what comes out.

        Raises `JobRefused`, `AccessDenied`, `PriceChanged`, `HostError`, `InputError`, and what `buy` raises.
        """
        from registry.compute.commission import Commission

        commission = Commission(self, self.jobs)
        return commission.plan(code, on, options) if dry_run else commission.begin(code, on, options)

    def compute_redundant(
        self,
        code: AssetRef | CID | os.PathLike[str],
        on: AssetRef | Sequence[AssetRef],
        *,
        hosts: Mapping[str, str | None],
        **options: Unpack[JobOptions],
    ) -> RedundantJob:
        """Have the same job run at several `hosts` of the terms, accounts with their addresses, to hold their results
        against each other; with the options of `compute`, of which ``max_total`` is for each.

        Raises `InputError` for fewer than two, and what `compute` raises.
        """
        from registry.compute.commission import Commission
        from registry.compute.redundancy import RedundantJob, hosts_named

        commission, jobs = Commission(self, self.jobs), []
        for host, url in hosts_named(hosts):
            options |= {"host": host, "url": url}
            jobs.append(commission.begin(code, on, options))
        return RedundantJob(self, jobs)

    def reproduce_at(
        self,
        what: AssetRef | RunRecord,
        on: AssetRef,
        *,
        outputs: str | os.PathLike[str],
        seconds: float = 600.0,
        **options: Unpack[JobOptions],
    ) -> Reproduction:
        """Run the record behind an asset, or a record, again where its data stay: as a job on the offering `on`, which
        is waited for `seconds`, with the options of `compute` but ``params`` and ``seed``, which are those recorded.
        What came out goes to the folder `outputs` and is compared; its host signs for it (`Reproduction.receipt`).

        Raises `CannotReproduce` with all that keeps it from being tried, and what `compute` raises.
        """
        from registry.compute.reproducing_jobs import reproduced_at
        from registry.sandbox.runs.record import RunRecord

        record = what if isinstance(what, RunRecord) else self.experiments.record(what)

        def order(code: CID, on: AssetRef, params: Mapping[str, Any], seed: int) -> OrderedJob:
            given: JobOptions = {**options, "params": params, "seed": seed}
            return self.compute(code, on, **given)

        return reproduced_at(self, record, on, order, outputs=outputs, seconds=seconds)

    @cached_property
    def imports(self) -> Imports:
        """What lies elsewhere, brought in with every hash checked, and published."""
        from registry.imports.importing import Imports

        return Imports(self)

    @cached_property
    def exports(self) -> Exports:
        """Assets as other tools want them: Croissant documents, and folders of the Hugging Face cache."""
        from registry.content.exporting import Exports

        return Exports(self)

    @cached_property
    def talk(self) -> Talking:
        """What people say of assets: read it, comment, like, withdraw, fold."""
        from registry.talk.talking import Talking

        return Talking(self)

    @cached_property
    def requests(self) -> Requests:
        """Requests for access: ask, and as an owner see them, grant, invite, decline."""
        from registry.talk.asking import Requests

        return Requests(self, self)

    @cached_property
    def governance(self) -> Governance[Registry]:
        """The DAO that rules what the registry's users share: vote, propose, curate."""
        from registry.governance import Governance

        return Governance(self)

    def fund(self, amount: str | Amount, *, account: str | None = None) -> Amount:
        """Make play dollars for an account (default: the signer): only on chains whose token lets everybody."""
        made = self.amount(amount)
        holder = to_address(account) if account else self.address
        self.act(f"make {made}", self.erc20(made.token.address or "").functions.mint(holder, made.units))
        return self.balance(made.token.symbol, account=holder)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle a reference, since a key is never written down: it leads back to this client in its own process, where
        dask and datasets pickle what they are handed to name it; in another one it raises `InputError`."""
        _LIVE[self._handle] = self
        return _live, (self._handle,)

    @cached_property
    def _handle(self) -> str:
        return secrets.token_hex(8)

    def __repr__(self) -> str:
        who = self.signer.address if self.signer else "nobody"
        return f"Registry({self.deployment.registry} on chain {self.chain.chain_id}, as {who})"


_LIVE: WeakValueDictionary[str, Registry] = WeakValueDictionary()


def _live(handle: str) -> Registry:
    """The client that was pickled in this process."""
    found = _LIVE.get(handle)
    if found is None:
        raise InputError(
            "A client of a registry was handed to another process, where its key does not go.",
            hint="Name the chain and the key in the environment (REGISTRY_RPC, REGISTRY_KEY): all processes read it.",
        )
    return found


_VARIABLES = ("RPC", "KEY", "KEYFILE", "DEPLOYMENT", "HOME", "CHAIN_ID", "CONFIRMATIONS", "MAX_FEE", "TIP", "GAS_PRICE")


def _number(name: str, text: str | None) -> int | None:
    """The number in a variable of the environment."""
    return None if text is None else whole(text, f"number for REGISTRY_{name}")


def _votes(dao: Mapping[str, int] | bool) -> Mapping[str, int]:
    votes = dao if isinstance(dao, Mapping) else VOTES if dao else {}
    for name in votes:
        if name not in PEOPLE:
            raise UnknownAccount(name, PEOPLE)
    return votes


def _named(session: Session, name: str) -> DID:
    """The asset that a text means which is no DID: a short name of the user's, or ``owner/name``."""
    from registry.assets.short_names import ShortNames

    if name.startswith("0x") and "/" in name:
        return by_name(session, name)
    did = ShortNames(session.home).get(name)
    if did is None:
        raise InvalidDID(name, "it is no number, no owner/name, and no name that is kept here ('registry name list')")
    return did


def _deployment(chain: Chain, path: str | Path | None, base: Path) -> Deployment:
    if path is not None:
        from registry.chain.discovery import deployment_at

        return deployment_at(chain, path)
    folders = [Path("deployments"), base / "deployments"]
    found = find(chain.chain_id, folders)
    if found is None:
        raise NotDeployed(chain.chain_id, f"neither {folders[0]} nor {folders[1]} has a file {chain.chain_id}.json")
    return found


__all__ = ["PEOPLE", "Registry"]
