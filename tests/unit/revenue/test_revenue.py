"""Splits on a chain: made once, paid exactly, forecast to the unit, and told from events alone."""

from __future__ import annotations

import csv
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry import Amount, Published, Registry
from registry.chain import reverts
from registry.errors import InputError, NoSigner, NotFoundError, UnknownToken
from registry.revenue.accounts import Accounts
from registry.revenue.splits import Split
from registry.revenue.statement import Flow
from registry.types import Address

from .support import refusing_account, send

THIRDS = {"ann": 1, "bob": 1, "cleo": 1}
TENTHS = {"ann": "33.3 %", "bob": "33.3 %", "cleo": "33.4 %"}


def held(client: Registry, accounts: dict[str, Address], token: str) -> dict[str, int]:
    return {name: client.balance(token, account=account).units for name, account in accounts.items()}


# --- Making --------------------------------------------------------------------------------------


def test_a_split_is_made_once_and_found_again(author: Registry, buyer: Registry, people: dict[str, Address]) -> None:
    before = author.revenue.address_of(TENTHS, names=people)
    assert not before.deployed and not author.chain.has_code(before.address)
    tried = author.revenue.create(TENTHS, names=people, dry_run=True)
    assert tried.cost is not None and tried.tx is None and not tried.deployed
    made = author.revenue.create(TENTHS, names=people)
    assert made.deployed and made.tx is not None and made.address == before.address
    block = buyer.chain.block().number
    again = buyer.revenue.create({people["cleo"]: 334, people["bob"]: 333, people["ann"]: 333})
    assert again.address == made.address and again.tx is None
    assert buyer.chain.block().number == block
    assert buyer.revenue.get(made.address).payees == made.payees
    assert sum(made.shares.values()) == 1
    assert "33.3 %" in str(made)


def test_payees_that_would_lose_their_share_are_refused(author: Registry, people: dict[str, Address]) -> None:
    for dead in (author.deployment.registry, author.deployment.marketplace, author.amount("0 USD").token.address):
        with pytest.raises(InputError, match=f"Payee {dead}"):
            author.revenue.create({str(dead): 1, people["ann"]: 1})


def test_what_is_no_splitter_is_not_taken_for_one(author: Registry, publish: Callable[..., Published]) -> None:
    for other in (author.address, author.deployment.registry, author.amount("0 USD").token.address):
        with pytest.raises(NotFoundError, match="no splitter"):
            author.revenue.get(str(other))
    with pytest.raises(NotFoundError, match="owes no royalties"):
        author.revenue.get(publish(author).did)
    with pytest.raises(NotFoundError):
        author.revenue.get(999)


def test_an_implementation_is_not_taken_for_a_splitter(author: Registry) -> None:
    for name, address in (("SplitterFactory", author.deployment.splitters), ("Lineage", author.deployment.lineage)):
        functions = author.chain.contract(name, address).functions
        getter = functions.implementation() if name == "SplitterFactory" else functions.splitterImplementation()
        with pytest.raises(NotFoundError):
            author.revenue.get(author.chain.call(getter))


def test_royalties_that_a_stranger_declares_are_not_ours(
    author: Registry, editor: Registry, stranger: Registry, publish: Callable[..., Published]
) -> None:
    """Lineage serves any registry, and whoever calls it is one: with numbers like ours, and splitters of its code."""
    model = publish(editor, parents=[publish(author, royalty_bps=500).did])
    number, ledger = model.did.asset_id, Accounts(author)
    made = []
    for registry in (author.deployment.registry, stranger.address):
        stranger.act("make a splitter", ledger.lineage.functions.createSplitter(registry, number))
        made.append(stranger.chain.call(ledger.lineage.functions.splitterOf(registry, number)))
    ours, theirs = made
    assert ledger.find(ours) == author.revenue.get(model.did)
    assert ledger.find(theirs) is None
    with pytest.raises(NotFoundError):
        author.revenue.get(theirs)


