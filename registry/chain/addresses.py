"""Where the contracts of a registry stand, as a record that is written once and found by the number of its chain."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from registry.errors import DeploymentError, WouldOverwrite
from registry.ipfs.nesting import load_json
from registry.system import disk
from registry.text.html import Shown
from registry.types import Address, ChainId, to_address

CONTRACTS: Final = {
    "authority": "RegistryAuthority",
    "directory": "Directory",
    "lineage": "Lineage",
    "splitters": "SplitterFactory",
    "registry": "AssetRegistry",
    "marketplace": "Marketplace",
    "streams": "Streams",
    "escrow": "ComputeEscrow",
    "teams": "TeamFactory",
}
"""What is created, in order, by the name it has in a `Deployment`."""

CANONICAL: Final[Mapping[str, Address]] = MappingProxyType(
    {
        "singleton": Address("0x29fcB43b46531BcA003ddC8FCB67FFE91900C762"),
        "factory": Address("0x4e1DCf7AD4e460CfD30791CCC4F9c8a4f820ec67"),
        "handler": Address("0xfd0732Dc9E303f09fCEf3a7388Ad10A83459Ec99"),
        "multisend": Address("0x9641d764fc13c8B624c04430C7356C1C7C8102e2"),
    }
)
"""Where its parts stand on nearly all live chains (github.com/safe-global/safe-deployments). Each address follows from
the code by CREATE2."""


@dataclass(frozen=True, slots=True)
class Dao(Shown):
    """The contracts of a DAO, and the first block that can hold their events; `timelock` is its treasury too."""

    token: Address
    timelock: Address
    governor: Address
    standards: Address
    curation: Address
    brake: Address
    treasuries: Address
    distributor: Address | None
    block: int

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Dao:
        """Read what `Deployment.save` wrote; raises `ValueError`."""
        if set(data) != {field.name for field in fields(cls)}:
            raise ValueError("it has other fields than a DAO")
        addresses = {
            name: None if name == "distributor" and value is None else to_address(value)
            for name, value in data.items()
            if name != "block"
        }
        if type(data["block"]) is not int:
            raise ValueError("the block of the DAO is not a whole number")
        return cls(**addresses, block=data["block"])  # type: ignore[arg-type]


MAX_RECORD: Final = 2**20
"""Bytes of the record of a deployment; it has two thousand."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """What was deployed where.

    `tokens` are the payment tokens by symbol, the native coin not among them. `safe` has the parts of the Safe that
    teams are made of: ``singleton``, ``factory``, ``handler``, ``multisend``. `block` is the first
    block that can hold events; `version` names the code (16 digits of a sha2-256 over it). `dao` is who the
    deployment was given to, None before.
    """

    chain_id: ChainId
    registry: Address
    marketplace: Address
    streams: Address
    escrow: Address
    authority: Address
    directory: Address
    lineage: Address
    splitters: Address
    teams: Address
    safe: Mapping[str, Address]
    deployer: Address
    treasury: Address
    fee_bps: int
    tokens: Mapping[str, Address]
    block: int
    version: str
    dao: Dao | None = None

    def save(self, folder: str | Path) -> Path:
        """Write ``<folder>/<chain id>.json``, whole or not at all, and return its path. Raises what `write` raises."""
        return self.write(Path(folder) / f"{self.chain_id}.json")

    def write(self, target: Path) -> Path:
        """Write the record to a file, whole or not at all, and return its path: a new one, or one of this registry.

        Raises `WouldOverwrite` for the record of another registry or DAO, and `DeploymentError`.
        """
        self.require_place(target)
        fields = {**asdict(self), "safe": dict(self.safe), "tokens": dict(self.tokens)}
        text = json.dumps(fields, indent=2, sort_keys=True) + "\n"
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            disk.write_whole(target, text.encode())
        except OSError as error:
            raise DeploymentError(f"The deployment cannot be recorded in {target}: {error}.") from error
        return target

    def require_place(self, target: Path) -> None:
        """Make sure that the record can be written to a file; raises `WouldOverwrite` and `DeploymentError`."""
        require_place(target, self.chain_id, self.registry, self.dao)

    @classmethod
    def load(cls, path: str | Path) -> Deployment:
        """Read a file that `save` wrote; raises `DeploymentError` naming what is wrong with it."""
        try:
            data = load_json(disk.read(path, MAX_RECORD))
            # Records from before there were DAOs have no word of one.
            if set(data) | {"dao"} != {field.name for field in fields(cls)}:
                raise ValueError("it has other fields than a deployment")
            data["dao"] = Dao.read(data["dao"]) if data.get("dao") is not None else None
            for name in (*CONTRACTS, "deployer", "treasury"):
                data[name] = to_address(data[name])
            if set(data["safe"]) != set(CANONICAL):
                raise ValueError("it has other parts of the Safe")
            data["safe"] = {key: to_address(address) for key, address in data["safe"].items()}
            data["tokens"] = {str(symbol): to_address(address) for symbol, address in data["tokens"].items()}
            for name in ("chain_id", "fee_bps", "block"):
                if type(data[name]) is not int:
                    raise ValueError(f"{name} is not a whole number")
            return cls(**data)
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise DeploymentError(
                f"{path} does not record a deployment: {error}.", hint="Run the deployment again: it writes it anew."
            ) from error


def require_place(target: Path, chain_id: int, registry: Address, dao: Dao | None = None) -> None:
    """Make sure that a registry can be recorded in a file, before anything is sent that is to be recorded there.

    Raises `WouldOverwrite` if something else is there, and `DeploymentError` if it cannot be written.
    """
    if os.path.lexists(target):
        try:
            known = Deployment.load(target)
        except DeploymentError as error:
            raise WouldOverwrite(target, "and records no deployment") from error
        if (known.chain_id, known.registry) != (chain_id, registry):
            raise WouldOverwrite(target, f"the record of the registry {known.registry} on chain {known.chain_id}")
        if dao is not None and known.dao is not None and known.dao != dao:
            raise WouldOverwrite(target, f"with the DAO of {known.dao.governor}")
    above = next((folder for folder in target.absolute().parents if folder.exists()), target.parent)
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise DeploymentError(f"The deployment cannot be recorded in {target}: {above} cannot be written to.")


def find(chain_id: int, folders: Iterable[str | Path]) -> Deployment | None:
    """Return the deployment recorded for a chain in the first of `folders` that has one, or None.

    Raises `DeploymentError` for a record that is damaged or of another chain.
    """
    path = place_of(chain_id, folders)
    if path is None:
        return None
    found = Deployment.load(path)
    if found.chain_id != chain_id:
        raise DeploymentError(f"{path} records chain {found.chain_id}, not {chain_id}.")
    return found


def place_of(chain_id: int, folders: Iterable[str | Path]) -> Path | None:
    """The record of a chain in the first of `folders` that has one, or None."""
    paths = (Path(folder) / f"{chain_id}.json" for folder in folders)
    return next((path for path in paths if path.exists()), None)
