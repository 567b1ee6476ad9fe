"""What the incumbent's suite promises, and the thirteen defects that were found in its code, asked of ours.

The promises, by subject:

=== ==================================== =====================================================================
no. subject                              here
=== ==================================== =====================================================================
1   factory                              no factory and no templates: `publish` makes tokens of one contract; what
                                         is left of it is that publishing for another leaves the publisher no role
2   the NFT                              ids, token URI, document and state; validator proofs do not apply: the
                                         document is held by its digest, and curation signs nothing
3   roles                                all, with the transfer that ends them
4   key-value store, `executeCall`       does not apply: an asset executes nothing and stores one digest
5   the datatoken                        minting, permit, payout of the owner; a holder burns by redeeming
6   ordering                             fee legs in 6 and 18 decimals, empty legs, events; provider fees do not
                                         apply: what a service is owed is its own licence
7   fixed price                          tokens without code, slippage, toggles; supply is the cap; there is no
                                         buying back, so no min-return
8   dispenser                            free licences with cap and limit; tokens kept in stock do not apply: units
                                         are minted when they are taken
9   access list                          a grant cannot be moved or sold; many are given in one transaction
10  escrow                               does not apply: no money is ever held
11  the defects D1 to D13                all, below
12  DID and document vectors             in the unit tests: no contract reads a document
=== ==================================== =====================================================================
"""

from __future__ import annotations

from typing import Any

import pytest
from ape.utils import ZERO_ADDRESS
from eth_utils import keccak

from ..support import (
    ACTIVE,
    DAY,
    DOLLAR,
    EDITOR,
    MINTER,
    PERIOD,
    RETIRED,
    SELLER,
    SUSPENDED,
    UNIT,
    USE,
    allowed,
    cid,
    digest,
    failure,
    logs,
    now,
    order,
    publication,
    refusal,
    sign_permit,
    sign_receipt,
    terms,
)

JOB = digest("job")

# 1. Factory


def test_1_publishing_for_another_leaves_the_publisher_nothing(
    registry: Any, author: Any, stranger: Any, publish: Any
) -> None:
    asset_id = publish(terms(), owner=author, sender=stranger)
    assert registry.rolesOf(asset_id, stranger) == 0
    for act, args, role in (
        (registry.updateMetadata, (digest("2"), 1), EDITOR),
        (registry.addLicence, (terms(),), SELLER),
        (registry.grant, (0, stranger, 1, False), MINTER),
    ):
        got = refusal(act, asset_id, *args, sender=stranger)
        assert got == ("MissingAssetRole", asset_id, stranger, role)


# 2. The NFT


def test_2_the_first_document_and_an_update_differ_in_their_events(registry: Any, author: Any) -> None:
    created = registry.publish(author, publication(), sender=author)
    asset_id = logs(created, registry.MetadataPublished)[0]["assetId"]
    updated = registry.updateMetadata(asset_id, digest("2"), 1, sender=author)
    assert [logs(tx, registry.MetadataPublished)[0]["version"] for tx in (created, updated)] == [1, 2]
    assert logs(created, registry.MetadataUpdate) == []
    assert len(logs(updated, registry.MetadataUpdate)) == 1


def test_2_only_who_may_changes_the_token_uri(
    registry: Any, author: Any, editor: Any, stranger: Any, publish: Any
) -> None:
    asset_id = publish()
    registry.setRoles(asset_id, editor, EDITOR, sender=author)
    got = refusal(registry.updateMetadata, asset_id, digest("2"), 1, sender=stranger)
    assert got == ("MissingAssetRole", asset_id, stranger, EDITOR)
    registry.updateMetadata(asset_id, digest("2"), 1, sender=editor)
    assert registry.tokenURI(asset_id) == "ipfs://" + cid(digest("2"))


# 3. Roles


def test_3_roles_are_given_taken_and_given_up(registry: Any, author: Any, editor: Any, publish: Any) -> None:
    asset_id = publish()
    for roles in (EDITOR, 0, EDITOR | SELLER):
        registry.setRoles(asset_id, editor, roles, sender=author)
        assert registry.rolesOf(asset_id, editor) == roles
    registry.renounceRoles(asset_id, sender=editor)
    assert registry.rolesOf(asset_id, editor) == 0