def test_making_a_split_needs_a_signer_and_reading_does_not(reader: Registry, people: dict[str, Address]) -> None:
    found = reader.revenue.address_of(THIRDS, names=people)
    assert reader.revenue.forecast(found, "1 USD").kept == 1
    with pytest.raises(NoSigner):
        reader.revenue.create(THIRDS, names=people)


# --- Paying --------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["USD", "ETH"])
def test_money_that_came_before_the_code_is_paid_to_the_unit(
    author: Registry, buyer: Registry, people: dict[str, Address], token: str
) -> None:
    split = author.revenue.address_of(TENTHS, names=people)
    send(buyer, split.address, f"0.001001 {token}")
    before = held(author, people, token)
    expected = {one.account: one.waiting.units for one in author.revenue.pending(split, token)}
    assert buyer.revenue.distribute(split, dry_run=True).cost is not None
    done = buyer.revenue.distribute(split)
    assert [tx.named("SplitterCreated") != () for tx in done.txs] == [True, False]
    after = held(author, people, token)
    assert {people[name]: after[name] - before[name] for name in people} == expected
    assert {one.account: one.amount.units for one in done.payments} == expected
    again = buyer.revenue.distribute(split)
    assert again.txs == () and "nothing was distributed" in str(again)


def test_both_coins_are_distributed_at_once_and_others_by_their_address(
    author: Registry, buyer: Registry, people: dict[str, Address]
) -> None:
    split = author.revenue.create(THIRDS, names=people)
    send(buyer, split.address, "3 USD")
    send(buyer, split.address, "0.3 ETH")
    done = buyer.revenue.distribute(split)
    assert {str(one.amount) for one in done.payments} == {"1 USD", "0.1 ETH"}
    assert str(done) == "distributed 0.3 ETH and 3 USD among 3 accounts"
    usd = author.amount("0 USD").token.address
    send(buyer, split.address, "3 USD")
    assert buyer.revenue.distribute(split, usd).payments
    with pytest.raises(InputError, match="does not answer like a token"):
        buyer.revenue.distribute(split, author.address)
    with pytest.raises(UnknownToken):
        buyer.revenue.distribute(split, "DOGE")


