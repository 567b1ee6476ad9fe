"""Whether the contracts of a registry and its DAO are those of this package, shown from the chain alone.

The address of a contract follows from its creation code, the constructor's arguments, and who deployed it. The
arguments can be read again: from what the contract says for ever, and from the events of its constructor.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from registry.chain.addresses import CONTRACTS, Dao, Deployment
from registry.chain.connection import Chain
from registry.chain.deploy import plan
from registry.chain.plan import creation, first_block
from registry.errors import ConnectionFailed
from registry.types import Address, to_address


def check_code(chain: Chain, deployment: Deployment) -> list[str]:
    """Return which contracts of a deployment, and of its DAO, hold other code than this package ships.

    What was made by another version of the package is named too: its code is not known here.
    """
    base = plan(
        chain,
        deployment.deployer,
        treasury=deployment.treasury,
        fee_bps=deployment.fee_bps,
        payment_tokens=deployment.tokens,
    )
    found = [(name, getattr(deployment, key), getattr(base, key)) for key, name in CONTRACTS.items()]
    if deployment.dao is not None:
        found += list(_of_dao(chain, deployment, deployment.dao))
    return [
        f"{address} is no {name} of this package" if chain.has_code(address) else f"there is no {name} at {address}"
        for name, address, expected in found
        if address != expected or not chain.has_code(address)
    ]


def _of_dao(chain: Chain, deployment: Deployment, dao: Dao) -> Iterator[tuple[str, Address, Address | None]]:
    """Name, address, and the address that its code and arguments lead to; None if they cannot be read."""
    made = [
        ("RegistryTimelock", dao.timelock, _timelock),
        ("RegistryToken", dao.token, _token),
        ("RegistryGovernor", dao.governor, _governor),
        ("Standards", dao.standards, _curated),
        ("Curation", dao.curation, _curated),
        ("Brake", dao.brake, _brake),
        ("Treasuries", dao.treasuries, _treasuries),
        *([("TokenDistributor", dao.distributor, _distributor)] if dao.distributor else []),
    ]
    for name, address, read in made:
        try:
            arguments = read(_Maker(chain, name, address), deployment, dao)
            yield name, address, creation(name, deployment.deployer, arguments)[0]
        except ConnectionFailed:  # which says nothing of the code
            raise
        # Code that is none of ours answers anything, or nothing, in kinds of errors of its own.
        except Exception:
            yield name, address, None


class _Maker:
    """A contract, and what its constructor logged."""

    def __init__(self, chain: Chain, name: str, address: Address) -> None:
        self._chain = chain
        self._contract = chain.contract(name, address)
        self._block = first_block(chain, address)

    def says(self, function: str) -> Any:
        return self._chain.call(self._contract.functions[function]())

    def logged(self, event: str) -> list[dict[str, Any]]:
        """The arguments of the events of the transaction that made it."""
        events = self._chain.events(
            self._contract.events[event](), from_block=self._block, to_block=self._block or "latest"
        )
        found = list(events)
        return [dict(one.args) for one in found if one.tx_hash == found[0].tx_hash]


def _timelock(made: _Maker, deployment: Deployment, dao: Dao) -> list[Any]:
    return [made.logged("MinDelayChange")[0]["newDuration"], deployment.deployer]


def _token(made: _Maker, deployment: Deployment, dao: Dao) -> list[Any]:
    given = [(to_address(one["to"]), one["value"]) for one in made.logged("Transfer") if int(one["from"], 16) == 0]
    return [made.says("name"), made.says("symbol"), given]


def _governor(made: _Maker, deployment: Deployment, dao: Dao) -> list[Any]:
    guardian = made.logged("GuardianSet")[0]
    rules = (
        made.logged("VotingDelaySet")[0]["newVotingDelay"],
        made.logged("VotingPeriodSet")[0]["newVotingPeriod"],
        made.logged("ProposalThresholdSet")[0]["newProposalThreshold"],
        made.logged("QuorumNumeratorUpdated")[0]["newQuorumNumerator"],
        made.says("quorumFloor"),
        made.logged("LateQuorumVoteExtensionSet")[0]["newVoteExtension"],
        guardian["guardian"],
        guardian["until"],
        made.logged("SpendingCapSet")[0]["cap"],
    )
    return [dao.token, dao.timelock, rules]


def _curated(made: _Maker, deployment: Deployment, dao: Dao) -> list[Any]:
    return [deployment.authority, deployment.registry]


def _brake(made: _Maker, deployment: Deployment, dao: Dao) -> list[Any]:
    return [deployment.authority, deployment.registry, dao.governor]


def _treasuries(made: _Maker, deployment: Deployment, dao: Dao) -> list[Any]:
    # Not what it logged: a founding approves the timelock, and a receiver more would be somebody above the DAO.
    return [deployment.authority, deployment.registry, dao.governor, [dao.timelock]]


def _distributor(made: _Maker, deployment: Deployment, dao: Dao) -> list[Any]:
    return [dao.token, made.says("root"), made.says("end"), dao.timelock]
