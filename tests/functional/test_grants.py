"""AssetRegistry as a gate: access to the second, redeeming, consuming, signed receipts."""

from __future__ import annotations

from typing import Any

import pytest
from ape.utils import ZERO_ADDRESS
from eth_account import Account

from .support import (
    DAY,
    DOLLAR,
    HOLD,
    PERIOD,
    RETIRED,
    UNIT,
    USE,
    digest,
    let_act,
    logs,
    now,
    order,
    refusal,
    sign_receipt,
    terms,
)

JOB = digest("job")
FAR = 2**48 - 1


@pytest.fixture(scope="session")
def witness(project: Any, dao: Any, system: None) -> Any:
    return dao.deploy(project.AccessWitness)


def receipt(
    asset_id: int,
    holder: Any,
    *,
    licence: int = 0,
    uses: int = 1,
    service: Any = ZERO_ADDRESS,
    ref: bytes = JOB,
    nonce: int = 0,
    deadline: int = FAR,
) -> tuple[Any, ...]:
    return asset_id, licence, holder, uses, service, ref, nonce, deadline


@pytest.fixture
def used(registry: Any, author: Any, buyer: Any, publish: Any) -> int:
    """An asset of which the buyer may use licence 0 ten times."""
    asset_id = publish(terms(kind=USE, amount=10), terms(kind=PERIOD), terms(kind=HOLD))
    registry.grant(asset_id, 0, buyer, 1, False, sender=author)
    return int(asset_id)


# Access


def test_access_ends_with_the_exact_second(
    registry: Any, witness: Any, chain: Any, author: Any, buyer: Any, publish: Any
) -> None:
    asset_id = publish(terms(), terms(kind=PERIOD, amount=DAY))
    registry.grant(asset_id, 1, buyer, 1, False, sender=author)
    end = registry.accessOf(asset_id, 1, buyer).expiresAt
    seen = {}
    # Providers run a call at the time of the newest block or a second later: four blocks show both sides.
    for time in range(end - 2, end + 2):
        chain.mine(timestamp=time)
        active, any_, at = witness.look(registry, asset_id, 1, buyer)
        assert active == any_
        seen[at] = active
    assert seen[end - 1] and not seen[end]
    assert all(active == (at < end) for at, active in seen.items())


def test_nobody_has_access_from_the_start(registry: Any, author: Any, buyer: Any, publish: Any) -> None:
    """Not even the owner: ownership and access are two things."""
    asset_id = publish(terms(), terms(kind=PERIOD), terms(kind=USE))
    for person in (author, buyer, ZERO_ADDRESS):
        assert not registry.hasAccess(asset_id, person)
        assert [tuple(registry.accessOf(asset_id, i, person)) for i in range(3)] == [(False, 0, 0, False, 0, 0)] * 3
    assert not registry.hasAccess(publish(), buyer)


def test_any_of_the_licences_gives_access(registry: Any, author: Any, buyer: Any, publish: Any) -> None:
    asset_id = publish(*[terms(kind=USE)] * 32)
    registry.grant(asset_id, 31, buyer, 1, False, sender=author)
    assert registry.hasAccess(asset_id, buyer)
    assert [i for i in range(32) if registry.accessOf(asset_id, i, buyer).active] == [31]


def test_a_hold_token_gives_access_while_a_whole_one_is_held(
    registry: Any, project: Any, author: Any, buyer: Any, stranger: Any, publish: Any
) -> None:
    asset_id = publish(terms())
    registry.grant(asset_id, 0, buyer, 1, True, sender=author)
    token = project.Datatoken.at(registry.datatokenOf(asset_id, 0))
    assert registry.hasAccess(asset_id, buyer)
    token.transfer(stranger, 1, sender=buyer)
    assert not registry.hasAccess(asset_id, buyer) and not registry.hasAccess(asset_id, stranger)
    token.transfer(stranger, UNIT - 1, sender=buyer)
    assert registry.hasAccess(asset_id, stranger) and not registry.hasAccess(asset_id, buyer)


def test_period_and_use_tokens_give_access_only_when_redeemed(
    registry: Any, author: Any, buyer: Any, publish: Any
) -> None:
    asset_id = publish(terms(kind=PERIOD), terms(kind=USE))
    for licence in range(2):
        registry.grant(asset_id, licence, buyer, 1, True, sender=author)
        assert not registry.accessOf(asset_id, licence, buyer).active
        registry.redeem(asset_id, licence, 1, buyer, sender=buyer)
        assert registry.accessOf(asset_id, licence, buyer).active