def test_3_a_transfer_resets_everything_but_what_was_sold_and_earned(
    registry: Any,
    marketplace: Any,
    dollar: Any,
    author: Any,
    editor: Any,
    minter: Any,
    buyer: Any,
    stranger: Any,
    publish: Any,
) -> None:
    asset_id = publish(terms(40 * DOLLAR, kind=PERIOD), payout=editor)
    for person in (editor, minter):
        registry.setRoles(asset_id, person, EDITOR | SELLER | MINTER, sender=author)
    marketplace.buyAccess(order(asset_id, buyer), sender=buyer)
    earned = dollar.balanceOf(editor)
    registry.transferFrom(author, stranger, asset_id, sender=author)
    assert [registry.rolesOf(asset_id, person) for person in (editor, minter)] == [0, 0]
    assert registry.payoutOf(asset_id) == stranger
    assert registry.hasAccess(asset_id, buyer)
    marketplace.buyAccess(order(asset_id, buyer), sender=buyer)
    assert (dollar.balanceOf(editor), dollar.balanceOf(stranger)) == (earned, 39 * DOLLAR)


# 5. The datatoken


def test_5_only_minters_give_units_away(registry: Any, author: Any, minter: Any, buyer: Any, publish: Any) -> None:
    asset_id = publish(terms())
    got = refusal(registry.grant, asset_id, 0, minter, 1, True, sender=minter)
    assert got == ("MissingAssetRole", asset_id, minter, MINTER)
    for _ in range(2):
        registry.setRoles(asset_id, minter, MINTER, sender=author)
    registry.grant(asset_id, 0, buyer, 1, True, sender=minter)
    assert registry.hasAccess(asset_id, buyer)


# 6. Ordering


@pytest.mark.parametrize("decimals", [6, 18])
@pytest.mark.parametrize("fee_bps", [0, 1, 500])
def test_6_each_leg_of_the_price_is_exact(
    project: Any,
    registry: Any,
    marketplace: Any,
    dao: Any,
    buyer: Any,
    treasury: Any,
    author: Any,
    publish: Any,
    decimals: int,
    fee_bps: int,
) -> None:
    token = dao.deploy(project.MockToken, decimals)
    index = logs(registry.setPaymentToken(token, True, sender=dao), registry.PaymentTokenChanged)[0]["index"]
    token.mint(buyer, 100 * 10**decimals, sender=dao)
    token.approve(marketplace, 2**256 - 1, sender=buyer)
    registry.setFee(fee_bps, sender=dao)
    price = 3 * 10**decimals + 1
    tx = marketplace.buyAccess(order(publish(terms(price, token=index)), buyer), sender=buyer)
    fee = price * fee_bps // 10_000
    legs = [{"from": buyer, "to": treasury, "value": fee}] if fee else []
    assert logs(tx, token.Transfer) == [*legs, {"from": buyer, "to": author, "value": price - fee}]


# 7. Fixed price


def test_7_terms_and_price_keep_to_their_bounds(
    registry: Any, marketplace: Any, dao: Any, author: Any, buyer: Any, stranger: Any, publish: Any
) -> None:
    assert refusal(registry.setPaymentToken, stranger, True, sender=dao) == ("NotAContract", stranger)
    asset_id = publish(terms(5 * DOLLAR, kind=USE, cap=10))
    got = refusal(marketplace.buyAccess, order(asset_id, buyer, units=2, max_total=10 * DOLLAR - 1), sender=buyer)
    assert got == ("TotalAboveMaximum", 10 * DOLLAR, 10 * DOLLAR - 1)
    for act, args in ((registry.setPrice, (0, 1)), (registry.setOpen, (0, False))):
        assert refusal(act, asset_id, *args, sender=buyer) == ("MissingAssetRole", asset_id, buyer, SELLER)
    registry.setOpen(asset_id, 0, False, sender=author)
    assert refusal(marketplace.buyTokens, order(asset_id, buyer), sender=buyer) == ("LicenceClosed", asset_id, 0)


# 8. Dispenser


def test_8_free_units_keep_cap_and_limit_and_survive_a_transfer(
    registry: Any, marketplace: Any, author: Any, buyer: Any, stranger: Any, seller: Any, publish: Any
) -> None:
    asset_id = publish(terms(kind=USE, cap=5, limit=3))
    marketplace.buyTokens(order(asset_id, buyer, units=3), sender=buyer)
    got = refusal(marketplace.buyTokens, order(asset_id, buyer), sender=buyer)
    assert got == ("LimitExceeded", asset_id, 0, buyer, 1, 0)
    registry.transferFrom(author, seller, asset_id, sender=author)
    got = refusal(marketplace.buyTokens, order(asset_id, stranger, units=3), sender=stranger)
    assert got == ("CapExceeded", asset_id, 0, 3, 2)
    marketplace.buyTokens(order(asset_id, stranger, units=2), sender=stranger)


