"""The line to the node is lost once, at each request in turn: that is told, and never taken for an answer."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from cutting import cut_everywhere

from registry import Licence, Registry
from registry.governance.standing import Proposal
from registry.revenue.accounts import Accounts
from registry.types import to_address

Cut = Callable[..., int]
TERMS: dict[str, Any] = {"type": "dataset", "license": "MIT"}
STEP = 1 if os.environ.get("DEEP") else 3
MONTH = Licence.period("month", days=30, price="12.5 USD")


@pytest.fixture
def cut(rewound: Callable[[Registry], AbstractContextManager[Registry]]) -> Cut:
    def everywhere(place: Registry, act: Callable[[Registry], Any], **options: int) -> int:
        return cut_everywhere(place, act, rewound, **options)

    return everywhere


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data.csv").write_text("a\n1\n")
    return tmp_path


@pytest.fixture
def sold(author: Registry, folder: Path) -> Iterator[int]:
    yield author.publish(folder, name="Sold", licences=[MONTH], **TERMS).did.asset_id


def sent(client: Registry) -> int:
    """How many transactions the account has sent."""
    return int(client.chain.w3.eth.get_transaction_count(to_address(client.address)))


def test_a_purchase_is_made_or_the_loss_is_told(buyer: Registry, sold: int, cut: Cut) -> None:
    def buy(client: Registry) -> Any:
        made = client.buy(sold, "month", max_total="12.5 USD")
        return made.price, made.holding.in_words(), made.approval, made.units

    assert cut(buyer, buy, step=STEP) > 10


def test_a_publication_is_made_or_the_loss_is_told(author: Registry, folder: Path, cut: Cut) -> None:
    def publish(client: Registry) -> Any:
        made = client.publish(folder, name="New", licences=[MONTH], **TERMS)
        return made.did, made.cid, made.owner

    assert cut(author, publish, step=STEP) > 10


def test_an_asset_is_shown_or_the_loss_is_told(reader: Registry, sold: int, cut: Cut) -> None:
    assert cut(reader, lambda client: client.get(sold)) > 1


def test_tokens_and_splitters_are_found_or_the_loss_is_told(author: Registry, sold: int, cut: Cut) -> None:
    assert author.deployment.dao
    foreign = author.deployment.dao.token
    shares = {author.address: "60 %", to_address("0x" + "11" * 20): "40 %"}
    split = author.revenue.create(shares)

    def look(client: Registry) -> Any:
        ledger = Accounts(client)
        return client.all_tokens, ledger.find(split.address), ledger.token(foreign)

    assert cut(author, look) > 3


def test_a_ballot_is_judged_or_the_loss_is_told(author: Registry, open_vote: Proposal, cut: Cut) -> None:
    ballot = author.governance.ballot(open_vote, "for")

    def check(client: Registry) -> Any:
        return [(one.votes, str(one.problem)) for one in client.governance.check_ballots(open_vote.id, [ballot])]

    assert cut(author, check, step=2) > 3


def test_a_proposal_is_put_into_words_or_the_loss_is_told(
    author: Registry, open_vote: Proposal, sold: int, cut: Cut
) -> None:
    calls = [author.assets.functions.setPrice(sold, 0, 5), author.assets.functions.setState(sold, 1)]
    assert cut(author, lambda client: client.governance.draft(calls, title="Meddle").actions) > 3


def test_a_dao_is_checked_or_the_loss_is_told(author: Registry, cut: Cut) -> None:
    assert cut(author, lambda client: client.governance.check(), step=11) > 50


def test_a_file_is_read_or_the_loss_is_told(author: Registry, tmp_path: Path, cut: Cut) -> None:
    written = tmp_path / "proposal.yaml"
    written.write_text("title: Pay\nactions:\n  - pay: 1 USD\n    to: '0x" + "11" * 20 + "'\n")
    assert cut(author, lambda client: client.governance.read_draft(written).actions) > 3