# Redeeming


def test_redeeming_burns_tokens_for_access_of_anybody(
    registry: Any, project: Any, author: Any, buyer: Any, stranger: Any, publish: Any
) -> None:
    asset_id = publish(terms(kind=USE, amount=5))
    registry.grant(asset_id, 0, buyer, 3, True, sender=author)
    tx = registry.redeem(asset_id, 0, 2, stranger, sender=buyer)
    assert logs(tx, registry.TokensRedeemed) == [
        {"assetId": asset_id, "licence": 0, "account": stranger, "from": buyer, "units": 2}
    ]
    token = project.Datatoken.at(registry.datatokenOf(asset_id, 0))
    assert (token.balanceOf(buyer), token.totalSupply()) == (UNIT, UNIT)
    assert registry.accessOf(asset_id, 0, stranger).uses == 10
    assert registry.accessOf(asset_id, 0, buyer).uses == 0


def test_the_period_starts_with_the_redemption(
    registry: Any, chain: Any, author: Any, buyer: Any, publish: Any
) -> None:
    asset_id = publish(terms(kind=PERIOD, amount=DAY))
    registry.grant(asset_id, 0, buyer, 2, True, sender=author)
    chain.mine(timestamp=now() + 100 * DAY)
    tx = registry.redeem(asset_id, 0, 2, buyer, sender=buyer)
    assert registry.accessOf(asset_id, 0, buyer).expiresAt == tx.timestamp + 2 * DAY


def test_more_tokens_than_held_cannot_be_redeemed(
    registry: Any, author: Any, buyer: Any, stranger: Any, publish: Any
) -> None:
    asset_id = publish(terms(kind=USE))
    registry.grant(asset_id, 0, buyer, 1, True, sender=author)
    got = refusal(registry.redeem, asset_id, 0, 2, buyer, sender=buyer)
    assert got == ("ERC20InsufficientBalance", buyer, UNIT, 2 * UNIT)
    got = refusal(registry.redeem, asset_id, 0, 1, stranger, sender=stranger)
    assert got == ("ERC20InsufficientBalance", stranger, 0, UNIT)


def test_bad_redemptions_are_refused(registry: Any, author: Any, buyer: Any, publish: Any) -> None:
    asset_id = publish(terms(), terms(kind=USE))
    for licence in range(2):
        registry.grant(asset_id, licence, buyer, 1, True, sender=author)
    assert refusal(registry.redeem, asset_id, 0, 1, buyer, sender=buyer) == ("NotRedeemable", asset_id, 0)
    assert refusal(registry.redeem, asset_id, 1, 0, buyer, sender=buyer) == ("NoUnits",)
    got = refusal(registry.redeem, asset_id, 1, 1, ZERO_ADDRESS, sender=buyer)
    assert got == ("InvalidAccount", ZERO_ADDRESS)


def test_tokens_that_nobody_has_yet_cannot_be_redeemed(registry: Any, buyer: Any, publish: Any) -> None:
    """The token's contract is not there before the first mint; the refusal is the one of an empty balance."""
    got = refusal(registry.redeem, publish(terms(kind=USE)), 0, 3, buyer, sender=buyer)
    assert got == ("ERC20InsufficientBalance", buyer, 0, 3 * UNIT)


def test_what_was_bought_can_be_used_whatever_became_of_the_asset(
    registry: Any, author: Any, curator: Any, buyer: Any, publish: Any
) -> None:
    asset_id = publish(terms(kind=USE))
    registry.grant(asset_id, 0, buyer, 1, True, sender=author)
    registry.setOpen(asset_id, 0, False, sender=author)
    registry.setState(asset_id, RETIRED, sender=author)
    registry.setDelisted(asset_id, True, sender=curator)
    registry.redeem(asset_id, 0, 1, buyer, sender=buyer)
    assert registry.hasAccess(asset_id, buyer)
    registry.consume(asset_id, 0, 1, JOB, sender=buyer)


# Consuming


