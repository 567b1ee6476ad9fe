"""Whose coins a use costs: a gateway pays for ordinary keys, so much a day, and never for what strangers' code does."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from integration.gateway.support import AUTHOR, BUYER, CALLS, OTHER, STRANGER, Town, Voice, Wish, shares
from integration.gateway.test_chain_attacks import MAGIC, answering, deploy
from integration.support import Anvil
from registry import Published, Registry
from registry.chain.addresses import Deployment
from registry.chain.signers import KeySigner, dev_signer
from registry.content.uses import SignedReceipt
from registry.did import DID
from registry.gated.protocol import Receipt
from registry.gateway.consuming import LIFE
from registry.gateway.gas_budget import DAY, PAUSE
from registry.gateway.settings import Settings


def refused(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text


# --- Wallets that tell a trial from a transaction -------------------------------------------------

# Each leaves on the stack whether this is the transaction; what stands in braces is known when the wallet is made.
TELLS = {
    "the price of gas": "3a",
    "the base fee": f"64{9 * 10**9:010x}4810",
    "who mines": "73" + "c0" * 20 + "4114",
    "who sent it": "73{sender}3214",
    "the number of the block": "63{number:08x}4311",
    "its time": "63{time:08x}4211",
    "its randomness": "44600116",
    "the gas that is left": "620f42405a10614e205a1116",
}


def telling(tell: str) -> bytes:
    """A wallet that takes every signature, and burns all the gas there is where it sees a transaction."""
    honest = f"57{'7f' + MAGIC}60005260206000f3"
    at = (len(tell) + len("60ff") + len(honest)) // 2
    return answering(f"{tell}60{at:02x}{honest}5b60{at:02x}56")


def let_pass_what_the_wallets_take_for_a_trial(town: Town, number: int, time: int) -> None:
    """Up to block `number` of this `time` all is as in a trial; the next one is told from them in every way."""
    w3, rpc = town.chain.w3, town.anvil.rpc
    town.mine(number - 4 - town.chain.block().number)
    rpc("evm_setNextBlockTimestamp", time - 10)
    for _ in range(4):
        rpc("anvil_setNextBlockBaseFeePerGas", hex(10 * 10**9))
        town.mine()
    rpc("anvil_setNextBlockBaseFeePerGas", hex(8 * 10**9))
    rpc("evm_increaseTime", 100)
    assert w3.eth.block_number == number and town.chain.block().timestamp <= time


def let_randomness_be_even(town: Town) -> None:
    """At the head and at the depth, which a trial sees."""
    town.mine(3)
    while any(town.chain.w3.eth.get_block(town.chain.block().number - n)["mixHash"][-1] & 1 for n in (0, 2)):
        town.mine()


def receipt_of(wallet: str, buyer: Registry, made: Published) -> Wish:
    wish = Wish(str(made.did)).pay(buyer, 0)
    assert wish.receipt is not None
    changed = {"account": wallet, "nonce": str(secrets.randbits(100) << 64)}
    wish.receipt = Receipt.model_validate(wish.receipt.model_dump() | changed)
    return wish


@pytest.fixture
def spent(town: Town, gateway: Voice) -> Callable[[], int]:
    """What the gateway has paid so far, in wei."""
    signer = gateway.about["signer"]
    before = town.chain.balance(signer)
    return lambda: before - town.chain.balance(signer)


@pytest.mark.parametrize("tell", TELLS)
def test_a_wallet_that_tells_a_trial_from_a_transaction_costs_the_gateway_nothing(
    town: Town, gateway: Voice, buyer: Registry, buyer_key: KeySigner, spent: Callable[[], int], tell: str
) -> None:
    """No trial can be made the same as the transaction, so for what has code the gateway sends none."""
    made = town.publish(CALLS)
    gateway.deposit(dev_signer(AUTHOR), str(made.did), shares(1, 1)[0])
    head = town.chain.block()
    number, time = head.number + 20, head.timestamp + 1000
    wallet = deploy(town, telling(TELLS[tell].format(number=number, time=time, sender=gateway.about["signer"][2:])))
    buyer.buy(made.did, 0, max_total="0.002 ETH", account=wallet)
    if tell == "its randomness":
        let_randomness_be_even(town)
    else:
        let_pass_what_the_wallets_take_for_a_trial(town, number, time)
    answer = gateway.release(buyer_key, receipt_of(wallet, buyer, made), account=wallet)
    assert spent() == 0, answer.text
    refused(answer, 403, "hand_in")
    assert buyer.holding(made.did, 0, account=wallet).uses == 10
    assert town.made["one"].uses.all() == []


# --- Keys whose owners spoil the transaction ------------------------------------------------------


@pytest.fixture
def place(prague: tuple[Anvil, Deployment], tmp_path: Path) -> Iterator[Town]:
    made = Town(*prague, tmp_path)
    with made.stack:
        yield made


def a_call(call: Any) -> dict[str, Any]:
    return {"to": call.address, "data": call._encode_transaction_data(), "gas": hex(500_000)}


def cancels_it(town: Town, holder: Registry, receipt: Receipt) -> dict[str, Any]:
    return a_call(holder.receipt_contract.functions.cancelReceipt(int(receipt.nonce) >> 64))


def spends_the_uses(town: Town, holder: Registry, receipt: Receipt) -> dict[str, Any]:
    return a_call(holder.assets.functions.consume(DID.parse(receipt.did).asset_id, receipt.licence, 10, b"\0" * 32))


def hands_it_in(town: Town, holder: Registry, receipt: Receipt) -> dict[str, Any]:
    signed = SignedReceipt.from_json(receipt.model_dump_json())
    return a_call(holder.receipt_contract.functions.consumeWithReceipt(signed.values(), signed.signature))


def takes_on_code(town: Town, holder: Registry, receipt: Receipt) -> dict[str, Any]:
    burner = deploy(town, answering("5b600056"))
    nonce = town.chain.w3.eth.get_transaction_count(holder.address)  # type: ignore[arg-type]
    signed = holder.signer._account.sign_authorization(  # type: ignore[union-attr]
        {"chainId": 1337, "address": bytes.fromhex(burner[2:]), "nonce": nonce + 1}
    )
    listed = {"chainId": hex(1337), "address": burner, "nonce": hex(nonce + 1), "yParity": hex(signed.y_parity)}
    listed |= {"r": hex(signed.r), "s": hex(signed.s)}
    return {"to": holder.address, "gas": hex(200_000), "authorizationList": [listed]}


def paid(town: Town, gateway: Voice) -> list[int]:
    """The gas of each transaction of a gateway that is in a block."""
    w3, signer = town.chain.w3, gateway.about["signer"]
    sent = w3.eth.get_transaction_count(signer)
    blocks = (w3.eth.get_block(n, full_transactions=True) for n in range(town.chain.block().number + 1))
    gas = [
        w3.eth.get_transaction_receipt(t["hash"])["gasUsed"]
        for b in blocks
        for t in b["transactions"]
        if t["from"] == signer
    ]  # type: ignore[index]
    assert len(gas) == sent
    return gas


def sold(town: Town, gateway: Voice, *holders: Registry) -> Published:
    made = town.publish(CALLS)
    assert gateway.deposit(dev_signer(AUTHOR), str(made.did), shares(1, 1)[0]).status_code == 200
    for holder in holders:
        holder.buy(made.did, 0, max_total="0.002 ETH")
    town.mine(5)
    return made


@pytest.mark.parametrize(
    ("spoil", "then"),
    [
        (cancels_it, (409, "receipt_spent")),
        (spends_the_uses, (403, "no_access")),
        (hands_it_in, (200, "")),
        (takes_on_code, (200, "")),
    ],
)
def test_a_key_whose_owner_spoils_the_transaction_costs_one_of_bounded_gas(
    place: Town, spoil: Callable[..., dict[str, Any]], then: tuple[int, str]
) -> None:
    """The trial succeeds, and a transaction that pays more comes first: that one is paid for once, and no more."""
    gateway, buyer, key = place.gateway(patience=0.5), place.person(BUYER), dev_signer(BUYER)
    made = sold(place, gateway, buyer)
    wish = Wish(str(made.did)).pay(buyer, 0)
    before = spoil(place, buyer, wish.receipt)
    place.anvil.rpc("evm_setAutomine", False)
    try:
        refused(gateway.release(key, wish), 503, "pending")
        assert place.made["one"].uses.budget.spent() == Settings(gateway.url).receipt_gas, "all that it may take"
        # Of two that are on their way the second could spend what the first has spent.
        refused(gateway.release(key, Wish(str(made.did)).pay(buyer, 0)), 503, "pending")
        assert int(place.anvil.rpc("txpool_status")["pending"], 16) == 1
        fees = {"maxFeePerGas": hex(10**12), "maxPriorityFeePerGas": hex(10**11)}
        place.anvil.rpc("eth_sendTransaction", {"from": buyer.address, **fees, **before})
        place.mine()
    finally:
        place.anvil.rpc("evm_setAutomine", True)
    [gas] = paid(place, gateway)
    assert gas <= Settings(gateway.url).receipt_gas
    place.mine(5)
    for _ in range(2):
        answer = gateway.release(key, wish)
        assert (answer.status_code, answer.json().get("error", {}).get("code", "")) == then, answer.text
    # Nor is anything paid for what else the account signs, for a while, also by the gateway's next process.
    again = place.gateway(patience=0.5)
    code = "no_access" if spoil is spends_the_uses else "hand_in"
    refused(again.release(key, Wish(str(made.did)).pay(buyer, 0)), 403, code)
    assert paid(place, again) == [gas]
    later = place.made["one"].uses.budget
    later._clock = lambda: time.time() + 2 * PAUSE
    answer = again.release(key, Wish(str(made.did)).pay(buyer, 0))
    assert (
        answer.json().get("error", {}).get("code")
        == {
            cancels_it: "pending",
            hands_it_in: "pending",
            spends_the_uses: "no_access",
            takes_on_code: "hand_in",
        }[spoil]
    )


def test_a_receipt_that_could_expire_on_its_way_is_not_handed_in(
    town: Town, gateway: Voice, buyer: Registry, buyer_key: KeySigner, spent: Callable[[], int]
) -> None:
    made = sold(town, gateway, buyer)
    for seconds in (1, LIFE - 60):
        refused(gateway.release(buyer_key, Wish(str(made.did)).pay(buyer, 0, seconds=seconds)), 403, "hand_in")
    assert spent() == 0 and town.made["one"].uses.all() == []


# --- A day ----------------------------------------------------------------------------------------


def until_nothing_more_is_paid(gateway: Voice, signer: KeySigner, holder: Registry, made: Published) -> int:
    """Sign one use after the other away; returns how many were handed in before the gateway paid for no more."""
    for count in range(20):
        answer = gateway.release(signer, Wish(str(made.did)).pay(holder, 0))
        if answer.status_code == 403:
            refused(answer, 403, "hand_in")
            return count
        assert answer.json()["error"]["code"] == "pending", answer.text
    raise AssertionError("it pays for ever")


def test_one_account_and_all_together_cost_no_more_than_so_much_gas_in_a_day(town: Town) -> None:
    most = {"account_gas": 300_000, "day_gas": 500_000, "patience": 0.1}
    gateway, people = town.gateway("bounded", **most), [town.person(n) for n in (BUYER, STRANGER, OTHER)]
    made = sold(town, gateway, *people)
    keys = [dev_signer(n) for n in (BUYER, STRANGER, OTHER)]
    assert until_nothing_more_is_paid(gateway, keys[0], people[0], made) >= 1
    assert 0 < sum(paid(town, gateway)) <= most["account_gas"]
    assert until_nothing_more_is_paid(gateway, keys[0], people[0], made) == 0
    # Killed and begun anew it has not forgotten.
    gateway = town.gateway("bounded", **most)
    assert until_nothing_more_is_paid(gateway, keys[0], people[0], made) == 0
    assert until_nothing_more_is_paid(gateway, keys[1], people[1], made) >= 1
    assert until_nothing_more_is_paid(gateway, keys[2], people[2], made) <= 1
    taken = sum(paid(town, gateway))
    assert taken <= most["day_gas"] and taken == town.made["bounded"].uses.budget.spent()
    # A day later there is another one.
    town.made["bounded"].uses.budget._clock = lambda: time.time() + DAY + 60
    assert town.made["bounded"].uses.budget.spent() == 0
    assert until_nothing_more_is_paid(gateway, keys[0], people[0], made) >= 1


@pytest.mark.parametrize("most", [{"day_gas": 0}, {"receipt_gas": 30_000}], ids=["a day", "a receipt"])
def test_a_gateway_may_pay_for_nothing_at_all_or_for_no_receipt_that_takes_more(
    town: Town, buyer: Registry, buyer_key: KeySigner, most: dict[str, int]
) -> None:
    """Anybody may hand the receipt in: whoever does pays, and the use is one use."""
    gateway = town.gateway("poor", **most)
    made = sold(town, gateway, buyer)
    wish = Wish(str(made.did)).pay(buyer, 0)
    refused(gateway.release(buyer_key, wish), 403, "hand_in")
    assert wish.receipt is not None
    town.person(STRANGER).submit_receipt(SignedReceipt.from_json(wish.receipt.model_dump_json()))
    town.mine(5)
    assert gateway.release(buyer_key, wish).status_code == 200
    assert buyer.holding(made.did, 0).uses == 9
    assert paid(town, gateway) == []
