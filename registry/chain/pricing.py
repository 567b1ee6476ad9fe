"""What the network asks for a transaction now, and what a node wants more than that."""

from __future__ import annotations

import re
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from web3.exceptions import Web3RPCError

from registry.chain.fees import HISTORY, NO_FEES, PERCENTILE, TIP_MAX, TIP_MIN, FeeMarket, Fees

if TYPE_CHECKING:
    from registry.chain.connection import Block, Chain

FEE_HISTORY: Final = ("eth_feeHistory", (hex(HISTORY), "latest", [PERCENTILE]))
"""What is asked of a chain that has base fees, for `Chain.ahead`."""

NAMED_MAX: Final = 10 * TIP_MAX
"""The most of what a node names as its least tip that is taken without asking the user."""

_NEEDED: Final = re.compile(r"(?:needed|minimum|required|at least|min)\D{0,24}?(\d{4,})")


def heed(chain: Chain, refusal: str) -> None:
    """Learn from a node that refused a fee as too low, in the words `refusal`: what it names, or suggests elsewhere."""
    named = [int(number) for number in _NEEDED.findall(refusal.lower())]
    wanted = max([*named, _suggested_tip(chain) or 0])
    chain.fee_market.least_tip = max(chain.fee_market.least_tip, min(wanted, NAMED_MAX))


def current_fees(chain: Chain, head: Block | None = None) -> Fees:
    """Return fees that the next few blocks accept: twice the base fee and the usual tip. `head` is the last block, for
    whoever has it.

    Twice the base fee stays valid for six full blocks, since a block raises it by an eighth at most
    (EIP-1559). Tips are the median over the last blocks, and no less than the node is known to take. What the user
    sets comes first.
    """
    market = chain.fee_market
    if market.gas_price is not None:
        return market.within(NO_FEES)
    return market.within(_asked(chain, market, head or chain.block()))


def _asked(chain: Chain, market: FeeMarket, head: Block) -> Fees:
    """What the chain asks for."""
    if head.base_fee is None:
        price = int(chain.w3.eth.gas_price)
        return Fees(price, None, price)
    base, tips = _history(chain, head.base_fee)
    if not any(tips):
        suggested = _suggested_tip(chain)
        tips = [suggested if suggested is not None else 0 if base == 0 else TIP_MIN]
    fees = fees_from(base, tips, least=market.least_tip)
    if market.plain:
        price = max(int(chain.w3.eth.gas_price), base * 5 // 4 + (fees.tip or 0))
        return Fees(price, None, price)
    return fees


def fees_from(base: int, tips: list[int], *, least: int = 0) -> Fees:
    """Return the fees for a base fee, the `tips` seen and the `least` that is known to be taken, all in wei.

    Where neither is asked for, as in networks whose gas is free, none is offered.
    """
    lowest = TIP_MIN if base or any(tips) else 0
    tip = max(min(max(round(median(tips)), lowest), TIP_MAX), least)
    return Fees(2 * base + tip, tip, base + tip)


def _history(chain: Chain, base: int) -> tuple[int, list[int]]:
    """The base fee of the next block and the tips of the last, as far as the node keeps a history that can be read."""
    try:
        history: Any = chain.w3.eth.fee_history(HISTORY, "latest", [PERCENTILE])
        # A chain that has just begun has none.
        bases = [int(one) for one in history.get("baseFeePerGas") or [] if one is not None]
        rewards = [reward[0] for reward in history.get("reward") or [] if reward]
        return (bases or [base])[-1], [int(reward) for reward in rewards if reward is not None]
    except (Web3RPCError, TypeError, ValueError, AttributeError):
        return base, []


def _suggested_tip(chain: Chain) -> int | None:
    """What the node thinks is a good tip, None if it does not say."""
    try:
        return int(chain.w3.eth._max_priority_fee())
    except (Web3RPCError, TypeError, ValueError):
        return None