# 9. Access list


def test_9_many_members_are_let_in_at_once_and_cannot_pass_it_on(
    registry: Any, accounts: Any, author: Any, publish: Any
) -> None:
    asset_id = publish(terms())
    members = accounts[3:9]
    calls = [registry.grant.encode_input(asset_id, 0, member, 1, False) for member in members]
    registry.multicall(calls, sender=author)
    assert all(registry.accessOf(asset_id, 0, member).held for member in members)
    assert all(registry.accessOf(asset_id, 0, member).tokens == 0 for member in members)


# 11. The defects


@pytest.mark.parametrize("state", [SUSPENDED, RETIRED])
def test_d1_nothing_is_ordered_of_a_revoked_asset_or_an_unknown_licence_or_on_an_expired_word(
    receipts: Any,
    registry: Any,
    marketplace: Any,
    dollar: Any,
    author: Any,
    buyer: Any,
    stranger: Any,
    publish: Any,
    state: int,
) -> None:
    asset_id = publish(terms(DOLLAR, kind=USE))
    got = refusal(marketplace.buyAccess, order(asset_id, buyer, licence=7), sender=buyer)
    assert got == ("LicenceNotFound", asset_id, 7)
    long_ago = sign_permit(stranger, dollar, marketplace, 2 * DOLLAR, deadline=1)
    got = refusal(marketplace.buyAccessWithPermit, order(asset_id, stranger), long_ago, sender=stranger)
    assert got[0] == "ERC20InsufficientAllowance"
    marketplace.buyAccess(order(asset_id, buyer), sender=buyer)
    expired = (asset_id, 0, buyer, 1, ZERO_ADDRESS, JOB, 0, 1)
    got = refusal(receipts.consumeWithReceipt, expired, sign_receipt(buyer, receipts, expired), sender=stranger)
    assert got == ("ReceiptExpired", 1)
    registry.setState(asset_id, state, sender=author)
    assert refusal(marketplace.buyAccess, order(asset_id, buyer), sender=buyer) == ("NotForSale", asset_id)


def test_d2_a_signed_word_counts_once_for_one_asset_on_one_chain(
    receipts: Any, registry: Any, chain: Any, author: Any, buyer: Any, service: Any, publish: Any
) -> None:
    first, second = publish(terms(kind=USE)), publish(terms(kind=USE))
    for asset_id in (first, second):
        registry.grant(asset_id, 0, buyer, 1, False, sender=author)
    note = (first, 0, buyer, 1, service, JOB, 0, 2**48 - 1)
    signature = sign_receipt(buyer, receipts, note)
    elsewhere = (second, *note[1:])
    got = refusal(receipts.consumeWithReceipt, elsewhere, signature, sender=service)
    assert got == ("InvalidReceiptSignature", buyer)
    foreign = sign_receipt(buyer, receipts, note, chain_id=chain.chain_id + 1)
    assert refusal(receipts.consumeWithReceipt, note, foreign, sender=service) == ("InvalidReceiptSignature", buyer)
    receipts.consumeWithReceipt(note, signature, sender=service)
    assert refusal(receipts.consumeWithReceipt, note, signature, sender=service)[0] == "InvalidAccountNonce"


def test_d3_nobody_renews_or_uses_what_was_never_bought(
    receipts: Any, registry: Any, author: Any, buyer: Any, stranger: Any, publish: Any
) -> None:
    asset_id = publish(terms(kind=USE))
    assert refusal(registry.consume, asset_id, 0, 1, JOB, sender=stranger) == (
        "NotEnoughUses",
        asset_id,
        0,
        stranger,
        1,
        0,
    )
    own = (asset_id, 0, stranger, 1, stranger, JOB, 0, 2**48 - 1)
    got = refusal(receipts.consumeWithReceipt, own, sign_receipt(stranger, receipts, own), sender=stranger)
    assert got == ("NotEnoughUses", asset_id, 0, stranger, 1, 0)
    # Of one who has uses nobody else can sign them away.
    registry.grant(asset_id, 0, buyer, 1, False, sender=author)
    forged = (asset_id, 0, buyer, 1, stranger, JOB, 0, 2**48 - 1)
    got = refusal(receipts.consumeWithReceipt, forged, sign_receipt(stranger, receipts, forged), sender=stranger)
    assert got == ("InvalidReceiptSignature", buyer)
    assert allowed(receipts.consumeWithReceipt, forged, sign_receipt(buyer, receipts, forged), sender=stranger)
    none = (asset_id, 0, buyer, 0, stranger, JOB, 0, 2**48 - 1)
    got = refusal(receipts.consumeWithReceipt, none, sign_receipt(buyer, receipts, none), sender=stranger)
    assert got == ("NoUnits",)


