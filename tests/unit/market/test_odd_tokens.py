"""Payment tokens of any number of decimals: what is written is what is paid, shared and stated, to the last unit."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from selling import odd_token

from registry import DID, Amount, Licence, Registry
from registry.chain.call import Call
from registry.chain.plan import FACTORY
from registry.cli.console import Console
from registry.cli.views import asset_facts, offers_table, purchase_facts
from registry.errors import ConnectionFailed, InvalidAmount, InvalidLicence
from registry.money import MAX_PRICE, Token
from registry.types import Address, to_address

NO_PERMIT = ("eip712Domain()", "nonces(address)")
BUILD = Path(__file__).parents[3] / ".build" / "__local__.json"
DECIMALS = [0, 6, 8, 18, 24]


def smallest(decimals: int, whole: int = 12) -> str:
    """`whole` tokens and one unit, as people write it."""
    return f"{whole}.{'1'.rjust(decimals, '0')}" if decimals else str(whole)


@pytest.fixture
def token(dao: Registry, buyer: Registry) -> Callable[[int], Token]:
    """Have the registry take a token of so many decimals called MOCK, of which the buyer has a great deal."""

    def make(decimals: int) -> Token:
        code = json.loads(BUILD.read_text(encoding="utf-8"))["contractTypes"]["MockToken"]["deploymentBytecode"]
        creation = bytes.fromhex(code["bytecode"].removeprefix("0x")) + encode(["uint8"], [decimals])
        dao.actor.outbox("deploy").send(Call(FACTORY, bytes(32) + creation))
        found = keccak(b"\xff" + bytes.fromhex(FACTORY[2:]) + bytes(32) + keccak(creation))[12:]
        address = to_address(found)
        dao.act("take MOCK", dao.assets.functions.setPaymentToken(address, True))
        buyer.act("get MOCK", buyer.erc20(address).functions.mint(buyer.address, 2**110))
        return buyer.amount("0 MOCK").token

    return make


def offer(author: Registry, price: str, *, payout: str | None = None) -> DID:
    licences = [Licence.uses("calls", uses=1, price=price)]
    return author.publish(None, name=f"For {price}", type="model", license="MIT", licences=licences, payout=payout).did


@pytest.mark.parametrize("decimals", DECIMALS)
def test_a_price_is_shown_paid_shared_and_stated_as_it_was_written(
    decimals: int,
    token: Callable[[int], Token],
    author: Registry,
    buyer: Registry,
    ann: Registry,
    bob: Registry,
    cleo: Registry,
    treasury: Address,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    mock = token(decimals)
    price = f"{smallest(decimals)} MOCK"
    units = 12 * 10**decimals + (decimals > 0)
    split = author.revenue.create({ann.address: 1, bob.address: 1, cleo.address: 1})
    did = offer(author, price, payout=split.address)

    found = buyer.get(did)
    assert str(found.licences[0].price) == price and price in found.licences[0].in_words()
    console = Console()
    console.result(found, facts=asset_facts(found), table=offers_table(found.name, found.licences))
    assert price in capsys.readouterr().out

    before = buyer.units(mock, buyer.address)
    total = Amount(3 * units, mock)
    bought = buyer.buy(did, "calls", units=3, max_total=str(total))
    assert (bought.price.total, bought.price.fee.units) == (total, 3 * units // 100)
    assert before - buyer.units(mock, buyer.address) == 3 * units
    assert buyer.units(mock, treasury) == 3 * units // 100
    assert purchase_facts(bought)["price"] == str(total)

    revenue = 3 * units - 3 * units // 100
    waiting = author.revenue.pending(split, "MOCK")
    assert [one.waiting.units for one in waiting] == [revenue // 3] * 3
    paid = author.revenue.distribute(split, "MOCK").payments
    assert [one.amount.units for one in paid] == [revenue // 3] * 3
    assert buyer.units(mock, split.address) == revenue % 3, "what makes no whole unit for everybody waits"

    stated = author.revenue.statement(split.address)
    assert stated.total()[0].shares.units == revenue - revenue % 3
    console.table(stated.table())
    assert str(paid[0].amount) in capsys.readouterr().out
    with stated.to_csv(tmp_path / "statement.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["what"], row["units"]) for row in rows} == {("sale", str(revenue)), ("share", str(revenue // 3))}
    for row in rows:
        assert Amount.parse(f"{row['amount']} {row['token']}", [mock]).units == int(row["units"])
        assert "E" not in row["amount"], "a spreadsheet shall see all digits"
    [sale] = (row for row in rows if row["what"] == "sale")
    assert Decimal(sale["gross"]) == total.decimal


@pytest.mark.parametrize("decimals", DECIMALS)
def test_what_is_finer_than_the_token_is_refused_before_anything_is_sent(
    decimals: int, token: Callable[[int], Token], author: Registry, buyer: Registry
) -> None:
    token(decimals)
    did, block = offer(author, "2 MOCK"), buyer.chain.block().number
    too_fine = f"2.{'1'.rjust(decimals + 1, '0')} MOCK"
    for refused in (
        lambda: offer(author, too_fine),
        lambda: author.reprice(did, "calls", too_fine),
        lambda: buyer.buy(did, "calls", max_total=too_fine),
        lambda: buyer.approve(too_fine),
    ):
        with pytest.raises(InvalidAmount, match=f"more decimals than the {decimals} of MOCK"):
            refused()
    assert buyer.chain.block().number == block


def test_the_largest_price_of_24_decimals_is_kept_and_more_is_named(
    token: Callable[[int], Token], author: Registry, buyer: Registry
) -> None:
    mock = token(24)
    most, more = (str(Amount(units, mock)) for units in (MAX_PRICE, MAX_PRICE + 1))
    assert most == "79228.162514264337593543950335 MOCK"
    did = offer(author, most)
    assert str(buyer.get(did).licences[0].price) == most
    assert most in buyer.get(did).licences[0].in_words()
    for refused in (lambda: offer(author, more), lambda: author.reprice(did, "calls", more)):
        with pytest.raises(InvalidAmount, match=rf"costs at most {most}.*uint96"):
            refused()
    with pytest.raises(InvalidLicence, match="uint96"):
        offer(author, f"{MAX_PRICE + 1} MOCK")

    # One unit fits into the registry's price; what several cost together, and what people hold, is larger.
    bought = buyer.buy(did, "calls", units=5)
    assert bought.price.total.units == 5 * MAX_PRICE
    assert buyer.balance("MOCK").units == 2**110 - 5 * MAX_PRICE
    assert author.revenue.statement(did).total()[0].gross.units == 5 * MAX_PRICE


def test_a_token_without_decimals_is_counted_in_its_units_and_keeps_nobody_from_the_others(
    dao: Registry, author: Registry, buyer: Registry
) -> None:
    address = odd_token(dao, author.deployment.tokens["USD"], symbol=b"RAW", lacks=(*NO_PERMIT, "decimals()"))
    buyer.act("get some", buyer.erc20(address).functions.mint(buyer.address, 1_000))
    raw = next(known for known in author.tokens if known.address == address)
    assert (raw.symbol, raw.decimals) == ("RAW", 0)
    did = offer(author, "250 RAW")
    assert buyer.buy(did, "calls", max_total="250 RAW").price.total == Amount(250, raw)
    assert str(buyer.balance("RAW")) == "750 RAW"
    with pytest.raises(InvalidAmount, match="more decimals than the 0 of RAW"):
        offer(author, "2.5 RAW")
    assert buyer.buy(offer(author, "1 USD"), "calls").price.total == author.amount("1 USD")


def test_a_node_that_is_gone_is_not_a_token_without_decimals(
    market_place: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a price would be read a million times too large or too small for want of a connection."""
    reader = market_place.as_account(None)
    ask = reader.chain.call

    def fail(function: object, **options: object) -> object:
        if getattr(function, "fn_name", "") in failing:
            raise ConnectionFailed("http://node", "it is gone")
        return ask(function, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(reader.chain, "call", fail)
    for question in ("decimals", "symbol"):
        failing = {question}
        with pytest.raises(ConnectionFailed):
            _ = reader.tokens
    failing = set()
    assert [known.symbol for known in reader.tokens] == ["ETH", "USD"]
