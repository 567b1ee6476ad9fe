"""Words that the functional tests are written in: terms, publications, orders, refusals, events, signatures."""

from __future__ import annotations

import ast
import base64
from typing import Any

from ape import chain, project
from ape.utils import ZERO_ADDRESS
from eth_abi import decode
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import keccak, to_checksum_address

HOLD, PERIOD, USE, STREAM = range(4)
ACTIVE, SUSPENDED, RETIRED = range(3)
EDITOR, SELLER, MINTER = 1, 2, 4

DAY = 86_400
UNIT = 10**18
DOLLAR = 10**6
FEE_BPS = 250
NO_MAXIMUM = 2**256 - 1
ANY_DOCUMENT = bytes(32)
MOST_ROYALTY = 3_000
NATIVE, USD = 0, 1
"""Indices of the payment tokens of the deployed system."""

PANIC = keccak(text="Panic(uint256)")[:4]

Terms = tuple[Any, ...]


def digest(text: str) -> bytes:
    """32 bytes that stand for a document."""
    return keccak(text=text)


def cid(hash_: bytes) -> str:
    """CIDv1, raw, sha2-256 of a digest, by nothing but the standard library (RFC 4648, multiformats table)."""
    return "b" + base64.b32encode(bytes((0x01, 0x55, 0x12, 0x20)) + hash_).decode().lower().rstrip("=")


def terms(
    price: int = 0, *, token: int = USD, kind: int = HOLD, amount: int | None = None, cap: int = 0, limit: int = 0
) -> Terms:
    """Licence terms as the registry takes them; `amount` is 30 days for Period and 5 uses for Use unless given."""
    if amount is None:
        amount = (0, 30 * DAY, 5)[kind]
    return price, token, kind, amount, cap, limit, 0, ZERO_ADDRESS


def stream(
    streams: Any, price: int, *, token: int = USD, per: int = 30 * DAY, minimum: int = DAY, cap: int = 0, limit: int = 0
) -> Terms:
    """Terms of a licence that `streams` sells by the second: `price` for `per` seconds, `minimum` of them at least."""
    return price, token, STREAM, per, cap, limit, minimum, streams


def publication(
    *licences: Terms,
    document: str = "first version",
    payout: Any = ZERO_ADDRESS,
    derivatives: tuple[bool, int] = (False, 0),
    parents: tuple[tuple[Any, int], ...] = (),
    most: int = MOST_ROYALTY,
) -> tuple[Any, ...]:
    """One asset to publish; each parent is (registry, id)."""
    return digest(document), payout, derivatives, list(parents), most, list(licences)


def here(registry: Any, *asset_ids: int) -> tuple[tuple[Any, int], ...]:
    """Assets of a registry as parents."""
    return tuple((registry, asset_id) for asset_id in asset_ids)


def order(
    asset_id: int,
    account: Any,
    *,
    licence: int = 0,
    units: int = 1,
    max_total: int = NO_MAXIMUM,
    document: bytes = ANY_DOCUMENT,
) -> tuple[Any, ...]:
    """An order for the marketplace."""
    return asset_id, licence, account, units, max_total, document


def time_order(
    asset_id: int,
    account: Any,
    time: int,
    *,
    licence: int = 0,
    max_total: int = NO_MAXIMUM,
    document: bytes = ANY_DOCUMENT,
) -> tuple[Any, ...]:
    """An order for so many seconds."""
    return asset_id, licence, account, time, max_total, document


def issue(
    asset_id: int,
    account: Any,
    *,
    licence: int = 0,
    units: int = 1,
    as_tokens: bool = False,
    buyer: Any = None,
    document: bytes = ANY_DOCUMENT,
) -> tuple[Any, ...]:
    """What a seller has the registry issue; the account buys for itself unless told."""
    return asset_id, licence, account, units, as_tokens, buyer or account, document


def word(text: str) -> bytes:
    """Short text as the directory and the standards have it."""
    return text.encode().ljust(32, b"\0")


def held_by(account: Any, token: Any = None) -> int:
    """What an account holds of a token, or of the native coin."""
    if token is not None:
        return int(token.balanceOf(account))
    return int(chain.provider.get_balance(getattr(account, "address", account)))


