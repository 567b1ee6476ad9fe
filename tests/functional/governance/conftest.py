"""A registry that a DAO rules, and the people in it. Nobody who deployed it holds any power."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ..support import DOLLAR, FEE_BPS, now, publication, terms
from ..support import PERIOD as FOR_A_PERIOD
from .story import (
    DAY,
    DELAY,
    EXTENSION,
    PERIOD,
    QUORUM_FLOOR,
    QUORUM_PERCENT,
    THRESHOLD,
    TIMELOCK_DELAY,
    VOTE,
    VOTE_TOKEN_CAP,
    travel,
)

GUARDIAN_ROLE, CURATOR_ROLE, TREASURER_ROLE = 1, 2, 3


@pytest.fixture(scope="session", autouse=True)
def house(project: Any, system: Any, accounts: Any) -> SimpleNamespace:
    """All contracts, handed over. Ann has 40,000 votes, Bob 30,000, Cleo 20,000; the treasury's 10,000 do not vote."""
    founder, guardian, author, ann, bob, cleo, buyer, stranger, council, service = accounts[:10]
    authority = founder.deploy(project.RegistryAuthority, founder)
    dollar = founder.deploy(project.LocalDollar)
    timelock = founder.deploy(project.RegistryTimelock, TIMELOCK_DELAY, founder)
    lineage = founder.deploy(project.Lineage)
    directory = founder.deploy(project.Directory, authority)
    registry = founder.deploy(project.AssetRegistry, authority, directory, lineage, timelock, FEE_BPS)
    market = founder.deploy(project.Marketplace, registry)
    registry.setPaymentToken(dollar, True, sender=founder)
    registry.setSeller(market, True, sender=founder)
    shares = [(ann, 40_000), (bob, 30_000), (cleo, 20_000), (timelock, 10_000)]
    allocations = [(account, amount * VOTE) for account, amount in shares]
    token = founder.deploy(project.RegistryToken, "Registry Votes", "VOTE", allocations)
    guard = guardian, now() + 300 * DAY
    rules = (DELAY, PERIOD, THRESHOLD, QUORUM_PERCENT, QUORUM_FLOOR, EXTENSION, *guard, VOTE_TOKEN_CAP)
    governor = founder.deploy(project.RegistryGovernor, token, timelock, rules)
    standards = founder.deploy(project.Standards, authority, registry)
    curation = founder.deploy(project.Curation, authority, registry)
    brake = founder.deploy(project.Brake, authority, registry, governor)
    treasuries = founder.deploy(project.Treasuries, authority, registry, governor, [timelock])
    for role in (timelock.PROPOSER_ROLE(), timelock.CANCELLER_ROLE(), timelock.EXECUTOR_ROLE()):
        timelock.grantRole(role, governor, sender=founder)
    for contract, method, role in (
        (registry, registry.pausePublications.encode_input(0), GUARDIAN_ROLE),
        (registry, registry.pauseSales.encode_input(0), GUARDIAN_ROLE),
        (registry, registry.setTreasury.encode_input(founder), TREASURER_ROLE),
        (registry, registry.setDelisted.encode_input(0, False), CURATOR_ROLE),
    ):
        authority.setTargetFunctionRole(contract, [method[:4]], role, sender=founder)
    authority.grantRole(GUARDIAN_ROLE, brake, 0, sender=founder)
    authority.grantRole(CURATOR_ROLE, curation, 0, sender=founder)
    authority.grantRole(TREASURER_ROLE, treasuries, 0, sender=founder)
    authority.grantRole(0, timelock, 0, sender=founder)
    authority.renounceRole(0, founder, sender=founder)
    timelock.renounceRole(timelock.DEFAULT_ADMIN_ROLE(), founder, sender=founder)
    for voter in (ann, bob, cleo):
        token.invoke_transaction("delegate", voter, sender=voter)
    for somebody in (author, buyer, stranger):
        dollar.mint(somebody, 10_000 * DOLLAR, sender=founder)
        for spender in (market, curation):
            dollar.approve(spender, 2**256 - 1, sender=somebody)
    dollar.mint(timelock, 50_000 * DOLLAR, sender=founder)
    founder.transfer(timelock, 10**19)
    travel(1)
    names = "founder guardian author ann bob cleo buyer stranger council service authority dollar timelock registry"
    receipts = project.Receipts.at(registry.receipts())
    names += " receipts market token governor standards curation brake treasuries directory"
    here = locals()
    return SimpleNamespace(**{name: here[name] for name in names.split()})


@pytest.fixture
def asset(house: SimpleNamespace) -> int:
    """An asset of the author's with a licence for 10 dollars."""
    tx = house.registry.publish(house.author, publication(terms(10 * DOLLAR, kind=FOR_A_PERIOD)), sender=house.author)
    (log,) = house.registry.MetadataPublished.from_receipt(tx)
    return int(log.event_arguments["assetId"])
