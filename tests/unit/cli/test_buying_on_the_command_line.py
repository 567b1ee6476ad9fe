"""What a buyer sees at the prompt is what is agreed to, what was bought under a name is not offered again, and what is
bought, used and given away is as much as was written."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from selling import CALLS, LIVE, MONTH, RESEARCH
from terminal import runner

from registry import Published, Registry
from registry.cli import cli
from registry.cli.app import App
from registry.content.uses import SignedReceipt
from registry.errors import InsufficientBalance
from registry.types import ZERO_ADDRESS

Meanwhile = Callable[[], object]


@pytest.fixture
def shell(buyer: Registry, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """``shell("buy", ..., meanwhile=f)``: the buyer's command line, or that of who is named `by`; `f` happens while the
    question is on the screen."""
    asked: list[str] = []

    def run(*words: object, meanwhile: Meanwhile = lambda: None, yes: bool = False, by: Registry = buyer) -> Result:
        def agree(app: App, question: str, *, short: InsufficientBalance | None = None) -> None:
            if short is not None:
                raise short
            asked.append(question)
            if not app.settings.get("yes"):
                meanwhile()

        monkeypatch.setattr(App, "registry", lambda _app, *, to=None: by)
        monkeypatch.setattr(App, "agree", agree)
        asked.clear()
        ended = runner().invoke(cli, [*map(str, words), *(["--yes"] if yes else [])])
        ended.asked = list(asked)  # type: ignore[attr-defined]
        return ended

    return run


def test_the_price_at_the_prompt_is_the_most_that_is_paid(
    publish: Callable[..., Published], author: Registry, buyer: Registry, shell: Callable[..., Any]
) -> None:
    did, before = publish(MONTH).did, buyer.balance("USD")
    # Also where more was allowed beforehand: what was seen counts.
    for allowed in ((), ("--max-total", "100 USD")):
        ended = shell("buy", did, "month", *allowed, meanwhile=lambda: author.reprice(did, "month", "50 USD"))
        assert ended.exit_code == 1 and "\nPriceChanged" in "\n" + ended.stderr
        assert "12.5 USD" in ended.asked[0] and buyer.balance("USD") == before
        author.reprice(did, "month", "12.5 USD")
    # A price that fell is paid as it is.
    ended = shell("buy", did, "month", meanwhile=lambda: author.reprice(did, "month", "2 USD"))
    assert ended.exit_code == 0 and (before - buyer.balance("USD")).units == 2_000_000


@pytest.mark.parametrize("yes", [False, True])
def test_what_was_bought_under_a_name_is_told_and_neither_asked_nor_paid_again(
    publish: Callable[..., Published], buyer: Registry, author: Registry, shell: Callable[..., Any], yes: bool
) -> None:
    did = publish(MONTH).did
    assert shell("buy", did, "month", "--once", "order 17", yes=yes).exit_code == 0
    token = buyer.erc20(buyer.amount("1 USD").token.address or "").functions
    buyer.act("spend the rest", token.transfer(author.address, buyer.balance("USD").units))
    block = buyer.chain.block().number
    for words in ((), ("--dry-run",)):
        ended = shell("buy", did, "month", "--once", "order 17", *words, yes=yes)
        assert ended.exit_code == 0, ended.stderr
        assert "nothing was sent: bought before" in ended.stdout and not ended.asked
        told = json.loads(shell("buy", did, "month", "--once", "order 17", "--json", *words, yes=yes).stdout)
        assert (told["before"], told["cost"]["gas"]) == (True, 0)
    assert buyer.chain.block().number == block
    # Another order cannot be paid any more, and says so before it asks.
    ended = shell("buy", did, "month", "--once", "order 18", yes=yes)
    assert "\nInsufficientBalance" in "\n" + ended.stderr and not ended.asked
    # Whoever only looks is told what it costs, and what is there.
    ended = shell("buy", did, "month", "--dry-run", yes=yes)
    assert ended.exit_code == 0 and "has 0 USD, and this takes 12.5 USD" in ended.stdout
    told = json.loads(shell("buy", did, "month", "--dry-run", "--json", yes=yes).stdout)
    assert told["price"]["total"] == "12.5 USD" and "holds 0 USD" in told["cost"]["short"]


def test_as_many_are_bought_redeemed_and_given_as_were_written_and_one_unless_said(
    publish: Callable[..., Published], author: Registry, buyer: Registry, stranger: Registry, shell: Callable[..., Any]
) -> None:
    did, before = publish(MONTH).did, buyer.balance("USD")

    def tokens(who: Registry) -> float:
        return who.holding(did, "month").tokens / 10**18

    def run(*words: object, by: Registry = buyer) -> None:
        held = tokens(buyer), tokens(stranger), buyer.balance("USD")
        tried = shell(*words, "--dry-run", by=by, yes=True)
        assert tried.exit_code == 0 and not tried.asked, tried.stderr
        assert (tokens(buyer), tokens(stranger), buyer.balance("USD")) == held, "it was tried and not done"
        done = shell(*words, by=by, yes=True)
        assert done.exit_code == 0, done.stderr

    run("buy", did, "--as-tokens")
    assert (tokens(buyer), (before - buyer.balance("USD")).units) == (1, 12_500_000)
    run("buy", did, "--units", 3, "--as-tokens")
    assert (tokens(buyer), (before - buyer.balance("USD")).units) == (4, 50_000_000)
    run("redeem", did)
    assert tokens(buyer) == 3 and buyer.has_access(did) and not stranger.has_access(did)
    run("redeem", did, "month", "--units", 2, "--account", stranger.address)
    assert tokens(buyer) == 1 and stranger.has_access(did)
    run("grant", did, "--to", stranger.address, "--as-tokens", by=author)
    run("grant", did, "--to", stranger.address, "--as-tokens", "--units", 4, by=author)
    assert (tokens(stranger), (before - buyer.balance("USD")).units) == (5, 50_000_000)
    until = stranger.holding(did, "month").expires_at
    run("grant", did, "--to", stranger.address, by=author)
    assert tokens(stranger) == 5 and stranger.holding(did, "month").expires_at > until
    shell("buy", did, yes=True)
    assert tokens(buyer) == 1, "access, and no token, unless tokens are asked for"


def test_without_leave_to_approve_the_approval_that_is_there_is_used_and_no_more_is_approved_than_was_written(
    publish: Callable[..., Published], market_place: Registry, shell: Callable[..., Any]
) -> None:
    did, cleo = publish(MONTH).did, market_place.as_account("cleo")
    for words in (("approve", "12.5 USD", "--dry-run"), ("approve", "12.499999 USD")):
        assert shell(*words, by=cleo).exit_code == 0
        assert "\nInsufficientAllowance" in "\n" + shell("buy", did, "--no-approve", by=cleo, yes=True).stderr
    assert shell("approve", "12.5 USD", by=cleo).exit_code == 0
    assert shell("buy", did, "--no-approve", by=cleo, yes=True).exit_code == 0
    assert "\nInsufficientAllowance" in "\n" + shell("buy", did, "--no-approve", by=cleo, yes=True).stderr
    assert "\nPriceChanged" in "\n" + shell("buy", did, "--max-total", "12.499999 USD", by=cleo, yes=True).stderr


def test_as_many_uses_are_consumed_as_were_written_and_for_what_was_written(
    publish: Callable[..., Published], buyer: Registry, shell: Callable[..., Any]
) -> None:
    did = publish(CALLS).did
    buyer.buy(did)

    def refs() -> list[bytes]:
        return [event.args["ref"] for event in buyer.chain.events(buyer.assets.events.UsesConsumed)]

    assert shell("consume", did, "--dry-run").stdout.startswith("Would")
    assert shell("consume", did, "--uses", 3, "--ref", "job 17").exit_code == 0
    assert shell("consume", did, "--ref", "0x0aff").stdout.startswith("Done")
    assert buyer.holding(did, "calls").uses == 6
    assert refs() == [b"job 17".ljust(32, b"\0"), b"\x0a\xff".ljust(32, b"\0")]
    for odd in ("0x0", "0xno"):
        ended = shell("consume", did, "--ref", odd)
        assert "\nInputError" in "\n" + ended.stderr and odd in ended.stderr
    assert len(refs()) == 2


def test_a_receipt_is_good_for_a_use_and_a_day_unless_more_is_written_and_is_handed_in_once(
    publish: Callable[..., Published], author: Registry, buyer: Registry, shell: Callable[..., Any], tmp_path: Path
) -> None:
    did = publish(CALLS).did
    buyer.buy(did)
    now = buyer.chain.block().timestamp
    plain = SignedReceipt.from_json(shell("receipt", "sign", did).stdout)
    assert (plain.uses, plain.service, plain.ref, plain.deadline) == (1, ZERO_ADDRESS, bytes(32), now + 86_400)
    words = ("--uses", 2, "--service", author.address, "--ref", "job", "--seconds", 60)
    told = json.loads(shell("receipt", "sign", did, "calls", *words, "--out", f"{tmp_path}/", "--json").stdout)
    (path,) = tmp_path.glob("receipt-*.json")
    signed = SignedReceipt.from_json(path.read_text())
    assert told == {"receipt": str(path)}
    assert path.name == f"receipt-{did.asset_id}-{signed.nonce >> 64 & 0xFFFFFFFF:08x}.json"
    assert shell("receipt", "sign", did, "--out", f"{tmp_path}/").exit_code == 0
    assert len(list(tmp_path.glob("receipt-*.json"))) == 2, "each has a name of its own"
    assert (signed.uses, signed.service, signed.deadline) == (2, author.address, now + 60)
    assert signed.ref == b"job".ljust(32, b"\0")
    assert shell("receipt", "submit", path, "--dry-run", by=author).stdout.startswith("Would")
    assert buyer.holding(did, "calls").uses == 10
    assert shell("receipt", "submit", path, by=author).stdout.startswith("Done")
    assert "\nInvalidAccountNonce" in "\n" + shell("receipt", "submit", path, by=author).stderr
    assert buyer.holding(did, "calls").uses == 8


def test_what_is_free_is_said_to_be_free(
    publish: Callable[..., Published], buyer: Registry, shell: Callable[..., Any]
) -> None:
    told = shell("buy", publish(RESEARCH).did, "research", yes=True).stdout
    assert re.search(r"price +free", told) and "fee of the treasury" not in told and "revenue" not in told


def test_time_is_paid_at_the_price_that_was_shown_and_what_it_did_not_earn_comes_back(
    publish: Callable[..., Published], author: Registry, buyer: Registry, stranger: Registry, shell: Callable[..., Any]
) -> None:
    did, before = publish(LIVE).did, buyer.balance("USD")
    tried = shell("subscribe", did, "live", "--time", "10 days", "--dry-run")
    assert tried.exit_code == 0 and re.search(r"price +10 USD", tried.stdout) and not tried.asked, tried.stderr
    # What is on the screen is the most that is paid, whatever was allowed beforehand.
    for allowed in ((), ("--max-total", "100 USD")):
        raised = shell(
            "subscribe", did, "--time", "10 days", *allowed, meanwhile=lambda: author.reprice(did, "live", "60 USD")
        )
        assert "\nPriceChanged" in "\n" + raised.stderr and raised.asked == [
            f"Pay 10 USD for 10 days of 'live' of {did}?"
        ]
        author.reprice(did, "live", "30 USD")
    assert buyer.balance("USD") == before and not buyer.has_access(did)

    assert shell("subscribe", did, "--time", "10 days").exit_code == 0
    assert (before - buyer.balance("USD")).units == 10 * 10**6 and buyer.has_access(did)
    author.reprice(did, "live", "60 USD")
    longer = shell("extend", did, "live", "--time", "10 days")
    assert longer.asked == [f"Pay 10 USD for 10 days of 'live' of {did}?"], "at the price that it began with"
    told = json.loads(shell("subscription", did, "--json").stdout)
    assert (told["active"], told["paid"]) == (True, "20 USD")
    assert "never had a subscription" in shell("subscription", did, "--account", stranger.address).stdout

    buyer.chain.advance(4 * 86_400)
    tried = shell("settle", did, "--dry-run", by=author)
    assert re.search(r"subscriptions +1\n", tried.stdout) and "nothing was sent" in tried.stdout, tried.stderr
    refund = re.search(r"refund +([0-9.]+) USD", shell("cancel", did, "--dry-run").stdout)
    assert refund and buyer.has_access(did), "it was tried and not done"
    ended = json.loads(shell("cancel", did, "--json").stdout)
    kept = before - buyer.balance("USD")
    assert ended["refund"] == str(buyer.amount("20 USD") - kept) and float(refund[1]) >= 15.99
    assert not buyer.has_access(did) and "access ended at" in shell("subscription", did).stdout
    settled = json.loads(shell("settle", did, "--account", buyer.address, "--json", by=author).stdout)
    assert settled["accounts"] == [buyer.address] and len(settled["txs"]) == 1


def test_time_for_somebody_else_is_theirs_and_is_bought_without_a_question_only_where_that_was_said(
    publish: Callable[..., Published], buyer: Registry, stranger: Registry, shell: Callable[..., Any]
) -> None:
    did = publish(LIVE).did
    words = ("subscribe", did, "live", "--time", "2 days", "--account", stranger.address)
    tried = json.loads(shell(*words, "--dry-run", "--json").stdout)
    assert (tried["total"], tried["tx"]) == ("2 USD", None) and not stranger.has_access(did)
    bought = shell(*words, yes=True)
    assert bought.exit_code == 0 and not bought.asked and "now" in bought.stdout, bought.stderr
    assert stranger.has_access(did) and not buyer.has_access(did)
    for odd in ("2 moons", "0 days", "1 hour"):
        refused = shell("subscribe", did, "--time", odd)
        assert refused.exit_code == 1 and not refused.asked and refused.stderr, odd
