"""What the network asks for a transaction now."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

from registry.chain.fees import HISTORY, PERCENTILE, TIP_MAX, TIP_MIN, Fees

if TYPE_CHECKING:
    from registry.chain.connection import Chain


def current_fees(chain: Chain) -> Fees:
    """Return fees that the next few blocks accept: twice the base fee and the usual tip.

    Twice the base fee stays valid for six full blocks, since a block raises it by an eighth at most
    (EIP-1559). Tips are the median over the last blocks.
    """
    from web3.exceptions import Web3RPCError

    block = chain.w3.eth.get_block("latest")
    if "baseFeePerGas" not in block:
        price = int(chain.w3.eth.gas_price)
        return Fees(price, None, price)
    try:
        history: Any = chain.w3.eth.fee_history(HISTORY, "latest", [PERCENTILE])
        # A chain that has just begun has no history.
        base = int((history["baseFeePerGas"] or [block["baseFeePerGas"]])[-1])
        tips = [int(reward[0]) for reward in history.get("reward") or [] if reward]
    except Web3RPCError:
        # Not all nodes keep a history.
        base, tips = int(block["baseFeePerGas"]), []
    if not any(tips):
        try:
            tips = [int(chain.w3.eth.max_priority_fee)]
        except Web3RPCError:
            tips = [TIP_MIN]
    return fees_from(base, tips)


def fees_from(base: int, tips: list[int]) -> Fees:
    """Return the fees for a base fee and the `tips` seen, all in wei."""
    tip = min(max(round(median(tips)), TIP_MIN), TIP_MAX)
    return Fees(2 * base + tip, tip, base + tip)
