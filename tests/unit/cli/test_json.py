"""What machines get: amounts exactly, numbers beside names, and nothing that is not so."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from selling import CALLS, MONTH
from terminal import runner

from registry import Licence, Published, Registry
from registry.cli import cli
from registry.cli.app import App
from registry.cli.console import plain


@pytest.fixture
def told(buyer: Registry, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.setattr(App, "registry", lambda _app, *, to=None: buyer)

    def run(*words: object) -> Any:
        ended = runner().invoke(cli, ["--json", "--yes", *map(str, words)])
        assert ended.exit_code == 0, ended.stderr
        return json.loads(ended.stdout)

    return run


def test_amounts_are_exact_beside_their_words(
    publish: Callable[..., Published], told: Callable[..., Any], buyer: Registry
) -> None:
    did = publish(MONTH, CALLS, Licence.hold("seat", price="3 USD", cap=5), Licence.free("all")).did
    dollar = buyer.amount("1 USD").token
    month, calls, seat, free = told("licences", did)
    assert (month["price"], calls["price"], free["price"]) == ("12.5 USD", "0.002 ETH", None)
    assert month["price_exact"] == {"units": "12500000", "decimals": 6, "symbol": "USD", "token": dollar.address}
    assert calls["price_exact"] == {"units": str(2 * 10**15), "decimals": 18, "symbol": "ETH", "token": None}
    assert "price_exact" not in free
    assert (month["issued"], seat["issued"], seat["cap"]) == (None, 0, 5), "who has no cap is not counted"
    bought = told("buy", did, "seat")
    assert bought["price"]["total"] == "3 USD" and bought["price"]["total_exact"]["units"] == "3000000"
    assert told("licences", did)[2]["issued"] == 1


def test_the_number_of_an_asset_stands_beside_its_did(
    publish: Callable[..., Published], told: Callable[..., Any], buyer: Registry
) -> None:
    did = publish(MONTH).did
    assert told("show", did)["asset_number"] == str(did.asset_id)
    assert told("licences", did)[0]["asset_number"] == str(did.asset_id)
    item = {"did": type(did)(did.chain_id, did.registry, 1 << 62 | 5)}
    assert plain(item)["asset_number"] == str(1 << 62 | 5), "text, since many readers would round it"


def test_files_say_what_they_are(publish: Callable[..., Published], told: Callable[..., Any]) -> None:
    did = publish().did
    listed = {file["path"]: file["media_type"] for file in told("show", did)["ddo"]["content"]["files"]}
    assert {file["path"]: file["media_type"] for file in told("files", did)} == listed
    assert listed["penguins.csv"] == "text/csv"


def test_lists_of_amounts_are_exact_too(buyer: Registry) -> None:
    amounts = [buyer.amount("1 USD"), buyer.amount("2 ETH")]
    told = plain({"balances": amounts, "none": []})
    assert told["balances"] == ["1 USD", "2 ETH"] and told["none"] == []
    assert [one["units"] for one in told["balances_exact"]] == ["1000000", str(2 * 10**18)]