def test_d4_a_permit_ends_by_the_clock_and_not_by_the_block_number(
    registry: Any, project: Any, author: Any, buyer: Any, seller: Any, publish: Any
) -> None:
    asset_id = publish(terms())
    registry.grant(asset_id, 0, buyer, 1, True, sender=author)
    token = project.Datatoken.at(registry.datatokenOf(asset_id, 0))
    for deadline in (1_000_000_000, now() - 1):
        permit = sign_permit(buyer, token, seller, UNIT, deadline=deadline)
        got = refusal(token.permit, buyer, seller, *permit[1:], sender=seller)
        assert got == ("ERC2612ExpiredSignature", deadline)


def test_d5_the_cap_is_the_one_that_was_asked_for(registry: Any, author: Any, buyer: Any, publish: Any) -> None:
    asset_id = publish(terms(kind=USE, cap=100))
    assert registry.licenceOf(asset_id, 0).cap == 100
    got = refusal(registry.grant, asset_id, 0, buyer, 5_000, True, sender=author)
    assert got == ("CapExceeded", asset_id, 0, 5_000, 100)
    registry.grant(asset_id, 0, buyer, 100, True, sender=author)
    assert refusal(registry.grant, asset_id, 0, buyer, 1, True, sender=author) == ("CapExceeded", asset_id, 0, 1, 0)


def test_d6_no_role_can_hand_out_roles(registry: Any, author: Any, editor: Any, stranger: Any, publish: Any) -> None:
    asset_id = publish()
    registry.setRoles(asset_id, editor, EDITOR | SELLER | MINTER, sender=author)
    for account in (editor, stranger):
        got = refusal(registry.setRoles, asset_id, account, EDITOR, sender=editor)
        assert got == ("NotAssetOwner", asset_id, editor)
    through = [registry.setRoles.encode_input(asset_id, stranger, EDITOR)]
    assert refusal(registry.multicall, through, sender=editor) == ("NotAssetOwner", asset_id, editor)


def test_d7_a_call_that_fails_within_a_batch_fails_the_batch(registry: Any, author: Any, publish: Any) -> None:
    asset_id = publish()
    calls = [
        registry.setState.encode_input(asset_id, SUSPENDED),
        registry.setState.encode_input(asset_id, SUSPENDED),
    ]
    got = refusal(registry.multicall, calls, sender=author)
    assert got == ("IllegalStateChange", asset_id, SUSPENDED, SUSPENDED)
    failure(registry.multicall, calls, sender=author)
    assert registry.assetInfo(asset_id).state == ACTIVE


def test_d8_nothing_that_is_set_twice_blocks_a_transfer(
    registry: Any, author: Any, minter: Any, stranger: Any, publish: Any
) -> None:
    asset_id = publish(terms(kind=USE), terms(kind=USE))
    for roles in (MINTER, MINTER, 0, MINTER):
        registry.setRoles(asset_id, minter, roles, sender=author)
    for is_open in (True, True, False):
        registry.setOpen(asset_id, 0, is_open, sender=author)
    for as_tokens in (True, True, False):
        registry.grant(asset_id, 1, minter, 1, as_tokens, sender=minter)
    registry.safeTransferFrom(author, stranger, asset_id, sender=author)
    assert registry.ownerOf(asset_id) == stranger


def test_d9_a_token_that_reverts_does_not_block_a_transfer(
    registry: Any, marketplace: Any, project: Any, dao: Any, author: Any, buyer: Any, stranger: Any, publish: Any
) -> None:
    token = dao.deploy(project.BlockingToken)
    index = logs(registry.setPaymentToken(token, True, sender=dao), registry.PaymentTokenChanged)[0]["index"]
    token.mint(buyer, 1_000, sender=dao)
    token.approve(marketplace, 1_000, sender=buyer)
    asset_id = publish(terms(100, token=index))
    marketplace.buyTokens(order(asset_id, buyer), sender=buyer)
    token.setPaused(True, sender=dao)
    token.setBlocked(author, True, sender=dao)
    registry.transferFrom(author, stranger, asset_id, sender=author)
    assert registry.ownerOf(asset_id) == stranger
    assert registry.hasAccess(asset_id, buyer)


