"""Nodes, transactions, deployments, and what contracts refuse."""

from __future__ import annotations

from typing import Any

from registry.errors.base import RegistryError
from registry.errors.redaction import shown


class ChainError(RegistryError):
    """The chain could not be reached, or did not do what was asked."""

    hint = "Check the node and try again: nothing is sent twice."


class ConnectionFailed(ChainError, ConnectionError):
    """No node answers at the address, of which `url` is what may be seen; `status` is that of its HTTP answer, None if
    it gave none; `retry_after` how many seconds it asked to be left alone, if it did."""

    hint = "Check the address and that the node runs."

    def __init__(self, url: str, reason: str, *, status: int | None = None, retry_after: float | None = None) -> None:
        self.url = shown(url) if "://" in url else url
        self.status, self.retry_after = status, retry_after
        there = status is not None and 400 <= status < 500 and status not in (408, 413, 429)
        super().__init__(
            f"{'What answers' if there else 'No node answers'} at {self.url}{' is no node' * there}: {reason}.",
            hint="Check its path and the key in it, if it has any." if there else "",
        )


class WrongChain(ChainError):
    """The node serves another chain than the one meant."""

    hint = "Connect to the other network."

    def __init__(self, expected: int, actual: int, what: str) -> None:
        self.expected, self.actual = expected, actual
        super().__init__(f"{what} is on chain {expected}, but the node serves chain {actual}.")


class NotDeployed(ChainError, LookupError):
    """The contracts are not known on this chain."""

    hint = "Name its record or address (deployment=, --deployment), 'registry connect', or make one: 'registry deploy'."

    def __init__(self, chain_id: int, reason: str) -> None:
        self.chain_id = chain_id
        super().__init__(f"The registry is not known on chain {chain_id}: {reason}.")


class Underpriced(ChainError):
    """The node wants a higher fee."""

    hint = "Offer more: max_fee= and tip=, or gas_price= (--max-fee, --tip, --gas-price), in gwei; or try again later."

    def __init__(self, reason: str) -> None:
        super().__init__(f"The node refused the fee: {reason}.")


class GasLimitExceeded(ChainError):
    """A call would take more gas than whoever pays for it allows."""

    hint = "Look at what it runs: a part of it may be a stranger's code."

    def __init__(self, gas: int, limit: int) -> None:
        self.gas, self.limit = gas, limit
        super().__init__(f"The call would take {gas:,} gas, more than the {limit:,} that it may.")


class TransactionTimeout(ChainError, TimeoutError):
    """A transaction was sent but not seen in a block in time, or not as deep as wanted; it may still be.

    `block` is the one that it is in, None for none.
    """

    hint = "Run the same command again: it waits for this transaction and does not send a second one."

    def __init__(self, tx_hash: str, seconds: float, *, block: int | None = None) -> None:
        self.tx_hash, self.seconds, self.block = tx_hash, seconds, block
        where = "was not in a block" if block is None else f"is in block {block}, but lacked confirmations"
        super().__init__(f"Transaction {tx_hash} {where} after {seconds:g} s.")


class NonceStuck(ChainError, TimeoutError):
    """An earlier transaction of the account holds up this one."""

    hint = "Wait for the earlier transaction or replace it with a higher fee ('registry unstick')."

    def __init__(self, account: str, nonce: int, next_nonce: int) -> None:
        self.account, self.nonce, self.next_nonce = account, nonce, next_nonce
        super().__init__(
            f"Account {account} has a transaction with nonce {nonce} waiting, but the chain is still at {next_nonce}."
        )


class TransactionReverted(ChainError):
    """A transaction failed on chain without a reason that this package knows."""

    hint = "Try it with dry_run=True (--dry-run), and check the addresses and the network."

    def __init__(self, reason: str, tx_hash: str | None = None) -> None:
        self.reason, self.tx_hash = reason, tx_hash
        super().__init__(f"The transaction {tx_hash or ''} was reverted: {reason}.".replace("  ", " "))


class Reorganised(ChainError):
    """The chain dropped a block that a result stood on."""

    hint = "Run the same command again; ask for more confirmations on this chain."

    def __init__(self, tx_hash: str, block: int) -> None:
        self.tx_hash, self.block = tx_hash, block
        super().__init__(f"The chain dropped block {block} with transaction {tx_hash}.")


class NodeRefused(ChainError):
    """A node answered a question with an error."""

    hint = "Ask again later, or name another node."

    def __init__(self, url: str, method: str, reason: str) -> None:
        self.url, self.method, self.reason = url, method, reason
        super().__init__(f"The node {url} refused {method}: {reason}.")


class NodeIncomplete(ChainError):
    """A node left something out, or gave what cannot be: an index takes nothing of it."""

    hint = "Nothing was taken. Name another node, or a second one beside it."

    def __init__(self, url: str, block: int, reason: str) -> None:
        self.url, self.block, self.reason = url, block, reason
        super().__init__(f"The node {url} is not whole at block {block}: {reason}.")


class NodesDisagree(ChainError):
    """Two nodes have different blocks where both should be final."""

    hint = "Nothing was taken as final. Look which of the two is wrong."

    def __init__(self, number: int, ours: str, theirs: str, url: str, other: str) -> None:
        self.number, self.ours, self.theirs = number, ours, theirs
        super().__init__(f"Block {number} is {ours} at {url} and {theirs} at {other}.")


class ForkBelowFinal(ChainError):
    """The chain of a node forks off below what was final: an index stops, and touches nothing."""

    hint = "Ask another node. If the chain did change, build the index again: 'registry hub index --again'."

    def __init__(self, number: int, ours: str, theirs: str) -> None:
        self.number, self.ours, self.theirs = number, ours, theirs
        super().__init__(f"Block {number} was final as {ours}, and the node has {theirs}.")


class EventGap(ChainError):
    """An event does not follow on those before it: one between them was left out."""

    hint = "Name another node, or a second one beside it."

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"An event was left out: {reason}.")


class Undecodable(ChainError):
    """A log that a contract of ours cannot have written."""

    hint = "The node is wrong, or another contract stands at this address."

    def __init__(self, event: str, reason: str) -> None:
        self.event, self.reason = event, reason
        super().__init__(f"A log is no {event}: {reason}.")


class DeploymentError(ChainError):
    """What is on chain is not what the plan says."""

    hint = "Compare the plan and the file that records the deployment with the chain, and run it again."


class NoDao(ChainError, LookupError):
    """The registry was not given to a DAO, as far as its record tells."""

    hint = "Run 'registry dao found', or name the file that records its DAO: deployment= (--deployment)."

    def __init__(self, chain_id: int, registry: str) -> None:
        self.chain_id, self.registry = chain_id, registry
        super().__init__(f"The record of the registry {registry} on chain {chain_id} names no DAO.")


class ContractError(RegistryError):
    """A custom error of the contracts: `name`, and `values` by parameter name."""

    hint = "Look it up by its name: 'registry explain'."

    def __init__(self, name: str, values: dict[str, Any], message: str = "", *, hint: str = "") -> None:
        self.name, self.values = name, values
        shown = ", ".join(f"{key}={value}" for key, value in values.items())
        super().__init__(message or f"The contract refused: {name}({shown}).", hint=hint)
