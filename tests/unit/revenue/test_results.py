"""What is said of a split, a forecast and a distribution, as values and in one line."""

from __future__ import annotations

from fractions import Fraction

from registry.did import DID
from registry.money import Amount, Token
from registry.revenue.splits import Distribution, Forecast, Part, Payment, Pending, Share, Split
from registry.types import Address

ANN, BOB, CLEO, DORA, EVE, *OTHERS = (Address("0x" + digit * 40) for digit in "12345678")
AT = Address("0x" + "9" * 40)
USD = Token("USD", 6, Address("0x" + "8" * 40), 1)
WEI = Token("ETH", 18, None, 0)
MODEL = DID(1, "0x06012c8cf97BEaD5deAe237070F9587f8E7A266d", 42)


def usd(units: int) -> Amount:
    return Amount(units, USD)


def split(*accounts: Address, deployed: bool = True, asset: DID | None = None) -> Split:
    part = Fraction(1, len(accounts))
    return Split(AT, tuple(Share(account, 1, part) for account in accounts), deployed, asset)


def test_the_shares_of_an_account_are_added_up() -> None:
    two = split(ANN, BOB, ANN, CLEO)
    assert two.shares == {ANN: Fraction(1, 2), BOB: Fraction(1, 4), CLEO: Fraction(1, 4)}
    assert two.weights == (1, 1, 1, 1)


def test_a_split_names_four_payees_and_counts_the_others() -> None:
    shown = f"25 % to {ANN}, 25 % to {BOB}, 25 % to {CLEO}, 25 % to {DORA}"
    assert str(split(ANN, BOB, CLEO, DORA)) == f"splitter {AT}: {shown}"
    five = str(split(ANN, BOB, CLEO, DORA, EVE, deployed=False))
    assert five.endswith(f"20 % to {DORA} and 1 more (not made yet)") and EVE not in five
    assert " and 4 more" in str(split(ANN, BOB, CLEO, DORA, EVE, *OTHERS))
    assert str(split(ANN, asset=MODEL)) == f"royalties of {MODEL}: 100 % to {ANN}"


def test_what_is_to_be_expected_is_what_waits_and_what_is_parked() -> None:
    assert Pending(ANN, waiting=usd(3), parked=usd(2)).total == usd(5)


def test_a_forecast_adds_up_what_one_account_gets() -> None:
    parts = (Part(ANN, usd(5), "fee"), Part(BOB, usd(3), "revenue"), Part(ANN, usd(1), "share"))
    forecast = Forecast(usd(10), parts, kept=1)
    assert [forecast.of(account) for account in (ANN.lower(), BOB, CLEO)] == [usd(6), usd(3), usd(0)]


def test_what_a_forecast_leaves_undivided_waits_or_waited_there_before() -> None:
    told = [Forecast(usd(10), (), kept).undivided for kept in (2, 0, -2)]
    assert told == ["2 of the smallest unit, which wait for more", "", "-2 of the smallest unit, which waited for more"]


def distribution(*payments: Payment) -> Distribution:
    return Distribution(split(ANN, BOB), payments, (), None)


def test_a_distribution_is_told_by_tokens_and_people() -> None:
    assert str(distribution()) == f"nothing was distributed by {AT}"
    assert str(distribution(Payment(ANN, usd(2_500_000), False))) == "distributed 2.5 USD among 1 account"
    both = distribution(
        Payment(ANN, usd(2_000_000), False),
        Payment(BOB, usd(1_000_000), True),
        Payment(BOB, Amount(10**18, WEI), False),
    )
    assert str(both) == "distributed 3 USD and 1 ETH among 2 accounts, 1 parked"
    assert [payment.account for payment in both.parked] == [BOB]
