"""The founding of a DAO: the same wherever it stops, refused where it could not hold, and checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_utils.crypto import keccak

from registry import Registry
from registry.calls.words import DAO_CONTRACTS
from registry.chain import reverts
from registry.chain.addresses import CONTRACTS, Dao, Deployment
from registry.chain.artifacts import artifact
from registry.chain.call import Call
from registry.chain.connection import Chain
from registry.chain.dao_plan import FoundingPlan, check_powers, found
from registry.chain.deploy import plan
from registry.chain.foundation import DAY, WHOLE, EntitlementList, Foundation, GovernorRules
from registry.chain.journal import Journal
from registry.chain.local import DEPLOYER, deploy_local
from registry.chain.plan import FACTORY, Step, creation
from registry.chain.powers import role_id
from registry.chain.provenance import check_code
from registry.chain.sender import Sender
from registry.chain.signers import dev_signer
from registry.errors import (
    DeploymentError,
    InputError,
    InvalidEntitlements,
    InvalidSettings,
    NoDao,
    UnknownAccount,
    WrongChain,
)
from registry.governance.entitlements import Entitlement, Entitlements
from registry.governance.foundation_yaml import read_foundation
from registry.ipfs.store import MemoryStore
from registry.money import Amount, Token
from registry.types import to_address

ANN, BOB, CLEO = (dev_signer(number).address for number in (5, 6, 7))
LIST = Entitlements((Entitlement(ANN, 7 * WHOLE), Entitlement(BOB, 8 * WHOLE)))


Begun = tuple[Chain, Deployment, Foundation, Sender]


@pytest.fixture(scope="module")
def _deployed() -> tuple[Chain, Deployment]:
    chain = Chain.in_process()
    return chain, deploy_local(chain)


def rewinding(chain: Chain) -> Iterator[None]:
    """Undo what happens to a chain meanwhile."""
    tester = chain.w3.provider.ethereum_tester  # type: ignore[attr-defined]
    before = tester.take_snapshot()
    yield
    tester.revert_to_snapshot(before)
    chain.forget_code()


@pytest.fixture
def begun(_deployed: tuple[Chain, Deployment]) -> Iterator[Begun]:
    """A registry that belongs to its deployer, and what its DAO shall start with."""
    chain, base = _deployed
    for _ in rewinding(chain):
        yield chain, base, beginning(chain, base), Sender(chain, dev_signer(DEPLOYER))


@pytest.fixture(scope="module")
def _nearly() -> FoundingPlan:
    chain = Chain.in_process()
    base = deploy_local(chain)
    plan, sender = found(chain, base, beginning(chain, base)), Sender(chain, dev_signer(DEPLOYER))
    with pytest.raises(KeyboardInterrupt):
        plan.carry_out(sender, until("leave:authority", []))
    return plan


@pytest.fixture
def nearly(_nearly: FoundingPlan) -> Iterator[tuple[FoundingPlan, Sender]]:
    """A founding that has come as far as to the leaving of the deployer."""
    for _ in rewinding(_nearly.chain):
        # A sender of its own: what the last test sent has never been on this chain.
        yield _nearly, Sender(_nearly.chain, dev_signer(DEPLOYER))


def beginning(chain: Chain, base: Deployment) -> Foundation:
    """What a DAO has that has everything."""
    today = chain.block().timestamp // DAY * DAY
    return Foundation(
        allocations={ANN: 500 * WHOLE, BOB: 300 * WHOLE},
        treasury=185 * WHOLE,
        listed=EntitlementList(LIST.root, LIST.total, today + 90 * DAY),
        rules=GovernorRules(guardian=CLEO, guardian_until=today + 90 * DAY),
        bonds={base.tokens["USD"]: 50 * 10**6},
    )


def until(key: str, passed: list[str]) -> Callable[[Step], None]:
    """Stop before the step with this key."""

    def tell(step: Step) -> None:
        if step.key == key:
            raise KeyboardInterrupt
        passed.append(step.key)

    return tell


def test_a_dao_gets_what_it_was_promised(begun: Begun) -> None:
    chain, base, foundation, sender = begun
    plan = found(chain, base, foundation)
    made = plan.carry_out(sender)
    dao = made.dao
    assert dao is not None and dao.distributor is not None
    assert plan.complete and plan.gas == 0 and plan.check() == [] and check_powers(chain, made) == []
    token = chain.contract("RegistryToken", dao.token).functions
    held = {who: chain.call(token.balanceOf(who)) for who in (ANN, BOB, dao.timelock, dao.distributor, sender.address)}
    assert held == {
        ANN: 500 * WHOLE,
        BOB: 300 * WHOLE,
        dao.timelock: 185 * WHOLE,
        dao.distributor: 15 * WHOLE,
        sender.address: 0,
    }
    governor = chain.contract("RegistryGovernor", dao.governor).functions
    assert chain.call(governor.quorumFloor()) == 10 * WHOLE
    assert chain.call(governor.proposalThreshold()) == WHOLE
    assert chain.call(governor.guardian()) == CLEO
    assert chain.call(chain.contract("Curation", dao.curation).functions.bondIn(base.tokens["USD"])) == 50 * 10**6
    assert not chain.has_code(dao.token, block=dao.block - 1)
    before = chain.block().number
    assert found(chain, base, foundation).carry_out(sender) == made
    assert chain.block().number == before


def test_interrupted_before_every_step_it_goes_on(begun: Begun) -> None:
    chain, base, foundation, sender = begun
    keys = [step.key for step in found(chain, base, foundation).steps]
    for place, key in enumerate(keys):
        passed: list[str] = []
        with pytest.raises(KeyboardInterrupt):
            found(chain, base, foundation).carry_out(sender, until(key, passed))
        assert passed == keys[max(place - 1, 0) : place]
        assert [step.key for step in found(chain, base, foundation).steps if step.done] == keys[:place]
    made = found(chain, base, foundation).carry_out(sender)
    assert check_powers(chain, made) == []


def test_the_gas_of_the_plan_is_what_it_takes(begun: Begun) -> None:
    chain, base, foundation, sender = begun
    plan, before = found(chain, base, foundation), chain.block().number
    planned = [step.gas for step in plan.steps]
    keys = [step.key for step in plan.steps]
    plan.carry_out(sender)
    used = [
        chain.w3.eth.get_transaction_receipt(tx)["gasUsed"]
        for number in range(before + 1, chain.block().number + 1)
        for tx in chain.w3.eth.get_block(number)["transactions"]  # type: ignore[arg-type]
    ]
    off = {
        key: (gas, expected)
        for key, gas, expected in zip(keys, used, planned, strict=True)
        if abs(gas - expected) > 0.1 * expected
    }
    assert not off


def test_a_stranger_who_is_faster_only_pays_for_us(begun: Begun) -> None:
    chain, base, foundation, sender = begun
    plan = found(chain, base, foundation)
    stranger = Sender(chain, dev_signer(2))
    for name, arguments in (
        ("RegistryTimelock", [foundation.delay, sender.address]),
        ("Standards", [base.authority, base.registry]),
    ):
        stranger.send(Call(FACTORY, creation(name, sender.address, arguments)[1]))
    assert check_powers(chain, plan.carry_out(sender)) == []


# --- Nobody stays above the DAO ------------------------------------------------------------------


def an_administrator(plan: FoundingPlan) -> Any:
    return plan.chain.contract("RegistryAuthority", plan.base.authority).functions.grantRole(0, ANN, 0)


def a_curator_who_comes_later(plan: FoundingPlan) -> Any:
    return plan.chain.contract("RegistryAuthority", plan.base.authority).functions.grantRole(2, ANN, 10**6)


def a_role_for_the_fee(plan: FoundingPlan) -> Any:
    manager = plan.chain.contract("RegistryAuthority", plan.base.authority).functions
    return manager.setTargetFunctionRole(plan.base.marketplace, [bytes.fromhex("69fe0e2d")], 9)


def a_role_that_strangers_give(plan: FoundingPlan) -> Any:
    return plan.chain.contract("RegistryAuthority", plan.base.authority).functions.setRoleAdmin(1, 9)


def a_closed_registry(plan: FoundingPlan) -> Any:
    manager = plan.chain.contract("RegistryAuthority", plan.base.authority).functions
    return manager.setTargetClosed(plan.base.registry, True)


def a_second_proposer(plan: FoundingPlan) -> Any:
    return plan.chain.contract("RegistryTimelock", plan.timelock).functions.grantRole(role_id("PROPOSER_ROLE"), ANN)


def an_executor(plan: FoundingPlan) -> Any:
    return plan.chain.contract("RegistryTimelock", plan.timelock).functions.grantRole(role_id("EXECUTOR_ROLE"), ANN)


def a_second_admin_of_the_timelock(plan: FoundingPlan) -> Any:
    return plan.chain.contract("RegistryTimelock", plan.timelock).functions.grantRole(bytes(32), ANN)


def a_third_seller(plan: FoundingPlan) -> Any:
    """A contract that may issue any licence of any asset, for nothing."""
    registry = plan.chain.contract("AssetRegistry", plan.base.registry).functions
    return registry.setSeller(plan.base.splitters, True)


def a_seller_that_is_none(plan: FoundingPlan) -> Any:
    return plan.chain.contract("AssetRegistry", plan.base.registry).functions.setSeller(plan.base.streams, False)


def another_marketplace_in_the_directory(plan: FoundingPlan) -> Any:
    """Whoever has nothing but the registry's address would buy there."""
    directory = plan.chain.contract("Directory", plan.base.directory).functions
    return directory.setEntries([(b"marketplace".ljust(32, b"\0"), plan.base.splitters)])