@pytest.mark.parametrize("chunk", [1, 2, 3, 100])
def test_chunks_pay_the_same_and_are_told_the_same(
    author: Registry, buyer: Registry, people: dict[str, Address], chunk: int
) -> None:
    split = author.revenue.create(TENTHS, names=people)
    for amount in ("0.000001 USD", "7.000003 USD", "0.000002 USD"):
        send(buyer, split.address, amount)
        buyer.revenue.distribute(split, chunk=chunk)
    sums = {one.key: one.shares.units for one in buyer.revenue.statement(split).by_account()}
    assert sums == {account: 7_000_006 * (334 if name == "cleo" else 333) // 1000 for name, account in people.items()}
    assert sum(one.waiting.units for one in buyer.revenue.pending(split, "USD")) == 0


def test_a_chunk_is_told_to_the_payees_it_was_for(
    author: Registry, buyer: Registry, people: dict[str, Address]
) -> None:
    split = author.revenue.create(THIRDS, names=people)
    at_first = held(author, people, "USD")
    send(buyer, split.address, "0.000012 USD")
    usd = author.amount("0 USD").token
    contract = author.chain.contract("RevenueSplitter", split.address)
    buyer.act("pay one", contract.functions.distributeChunk(usd.address, 1))
    # The sum alone could have been a round among all three.
    (line,) = buyer.revenue.statement(split).lines
    assert (line.account, line.amount) == (split.payees[0].account, Amount(4, usd))
    assert [one.waiting.units for one in buyer.revenue.pending(split, "USD")] == [0, 4, 4]
    send(buyer, split.address, "0.000003 USD")
    assert [one.waiting.units for one in buyer.revenue.pending(split, "USD")] == [1, 5, 5]
    assert buyer.revenue.forecast(split, "0.000001 USD").kept == 1
    done = buyer.revenue.distribute(split)
    # The rest of that round, and then a round of what came meanwhile.
    assert [one.amount.units for one in done.payments] == [4, 4, 1, 1, 1]
    assert {one.account for one in done.payments[:2]} == {payee.account for payee in split.payees[1:]}
    assert held(author, people, "USD") == {name: before + 5 for name, before in at_first.items()}


def test_a_payee_that_takes_no_coin_hinders_nobody(
    author: Registry, buyer: Registry, people: dict[str, Address], reader: Registry
) -> None:
    odd = refusing_account(author)
    split = author.revenue.create({odd: "50 %", people["ann"]: "50 %"})
    send(buyer, split.address, "2 ETH")
    before = author.balance("ETH", account=people["ann"]).units
    done = buyer.revenue.distribute(split, "ETH")
    assert author.balance("ETH", account=people["ann"]).units - before == 10**18
    assert [(one.account, str(one.amount)) for one in done.parked] == [(odd, "1 ETH")]
    assert "1 parked" in str(done)
    (kept,) = reader.revenue.parked(split)
    assert (kept.account, str(kept.amount)) == (odd, "1 ETH")
    assert reader.revenue.parked(account=odd) == (kept,)
    assert reader.revenue.parked(account=people["ann"]) == ()
    owed = {one.account: (one.waiting.units, one.parked.units) for one in reader.revenue.pending(split, "ETH")}
    assert owed == {odd: (0, 10**18), people["ann"]: (0, 0)}
    (told,) = [line for line in reader.revenue.statement(split).lines if line.account == odd]
    assert told.flow is Flow.PARKED
    # What is parked is still there, and what came beside it is distributed.
    send(buyer, split.address, "4 ETH")
    again = buyer.revenue.distribute(split, "ETH")
    assert [(one.account, str(one.amount)) for one in again.parked] == [(odd, "2 ETH")]
    assert author.balance("ETH", account=people["ann"]).units - before == 3 * 10**18
    with pytest.raises(reverts.NothingToClaim):
        buyer.revenue.claim(split, "ETH")


def test_nothing_can_be_claimed_from_a_split_that_was_not_made(author: Registry, people: dict[str, Address]) -> None:
    with pytest.raises(NotFoundError, match="not made yet"):
        author.revenue.claim(author.revenue.address_of(THIRDS, names=people), "USD")


# --- Forecasts -----------------------------------------------------------------------------------

weights_of_three = st.lists(st.integers(1, 2**32 - 1) | st.integers(1, 5), min_size=3, max_size=3)
units = st.integers(1, 10) | st.integers(1, 10**11)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shares=weights_of_three, past=units, waiting=units, future=units)
def test_a_forecast_is_what_the_contract_pays(
    author: Registry,
    buyer: Registry,
    people: dict[str, Address],
    shares: list[int],
    past: int,
    waiting: int,
    future: int,
) -> None:
    split = author.revenue.create(dict(zip(people.values(), shares, strict=True)))
    usd = author.amount("0 USD").token
    send(buyer, split.address, str(Amount(past, usd)))
    buyer.revenue.distribute(split)
    send(buyer, split.address, str(Amount(waiting, usd)))
    forecast = buyer.revenue.forecast(split, Amount(future, usd))
    assert sum(part.amount.units for part in forecast.parts) + forecast.kept == future
    now = {one.account: one.waiting.units for one in buyer.revenue.pending(split, "USD")}
    before = held(author, people, "USD")
    send(buyer, split.address, str(Amount(future, usd)))
    buyer.revenue.distribute(split)
    after = held(author, people, "USD")
    for name, account in people.items():
        assert after[name] - before[name] == now[account] + forecast.of(account).units


