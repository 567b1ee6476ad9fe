"""The people and the deployed system that all functional tests share.

All of it is session-wide, so that ape takes one snapshot after the deployment and goes back to it for each test.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from .support import DOLLAR, FEE_BPS, Terms, logs, publication, share_table

CURATOR_ROLE = 1
PEOPLE = ("dao", "treasury", "author", "editor", "seller", "minter", "buyer", "stranger", "curator", "service")


def _person(name: str, index: int) -> Any:
    @pytest.fixture(scope="session", name=name)
    def person(accounts: Any) -> Any:
        return accounts[index]

    return person


dao, treasury, author, editor, seller, minter, buyer, stranger, curator, service = (
    _person(name, index) for index, name in enumerate(PEOPLE)
)


@pytest.fixture(scope="session")
def authority(project: Any, dao: Any) -> Any:
    """The access manager; the DAO is its admin."""
    return dao.deploy(project.RegistryAuthority, dao)


@pytest.fixture(scope="session")
def dollar(project: Any, dao: Any, buyer: Any) -> Any:
    """A sound stablecoin of 6 decimals, of which the buyer has plenty."""
    token = dao.deploy(project.LocalDollar)
    token.mint(buyer, 1_000_000 * DOLLAR, sender=dao)
    return token


@pytest.fixture(scope="session")
def directory(project: Any, authority: Any, dao: Any) -> Any:
    """Where the contracts are."""
    return dao.deploy(project.Directory, authority)


@pytest.fixture(scope="session")
def lineage(project: Any, dao: Any) -> Any:
    """Keeps the ancestors of derived assets."""
    return dao.deploy(project.Lineage)


@pytest.fixture(scope="session")
def registry(
    project: Any, authority: Any, directory: Any, lineage: Any, dollar: Any, dao: Any, curator: Any, treasury: Any
) -> Any:
    """The registry, which takes native coin and dollars, for a fee of 2.5 %; the curator may delist."""
    contract = dao.deploy(project.AssetRegistry, authority, directory, lineage, treasury, FEE_BPS)
    contract.setPaymentToken(dollar, True, sender=dao)
    selectors = [contract.setDelisted.encode_input(0, False)[:4]]
    authority.setTargetFunctionRole(contract, selectors, CURATOR_ROLE, sender=dao)
    authority.grantRole(CURATOR_ROLE, curator, 0, sender=dao)
    return contract


@pytest.fixture(scope="session")
def marketplace(project: Any, registry: Any, dollar: Any, dao: Any, buyer: Any) -> Any:
    """The marketplace; the buyer has approved it."""
    contract = dao.deploy(project.Marketplace, registry)
    registry.setSeller(contract, True, sender=dao)
    dollar.approve(contract, 2**256 - 1, sender=buyer)
    return contract


@pytest.fixture(scope="session")
def streams(project: Any, registry: Any, dollar: Any, dao: Any, buyer: Any) -> Any:
    """Sells access by the second; the buyer has approved it."""
    contract = dao.deploy(project.Streams, registry)
    registry.setSeller(contract, True, sender=dao)
    dollar.approve(contract, 2**256 - 1, sender=buyer)
    return contract


@pytest.fixture(scope="session")
def escrow(project: Any, authority: Any, registry: Any, dollar: Any, dao: Any, buyer: Any, service: Any) -> Any:
    """Sells runs; the buyer, who orders them, and the service, which is the host, have approved it."""
    contract = dao.deploy(project.ComputeEscrow, authority, registry)
    registry.setSeller(contract, True, sender=dao)
    dollar.mint(service, 1_000 * DOLLAR, sender=dao)
    for account in (buyer, service):
        dollar.approve(contract, 2**256 - 1, sender=account)
    return contract


@pytest.fixture(scope="session")
def receipts(project: Any, registry: Any) -> Any:
    """Takes the receipts that holders of uses sign."""
    return project.Receipts.at(registry.receipts())


@pytest.fixture(scope="session")
def factory(project: Any, dao: Any) -> Any:
    """Makes revenue splitters."""
    return dao.deploy(project.SplitterFactory)


@pytest.fixture(scope="session")
def split(project: Any, factory: Any, dao: Any) -> Callable[..., Any]:
    """`split({payee: share, ...})` makes the revenue splitter of these shares."""

    def make_splitter(shares: dict[Any, int]) -> Any:
        table = share_table(shares)
        factory.createSplitter(table, sender=dao)
        return project.RevenueSplitter.at(factory.splitterOf(table))

    return make_splitter


@pytest.fixture(scope="session", autouse=True)
def system(registry: Any, marketplace: Any, streams: Any, escrow: Any, factory: Any) -> None:
    """Deploys before the first test."""


@pytest.fixture(scope="session")
def publish(registry: Any, marketplace: Any, author: Any) -> Callable[..., int]:
    """`publish(*licences, owner=author, document=..., payout=..., derivatives=..., parents=[...])` gives the id.

    A parent that is a number is of this registry.
    """

    def publish_asset(*licences: Terms, owner: Any = author, sender: Any = None, **what: Any) -> int:
        parents = what.pop("parents", ())
        what["parents"] = tuple(one if isinstance(one, tuple) else (registry, one) for one in parents)
        tx = registry.publish(owner, publication(*licences, **what), sender=sender or owner)
        return int(logs(tx, registry.MetadataPublished)[0]["assetId"])

    return publish_asset