def a_name_more_in_the_directory(plan: FoundingPlan) -> Any:
    directory = plan.chain.contract("Directory", plan.base.directory).functions
    return directory.setEntries([(b"gateway".ljust(32, b"\0"), plan.base.splitters)])


@pytest.mark.parametrize(
    "trick",
    [
        a_third_seller,
        a_seller_that_is_none,
        another_marketplace_in_the_directory,
        a_name_more_in_the_directory,
        an_administrator,
        a_curator_who_comes_later,
        a_role_for_the_fee,
        a_role_that_strangers_give,
        a_closed_registry,
        a_second_proposer,
        an_executor,
        a_second_admin_of_the_timelock,
    ],
)
def test_the_deployer_does_not_leave_a_back_door(
    nearly: tuple[FoundingPlan, Sender], trick: Callable[[FoundingPlan], Any]
) -> None:
    plan, sender = nearly
    sender.send(trick(plan))
    with pytest.raises(DeploymentError, match="The deployer stays"):
        plan.carry_out(sender)
    assert not plan.done("leave:authority")
    assert check_powers(plan.chain, plan.result())


def test_what_was_set_and_set_back_hinders_nothing(nearly: tuple[FoundingPlan, Sender]) -> None:
    plan, sender = nearly
    manager = plan.chain.contract("RegistryAuthority", plan.base.authority).functions
    timelock = plan.chain.contract("RegistryTimelock", plan.timelock).functions
    registry = plan.chain.contract("AssetRegistry", plan.base.registry).functions
    directory = plan.chain.contract("Directory", plan.base.directory).functions
    name = b"gateway".ljust(32, b"\0")
    for change in (
        registry.setSeller(plan.base.splitters, True),
        registry.setSeller(plan.base.splitters, False),
        directory.setEntries([(name, plan.base.splitters)]),
        directory.setEntries([(name, "0x" + "00" * 20)]),
        manager.setRoleAdmin(1, 9),
        manager.setRoleAdmin(1, 0),
        manager.setTargetClosed(plan.base.registry, True),
        manager.setTargetClosed(plan.base.registry, False),
        manager.grantRole(2, ANN, 0),
        manager.revokeRole(2, ANN),
        timelock.grantRole(role_id("PROPOSER_ROLE"), ANN),
        timelock.revokeRole(role_id("PROPOSER_ROLE"), ANN),
    ):
        sender.send(change)
    assert check_powers(plan.chain, plan.carry_out(sender)) == []