def test_the_holder_consumes(registry: Any, buyer: Any, used: int) -> None:
    tx = registry.consume(used, 0, 4, JOB, sender=buyer)
    assert logs(tx, registry.UsesConsumed) == [
        {"assetId": used, "licence": 0, "account": buyer, "service": buyer, "uses": 4, "ref": JOB}
    ]
    assert registry.accessOf(used, 0, buyer).uses == 6
    got = refusal(registry.consume, used, 0, 7, JOB, sender=buyer)
    assert got == ("NotEnoughUses", used, 0, buyer, 7, 6)
    registry.consume(used, 0, 6, JOB, sender=buyer)
    assert not registry.hasAccess(used, buyer)


def test_bad_consumption_is_refused(registry: Any, buyer: Any, stranger: Any, used: int) -> None:
    assert refusal(registry.consume, used, 0, 0, JOB, sender=buyer) == ("NoUnits",)
    got = refusal(registry.consume, used, 0, 1, JOB, sender=stranger)
    assert got == ("NotEnoughUses", used, 0, stranger, 1, 0)
    for licence in (1, 2):
        assert refusal(registry.consume, used, licence, 1, JOB, sender=buyer) == ("NotConsumable", used, licence)


# Receipts


def test_a_service_hands_in_a_signed_receipt(receipts: Any, registry: Any, buyer: Any, service: Any, used: int) -> None:
    note = receipt(used, buyer, uses=3, service=service)
    tx = receipts.consumeWithReceipt(note, sign_receipt(buyer, receipts, note), sender=service)
    assert logs(tx, registry.UsesConsumed) == [
        {"assetId": used, "licence": 0, "account": buyer, "service": service, "uses": 3, "ref": JOB}
    ]
    assert registry.accessOf(used, 0, buyer).uses == 7


def test_the_hash_of_a_receipt_is_what_is_signed(receipts: Any, registry: Any, buyer: Any, used: int) -> None:
    note = receipt(used, buyer)
    signature = sign_receipt(buyer, receipts, note)
    assert Account._recover_hash(receipts.hashReceipt(note), signature=signature) == buyer.address


def test_only_the_contract_of_receipts_consumes_the_uses_of_others(
    registry: Any, receipts: Any, author: Any, buyer: Any, stranger: Any, used: int
) -> None:
    assert receipts.registry() == registry
    for who in (author, buyer, stranger):
        got = refusal(registry.consumeFor, used, 0, buyer, who, 1, digest("job"), sender=who)
        assert got == ("NotReceipts", who)


def test_a_receipt_works_once(receipts: Any, registry: Any, buyer: Any, service: Any, used: int) -> None:
    note = receipt(used, buyer)
    signature = sign_receipt(buyer, receipts, note)
    receipts.consumeWithReceipt(note, signature, sender=service)
    assert refusal(receipts.consumeWithReceipt, note, signature, sender=service) == ("InvalidAccountNonce", buyer, 1)


def test_a_receipt_is_for_its_service(
    receipts: Any, registry: Any, buyer: Any, service: Any, stranger: Any, used: int
) -> None:
    note = receipt(used, buyer, service=service)
    got = refusal(receipts.consumeWithReceipt, note, sign_receipt(buyer, receipts, note), sender=stranger)
    assert got == ("WrongService", service, stranger)


def test_a_receipt_ends_with_its_deadline(
    receipts: Any, registry: Any, chain: Any, buyer: Any, service: Any, used: int
) -> None:
    deadline = now() + 100
    note = receipt(used, buyer, deadline=deadline)
    signature = sign_receipt(buyer, receipts, note)
    chain.mine(timestamp=deadline + 1)
    got = refusal(receipts.consumeWithReceipt, note, signature, sender=service)
    assert got == ("ReceiptExpired", deadline)


def test_a_receipt_is_good_whatever_acts_for_its_holder(
    registry: Any, receipts: Any, marketplace: Any, buyer: Any, stranger: Any, service: Any, used: int
) -> None:
    """The holder has the key still (EIP-7702), and the code that acts may know nothing of signatures."""
    let_act(buyer, marketplace)
    note = receipt(used, buyer)
    for wrong in (sign_receipt(stranger, receipts, note), b""):
        got = refusal(receipts.consumeWithReceipt, note, wrong, sender=service)
        assert got == ("InvalidReceiptSignature", buyer)
    before = registry.accessOf(used, 0, buyer).uses
    receipts.consumeWithReceipt(note, sign_receipt(buyer, receipts, note), sender=service)
    assert registry.accessOf(used, 0, buyer).uses == before - 1


