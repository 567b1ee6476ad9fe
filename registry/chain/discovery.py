"""A registry from its one address: what its directory lists, and what its first events tell."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from registry.chain.addresses import CANONICAL, CONTRACTS, Dao, Deployment
from registry.chain.connection import Chain
from registry.chain.deploy import directory_entries, plan, version
from registry.chain.plan import first_block
from registry.errors import ConnectionFailed, NotDeployed, RegistryError, TransactionReverted
from registry.types import ZERO_ADDRESS, Address, ChainId, to_address

_DAO = ("token", "timelock", "governor", "standards", "curation", "brake", "treasuries")


def deployment_at(chain: Chain, place: str | Path) -> Deployment:
    """The deployment that a file records, or that the address of a registry (``0x...``) leads to.

    Raises `DeploymentError` for the file, `InvalidAddress` and what `discover` raises for the address.
    """
    if isinstance(place, str) and place.startswith("0x"):
        return discover(chain, place)
    return Deployment.load(place)


def discover(chain: Chain, registry: str) -> Deployment:
    """The deployment of the registry at an address, as the registry itself tells it.

    Whoever hands out the address is trusted with all the rest; `provenance.check_code` shows whether the code is this
    package's. The version is "unknown" if it is another's. Raises `NotDeployed` for an address that is no registry, or
    whose directory lacks a contract.
    """
    address = to_address(registry)
    try:
        listed = directory_entries(chain, address)
    except TransactionReverted:
        raise NotDeployed(chain.chain_id, f"the contract at {address} is no registry") from None
    wanted = [*(key for key in CONTRACTS if key != "registry"), *(f"safe.{part}" for part in CANONICAL)]
    for name in [*wanted, *(_DAO if "governor" in listed else ())]:
        if name not in listed:
            raise NotDeployed(chain.chain_id, f"the directory of {address} lists no {name}")
    block = first_block(chain, address)
    events = chain.contract("AssetRegistry", address).events
    # Its constructor named them first.
    treasury = next(chain.events(events.TreasuryChanged, from_block=block))
    fee = next(chain.events(events.FeeChanged, from_block=block))
    found = Deployment(
        chain_id=ChainId(chain.chain_id),
        registry=address,
        marketplace=listed["marketplace"],
        streams=listed["streams"],
        escrow=listed["escrow"],
        authority=listed["authority"],
        directory=listed["directory"],
        lineage=listed["lineage"],
        splitters=listed["splitters"],
        teams=listed["teams"],
        safe={part: listed[f"safe.{part}"] for part in CANONICAL},
        deployer=to_address(chain.w3.eth.get_transaction(cast(Any, treasury.tx_hash))["from"]),
        treasury=to_address(treasury.args["treasury"]),
        fee_bps=int(fee.args["feeBps"]),
        tokens=_tokens(chain, address),
        block=block,
        version="unknown",
        dao=_dao(chain, listed) if "governor" in listed else None,
    )
    ours = plan(chain, found.deployer, treasury=found.treasury, fee_bps=found.fee_bps, payment_tokens=found.tokens)
    return replace(found, version=version()) if ours.registry == address else found


def _dao(chain: Chain, listed: dict[str, Address]) -> Dao:
    return Dao(
        **{name: listed[name] for name in _DAO},
        distributor=listed.get("distributor"),
        block=min(first_block(chain, listed[name]) for name in ("timelock", "token", "standards")),
    )


def _tokens(chain: Chain, registry: Address) -> dict[str, Address]:
    """The payment tokens by symbol; by address if a token tells none, or another's."""
    found: dict[str, Address] = {}
    for account, allowed in chain.call(chain.contract("AssetRegistry", registry).functions.paymentTokens()):
        token = to_address(account)
        if not allowed or token == ZERO_ADDRESS:
            continue
        try:
            symbol = str(chain.call(chain.contract("LocalDollar", token).functions.symbol())).strip()
        except ConnectionFailed:
            raise
        except (RegistryError, UnicodeDecodeError, OverflowError):
            symbol = ""
        found[token if not symbol or symbol in found else symbol] = token
    return found