@pytest.mark.parametrize("name", ["setTargetAdminDelay", "setGrantDelay", "setRoleGuardian"])
def test_what_takes_effect_later_is_found_now(nearly: tuple[FoundingPlan, Sender], name: str) -> None:
    plan, sender = nearly
    manager = plan.chain.contract("RegistryAuthority", plan.base.authority).functions
    sender.send(manager[name](plan.base.marketplace if name == "setTargetAdminDelay" else 1, 9))
    with pytest.raises(DeploymentError, match="at the authority"):
        plan.carry_out(sender)


def test_what_was_scheduled_before_is_found(nearly: tuple[FoundingPlan, Sender]) -> None:
    """A proposer of an hour leaves an operation in the timelock that could be executed much later."""
    plan, sender = nearly
    timelock = plan.chain.contract("RegistryTimelock", plan.timelock).functions
    sender.send(timelock.grantRole(role_id("PROPOSER_ROLE"), sender.address))
    sender.send(timelock.schedule(ANN, 0, b"", bytes(32), bytes(32), plan.foundation.delay))
    sender.send(timelock.revokeRole(role_id("PROPOSER_ROLE"), sender.address))
    with pytest.raises(DeploymentError, match="could once schedule"):
        plan.carry_out(sender)


def test_a_registry_is_given_away_once_and_by_its_deployer(begun: Begun) -> None:
    chain, base, foundation, sender = begun
    with pytest.raises(InputError, match="deployer"):
        found(chain, base, foundation).carry_out(Sender(chain, dev_signer(0)))
    found(chain, base, foundation).carry_out(sender)
    before = chain.block().number
    with pytest.raises(DeploymentError, match="cannot give it away"):
        found(chain, base, replace(foundation, symbol="OTHER")).carry_out(sender)
    assert chain.block().number == before
    with pytest.raises(DeploymentError, match="given away"):
        deploy_local(chain)
    with pytest.raises(WrongChain):
        found(chain, replace(base, chain_id=5), foundation)  # type: ignore[arg-type]