@pytest.mark.parametrize(
    ("field", "value"),
    [("uses", 2), ("ref", digest("another job")), ("deadline", FAR - 1), ("nonce", 1 << 64)],
)
def test_a_changed_receipt_is_refused(
    receipts: Any, registry: Any, buyer: Any, service: Any, used: int, field: str, value: Any
) -> None:
    signature = sign_receipt(buyer, receipts, receipt(used, buyer))
    changed = receipt(used, buyer, **{field: value})
    got = refusal(receipts.consumeWithReceipt, changed, signature, sender=service)
    assert got == ("InvalidReceiptSignature", buyer)


def test_a_receipt_is_for_its_asset_and_licence(
    receipts: Any, registry: Any, author: Any, buyer: Any, service: Any, publish: Any, used: int
) -> None:
    other = publish(terms(kind=USE))
    registry.addLicence(used, terms(kind=USE), sender=author)
    registry.grant(other, 0, buyer, 1, False, sender=author)
    registry.grant(used, 3, buyer, 1, False, sender=author)
    signature = sign_receipt(buyer, receipts, receipt(used, buyer))
    for changed in (receipt(other, buyer), receipt(used, buyer, licence=3)):
        got = refusal(receipts.consumeWithReceipt, changed, signature, sender=service)
        assert got == ("InvalidReceiptSignature", buyer)


def test_a_receipt_is_for_its_chain_and_registry(
    receipts: Any, registry: Any, marketplace: Any, chain: Any, buyer: Any, service: Any, used: int
) -> None:
    note = receipt(used, buyer)
    for foreign in (
        sign_receipt(buyer, receipts, note, chain_id=chain.chain_id + 1),
        sign_receipt(buyer, marketplace, note),
    ):
        got = refusal(receipts.consumeWithReceipt, note, foreign, sender=service)
        assert got == ("InvalidReceiptSignature", buyer)


def test_only_the_holder_signs(
    receipts: Any, registry: Any, buyer: Any, stranger: Any, service: Any, used: int
) -> None:
    note = receipt(used, buyer)
    signature = sign_receipt(stranger, receipts, note)
    for bad in (signature, b"", bytes(65), signature[:64]):
        got = refusal(receipts.consumeWithReceipt, note, bad, sender=service)
        assert got == ("InvalidReceiptSignature", buyer)


def test_the_mirrored_signature_is_refused(receipts: Any, registry: Any, buyer: Any, service: Any, used: int) -> None:
    """Each ECDSA signature has a twin with n - s; only the lower one counts."""
    note = receipt(used, buyer)
    signature = sign_receipt(buyer, receipts, note)
    order_of_curve = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    s = order_of_curve - int.from_bytes(signature[32:64], "big")
    twin = signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])
    got = refusal(receipts.consumeWithReceipt, note, twin, sender=service)
    assert got == ("InvalidReceiptSignature", buyer)


def test_receipts_of_one_key_go_in_order(receipts: Any, registry: Any, buyer: Any, service: Any, used: int) -> None:
    first, second = receipt(used, buyer), receipt(used, buyer, nonce=1)
    early = refusal(receipts.consumeWithReceipt, second, sign_receipt(buyer, receipts, second), sender=service)
    assert early == ("InvalidAccountNonce", buyer, 0)
    for note in (first, second):
        receipts.consumeWithReceipt(note, sign_receipt(buyer, receipts, note), sender=service)
    assert registry.accessOf(used, 0, buyer).uses == 8


def test_receipts_of_different_keys_go_in_any_order(
    receipts: Any, registry: Any, buyer: Any, service: Any, used: int
) -> None:
    for key in (7, 2**192 - 1, 0, 3):
        note = receipt(used, buyer, nonce=key << 64)
        receipts.consumeWithReceipt(note, sign_receipt(buyer, receipts, note), sender=service)
        assert receipts.call_view_method("nonces", buyer, key) == (key << 64) + 1
        got = refusal(receipts.consumeWithReceipt, note, sign_receipt(buyer, receipts, note), sender=service)
        assert got == ("InvalidAccountNonce", buyer, (key << 64) + 1)