def share_table(shares: dict[Any, int]) -> list[tuple[str, int]]:
    """Payees and shares in the order that the factory asks for."""
    table = [(str(getattr(payee, "address", payee)), share) for payee, share in shares.items()]
    return sorted(table, key=lambda entry: int(entry[0], 16))


def untouched(count: int, name: str = "payee") -> list[str]:
    """So many accounts that nobody has the key of, by ascending address."""
    return sorted((to_checksum_address(keccak(text=f"{name} {i}")[-20:]) for i in range(count)), key=str.lower)


def logs(tx: Any, event: Any) -> list[dict[str, Any]]:
    """The arguments of each event of this kind, in order."""
    return [dict(log.event_arguments) for log in event.from_receipt(tx)]


def refusal(
    method: Any, *args: Any, sender: Any, value: int = 0, gas: int = 20_000_000, tail: bytes = b""
) -> tuple[Any, ...]:
    """What a call would be refused with: the error's name and values; ("",) for a refusal without words.

    `tail` are bytes after those of the call. Asked by `eth_call`, since a transaction that reverts changes nothing and
    costs a trace. Fails if the call would go through.
    """
    call = {"from": sender.address, "to": method.contract.address, "value": hex(value), "gas": hex(gas)}
    call["data"] = "0x" + (bytes(method.encode_input(*args)) + tail).hex()
    try:
        chain.provider.web3.eth.call(call)
    except Exception as error:
        return decode_error(revert_data(error))
    raise AssertionError(f"{method} went through")


def refused(machine: Any, target: Any, data: bytes, sender: Any, value: int = 0) -> tuple[Any, ...]:
    """What the call of a contract (Reentrant) was refused with, that somebody sends."""
    _, _, reason = refusal(machine.act, target, value, data, sender=sender)
    return decode_error(reason)


def allowed(method: Any, *args: Any, sender: Any) -> bool:
    """Whether a call would go through now; asked by `eth_call`, so that the moment stays what it is."""
    try:
        refusal(method, *args, sender=sender)
    except AssertionError:
        return True
    return False


def creation_refusal(container: Any, *args: Any, sender: Any) -> tuple[Any, ...]:
    """What the creation of a contract would be refused with, as `refusal` has it."""
    data = container.constructor.serialize_transaction(*args).data
    try:
        chain.provider.web3.eth.call({"from": sender.address, "data": "0x" + bytes(data).hex(), "gas": hex(20_000_000)})
    except Exception as error:
        return decode_error(revert_data(error))
    raise AssertionError(f"{container} was created")


def failure(method: Any, *args: Any, sender: Any, value: int = 0, gas: int = 1_000_000) -> Any:
    """The web3 receipt of a transaction that is mined and fails; sent past ape, which would trace it for seconds."""
    web3 = chain.provider.web3
    transaction = {
        "to": method.contract.address,
        "data": "0x" + bytes(method.encode_input(*args)).hex(),
        "value": value,
        "gas": gas,
        "gasPrice": 2 * int(web3.eth.get_block("latest")["baseFeePerGas"]) + 1,
        "nonce": web3.eth.get_transaction_count(sender.address),
        "chainId": chain.chain_id,
    }
    signed = Account.sign_transaction(transaction, sender.private_key)
    receipt = web3.eth.wait_for_transaction_receipt(web3.eth.send_raw_transaction(signed.raw_transaction))
    assert receipt["status"] == 0, f"{method} went through"
    return receipt


def decode_error(data: bytes) -> tuple[Any, ...]:
    """Name and values of a custom error of any of the project's contracts, or of Solidity's own panic."""
    if not data:
        return ("",)
    if data[:4] == PANIC:
        return "Panic", int.from_bytes(data[4:], "big")
    abi = _errors()[data[:4]]
    types = [item.canonical_type for item in abi.inputs]
    values = decode(types, data[4:])
    return (
        abi.name,
        *(
            to_checksum_address(value) if kind == "address" else value
            for kind, value in zip(types, values, strict=True)
        ),
    )