# --- Whose code it is ----------------------------------------------------------------------------


def test_anybody_can_show_that_the_code_is_that_of_this_package(begun: Begun) -> None:
    chain, base, foundation, sender = begun
    assert check_code(chain, base) == []
    made = found(chain, base, foundation).carry_out(sender)
    dao = made.dao
    assert dao is not None
    # What the DAO changes, and what people do with their tokens, does not change what was made.
    token = chain.contract("RegistryToken", dao.token).functions
    Sender(chain, dev_signer(5)).send(token.transfer(CLEO, WHOLE))
    assert check_code(chain, made) == []
    assert Registry(chain, made, store=MemoryStore(), journal=Journal.in_memory()).governance.check() == ()


def test_a_record_that_names_other_contracts_is_found_out(begun: Begun) -> None:
    chain, base, foundation, sender = begun
    made = found(chain, base, foundation).carry_out(sender)
    assert made.dao is not None
    evil, code = creation("RegistryTimelock", CLEO, [DAY, CLEO])
    sender.send(Call(FACTORY, code))
    for name in ("token", "timelock", "governor", "standards", "curation", "brake", "treasuries", "distributor"):
        for address in (evil, ANN):
            problems = check_code(chain, replace(made, dao=replace(made.dao, **{name: address})))
            assert any(address in problem for problem in problems), (name, address)
    for name in CONTRACTS:
        problems = check_code(chain, replace(made, **{name: evil}))  # type: ignore[arg-type]
        assert any(evil in problem for problem in problems), name


def test_a_receiver_of_fees_that_nobody_decided_is_found_out(begun: Begun) -> None:
    """A deployer who gave Treasuries one receiver more, or left another account as the treasury, is above the DAO."""
    chain, base, foundation, sender = begun
    wanted = found(chain, base, foundation)
    with pytest.raises(KeyboardInterrupt):
        wanted.carry_out(sender, until("roles", []))
    sender.send(chain.contract("AssetRegistry", base.registry).functions.setTreasury(ANN))
    made = wanted.result()
    assert made.dao is not None
    assert f"fees go to {ANN}, which the DAO does not approve" in check_powers(chain, made)
    receivers = [made.dao.timelock, ANN]
    evil, code = creation("Treasuries", base.deployer, [base.authority, base.registry, made.dao.governor, receivers])
    sender.send(Call(FACTORY, code))
    forged = replace(made, dao=replace(made.dao, treasuries=evil))
    assert check_code(chain, forged) == [f"{evil} is no Treasuries of this package"]