def test_a_sale_is_forecast_through_ancestors_and_splits_of_splits(
    author: Registry,
    editor: Registry,
    buyer: Registry,
    people: dict[str, Address],
    publish: Callable[..., Published],
    treasury: Address,
) -> None:
    inner = author.revenue.create({people["ann"]: 2, people["bob"]: 1})
    outer = author.revenue.create({inner.address: "50 %", people["cleo"]: "50 %"})
    data = publish(author, payout=outer.address, royalty_bps=777)
    model = publish(editor, "9.999999 USD", parents=[data.did], payout=inner.address)
    # Something waits on the way already, in every splitter.
    send(buyer, outer.address, "0.000003 USD")
    send(buyer, inner.address, "0.000002 USD")
    for split in (outer, inner):
        buyer.revenue.distribute(split)
    forecast = buyer.revenue.forecast(model.did, "9.999999 USD")
    everyone = {**people, "treasury": treasury}
    before = held(author, everyone, "USD")
    buyer.buy(model.did)
    for stage in (model.did, outer, inner):
        buyer.revenue.distribute(stage)
    after = held(author, everyone, "USD")
    assert {name: after[name] - before[name] for name in everyone} == {
        name: forecast.of(account).units for name, account in everyone.items()
    }
    assert {part.why for part in forecast.parts} == {"fee", "royalty", "revenue"}
    assert max(len(part.through) for part in forecast.parts) == 3
    assert abs(forecast.kept) < 8


# --- Statements ----------------------------------------------------------------------------------


def family(author: Registry, editor: Registry, publish: Callable[..., Published], split: Split) -> list[Published]:
    data = publish(author, "10 USD", payout=split.address, royalty_bps=1_000, name="Data")
    model = publish(editor, "7.77 USD", "0.123 ETH", parents=[data.did], royalty_bps=500, name="Model")
    app = publish(author, "99.999999 USD", "0.01 ETH", parents=[model.did], name="App")
    return [data, model, app]


def fees_of(reader: Registry, treasury: Address) -> int:
    return sum(one.collected.units for one in reader.revenue.statement(treasury, token="USD").total())


def test_a_fee_is_in_the_statement_of_who_was_the_treasury_then(
    author: Registry,
    buyer: Registry,
    reader: Registry,
    dao: Registry,
    publish: Callable[..., Published],
    treasury: Address,
) -> None:
    made = publish(author, "10 USD")
    heir, before = dao.as_account("bob").address, fees_of(reader, treasury)
    assert (fees_of(reader, heir), buyer.buy(made.did).price.fee.units) == (0, 100_000)
    dao.act("change the treasury", dao.assets.functions.setTreasury(heir))
    buyer.as_account("ann").buy(made.did)
    assert (fees_of(reader, treasury) - before, fees_of(reader, heir)) == (100_000, 100_000)
    (line,) = (line for line in reader.revenue.statement(heir).lines if line.flow == "fee")
    assert (line.asset, str(line.amount)) == (made.did, "0.1 USD")


def test_statements_add_up_to_what_the_accounts_got(
    author: Registry,
    editor: Registry,
    buyer: Registry,
    reader: Registry,
    people: dict[str, Address],
    publish: Callable[..., Published],
    treasury: Address,
) -> None:
    split = author.revenue.create(TENTHS, names=people)
    data, model, app = family(author, editor, publish, split)
    everyone = {**people, "author": author.address, "editor": editor.address}
    # Their gas is paid in native coin, so only the dollars are compared with balances of those who act.
    before = {token: held(reader, everyone, token) for token in ("USD", "ETH")}
    fees, collected = reader.balance("USD", account=treasury).units, fees_of(reader, treasury)
    for asset, licence in ((app, 0), (app, 1), (model, 0), (model, 1), (data, 0), (app, 0)):
        buyer.buy(asset.did, licence)
    for stage in (app.did, model.did, split, app.did, split):
        buyer.revenue.distribute(stage)
    for token in ("USD", "ETH"):
        now = held(reader, everyone, token)
        for name, account in everyone.items():
            stated = sum(one.received.units for one in reader.revenue.statement(account, token=token).total())
            assert now[name] - before[token][name] == stated, (name, token)
    stated = [reader.revenue.statement(asset.did, token="USD").total()[0] for asset in (data, model, app)]
    assert sum(one.fees.units for one in stated) == reader.balance("USD", account=treasury).units - fees
    assert fees_of(reader, treasury) - collected == reader.balance("USD", account=treasury).units - fees
    assert sum(one.owed.units for one in stated) >= sum(one.royalties.units for one in stated)
    assert stated[0].gross.units == 10_000_000 and str(stated[0].sales) == "9.9 USD"
    passed = reader.revenue.statement(split, token="USD")
    assert sum(line.amount.units for line in passed.arrived) - passed.total()[0].earned.units in range(3)


