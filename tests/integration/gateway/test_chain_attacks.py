"""Access that is gone with a block, or was there for one only; and contract wallets that lie."""

from __future__ import annotations

import shutil
from typing import Any

import httpx
import pytest
from eth_utils.crypto import keccak

from integration.gateway.support import AUTHOR, BUYER, MONTH, OTHER, SEAT, Town, Voice, Wish, shares
from registry import Licence, Published, Registry
from registry.chain.artifacts import artifact
from registry.chain.signers import KeySigner, dev_signer


def refused(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text


def test_access_that_is_bought_and_reorganised_away_releases_nothing(own_town: Town) -> None:
    town, key = own_town, dev_signer(BUYER)
    gateway, made = town.gateway(depth=3), own_town.publish(MONTH)
    gateway.deposit(dev_signer(AUTHOR), str(made.did), shares(1, 1)[0])
    buyer = town.person(BUYER)
    before = town.anvil.rpc("evm_snapshot")
    buyer.buy(made.did, "month", max_total="12.5 USD")
    for _ in range(3):
        refused(gateway.ask(key, str(made.did)), 403, "too_fresh")
        town.mine()
    town.anvil.rpc("evm_revert", before)  # the purchase never was; another branch grows
    for _ in range(6):
        refused(gateway.ask(key, str(made.did)), 403, "no_access")
        town.mine()


def test_a_deposit_for_an_asset_that_may_be_reorganised_away_is_not_taken(own_town: Town) -> None:
    """Else the number could become a stranger's asset, and the share with it the stranger's."""
    town = own_town
    gateway = town.gateway(depth=3)
    before = town.anvil.rpc("evm_snapshot")
    mine = town.person(AUTHOR).publish(None, name="Mine", type="dataset", license="CC0-1.0")
    refused(gateway.deposit(dev_signer(AUTHOR), str(mine.did), shares(1, 1)[0]), 403, "too_fresh")
    town.anvil.rpc("evm_revert", before)
    theirs = town.person(OTHER).publish(None, name="Theirs", type="dataset", license="CC0-1.0")
    assert theirs.did == mine.did
    town.mine(5)
    refused(gateway.ask(dev_signer(OTHER), str(theirs.did)), 404, "not_found")
    refused(gateway.deposit(dev_signer(AUTHOR), str(mine.did), shares(1, 1)[0]), 403, "not_owner")


def test_the_kind_of_a_licence_is_learned_for_good_only_once_it_is_deep(own_town: Town) -> None:
    """A reorganisation may replace a licence by one of another kind under the same number."""
    town, key = own_town, dev_signer(BUYER)
    gateway, made = town.gateway(depth=3), own_town.publish()
    gateway.deposit(dev_signer(AUTHOR), str(made.did), shares(1, 1)[0])

    def offer_and_give(licence: Licence, home: str) -> None:
        shutil.copytree(town.folder / "homes" / str(AUTHOR) / "blocks", town.folder / "homes" / home / "blocks")
        author = town.person(AUTHOR, home=home)
        author.add_licence(made.did, licence)
        author.grant(made.did, 0, to=key.address)

    before = town.anvil.rpc("evm_snapshot")
    offer_and_give(Licence.hold("free", price="0 ETH"), "one branch")
    refused(gateway.ask(key, str(made.did)), 403, "too_fresh")
    town.anvil.rpc("evm_revert", before)
    offer_and_give(Licence.uses("free", uses=1, price="0 ETH"), "another branch")
    town.mine(5)
    refused(gateway.ask(key, str(made.did)), 403, "use_needed")


def test_a_token_lent_by_flash_for_one_block_releases_nothing(
    town: Town, gateway: Voice, buyer: Registry, author_key: KeySigner, buyer_key: KeySigner, stranger_key: KeySigner
) -> None:
    made = town.publish(SEAT)
    did = str(made.did)
    gateway.deposit(author_key, did, shares(1, 1)[0])
    buyer.buy(made.did, "seat", max_total="3 USD", as_tokens=True)
    town.mine(3)
    address = buyer.chain.call(buyer.assets.functions.datatokenOf(made.did.asset_id, 0))
    stranger = town.person(2)
    token = buyer.erc20(address)
    # Lent and given back within a block: no state between blocks ever has it.
    town.anvil.rpc("evm_setAutomine", False)
    try:
        lend = token.functions.transfer(stranger_key.address, 10**18)
        for sender, call in ((buyer_key, lend), (stranger_key, token.functions.transfer(buyer_key.address, 10**18))):
            town.anvil.rpc(
                "eth_sendTransaction",
                {
                    "from": sender.address,
                    "to": address,
                    "data": call._encode_transaction_data(),
                    "gas": hex(200_000),
                },
            )
        town.mine()
    finally:
        town.anvil.rpc("evm_setAutomine", True)
    held = [
        event.args["to"] for event in buyer.chain.events(token.events.Transfer, from_block=buyer.chain.block().number)
    ]
    assert held == [stranger_key.address, buyer_key.address], "both happened in one block"
    refused(gateway.ask(stranger_key, did), 403, "no_access")
    # Lent from one block to the next: it is there at the head and not at the depth, and later the other way round.
    buyer.act("lend", token.functions.transfer(stranger_key.address, 10**18))
    refused(gateway.ask(stranger_key, did), 403, "too_fresh")
    stranger.act("give back", token.functions.transfer(buyer_key.address, 10**18))
    for _ in range(4):
        refused(gateway.ask(stranger_key, did), 403, "no_access")
        town.mine()


# --- Contract wallets ----------------------------------------------------------------------------


def deploy(town: Town, code: bytes | str, *arguments: Any, name: str = "") -> str:
    """Put a contract on the chain: a mock of ours by its name, or creation code."""
    w3 = town.chain.w3
    if name:
        made: Any = town.mocks[name] if hasattr(town, "mocks") else _mock(name)
        sent = w3.eth.contract(abi=made["abi"], bytecode=made["bytecode"]).constructor(*arguments)
        data = sent.data_in_transaction
    else:
        data = "0x" + bytes(code).hex()  # type: ignore[arg-type]
    hash = town.anvil.rpc(
        "eth_sendTransaction", {"from": dev_signer(OTHER).address, "data": data, "gas": hex(3_000_000)}
    )
    return str(w3.eth.wait_for_transaction_receipt(hash)["contractAddress"])


def _mock(name: str) -> dict[str, Any]:
    import json
    from pathlib import Path

    path = Path(__file__).parents[3] / ".build" / f"{name}.json"
    if not path.exists():
        content = json.loads((Path(__file__).parents[3] / ".build" / "__local__.json").read_text())
        found = content["contractTypes"][name]
    else:
        found = json.loads(path.read_text())
    return {"abi": found["abi"], "bytecode": found["deploymentBytecode"]["bytecode"]}


def answering(runtime: str) -> bytes:
    """Creation code of a contract whose every call runs `runtime` (hexadecimal)."""
    code = bytes.fromhex(runtime)
    return bytes.fromhex("61") + len(code).to_bytes(2, "big") + bytes.fromhex("80600a3d393df3") + code


MAGIC = "1626ba7e" + "00" * 28
LIARS = {
    "says true instead of the magic word": "600160005260206000f3",
    "says the magic word with something behind it": "7f1626ba7e" + "11" * 28 + "60005260206000f3",
    "says four bytes only": f"7f{MAGIC}60005260046000f3",
    "says nothing": "00",
    "reverts with the magic word": f"7f{MAGIC}60005260206000fd",
    "repeats what it was asked": "3660006000373660006000f3",
    "answers with a megabyte": "620fffff6000f3",
    "changes its state first": f"60016000557f{MAGIC}60005260206000f3",
    "burns all gas in a loop": "5b600056",
    "burns all gas by an invalid instruction": "fe",
    "calls itself for ever": "60006000600060006000305af1",
}


@pytest.fixture
def open_asset(town: Town, gateway: Voice, author_key: KeySigner) -> Published:
    made = town.publish(MONTH)
    gateway.deposit(author_key, str(made.did), shares(1, 1)[0])
    return made


@pytest.mark.parametrize("lie", LIARS)
def test_a_contract_wallet_that_lies_or_burns_gas_releases_nothing(
    town: Town, open_asset: Published, gateway: Voice, buyer: Registry, stranger_key: KeySigner, lie: str
) -> None:
    wallet = deploy(town, answering(LIARS[lie]))
    buyer.buy(open_asset.did, "month", max_total="12.5 USD", account=wallet)
    town.mine(5)
    refused(gateway.release(stranger_key, Wish(str(open_asset.did)), account=wallet), 401, "signature")


def test_a_contract_wallet_that_takes_the_signature_opens_what_it_bought(
    town: Town, open_asset: Published, gateway: Voice, buyer: Registry, buyer_key: KeySigner, stranger_key: KeySigner
) -> None:
    """A Safe or a DAO can consume: by ERC-1271, with both answers asked at both blocks."""
    wallet = deploy(town, b"", buyer_key.address, name="MockWallet")
    refused(gateway.release(buyer_key, Wish(str(open_asset.did)), account=wallet), 401, "signature")  # too new
    buyer.buy(open_asset.did, "month", max_total="12.5 USD", account=wallet)
    town.mine(5)
    assert gateway.release(buyer_key, Wish(str(open_asset.did)), account=wallet).status_code == 200
    refused(gateway.release(stranger_key, Wish(str(open_asset.did)), account=wallet), 401, "signature")
    refused(gateway.release(buyer_key, Wish(str(open_asset.did))), 403, "no_access")


def test_a_wallet_whose_keys_changed_a_moment_ago_is_refused(
    town: Town, open_asset: Published, gateway: Voice, buyer: Registry, buyer_key: KeySigner, stranger_key: KeySigner
) -> None:
    wallet = deploy(town, b"", buyer_key.address, name="MockWallet")
    buyer.buy(open_asset.did, "month", max_total="12.5 USD", account=wallet)
    town.mine(5)
    data = "0x" + (keccak(text="setKey(address)")[:4] + bytes(12) + bytes.fromhex(stranger_key.address[2:])).hex()
    changed = town.anvil.rpc("eth_sendTransaction", {"from": buyer_key.address, "to": wallet, "data": data})
    town.chain.w3.eth.wait_for_transaction_receipt(changed)
    for signer in (buyer_key, stranger_key):
        refused(gateway.release(signer, Wish(str(open_asset.did)), account=wallet), 401, "signature")
    town.mine(5)
    assert gateway.release(stranger_key, Wish(str(open_asset.did)), account=wallet).status_code == 200


def test_a_chain_that_stands_still_or_is_gone_releases_nothing(
    town: Town, bought: Published, buyer_key: KeySigner, author_key: KeySigner
) -> None:
    assert artifact("AssetRegistry").abi
    stale = town.gateway("stale", head_age=0)
    refused(stale.ask(buyer_key, str(bought.did)), 503, "chain")
    refused(stale.say("GET", "/v1/health"), 503, "chain")