@pytest.mark.parametrize("key", [0, 5])
def test_a_cancelled_receipt_is_worthless_and_the_next_works(
    receipts: Any, registry: Any, buyer: Any, service: Any, used: int, key: int
) -> None:
    note = receipt(used, buyer, nonce=key << 64)
    signature = sign_receipt(buyer, receipts, note)
    tx = receipts.cancelReceipt(key, sender=buyer)
    assert logs(tx, receipts.ReceiptCancelled) == [{"account": buyer, "key": key, "nonce": 0}]
    got = refusal(receipts.consumeWithReceipt, note, signature, sender=service)
    assert got == ("InvalidAccountNonce", buyer, (key << 64) + 1)
    following = receipt(used, buyer, nonce=(key << 64) + 1)
    receipts.consumeWithReceipt(following, sign_receipt(buyer, receipts, following), sender=service)


def test_nobody_cancels_the_receipts_of_another(
    receipts: Any, registry: Any, buyer: Any, stranger: Any, service: Any, used: int
) -> None:
    receipts.cancelReceipt(0, sender=stranger)
    note = receipt(used, buyer)
    receipts.consumeWithReceipt(note, sign_receipt(buyer, receipts, note), sender=service)


def test_a_receipt_is_checked_like_the_holders_own_word(
    receipts: Any, registry: Any, buyer: Any, service: Any, used: int
) -> None:
    for note, expected in (
        (receipt(used, buyer, uses=11), ("NotEnoughUses", used, 0, buyer, 11, 10)),
        (receipt(used, buyer, uses=0), ("NoUnits",)),
        (receipt(used, buyer, licence=1), ("NotConsumable", used, 1)),
        (receipt(used, buyer, licence=9), ("LicenceNotFound", used, 9)),
        (receipt(used + 1, buyer), ("AssetNotFound", used + 1)),
    ):
        got = refusal(receipts.consumeWithReceipt, note, sign_receipt(buyer, receipts, note), sender=service)
        assert got == expected


def test_a_contract_wallet_signs_by_its_key(
    receipts: Any, registry: Any, project: Any, author: Any, buyer: Any, stranger: Any, service: Any, publish: Any
) -> None:
    wallet = author.deploy(project.MockWallet, buyer)
    asset_id = publish(terms(kind=USE))
    registry.grant(asset_id, 0, wallet, 1, False, sender=author)
    note = receipt(asset_id, wallet, uses=2)
    good, bad = (sign_receipt(person, receipts, note) for person in (buyer, stranger))
    got = refusal(receipts.consumeWithReceipt, note, bad, sender=service)
    assert got == ("InvalidReceiptSignature", wallet)
    receipts.consumeWithReceipt(note, good, sender=service)
    assert registry.accessOf(asset_id, 0, wallet).uses == 3
    # A wallet that changed its key no longer stands by the old signature.
    following = receipt(asset_id, wallet, nonce=1)
    old = sign_receipt(buyer, receipts, following)
    wallet.setKey(stranger, sender=author)
    got = refusal(receipts.consumeWithReceipt, following, old, sender=service)
    assert got == ("InvalidReceiptSignature", wallet)


def test_a_contract_that_signs_nothing_is_no_holder(
    receipts: Any, registry: Any, dollar: Any, author: Any, buyer: Any, service: Any, publish: Any
) -> None:
    asset_id = publish(terms(kind=USE))
    registry.grant(asset_id, 0, dollar, 1, False, sender=author)
    note = receipt(asset_id, dollar)
    got = refusal(receipts.consumeWithReceipt, note, sign_receipt(buyer, receipts, note), sender=service)
    assert got == ("InvalidReceiptSignature", dollar)


def test_uses_bought_twice_add_up(registry: Any, marketplace: Any, buyer: Any, publish: Any) -> None:
    asset_id = publish(terms(DOLLAR, kind=USE, amount=2**32 - 1))
    for _ in range(2):
        marketplace.buyAccess(order(asset_id, buyer), sender=buyer)
    assert registry.accessOf(asset_id, 0, buyer).uses == 2 * (2**32 - 1)


def test_a_contract_of_somebody_else_lets_in_whoever_has_access_and_nobody_else(
    project: Any, registry: Any, dao: Any, author: Any, buyer: Any, stranger: Any, publish: Any
) -> None:
    """The example of docs/integrators.md."""
    asset_id = publish(terms(kind=HOLD))
    registry.grant(asset_id, 0, buyer, 1, False, sender=author)
    gate = dao.deploy(project.Gate, registry, asset_id)
    gate.enter(sender=buyer)
    assert gate.visits(buyer) == 1
    for shut_out in (stranger, author):  # whoever owns the asset holds no licence of it
        assert refusal(gate.enter, sender=shut_out) == ("NoAccess", shut_out.address)
