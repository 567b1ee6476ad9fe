"""The root of a block's receipts, computed from what a node says the receipts are: it then can leave nothing out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import rlp  # type: ignore[import-untyped]

from registry.errors import ConnectionFailed


def receipts_root(receipts: Sequence[dict[str, Any]]) -> str:
    """The root of the receipts of one block as eth_getBlockReceipts gives them, as 0x and 64 digits (EIP-2718).

    Raises `ConnectionFailed` for what are no receipts.
    """
    from trie import HexaryTrie

    trie = HexaryTrie({}, prune=True)
    try:
        ordered = sorted(receipts, key=lambda one: int(one["transactionIndex"], 16))
        for number, receipt in enumerate(ordered):
            trie[rlp.encode(number)] = _encoded(receipt)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConnectionFailed("the node", f"it gives a receipt that is none ({error})") from error
    return "0x" + bytes(trie.root_hash).hex()


def _encoded(receipt: dict[str, Any]) -> bytes:
    kind = int(receipt.get("type", "0x0"), 16)
    # Before Byzantium a receipt had the root of the state instead of a status.
    outcome = bytes.fromhex(receipt["root"][2:]) if "root" in receipt else int(receipt["status"], 16)
    fields: list[Any] = [
        outcome,
        int(receipt["cumulativeGasUsed"], 16),
        bytes.fromhex(receipt["logsBloom"][2:]),
        [
            [_bytes(log["address"]), [_bytes(topic) for topic in log["topics"]], _bytes(log["data"])]
            for log in receipt["logs"]
        ],
    ]
    # What rollups add to a deposit's receipt is part of what they hash.
    if kind == 0x7E and receipt.get("depositNonce") is not None:
        fields.append(int(receipt["depositNonce"], 16))
        if receipt.get("depositReceiptVersion") is not None:
            fields.append(int(receipt["depositReceiptVersion"], 16))
    encoded: bytes = rlp.encode(fields)
    return encoded if kind == 0 else bytes([kind]) + encoded


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])