def test_code_that_differs_in_one_byte_is_found_out(begun: Begun) -> None:
    """A deployer who records a contract with a back door: it says the same of itself, at another address."""
    chain, base, foundation, sender = begun
    wanted = found(chain, base, foundation)
    made = wanted.carry_out(sender)
    assert made.dao is not None
    first = plan(chain, base.deployer, treasury=base.treasury, fee_bps=base.fee_bps, payment_tokens=base.tokens)
    parts = {key: first._code[key] for key in CONTRACTS} | {
        key: wanted._code[key]
        for key in ("token", "timelock", "governor", "standards", "curation", "brake", "treasuries", "distributor")
    }
    for key, code in parts.items():
        # The last bytes of the metadata of the code, before the arguments: nothing runs otherwise for it.
        end = 32 + len(artifact({**CONTRACTS, **DAO_CONTRACTS}[key]).bytecode)
        changed = code[: end - 3] + bytes([code[end - 3] ^ 1]) + code[end - 2 :]
        sender.send(Call(FACTORY, changed))
        at = to_address(keccak(b"\xff" + bytes.fromhex(FACTORY[2:]) + changed[:32] + keccak(changed[32:]))[12:])
        assert chain.has_code(at), key
        forged = replace(made, **{key: at}) if key in CONTRACTS else replace(made, dao=replace(made.dao, **{key: at}))
        assert any(at in problem for problem in check_code(chain, forged)), key


# --- Foundations that would not hold -------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"allocations": {}, "listed": None}, "never decide"),
        ({"allocations": {ANN: WHOLE}, "listed": None, "treasury": 1000 * WHOLE}, "never decide"),
        ({"allocations": {ANN: 0}}, "allocation"),
        ({"allocations": {"0x" + "00" * 20: WHOLE}}, "zero address"),
        ({"allocations": {ANN: 2**96}}, "allocation"),
        ({"treasury": 2**96 - 1}, "supply"),
        ({"allocations": {f"0x{number:040x}": WHOLE for number in range(1, 202)}}, "201 allocations"),
        ({"delay": DAY - 1}, "delay"),
        ({"delay": 31 * DAY}, "delay"),
        ({"name": " "}, "name"),
        ({"bonds": {ANN: 0}}, "bond"),
        ({"bonds": {ANN: 5}}, "no token"),
        ({"listed": EntitlementList(bytes(32), WHOLE, 5)}, "end of the distribution"),
    ],
)
def test_a_foundation_that_cannot_hold_is_refused_before_anything_is_sent(
    begun: Begun, change: dict[str, Any], word: str
) -> None:
    chain, base, foundation, sender = begun
    before = chain.block().number
    with pytest.raises(InputError, match=word):
        found(chain, base, replace(foundation, **change)).carry_out(sender)
    assert chain.block().number == before


BOUNDS = pytest.mark.parametrize(
    ("rule", "low", "high"),
    [
        ("voting_delay", 3600, 14 * DAY),
        ("voting_period", DAY, 30 * DAY),
        ("proposal_threshold", 0, 50 * WHOLE),
        ("quorum_percent", 1, 25),
        ("quorum_floor", 1, 250 * WHOLE),
        ("late_quorum_extension", 0, 5 * DAY),
        ("guardian_until", 0, 365 * DAY),
    ],
)


def rules_at(rule: str, value: int, now: int) -> GovernorRules:
    """Rules for a supply of 1,000 tokens, one of them at a value; times of the guardian are from now."""
    late = {"late_quorum_extension": 0} if rule == "voting_period" else {}
    until = {"guardian_until": now + (value if rule == "guardian_until" else 1)}
    return GovernorRules(guardian=CLEO, **{rule: value} | late | until)  # type: ignore[arg-type]


