"""Opening under a licence of uses: one gateway hands the receipt in, and if none pays for it, the holder does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from registry import Published, Registry
from registry.chain.call import Call
from registry.content.unlocking import GatewayWarning
from registry.errors import InsufficientBalance
from registry.gateway.refusal import Refusal
from registry.teams.safe_signer import SafeSigner

from .support import CALLS, Guard

CSV = b"species,mass\nAdelie,3750\nGentoo,5000\n"


@pytest.fixture
def fund(author: Registry) -> Callable[[Guard], object]:
    return lambda guard: author.actor.outbox("fund a gateway").send(Call(guard.keys.address, b"", 10**18))


def spend_all(holder: Registry, to: Registry) -> None:
    """Leave an account without coins."""
    price, w3 = 10**11, holder.chain.w3
    tx = {
        "to": to.address,
        "value": holder.chain.balance(holder.address) - 21_000 * price,
        "gas": 21_000,
        "nonce": w3.eth.get_transaction_count(holder.address),
        "gasPrice": price,
        "chainId": holder.chain.chain_id,
    }
    w3.eth.send_raw_transaction(holder.signer.sign_transaction(tx))
    assert holder.chain.balance(holder.address) == 0


def handed_in_by(buyer: Registry, did: Any) -> list[str]:
    """Who paid for each use that was consumed."""
    number = buyer.did(did).asset_id
    events = buyer.chain.events(buyer.assets.events.UsesConsumed, filters={"assetId": number})
    return [str(event.args["service"]) for event in events]


def test_one_gateway_hands_the_receipt_in_and_the_others_find_it_done(
    publish: Callable[..., Published], buyer: Registry, guards: list[Guard], fund: Callable[[Guard], object]
) -> None:
    """All would be asked at once, and all but one pay for a transaction that reverts."""
    did = publish(CALLS, threshold=3).did
    for guard in guards:
        fund(guard)
    buyer.buy(did, "calls")
    assert buyer.open(did, "penguins.csv").read() == CSV
    assert handed_in_by(buyer, did) == [guards[0].keys.address]
    assert [buyer.chain.balance(guard.keys.address) == 10**18 for guard in guards] == [False, True, True]
    assert buyer.holding(did, "calls").uses == 1


def test_a_use_that_no_gateway_pays_for_is_handed_in_by_its_holder(
    publish: Callable[..., Published], buyer: Registry
) -> None:
    did = publish(CALLS).did
    buyer.buy(did, "calls")
    with pytest.warns(GatewayWarning, match=f"No key gateway paid for consuming the use: {buyer.address} did"):
        assert buyer.open(did, "penguins.csv").read() == CSV
    assert handed_in_by(buyer, did) == [buyer.address]
    assert buyer.holding(did, "calls").uses == 1


def test_a_use_of_a_safe_is_handed_in_by_the_first_owner_who_can_pay(
    publish: Callable[..., Published], market_place: Registry, author: Registry, ann: Registry, bob: Registry
) -> None:
    """Its code could make a gateway's transaction revert, so no gateway sends one, with coins or without."""
    did = publish(CALLS).did
    team = ann.teams.create([ann.address, bob.address], threshold=2)
    author.grant(did, "calls", to=team.address)
    first, second = sorted((ann, bob), key=lambda owner: int(owner.address, 16))
    spend_all(first, author)
    signer = SafeSigner(team.address, [ann.signer, bob.signer], chain_id=market_place.chain.chain_id)
    as_safe = market_place.as_account(signer)
    with pytest.warns(GatewayWarning, match=second.address):
        assert as_safe.open(did, "penguins.csv").read() == CSV
    assert handed_in_by(author, did) == [second.address]


def test_whoever_cannot_pay_is_told_and_loses_no_use(
    publish: Callable[..., Published], buyer: Registry, author: Registry
) -> None:
    did = publish(CALLS).did
    buyer.buy(did, "calls")
    spend_all(buyer, author)
    with pytest.raises(InsufficientBalance):
        buyer.open(did, "penguins.csv")
    assert buyer.holding(did, "calls").uses == 2
    author.actor.outbox("help").send(Call(buyer.address, b"", 10**18))
    with pytest.warns(GatewayWarning, match="No key gateway paid"):
        assert buyer.open(did, "penguins.csv").read() == CSV
    assert buyer.holding(did, "calls").uses == 1


def test_a_gateway_that_always_says_that_the_use_is_on_its_way_is_passed_over(
    publish: Callable[..., Published],
    buyer: Registry,
    guards: list[Guard],
    fund: Callable[[Guard], object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    did = publish(CALLS).did
    for guard in guards[1:]:
        fund(guard)
    buyer.buy(did, "calls")

    async def put_off(*_: Any) -> Any:
        raise Refusal(503, "pending", "Later.")

    monkeypatch.setattr(guards[0].service, "release", put_off)
    monkeypatch.setattr("registry.content.block_wait.FRESH_POLL", 0.01)
    assert buyer.open(did, "penguins.csv").read() == CSV
    assert handed_in_by(buyer, did) == [guards[1].keys.address]
    assert buyer.holding(did, "calls").uses == 1
