"""Families: who was made from whom, what is owed, what was earned, and a picture of it."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from registry import Published, Registry
from registry.chain import reverts
from registry.errors import AssetNotFound, InputError
from registry.ipfs.store import MemoryStore


def shown(tree: object) -> str:
    console = Console(width=160, file=StringIO(), record=True)
    console.print(tree)
    return console.export_text()


def test_a_family_says_what_each_is_owed_and_earned(
    author: Registry, editor: Registry, buyer: Registry, reader: Registry, publish: Callable[..., Published]
) -> None:
    data = publish(author, royalty_bps=1_000, name="Data")
    model = publish(editor, "10 USD", parents=[data.did], royalty_bps=500, name="Model [red]<x>")
    app = publish(author, "100 USD", "1 ETH", parents=[model.did], name="App")
    buyer.buy(model.did)
    buyer.buy(app.did, 0)
    buyer.buy(app.did, 1)
    # What waits in the splitter counts as earned, as does what was paid.
    buyer.revenue.distribute(app.did, "USD")
    family = reader.family(model.did)
    assert [(one.name, one.royalty_bps, list(map(str, one.earned))) for one in family.ancestors] == [
        ("Data", 1_000, ["1 USD"])
    ]
    assert [(one.name, one.royalty_bps, list(map(str, one.earned))) for one in family.descendants] == [
        ("App", 500, ["0.05 ETH", "5 USD"])
    ]
    of_app = reader.family(app.did)
    assert {one.name: (one.royalty_bps, list(map(str, one.earned))) for one in of_app.ancestors} == {
        "Data": (1_000, ["0.1 ETH", "10 USD"]),
        "Model [red]<x>": (500, ["0.05 ETH", "5 USD"]),
    }
    assert of_app.royalty_bps == 1_500
    assert "owes Data (asset 1) 10 %; so far it earned 1 USD." in family.in_words().replace(
        f"asset {data.did.asset_id}", "asset 1"
    )
    tree = shown(family.tree())
    assert "made from" in tree and "made into" in tree and "Model [red]<x>" in tree
    picture = ElementTree.fromstring(family.svg())
    texts = " ".join(picture.itertext())
    assert "Model [red]<x>" in texts and "is owed 10 %" in texts and "owes 5 %" in texts
    assert len(picture.findall("{http://www.w3.org/2000/svg}path")) == 2


def test_an_asset_alone_is_a_family_of_one(
    reader: Registry, author: Registry, publish: Callable[..., Published]
) -> None:
    family = reader.family(publish(author, name="Alone").did)
    assert family.ancestors == family.descendants == ()
    assert "was made from nothing else" in family.in_words() and "Nothing was made from" in family.in_words()
    assert "Alone" in shown(family.tree()) and "Alone" in family.svg()


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_an_ancestors_share_does_not_depend_on_the_path(
    author: Registry, reader: Registry, publish: Callable[..., Published], data: st.DataObject
) -> None:
    royalties, parents, made = [], [], []
    for number in range(data.draw(st.integers(2, 6))):
        royalties.append(data.draw(st.integers(0, 500)))
        chosen = data.draw(st.sets(st.integers(0, number - 1), max_size=3)) if number else set()
        parents.append(chosen)
        made.append(publish(author, royalty_bps=royalties[-1], parents=[made[parent].did for parent in sorted(chosen)]))
    owed: list[dict[int, int]] = []
    for chosen in parents:
        mine = {parent: royalties[parent] for parent in chosen}
        for parent in chosen:
            mine |= {ancestor: max(bps, mine.get(ancestor, 0)) for ancestor, bps in owed[parent].items()}
        owed.append(mine)
    for number, asset in enumerate(made):
        family = reader.family(asset.did)
        assert {one.did: one.royalty_bps for one in family.ancestors} == {
            made[ancestor].did: bps for ancestor, bps in owed[number].items()
        }
        children = {child: found[number] for child, found in enumerate(owed) if number in found}
        assert {one.did: one.royalty_bps for one in family.descendants} == {
            made[child].did: bps for child, bps in children.items()
        }
        ElementTree.fromstring(family.svg())
        shown(family.tree())


def test_a_lost_document_does_not_hide_a_family(market_place: Registry, publish: Callable[..., Published]) -> None:
    data = publish(market_place, royalty_bps=100)
    model = publish(market_place, parents=[data.did])
    elsewhere = Registry(market_place.chain, market_place.deployment, store=MemoryStore(), journal=market_place.journal)
    family = elsewhere.family(model.did)
    assert family.ancestors[0].did == data.did
    assert family.asset.name == "asset without a document"


def test_terms_for_derivatives_hold_for_those_to_come(
    author: Registry, editor: Registry, publish: Callable[..., Published]
) -> None:
    data = publish(author)
    assert str(author.derivative_terms(data.did)) == f"{data.did} allows no derivatives"
    with pytest.raises(reverts.DerivativesNotAllowed):
        publish(editor, parents=[data.did])
    assert author.set_derivative_terms(data.did, 1_000, dry_run=True).tx is None
    author.set_derivative_terms(data.did, 1_000)
    first = publish(editor, parents=[data.did])
    author.set_derivative_terms(data.did, 2_000)
    assert author.derivative_terms(data.did).royalty_bps == 2_000
    second = publish(editor, parents=[data.did])
    assert [editor.family(child.did).ancestors[0].royalty_bps for child in (first, second)] == [1_000, 2_000]
    author.set_derivative_terms(data.did, None)
    assert not author.derivative_terms(data.did).allowed
    with pytest.raises(reverts.NotAssetOwner):
        editor.set_derivative_terms(data.did, 1)
    with pytest.raises(InputError, match="basis points"):
        author.set_derivative_terms(data.did, 3_001)
    with pytest.raises(AssetNotFound):
        author.derivative_terms(999)
    with pytest.raises(AssetNotFound):
        author.family(999)