@BOUNDS
def test_the_contract_has_the_same_bounds(nearly: tuple[FoundingPlan, Sender], rule: str, low: int, high: int) -> None:
    plan, sender = nearly
    chain = plan.chain

    def accepts(value: int) -> bool:
        rules = rules_at(rule, value, chain.block().timestamp).of(plan.foundation.supply)
        _address, code = creation("RegistryGovernor", sender.address, [plan.token, plan.timelock, rules.words])
        try:
            chain.w3.eth.call({"from": sender.address, "data": code[32:]})  # type: ignore[typeddict-item]
        except (reverts.SettingOutOfBounds, reverts.GovernorInvalidVotingPeriod):  # type: ignore[attr-defined]
            return False
        return True

    assert plan.foundation.supply == 1000 * WHOLE
    assert accepts(low) and accepts(high) and not accepts(high + 1)
    # The past is no bound of the contract's: a guardian whose time is over is none.
    assert low == 0 or not accepts(low - 1)


@BOUNDS
def test_every_rule_has_the_bounds_of_the_contract(rule: str, low: int, high: int) -> None:
    now = 1_000_000
    for value in (low, high):
        rules_at(rule, value, now).check(1000 * WHOLE, now)
    for value in (low - 1, high + 1):
        with pytest.raises(InputError, match=rule):
            rules_at(rule, value, now).check(1000 * WHOLE, now)


# --- Written down --------------------------------------------------------------------------------

GOOD = f"""\
token: {{name: Test Vote, symbol: TV}}
allocations:
  "{ANN}": 1_000
  {BOB}: 2_500.5
treasury: 400
distribution:
  file: list.csv
  until: 2026-06-30
rules:
  voting-delay: 2 hours
  voting-period: 3 days
  proposal-threshold: 1.5
  quorum-percent: 5
  quorum-floor: 30
  late-quorum-extension: 1 day
  guardian: "{CLEO}"
  guardian-until: 2026-03-01T12:00+01:00
timelock-delay: 36 hours
bonds: [50 USD]
"""
USD = Token("USD", 6, "0x" + "11" * 20, 1)  # type: ignore[arg-type]
COIN = Token("ETH", 18, None, 0)


def amount(text: str) -> Amount:
    return Amount.parse(text, (COIN, USD))


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    (tmp_path / "list.csv").write_text(f"account,amount\n{ANN},7\n{BOB},8\n")

    def write(text: str) -> Path:
        (tmp_path / "dao.yaml").write_text(text)
        return tmp_path / "dao.yaml"

    return write


