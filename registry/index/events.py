"""Events of this registry's contracts: which contract stands where, and what a log of it says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from eth_hash.auto import keccak

from registry.errors import Undecodable
from registry.index.plans import EventPlan, plan_for, plan_of
from registry.index.tables import LARGEST

if TYPE_CHECKING:
    from registry.chain.addresses import Deployment
    from registry.chain.raw_blocks import RawLog


class Home(NamedTuple):
    """A contract of the registry: what it is, and the asset and licence that it is of, 0 if it is of none."""

    kind: str
    asset: int = 0
    licence: int = 0


_MAKING: Final = frozenset(
    {
        "AssetRegistry.LicenceIssued",
        "AssetRegistry.SellerChanged",
        "SplitterFactory.SplitterCreated",
        "Lineage.LineageSplitterCreated",
        "TeamFactory.TeamCreated",
    }
)
"""Events that say of a contract that it is there."""


_ANYBODYS: Final = frozenset({"Safe", "Marketplace"})
"""Contracts that the registry knows of and whose code may be anybody's: a team has its Safe run what it likes, and the
DAO names sellers. What one of them writes in another shape, or of an asset with a number that none can have, is none of
our events, and stops no index."""


class IndexedEvent(NamedTuple):
    """One event.

    `block` and `log` (its number in the block) are its place, `time` its block's time in seconds since 1970, `values`
    the arguments in the order of the ABI, `words` what they were read from. `asset` and `licence` are those of the
    contract that wrote it, where it is of one; `registry` is the registry of the index.
    """

    block: int
    log: int
    time: int
    tx: str
    address: str
    plan: EventPlan
    words: bytes
    values: tuple[Any, ...]
    asset: int
    licence: int
    registry: str

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments by name."""
        return dict(zip(self.plan.names, self.values, strict=True))

    @property
    def subject(self) -> int:
        """The asset that it is about, 0 for none."""
        place = self.plan.subject
        return int(self.asset if place is None else self.values[place])

    def parties(self) -> set[str]:
        """The accounts that it names."""
        return self.plan.accounts(self.values)


class Contracts:
    """Where the contracts of one registry stand: the `core`, and what they make while they run.

    `datatoken` is the contract that datatokens are clones of.
    """

    def __init__(self, deployment: Deployment, datatoken: str) -> None:
        self.registry: Final = deployment.registry.lower()
        self._datatoken = bytes.fromhex(datatoken[2:])
        self._salt = deployment.chain_id.to_bytes(32, "big")
        self.datatoken_of: Final = lru_cache(20_000)(self._datatoken_of)
        named = {
            deployment.registry: "AssetRegistry",
            deployment.marketplace: "Marketplace",
            deployment.streams: "Streams",
            deployment.escrow: "ComputeEscrow",
            deployment.lineage: "Lineage",
            deployment.splitters: "SplitterFactory",
            deployment.teams: "TeamFactory",
        }
        if deployment.dao is not None:
            dao = deployment.dao
            named |= {
                dao.token: "RegistryToken",
                dao.governor: "RegistryGovernor",
                dao.standards: "Standards",
                dao.curation: "Curation",
            }
        self.core: Final[Mapping[str, Home]] = {address.lower(): Home(kind) for address, kind in named.items()}

    def made_by(self, event: IndexedEvent) -> Iterator[tuple[str, Home]]:
        """The contracts that an event says are there."""
        if event.plan.key not in _MAKING:
            return
        arguments = event.arguments
        match event.plan.key:
            case "AssetRegistry.LicenceIssued" if arguments["asTokens"]:
                asset, licence = arguments["assetId"], arguments["licence"]
                yield self.datatoken_of(asset, licence), Home("Datatoken", asset, licence)
            case "AssetRegistry.SellerChanged" if arguments["seller"] not in self.core:
                yield arguments["seller"], Home("Marketplace")
            case "SplitterFactory.SplitterCreated":
                yield arguments["splitter"], Home("RevenueSplitter")
            case "Lineage.LineageSplitterCreated" if arguments["registry"] == self.registry:
                yield arguments["splitter"], Home("LineageSplitter", arguments["assetId"])
            case "TeamFactory.TeamCreated":
                yield arguments["safe"], Home("Safe")

    def _datatoken_of(self, asset: int, licence: int) -> str:
        """Where the ERC-20 of a licence stands, made or not: a clone with arguments behind its code (ERC-1167), put
        there by CREATE2 with the number of the chain as salt."""
        arguments = asset.to_bytes(8, "big") + bytes([licence])
        size = len(arguments) + 0x2D
        code = bytes.fromhex(f"61{size:04x}3d81600a3d39f3363d3d373d3d3d363d73") + self._datatoken
        code += bytes.fromhex("5af43d82803e903d91602b57fd5bf3") + arguments
        return "0x" + keccak(b"\xff" + bytes.fromhex(self.registry[2:]) + self._salt + keccak(code))[12:].hex()

    def event(self, log: RawLog, time: int, home: Home) -> IndexedEvent | None:
        """What a log says that the contract at `home` wrote; None for events that it has and an index does not read,
        and for those of a stranger's code that only begin like one.

        Raises `Undecodable`.
        """
        plan = plan_for(home.kind, log.topics[0]) if log.topics else None
        if plan is None:
            return None
        is_strange = home.kind in _ANYBODYS and log.address not in self.core
        try:
            words = plan.words(log.topics, log.data)
            values = plan.decode(words)
        except Undecodable:
            if is_strange:
                return None
            raise
        if is_strange and plan.subject is not None and values[plan.subject] > LARGEST:
            return None
        return IndexedEvent(
            log.block,
            log.place,
            time,
            log.tx,
            log.address,
            plan,
            words,
            values,
            home.asset,
            home.licence,
            self.registry,
        )

    def again(self, row: Mapping[str, Any], made: Mapping[str, Home]) -> IndexedEvent:
        """An event from its row in the log of events; `made` are the contracts that the registry made."""
        plan = plan_of(row["name"])
        home = self.core.get(row["address"]) or made.get(row["address"]) or Home(plan.contract)
        return IndexedEvent(
            row["block"],
            row["log"],
            row["time"],
            "0x" + bytes(row["tx"]).hex(),
            row["address"],
            plan,
            row["words"],
            plan.decode(row["words"]),
            home.asset,
            home.licence,
            self.registry,
        )
