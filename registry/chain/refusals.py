"""What a node says when it does not take a transaction, as errors."""

from __future__ import annotations

from typing import Any

from web3.exceptions import Web3RPCError

from registry.errors import ChainError, InsufficientBalance, Underpriced


class _TypeRefused(ChainError):
    """The node takes plain gas prices only; never leaves `registry.chain`."""


class _NonceTaken(ChainError):
    """The node has another transaction with this nonce; never leaves `registry.chain`."""


def says(error: Web3RPCError, *words: str) -> bool:
    """Return whether an answer of a node contains one of these words."""
    text = str(error).lower()
    return any(word in text for word in words)


def refusal(error: Web3RPCError, account: str = "") -> ChainError | InsufficientBalance:
    """Return what a node's refusal means; the wording differs from node to node."""
    response = error.rpc_response
    detail: Any = response.get("error") if response else None
    reason = str(detail.get("message", "")) if isinstance(detail, dict) else str(error)
    if says(error, "nonce too low", "nonce is too low", "oldnonce", "invalid transaction nonce", "invalid nonce"):
        return _NonceTaken(reason)
    if says(error, "replacement transaction underpriced", "replacement underpriced", "replacement fee too low"):
        return _ReplacementUnderpriced(reason)
    if says(error, "type not supported", "unsupported transaction type", "unknown transaction type", "type 2 tran"):
        return _TypeRefused(f"The node refused the transaction: {reason}.")
    if says(
        error, "gas limit too high", "greater than the cap", "exceeds the cap", "gas limit exceeded", "exceeds block"
    ):
        return ChainError(
            f"The node refused the transaction: {reason}.",
            hint="It takes more gas than one may have on this chain: do less at once, with a smaller batch (--batch).",
        )
    if says(
        error,
        "underpriced",
        "tip needed",
        "minimum needed",
        "maxfeepergas too low",
        "less than block base fee",
        "fee too low",
        "gas price too low",
        "feetoolow",
        "below base fee",
    ):
        return Underpriced(reason)
    if says(
        error,
        "insufficient funds",
        "insufficientfunds",
        "insufficient balance",
        "sender does not have enough",
        "doesn't have enough funds",
        "exceeds account balance",
        "cannot afford",
    ):
        return InsufficientBalance(account or "of the sender", "more for value and fee", "too little")
    return ChainError(f"The node refused the transaction: {reason}.")


class _ReplacementUnderpriced(_NonceTaken, Underpriced):
    """As `_NonceTaken` for a new transaction, as `Underpriced` for one that is to replace another."""

    def __init__(self, reason: str) -> None:
        Underpriced.__init__(self, reason)