def test_a_sale_counts_for_the_payout_of_its_day(
    author: Registry, editor: Registry, buyer: Registry, reader: Registry, publish: Callable[..., Published]
) -> None:
    asset = publish(author, "1 USD")
    buyer.buy(asset.did)
    author.set_payout(asset.did, buyer.address)
    buyer.buy(asset.did)
    author.set_payout(asset.did, None)
    buyer.buy(asset.did)
    author.transfer(asset.did, editor.address)
    buyer.buy(asset.did)
    told = [line.account for line in reader.revenue.statement(asset.did).lines]
    assert told == [author.address, buyer.address, author.address, editor.address]
    assert len(reader.revenue.statement(author.address).lines) == 2
    assert len(reader.revenue.statement(editor.address).lines) == 1


def test_what_was_had_for_nothing_is_told_too(
    author: Registry, buyer: Registry, reader: Registry, publish: Callable[..., Published]
) -> None:
    gift = publish(author, "0 USD")
    buyer.buy(gift.did)
    (line,) = reader.revenue.statement(gift.did).lines
    assert (line.flow, line.account, str(line.amount)) == ("sale", author.address, "0 ETH")


def test_a_royalty_counts_for_the_ancestors_payout_of_its_day(
    author: Registry, editor: Registry, buyer: Registry, people: dict[str, Address], publish: Callable[..., Published]
) -> None:
    data = publish(author, royalty_bps=1_000)
    model = publish(editor, "10 USD", parents=[data.did])
    buyer.buy(model.did)
    buyer.revenue.distribute(model.did)
    author.set_payout(data.did, people["ann"])
    buyer.buy(model.did)
    buyer.revenue.distribute(model.did)
    assert [(line.account, str(line.amount)) for line in buyer.revenue.statement(data.did).lines] == [
        (author.address, "1 USD"),
        (people["ann"], "1 USD"),
    ]
    assert [str(line.amount) for line in buyer.revenue.statement(people["ann"]).lines] == ["1 USD"]


@pytest.mark.parametrize("ours", [False, True], ids=["of theirs", "of ours"])
def test_a_royalty_to_an_ancestor_of_another_registry_is_paid_and_told(
    author: Registry,
    neighbour: Registry,
    people: dict[str, Address],
    publish: Callable[..., Published],
    ours: bool,
) -> None:
    here, there = (author, neighbour) if ours else (neighbour, author)
    data, other = publish(there, royalty_bps=1_000), publish(here, name="Of the same number")
    assert data.did.asset_id == other.did.asset_id and here.address != there.address
    model = publish(here, "10 USD", parents=[data.did])
    (ancestor,) = here.family(model.did).ancestors
    assert (ancestor.did, ancestor.name, ancestor.royalty_bps) == (data.did, "asset of another registry", 1_000)
    payer = here.as_account("buyer")
    for payout in (there.address, people["ann"]):
        if payout != there.address:
            there.set_payout(data.did, payout)
        before = there.balance("USD", account=payout).units
        payer.buy(model.did)
        (paid,) = payer.revenue.distribute(model.did).payments
        assert (paid.account, str(paid.amount), paid.parked) == (payout, "1 USD", False)
        assert there.balance("USD", account=payout).units - before == 1_000_000
    for payout in (there.address, people["ann"]):
        told = [line for line in payer.revenue.statement(payout).lines if line.flow is Flow.ROYALTY]
        assert [(line.account, line.asset, str(line.amount)) for line in told] == [(payout, data.did, "1 USD")]
    assert not payer.revenue.statement(other.did).lines


