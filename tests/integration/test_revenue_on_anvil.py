"""Revenue on a real node: a data set, a model made from it, an app made from the model, and everybody is paid."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from eth_utils.crypto import keccak
from skips import built

from integration.cli_support import ADDRESSES, Shell
from registry import Licence, Published, Registry
from registry.chain import reverts
from registry.chain.addresses import Deployment
from registry.chain.call import Call
from registry.chain.connection import Chain
from registry.chain.journal import Journal
from registry.chain.local import DEPLOYER, TREASURY, deploy_local
from registry.chain.plan import FACTORY
from registry.chain.signers import dev_signer
from registry.ipfs.store import LocalStore
from registry.revenue.statement import Flow
from registry.types import Address, to_address

BUILD = Path(__file__).parents[2] / ".build" / "__local__.json"
GAS_OF_A_TRANSACTION = 2**24
"""EIP-7825."""


@pytest.fixture
def deployment(anvil: Any, tmp_path: Path) -> Deployment:
    made = deploy_local(Chain.connect(anvil.url))
    made.save(tmp_path / "home" / "deployments")
    return made


@pytest.fixture
def connect(anvil: Any, deployment: Deployment, tmp_path: Path) -> Callable[..., Registry]:
    def make(number: int | None) -> Registry:
        return Registry.on(
            Chain.connect(anvil.url),
            signer=None if number is None else dev_signer(number),
            deployment=deployment,
            store=LocalStore(tmp_path / "home" / "blocks"),
            journal=Journal.in_memory(),
        )

    return make


@pytest.fixture
def author(connect: Callable[..., Registry]) -> Registry:
    return connect(0)


@pytest.fixture
def buyer(connect: Callable[..., Registry]) -> Registry:
    person = connect(1)
    person.fund("1_000 USD")
    return person


@pytest.fixture
def modeller(connect: Callable[..., Registry]) -> Registry:
    return connect(2)


@pytest.fixture
def builder(connect: Callable[..., Registry]) -> Registry:
    return connect(3)


@pytest.fixture
def reader(connect: Callable[..., Registry]) -> Registry:
    """Somebody who has no key at all."""
    return connect(None)


@pytest.fixture
def dao(connect: Callable[..., Registry]) -> Registry:
    return connect(DEPLOYER)


def publish(by: Registry, name: str, *prices: str, **options: Any) -> Published:
    licences = [Licence.uses(f"uses {n}", uses=1, price=price) for n, price in enumerate(prices)]
    return by.publish(None, name=name, type="model", license="MIT", licences=licences, **options)


def payment_token(dao: Registry, name: str) -> Address:
    """Deploy a token of the mocks and have the registry take it."""
    types = json.loads(built(BUILD, target=".build/compiled").read_text())["contractTypes"]
    code = types[name]["deploymentBytecode"]["bytecode"]
    salt, creation = bytes(32), bytes.fromhex(code.removeprefix("0x"))
    dao.actor.outbox("deploy").send(Call(FACTORY, salt + creation))
    token = to_address(keccak(b"\xff" + bytes.fromhex(FACTORY[2:]) + salt + keccak(creation))[12:])
    dao.act("allow it", dao.assets.functions.setPaymentToken(token, True))
    return token


def test_each_ancestor_earns_its_absolute_share_of_every_sale(
    author: Registry, modeller: Registry, builder: Registry, buyer: Registry, reader: Registry, tmp_path: Path
) -> None:
    ann, bob, cleo = (dev_signer(number).address for number in (4, 5, 6))
    team = author.revenue.create(
        {"ann": "50 %", "bob": "30 %", "cleo": "20 %"}, names=dict(ann=ann, bob=bob, cleo=cleo)
    )
    data = publish(author, "Data", "10 USD", royalty_bps=1_000, payout=team.address)
    model = publish(modeller, "Model", "20 USD", "0.2 ETH", royalty_bps=1_000, parents=[data.did])
    app = publish(builder, "App", "100 USD", "1 ETH", parents=[model.did])
    treasury = dev_signer(TREASURY).address
    watched = {"treasury": treasury, "ann": ann, "bob": bob, "cleo": cleo}
    tokens = ("USD", "ETH")
    before = {(who, t): reader.balance(t, account=address).units for who, address in watched.items() for t in tokens}
    for asset, licence in ((app, 0), (app, 1), (model, 0), (model, 1), (data, 0)):
        buyer.buy(asset.did, licence)
    # Anybody may have them pay; the splitters of royalties are made on the way.
    for stage in (app.did, model.did, team.address):
        buyer.revenue.distribute(stage)
    gained = {
        (who, t): reader.balance(t, account=address).units - before[who, t]
        for who, address in watched.items()
        for t in tokens
    }
    # Data gets 10 % of each sale of the model and the app alike, and 99 % of its own.
    dollars, coins = 9_900_000 + 2_000_000 + 10_000_000, 12 * 10**16
    assert gained["treasury", "USD"] == 1_300_000 and gained["treasury", "ETH"] == 12 * 10**15
    for who, share in (("ann", 5), ("bob", 3), ("cleo", 2)):
        assert gained[who, "USD"] == dollars * share // 10
        assert gained[who, "ETH"] == coins * share // 10
    family = reader.family(app.did)
    assert {one.name: (one.royalty_bps, tuple(map(str, one.earned))) for one in family.ancestors} == {
        "Data": (1_000, ("0.1 ETH", "10 USD")),
        "Model": (1_000, ("0.1 ETH", "10 USD")),
    }
    stated = {one.token.symbol: one for one in reader.revenue.statement(data.did).total()}
    assert (stated["USD"].earned.units, stated["ETH"].earned.units) == (dollars, coins)
    assert str(stated["USD"].royalties) == "12 USD"
    passed = {one.token.symbol: one.earned.units for one in reader.revenue.statement(team).total()}
    assert passed == {"USD": dollars, "ETH": coins}
    written = reader.revenue.statement(data.did).to_csv(tmp_path / "income.csv")
    assert len(written.read_text().splitlines()) == 6


def test_a_payee_that_the_token_blocks_is_parked_and_claims_elsewhere(
    author: Registry, buyer: Registry, dao: Registry, reader: Registry, connect: Callable[..., Registry]
) -> None:
    token = payment_token(dao, "RebasingToken")
    ann, bob, elsewhere = connect(4), connect(5), dev_signer(6).address
    team = author.revenue.create({ann.address: 2, bob.address: 1})
    asset = publish(author, "Data", f"9 {symbol(reader, token)}", payout=team.address)
    contract = buyer.chain.contract("LocalDollar", token)
    buyer.act("make money", contract.functions.mint(buyer.address, 10**9))
    buyer.buy(asset.did)
    block = keccak(text="setBlocked(address,bool)")[:4]
    dao.actor.outbox("block").send(
        Call(token, block + bytes(12) + bytes.fromhex(ann.address[2:]) + (1).to_bytes(32, "big"))
    )
    done = buyer.revenue.distribute(team, token)
    assert [(one.account, one.amount.units, one.parked) for one in sorted(done.payments, key=lambda p: p.parked)] == [
        (bob.address, 2_970_000, False),
        (ann.address, 5_940_000, True),
    ]
    (kept,) = reader.revenue.parked(account=ann.address)
    assert (kept.split, kept.amount.units) == (team.address, 5_940_000)
    assert {one.account: one.parked.units for one in reader.revenue.pending(team, token)} == {
        ann.address: 5_940_000,
        bob.address: 0,
    }
    with pytest.raises(reverts.NothingToClaim):
        bob.revenue.claim(team, token)
    assert ann.revenue.claim(team, token, to=elsewhere, dry_run=True).amount.units == 5_940_000
    # A claim takes what is there, and the rest goes on waiting.
    rebase = keccak(text="rebase(uint256)")[:4]
    dao.actor.outbox("halve").send(Call(token, rebase + (10**18 // 4).to_bytes(32, "big")))
    claimed = ann.revenue.claim(team, token, to=elsewhere)
    assert (claimed.amount.units, claimed.to) == (1_485_000, elsewhere)
    assert reader.chain.call(contract.functions.balanceOf(elsewhere)) == 1_485_000
    (kept,) = reader.revenue.parked(team)
    assert (kept.account, kept.amount.units) == (ann.address, 4_455_000)
    buyer.act("send", contract.functions.transfer(team.address, 4_455_000))
    assert ann.revenue.claim(team, token, to=elsewhere).amount.units == 4_455_000
    assert reader.revenue.parked(team) == ()
    flows = [line.flow for line in reader.revenue.statement(ann.address).lines]
    assert flows == [Flow.PARKED, Flow.CLAIM, Flow.CLAIM]
    (summed,) = reader.revenue.statement(ann.address).total()
    assert summed.earned == summed.received


def symbol(client: Registry, token: Address) -> str:
    return next(known.symbol for known in client.tokens if known.address == token)


def test_256_payees_are_paid_in_chunks_that_fit(author: Registry, buyer: Registry, reader: Registry) -> None:
    payees = {to_address(keccak(text=f"payee {number}")[12:]): number for number in range(1, 257)}
    split = author.revenue.create(payees)
    assert split.tx is not None and split.tx.gas_used < GAS_OF_A_TRANSACTION
    usd = buyer.amount("100 USD")
    buyer.act("send", buyer.erc20(usd.token.address or "").functions.transfer(split.address, usd.units))
    buyer.actor.outbox("send").send(Call(split.address, b"", 10**18))
    done = buyer.revenue.distribute(split)
    # Three chunks for each of the two coins.
    assert len(done.txs) == 6 and all(tx.gas_used < GAS_OF_A_TRANSACTION for tx in done.txs)
    whole = sum(payees.values())
    for token, total in (("USD", usd.units), ("ETH", 10**18)):
        paid = {one.account: one.amount.units for one in done.payments if one.amount.token.symbol == token}
        assert paid == {account: total * number // whole for account, number in payees.items()}
        held = {account: reader.balance(token, account=account).units for account in payees}
        assert held == paid
    sums = {(one.key, one.token.symbol): one.shares.units for one in reader.revenue.statement(split).by_account()}
    assert sums == {(one.account, one.amount.token.symbol): one.amount.units for one in done.payments}
    assert buyer.revenue.distribute(split).txs == ()


def test_the_commands_tell_the_same_story(
    anvil: Any, author: Registry, modeller: Registry, buyer: Registry, tmp_path: Path
) -> None:
    shell = Shell(anvil.url, tmp_path)
    nobody = shell.as_(None)
    names = {"ann": ADDRESSES["stranger"], "bob": dev_signer(5).address}
    (tmp_path / "people.json").write_text(json.dumps(names))
    words = ("split", "create", "ann=60 %", "bob=40%", "--names", "people.json")
    assert shell.json(*words, "--dry-run")["deployed"] is False
    made = shell.json(*words)
    assert made["deployed"] and {payee["fraction"] for payee in made["payees"]} == {"3/5", "2/5"}
    split = made["address"]
    shown = nobody.ok("split", "show", split)
    assert "60 %" in shown and "ancestor" not in shown
    data = publish(author, "Data", "10 USD", royalty_bps=1_000, payout=split)
    model = publish(modeller, "Model", "20 USD", parents=[data.did])
    number = str(model.did.asset_id)
    shown = nobody.ok("split", "show", number)
    assert "ancestor" in shown and str(data.did) in "".join(shown.split())
    assert "2 USD" not in nobody.ok("split", "forecast", split, "1 USD")
    assert "1.2 USD" in nobody.ok("split", "forecast", number, "20 USD")
    buyer.buy(model.did)
    assert "2 USD" in nobody.ok("split", "pending", number, "USD")
    assert "network" in shell.ok("split", "distribute", number, "--dry-run")
    assert "2 USD" in shell.ok("split", "distribute", number)
    told = shell.json("split", "distribute", split, "USD", "--chunk", "1")
    assert {payment["amount"] for payment in told["payments"]} == {"1.2 USD", "0.8 USD"}
    assert "nothing waits" in shell.ok("split", "distribute", split)
    statement = nobody.json("split", "statement", split, "--csv", "income.csv", "--chart", "income.svg")
    assert statement["total"][0]["earned"] == "2 USD" and len(statement["lines"]) == 2
    assert (tmp_path / "income.csv").exists()
    ElementTree.parse(tmp_path / "income.svg")
    assert "made from asset" in nobody.ok("split", "statement", str(data.did.asset_id))
    assert "Nothing was earned" in nobody.ok("split", "statement", ADDRESSES["buyer"])
    assert nobody.json("split", "parked", ADDRESSES["stranger"]) == []
    shown = nobody.ok("family", number, "--svg", "family.svg")
    assert "is owed 10 %, earned 2 USD" in shown and "owes Data" in shown
    ElementTree.parse(tmp_path / "family.svg")
    assert nobody.json("family", number)["ancestors"][0]["royalty_bps"] == 1_000
    assert "10 %" in nobody.ok("derivatives", str(data.did.asset_id))
    assert "allow no derivatives" in shell.ok("derivatives", str(data.did.asset_id), "--none")
    assert shell.refused("split", "claim", split, "USD")["error"] == "NothingToClaim"
    assert shell.refused("split", "create", "ann=60 %", "bob=41 %", "--names", "people.json")["error"] == "InputError"
    assert shell.refused("split", "create", "ann")["error"] == "InputError"
    assert nobody.refused("split", "distribute", split)["error"] == "NoSigner"
