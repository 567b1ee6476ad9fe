"""Deployment: the same addresses, once, whatever comes between; and what is wrong is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from eth_account import Account
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.chain.addresses import CANONICAL, CONTRACTS, Deployment, find
from registry.chain.call import Call
from registry.chain.connection import Chain
from registry.chain.deploy import Plan, plan, safe_creation, version
from registry.chain.local import deploy_local
from registry.chain.plan import FACTORY, FACTORY_CODE_HASH, FACTORY_SIGNER, FACTORY_TRANSACTION, Step, creation
from registry.chain.sender import Sender
from registry.chain.signers import KeySigner, dev_signer
from registry.errors import DeploymentError, InputError, NotDeployed
from registry.types import ChainId, to_address


def _local(chain: Chain, deployment: Deployment) -> Plan:
    return plan(chain, deployment.deployer, treasury=deployment.treasury, payment_tokens=deployment.tokens)


def _selector(signature: str) -> bytes:
    return keccak(text=signature)[:4]


def test_the_factory_transaction_is_the_well_known_one() -> None:
    import rlp

    assert Account.recover_transaction(FACTORY_TRANSACTION) == FACTORY_SIGNER
    assert to_address(keccak(rlp.encode([bytes.fromhex(FACTORY_SIGNER[2:]), 0]))[12:]) == FACTORY


def test_a_local_deployment_is_complete_checked_and_the_same_everywhere(chain: Chain, deployment: Deployment) -> None:
    made = _local(chain, deployment)
    assert made.complete
    assert made.gas == 0
    assert made.check() == []
    assert keccak(bytes(chain.w3.eth.get_code(FACTORY))) == FACTORY_CODE_HASH  # type: ignore[arg-type]
    assert deployment.deployer == dev_signer(9).address
    assert deployment.tokens.keys() == {"USD"}
    assert deployment.version == version()
    assert deploy_local(Chain.in_process()) == deployment


def test_a_second_run_sends_nothing(chain: Chain, deployment: Deployment, dao: KeySigner) -> None:
    before = chain.block().number
    seen: list[Step] = []
    assert _local(chain, deployment).carry_out(Sender(chain, dao), seen.append) == deployment
    assert deploy_local(chain) == deployment
    assert chain.block().number == before
    assert seen == []


@pytest.mark.parametrize("stop", range(13))
def test_interrupted_before_any_step_it_goes_on(stop: int) -> None:
    class Interrupted(Exception):
        pass

    chain = Chain.in_process()
    signer = dev_signer(2)
    made = plan(chain, signer.address, treasury=dev_signer(3).address)
    passed: list[str] = []

    def until(step: Step) -> None:
        if len(passed) == stop:
            raise Interrupted
        passed.append(step.key)

    total = len(made.steps)
    if stop < total:
        with pytest.raises(Interrupted):
            made.carry_out(Sender(chain, signer), until)
        assert [step.key for step in made.steps if step.done] == passed
    rest: list[str] = []
    deployment = made.carry_out(Sender(chain, signer), lambda step: rest.append(step.key))
    assert passed + rest == [step.key for step in made.steps]
    assert made.check() == []
    assert deployment.registry == made.registry


def test_the_gas_of_the_plan_is_what_it_takes() -> None:
    chain = Chain.in_process()
    signer = dev_signer(9)
    dollar, code = creation("LocalDollar", signer.address, [])
    made = plan(chain, signer.address, treasury=dev_signer(7).address, payment_tokens={"USD": dollar})
    made.ensure_factory(Sender(chain, signer))
    Sender(chain, signer).send(Call(FACTORY, code))
    before = chain.block().number
    planned = {step.key: step.gas for step in made.steps if not step.done}
    made.carry_out(Sender(chain, signer))
    used = [
        chain.w3.eth.get_transaction_receipt(tx)["gasUsed"]
        for number in range(before + 1, chain.block().number + 1)
        for tx in chain.w3.eth.get_block(number)["transactions"]  # type: ignore[arg-type]
    ]
    assert len(used) == len(planned)
    for gas, expected in zip(used, planned.values(), strict=True):
        assert abs(gas - expected) < 0.1 * expected


def test_the_table_shows_each_step(chain: Chain, deployment: Deployment) -> None:
    rows = _local(chain, deployment).table()
    assert [row["state"] for row in rows] == ["done"] * len(rows)
    by_name = {row["what"]: row["address"] for row in rows}
    assert by_name["Create AssetRegistry"] == deployment.registry
    assert by_name["Create TeamFactory"] == deployment.teams
    assert by_name["Create SafeL2 of the Safe 1.4.1"] == deployment.safe["singleton"]


@pytest.fixture(scope="module")
def addresses() -> Callable[[int, int, int], tuple[str, ...]]:
    chain = Chain.in_process()

    def of(deployer: int, treasury: int, fee: int) -> tuple[str, ...]:
        made = plan(chain, dev_signer(deployer).address, treasury=dev_signer(treasury).address, fee_bps=fee)
        return made.authority, made.registry, made.marketplace

    return of


@settings(deadline=None)
@given(
    st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 500)),
    st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 500)),
)
def test_addresses_bind_the_deployer_and_the_arguments(
    addresses: Callable[[int, int, int], tuple[str, ...]], one: tuple[int, int, int], other: tuple[int, int, int]
) -> None:
    first, second = addresses(*one), addresses(*other)
    assert (first == second) == (one == other)
    # Another deployer has nothing in common with this one.
    assert one[0] == other[0] or not set(first) & set(second)


def test_a_stranger_who_is_faster_only_pays_for_us(stranger: KeySigner) -> None:
    chain = Chain.in_process()
    signer = dev_signer(2)
    made = plan(chain, signer.address, treasury=dev_signer(3).address)
    made.ensure_factory(Sender(chain, stranger))
    for _, code in (
        creation("RegistryAuthority", signer.address, [signer.address]),
        creation("Directory", signer.address, [made.authority]),
        creation("Lineage", signer.address, []),
        creation("AssetRegistry", signer.address, [made.authority, made.directory, made.lineage, made.treasury, 0]),
        safe_creation("singleton"),
        safe_creation("multisend"),
    ):
        Sender(chain, stranger).send(Call(FACTORY, code))
    made.carry_out(Sender(chain, signer))
    assert made.check() == []


def test_only_the_deployer_carries_the_plan_out(chain: Chain, deployment: Deployment, stranger: KeySigner) -> None:
    with pytest.raises(InputError, match="deployer"):
        _local(chain, deployment).carry_out(Sender(chain, stranger))


def test_everything_that_was_changed_since_is_found(chain: Chain, deployment: Deployment, dao: KeySigner) -> None:
    made = _local(chain, deployment)
    sender = Sender(chain, dao)
    registry = chain.contract("AssetRegistry", deployment.registry)
    directory = chain.contract("Directory", deployment.directory)
    manager = chain.contract("RegistryAuthority", deployment.authority)
    changes = [
        (registry.functions.setFee(7), "fee"),
        (registry.functions.pausePublications(2**47), "publications"),
        (registry.functions.setPaymentToken(deployment.tokens["USD"], False), "USD"),
        (registry.functions.setSeller(deployment.marketplace, False), "sells"),
        (directory.functions.setEntries([(b"streams".ljust(32, b"\0"), deployment.registry)]), "streams"),
        (
            manager.functions.setTargetFunctionRole(deployment.registry, [_selector("setDelisted(uint256,bool)")], 0),
            "setDelisted",
        ),
        (manager.functions.renounceRole(1, dao.address), "GUARDIAN"),
    ]
    for number, (change, word) in enumerate(changes, 1):
        sender.send(change)
        problems = made.check()
        assert len(problems) == number
        assert any(word in problem for problem in problems)
    # What the plan sets is set again; what is the DAO's to decide is reported.
    with pytest.raises(DeploymentError, match="fee"):
        made.carry_out(sender)
    assert registry.functions.isSeller(deployment.marketplace).call()


def test_nothing_there_is_a_problem_and_no_deployment() -> None:
    chain = Chain.in_process()
    made = plan(chain, dev_signer(0).address, treasury=dev_signer(1).address)
    assert len(made.check()) == len(CONTRACTS) + len(CANONICAL)
    with pytest.raises(NotDeployed):
        made.result()


def test_impossible_plans_are_refused(chain: Chain, dao: KeySigner) -> None:
    for fee in (-1, 501):
        with pytest.raises(InputError):
            plan(chain, dao.address, treasury=dao.address, fee_bps=fee)
    with pytest.raises(InputError, match="treasury"):
        plan(chain, dao.address, treasury="0x" + "00" * 20)
    with pytest.raises(DeploymentError, match="no token"):
        _ = plan(chain, dao.address, treasury=dao.address, payment_tokens=["0x" + "12" * 20]).tokens
    with pytest.raises(DeploymentError, match="does not answer"):
        _ = plan(chain, dao.address, treasury=dao.address, payment_tokens=[FACTORY]).tokens


def test_two_tokens_of_one_name_need_names(
    chain: Chain, deployment: Deployment, dao: KeySigner, stranger: KeySigner
) -> None:
    other, code = creation("LocalDollar", stranger.address, [])
    Sender(chain, stranger).send(Call(FACTORY, code))
    tokens = [deployment.tokens["USD"], other]
    with pytest.raises(DeploymentError, match="both called USD"):
        _ = plan(chain, dao.address, treasury=dao.address, payment_tokens=tokens).tokens
    named = plan(chain, dao.address, treasury=dao.address, payment_tokens=dict(zip(("A", "B"), tokens, strict=True)))
    assert named.tokens == {"A": tokens[0], "B": tokens[1]}


# --- The record ----------------------------------------------------------------------------------

ADDRESSES = st.binary(min_size=20, max_size=20).map(to_address)


@given(
    st.builds(
        Deployment,
        chain_id=st.integers(1, 2**40).map(ChainId),
        registry=ADDRESSES,
        marketplace=ADDRESSES,
        streams=ADDRESSES,
        escrow=ADDRESSES,
        directory=ADDRESSES,
        authority=ADDRESSES,
        lineage=ADDRESSES,
        splitters=ADDRESSES,
        teams=ADDRESSES,
        safe=st.fixed_dictionaries(dict.fromkeys(CANONICAL, ADDRESSES)),
        deployer=ADDRESSES,
        treasury=ADDRESSES,
        fee_bps=st.integers(0, 500),
        tokens=st.dictionaries(
            st.text(min_size=1, max_size=8).filter(lambda text: text.isprintable()), ADDRESSES, max_size=3
        ),
        block=st.integers(0, 2**40),
        version=st.text("0123456789abcdef", min_size=16, max_size=16),
    )
)
def test_a_record_is_read_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, deployment: Deployment) -> None:
    folder = tmp_path_factory.mktemp("deployments")
    path = deployment.save(folder)
    assert path.name == f"{deployment.chain_id}.json"
    assert Deployment.load(path) == deployment
    assert find(deployment.chain_id, [folder / "none", folder]) == deployment
    assert [entry.name for entry in folder.iterdir()] == [path.name]


def test_no_record_is_none(tmp_path: Path) -> None:
    assert find(5, [tmp_path]) is None


def test_damaged_and_misplaced_records_are_refused(tmp_path: Path, deployment: Deployment) -> None:
    path = deployment.save(tmp_path)
    good = json.loads(path.read_text())
    for bad in (
        "{",
        "[]",
        "null",
        "{}",
        json.dumps({**good, "registry": "0x12"}),
        json.dumps({**good, "extra": 1}),
        json.dumps({**good, "block": "1"}),
        json.dumps({**good, "tokens": ["USD"]}),
        json.dumps({**good, "safe": {}}),
        json.dumps({**good, "safe": {**good["safe"], "factory": "0x12"}}),
    ):
        path.write_text(bad)
        with pytest.raises(DeploymentError, match=r"1337\.json"):
            Deployment.load(path)
    path.write_text(json.dumps({**good, "chain_id": 5}))
    with pytest.raises(DeploymentError, match="records chain 5"):
        find(1337, [tmp_path])
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(DeploymentError, match="recorded"):
        deployment.save(blocked)