def test_a_statement_covers_a_time(
    author: Registry, buyer: Registry, people: dict[str, Address], publish: Callable[..., Published]
) -> None:
    asset = publish(author, "1 USD")
    buyer.buy(asset.did)
    buyer.chain.advance(10 * 86_400)
    buyer.buy(asset.did)
    first, second = buyer.revenue.statement(asset.did).lines
    assert second.time - first.time >= 10 * 86_400
    assert buyer.revenue.statement(asset.did, since="2026-01-05").lines == (second,)
    assert buyer.revenue.statement(asset.did, until="2026-01-05T00:00:00+00:00").lines == (first,)
    assert buyer.revenue.statement(asset.did, since="2027-01-01").lines == ()
    with pytest.raises(InputError, match="is not a date or moment"):
        buyer.revenue.statement(asset.did, since="last week")


def test_a_statement_is_a_table_bars_a_picture_and_a_csv_file(
    author: Registry,
    editor: Registry,
    buyer: Registry,
    people: dict[str, Address],
    publish: Callable[..., Published],
    tmp_path: Path,
) -> None:
    from rich.console import Console

    split = author.revenue.create(TENTHS, names=people)
    data, model, _app = family(author, editor, publish, split)
    buyer.buy(data.did)
    buyer.buy(model.did, 0)
    buyer.revenue.distribute(model.did)
    statement = buyer.revenue.statement(data.did)
    console = Console(width=200, file=StringIO(), record=True)
    console.print(statement.table(), statement.bars())
    shown = console.export_text()
    assert "sold for 10 USD: 0.1 USD fee" in shown and "10.677 USD" in shown and "█" in shown
    with statement.to_csv(tmp_path / "income.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["what"], row["amount"], row["units"], row["gross"]) for row in rows] == [
        ("sale", "9.900000", "9900000", "10.000000"),
        ("royalty", "0.777000", "777000", ""),
    ]
    picture = statement.chart(tmp_path / "income.svg").read_bytes()
    texts = [text.strip() for text in ElementTree.fromstring(picture).itertext()]
    assert "10.677 USD" in texts and "royalties" in texts
    assert statement.chart(tmp_path / "again.svg").read_bytes() == picture
    assert statement.chart(tmp_path / "income.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(InputError, match="not the name of a picture"):
        statement.chart(tmp_path / "income.gif")
    with pytest.raises(InputError, match="nothing to draw"):
        buyer.revenue.statement(people["ann"]).chart(tmp_path / "none.svg")
    for write in (statement.to_csv, statement.chart):
        with pytest.raises(InputError, match="cannot be written"):
            write(tmp_path / "nowhere" / "income.svg")


def test_a_token_that_anybody_made_is_left_out_of_statements_unless_named(
    author: Registry, buyer: Registry, people: dict[str, Address]
) -> None:
    from registry.chain.call import Call
    from registry.chain.plan import FACTORY, creation

    fake, code = creation("LocalDollar", buyer.address, [])
    buyer.actor.outbox("deploy").send(Call(FACTORY, code))
    split = author.revenue.create(THIRDS, names=people)
    buyer.act("make money", buyer.erc20(fake).functions.mint(split.address, 3_000_000))
    assert buyer.revenue.distribute(split).txs == ()
    assert len(buyer.revenue.distribute(split, fake).payments) == 3
    assert buyer.revenue.statement(split).lines == ()
    assert [str(one.earned) for one in buyer.revenue.statement(split, token=fake).total()] == ["3 USD"]