def test_d10_a_transfer_costs_the_same_whatever_hangs_on_the_asset(
    registry: Any, accounts: Any, author: Any, stranger: Any, publish: Any
) -> None:
    bare, laden = publish(), publish(*[terms(DOLLAR)] * 32)
    grants = [registry.grant.encode_input(laden, i, author, 1, True) for i in range(20)]
    roles = [registry.setRoles.encode_input(laden, f"0x{i + 1:040x}", 7) for i in range(100)]
    registry.multicall(grants + roles, sender=author)
    publish(owner=stranger)
    costs = [registry.transferFrom(author, stranger, each, sender=author).gas_used for each in (bare, laden)]
    # The last asset of an owner gives gas back, which is all the difference there may be.
    assert costs[1] <= costs[0] < 75_000


def test_d10_each_role_costs_the_same_however_many_there_are(registry: Any, author: Any, publish: Any) -> None:
    asset_id = publish()
    costs = [registry.setRoles(asset_id, f"0x{2**159 + 257 * i:040x}", 1, sender=author).gas_used for i in range(1, 21)]
    assert max(costs) - min(costs) <= 100


def test_d11_what_is_written_for_an_account_is_read_for_it(
    registry: Any, author: Any, buyer: Any, stranger: Any, publish: Any
) -> None:
    """The incumbent wrote what it had paid under one order of keys and read it under the other."""
    asset_id = publish(terms(kind=USE, amount=2, limit=9))
    registry.grant(asset_id, 0, buyer, 3, False, sender=author)
    registry.grant(asset_id, 0, stranger, 4, True, sender=author)
    of_buyer, of_stranger = (registry.accessOf(asset_id, 0, who) for who in (buyer, stranger))
    assert (of_buyer.taken, of_buyer.uses, of_buyer.tokens) == (3, 6, 0)
    assert (of_stranger.taken, of_stranger.uses, of_stranger.tokens) == (4, 0, 4 * UNIT)


def test_d11_a_second_distribution_pays_what_is_new_and_no_more(
    split: Any, dollar: Any, dao: Any, buyer: Any, editor: Any, stranger: Any
) -> None:
    """So its splitter paid each payee again from the start, until it ran dry."""
    splitter = split({editor: 1, stranger: 3})
    for total in (400, 800, 900):
        dollar.mint(splitter, total - splitter.received(dollar), sender=dao)
        for _ in range(2):
            splitter.distribute(dollar, sender=buyer)
        assert [dollar.balanceOf(who) for who in (editor, stranger, splitter)] == [total // 4, total * 3 // 4, 0]


def test_d12_a_question_of_two_keys_answers_for_both(
    registry: Any, author: Any, buyer: Any, stranger: Any, publish: Any
) -> None:
    """The incumbent's list filtered by token or payee where it should have been both."""
    assets = [publish(terms(kind=PERIOD, amount=DAY), terms(kind=USE)) for _ in range(2)]
    given = {(assets[0], 0, buyer), (assets[1], 1, stranger)}
    for asset_id, licence, who in given:
        registry.grant(asset_id, licence, who, 1, False, sender=author)
    seen = {
        (asset_id, licence, who)
        for asset_id in assets
        for licence in range(2)
        for who in (buyer, stranger)
        if registry.accessOf(asset_id, licence, who).active
    }
    assert seen == given


def test_d13_the_announced_standard_is_whole(
    registry: Any, project: Any, author: Any, stranger: Any, publish: Any
) -> None:
    assert registry.supportsInterface(bytes.fromhex("80ac58cd"))
    selectors = {keccak(text=method.selector)[:4] for method in registry.contract_type.methods}
    assert keccak(text="safeTransferFrom(address,address,uint256,bytes)")[:4] in selectors
    receiver = stranger.deploy(project.AssetReceiver, 0)
    asset_id = publish()
    registry.safeTransferFrom(author, receiver, asset_id, b"data", sender=author)
    assert (registry.ownerOf(asset_id), receiver.operator()) == (receiver, author)