def sign_receipt(signer: Any, contract: Any, receipt: tuple[Any, ...], *, chain_id: int | None = None) -> bytes:
    """The holder's EIP-712 signature over a receipt, built from the standard and not from the contract's own hash."""
    names = ("assetId", "licence", "account", "uses", "service", "ref", "nonce", "deadline")
    kinds = ("uint256", "uint8", "address", "uint32", "address", "bytes32", "uint256", "uint48")
    message = {name: getattr(value, "address", value) for name, value in zip(names, receipt, strict=True)}
    return sign(
        signer,
        domain=domain("AI Asset Registry", contract, chain_id=chain_id),
        primary="Receipt",
        fields=dict(zip(names, kinds, strict=True)),
        message=message,
    )


def sign_permit(
    signer: Any, token: Any, spender: Any, value: int, *, deadline: int, nonce: int | None = None
) -> tuple[Any, int, int, int, bytes, bytes]:
    """An EIP-2612 permit in the shape that sellers take: token, value, deadline, v, r, s."""
    fields = {"owner": "address", "spender": "address", "value": "uint256", "nonce": "uint256", "deadline": "uint256"}
    message = {
        "owner": signer.address,
        "spender": spender.address,
        "value": value,
        "nonce": token.call_view_method("nonces", signer) if nonce is None else nonce,
        "deadline": deadline,
    }
    raw = sign(signer, domain=domain(token.name(), token), primary="Permit", fields=fields, message=message)
    return token, value, deadline, raw[64], raw[:32], raw[32:64]


def domain(name: str, contract: Any, *, chain_id: int | None = None) -> dict[str, Any]:
    """The EIP-712 domain of a contract, version 1."""
    number = chain.chain_id if chain_id is None else chain_id
    return {"name": name, "version": "1", "chainId": number, "verifyingContract": contract.address}


def sign(
    signer: Any, *, domain: dict[str, Any], primary: str, fields: dict[str, str], message: dict[str, Any]
) -> bytes:
    """65 bytes r, s, v of a test account over typed data."""
    typed = encode_typed_data(
        domain_data=domain,
        message_types={primary: [{"name": name, "type": kind} for name, kind in fields.items()]},
        message_data=message,
    )
    return bytes(Account.sign_message(typed, signer.private_key).signature)


def write_storage(contract: Any, slot: int, value: int) -> None:
    """Write a slot of a contract past its code, on either chain."""
    if "foundry" in chain.provider.name:
        word_ = "0x" + value.to_bytes(32).hex()
        chain.provider.make_request("anvil_setStorageAt", [contract.address, hex(slot), word_])
    else:
        _write_state("set_storage", contract.address, slot, value)


def let_act(account: Any, contract: Any) -> None:
    """A person lets the code of a contract act for the account (EIP-7702)."""
    code = bytes.fromhex("ef0100" + contract.address[2:])
    if "foundry" in chain.provider.name:
        chain.provider.make_request("anvil_setCode", [account.address, "0x" + code.hex()])
    else:
        _write_state("set_code", account.address, code)


def _write_state(how: str, address: str, *values: Any) -> None:
    """In the EVM of this process: the block that comes next begins with it."""
    chain_ = chain.provider.evm_backend.chain
    state = chain_.get_vm().state
    getattr(state, how)(bytes.fromhex(address[2:]), *values)
    state.persist()
    chain_.header = chain_.header.copy(state_root=state.state_root)
    chain.mine()


def now() -> int:
    """The time of the newest block, seconds since 1970."""
    return int(chain.blocks.head.timestamp)


def revert_data(error: Exception) -> bytes:
    data = getattr(error, "data", None)
    if isinstance(data, str) and data.startswith("0x"):
        return bytes.fromhex(data[2:])
    text = str(error.args[0]) if error.args else ""
    prefix, _, rest = text.partition("execution reverted: ")
    if not prefix and rest.startswith("b"):
        return bytes(ast.literal_eval(rest))
    if "execution reverted" in text:
        return b""
    raise error


_ERRORS: dict[bytes, Any] = {}


def _errors() -> dict[bytes, Any]:
    if not _ERRORS:
        for contract in project.load_contracts().values():
            for abi in contract.contract_type.errors:
                _ERRORS[keccak(text=abi.selector)[:4]] = abi
    return _ERRORS