def test_settings_are_read_as_they_are_written(write: Callable[[str], Path]) -> None:
    foundation, listed = read_foundation(write(GOOD), amount)
    assert listed == LIST
    assert foundation == Foundation(
        allocations={ANN: 1000 * WHOLE, BOB: 2500 * WHOLE + WHOLE // 2},
        treasury=400 * WHOLE,
        listed=EntitlementList(LIST.root, 15 * WHOLE, 1_782_777_600),
        name="Test Vote",
        symbol="TV",
        rules=GovernorRules(7200, 3 * DAY, 3 * WHOLE // 2, 5, 30 * WHOLE, DAY, CLEO, 1_772_362_800),
        delay=36 * 3600,
        bonds={USD.address: 50 * 10**6},  # type: ignore[dict-item]
    )


@pytest.mark.parametrize(
    ("old", "new", "line", "word"),
    [
        ("treasury: 400", "treasury: [", 7, "YAML"),
        ("treasury: 400", "treasury: many", 5, "'many'"),
        ("treasury: 400", "treasury: 0.0000000000000000001", 5, "decimals"),
        ("treasury: 400", "treasury: -4", 5, "negative"),
        ("treasury: 400", "treasure: 400", 5, "'treasure' is not known"),
        ("treasury: 400", "treasury: 400\ntreasury: 5", 6, "twice"),
        (f"  {BOB}: 2_500.5", f"  {ANN.lower()}: 1", 4, "twice"),
        (f"  {BOB}: 2_500.5", "  0x12: 1", 4, "digits"),
        (f"  {BOB}: 2_500.5", f"  {BOB[:-1]}{'0' if BOB[-1] != '0' else '1'}: 1", 4, "checksum"),
        ("  until: 2026-06-30", "", 7, "'until'"),
        ("  until: 2026-06-30", "  until: 2026-06-31", 8, "date"),
        ("  voting-delay: 2 hours", "  voting-delay: soon", 10, "span"),
        ("  quorum-percent: 5", "  quorum-percent: five", 13, "whole number"),
        ("  quorum-percent: 5", "  quorum-percent: [5]", 13, "text or a number"),
        ("12:00+01:00", "12:00", 17, "zone"),
        (f'  guardian: "{CLEO}"\n', "", 10, "guardian"),
        ("bonds: [50 USD]", "bonds: 50 USD", 19, "list"),
        ("bonds: [50 USD]", "bonds: [50 EUR]", 19, "EUR"),
        ("bonds: [50 USD]", "bonds: [1 ETH]", 19, "native"),
        ("bonds: [50 USD]", "bonds: &a [50 USD]\nx: *a", 20, "aliases"),
    ],
)
def test_what_is_wrong_in_the_settings_is_told_with_its_line(
    write: Callable[[str], Path], old: str, new: str, line: int, word: str
) -> None:
    assert old in GOOD
    with pytest.raises(InvalidSettings, match=word) as caught:
        read_foundation(write(GOOD.replace(old, new)), amount)
    assert caught.value.line == line


def test_files_that_are_no_settings_are_refused(write: Callable[[str], Path], tmp_path: Path) -> None:
    for text in ("", "- a\n", "treasury: 5\n", "a" * (2**21 + 1)):
        with pytest.raises(InvalidSettings):
            read_foundation(write(text), amount)
    with pytest.raises(InvalidSettings, match="cannot be read"):
        read_foundation(tmp_path / "none.yaml", amount)
    (tmp_path / "list.csv").write_text("account,amount\n0x12,5\n")
    with pytest.raises(InvalidEntitlements, match="line 2"):
        read_foundation(write(GOOD), amount)


# --- The record ----------------------------------------------------------------------------------


def test_a_dao_is_recorded_and_older_records_have_none(tmp_path: Path) -> None:
    deployment = deploy_local(Chain.in_process())
    dao = Dao(*[ANN, BOB, CLEO, ANN, BOB, CLEO, ANN], None, 7)
    records = (deployment, replace(deployment, dao=dao), replace(deployment, dao=replace(dao, distributor=ANN)))
    for number, kept in enumerate(records):
        assert Deployment.load(kept.save(tmp_path / str(number))) == kept
    path = deployment.save(tmp_path)
    path.write_text(path.read_text().replace('  "dao": null,\n', ""))
    assert Deployment.load(path) == deployment
    path = replace(deployment, dao=dao).save(tmp_path)
    for old, new in ((f'"token": "{ANN}"', '"token": null'), ('"block": 7', '"block": "7"'), ('"brake"', '"break"')):
        path.write_text(records[1].save(tmp_path / "1").read_text().replace(old, new))
        with pytest.raises(DeploymentError):
            Deployment.load(path)


def test_a_local_dao_has_people_who_are_there() -> None:
    with pytest.raises(UnknownAccount, match="author, buyer"):
        Registry.local(dao={"nobody": 5})


def test_without_a_dao_there_is_nothing_to_decide(shared: Registry) -> None:
    with pytest.raises(NoDao, match="registry dao found"):
        shared.governance.voting_power()


def test_the_list_of_a_distribution_is_in_the_folder_of_the_settings(write: Callable[[str], Path]) -> None:
    outside = write(GOOD).parent.parent / "outside.csv"
    outside.write_text(f"account,amount\n{ANN},7\n")
    (write(GOOD).parent / "link.csv").symlink_to(outside)
    for name in ("../outside.csv", "link.csv", str(outside), "/dev/stdin", "none.csv"):
        with pytest.raises(InvalidSettings, match=r"line 7: the list .* cannot be read"):
            read_foundation(write(GOOD.replace("list.csv", name)), amount)
