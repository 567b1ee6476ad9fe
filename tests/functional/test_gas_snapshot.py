"""Gas of the main acts, whole transactions, against `tests/snapshots/gas.json`; `UPDATE_SNAPSHOTS=1` rewrites it.

Measured on anvil: the receivers of the money are warm accounts that hold some already, as on a chain in use.
"""

from __future__ import annotations

from typing import Any

import pytest

from .support import DOLLAR, PERIOD, USE, digest, logs, order, publication, terms
from .test_snapshots import check_gas

BATCH = 100


def test_gas_of_the_main_acts(
    registry: Any,
    marketplace: Any,
    dollar: Any,
    networks: Any,
    dao: Any,
    author: Any,
    buyer: Any,
    treasury: Any,
    stranger: Any,
    seller: Any,
) -> None:
    if networks.active_provider.name != "foundry":
        pytest.skip("eth-tester counts some refunds and call data otherwise; the snapshot is anvil's")
    gas: dict[str, int] = {}

    def measure(act: str, tx: Any, share: int = 1) -> Any:
        gas[act] = -(-tx.gas_used // share)
        return tx

    def publish(owner: Any, *licences: Any) -> Any:
        return registry.publish(owner, publication(*licences), sender=owner)

    def number(tx: Any) -> int:
        return int(logs(tx, registry.MetadataPublished)[0]["assetId"])

    for receiver in (treasury, author):
        dollar.mint(receiver, DOLLAR, sender=dao)
    publish(seller)
    period, use = terms(10 * DOLLAR, kind=PERIOD), terms(0, kind=USE)
    first = number(measure("publish with one priced licence, first of an owner", publish(author, period)))
    measure("publish with one priced licence, next of the owner", publish(author, period))
    batch = [publication(period, document=str(i)) for i in range(BATCH)]
    tx = registry.publishMany(seller, batch, sender=seller)
    measure(f"publish {BATCH} in one transaction, each", tx, share=BATCH)
    measure("update the document", registry.updateMetadata(first, digest("2"), 1, sender=author))

    buy = order(first, buyer)
    measure("buy access for a period, first", marketplace.buyAccess(buy, sender=buyer))
    measure("buy access for a period, renewed", marketplace.buyAccess(buy, sender=buyer))
    free = number(publish(author, use))
    measure("take a free licence", marketplace.buyAccess(order(free, buyer), sender=buyer))
    measure("consume a use", registry.consume(free, 0, 1, digest("job"), sender=buyer))
    measure("mint the first datatoken of a licence", registry.grant(free, 0, buyer, 3, True, sender=author))
    measure("mint more datatokens", registry.grant(free, 0, stranger, 1, True, sender=author))
    measure("redeem a datatoken, first", registry.redeem(free, 0, 1, stranger, sender=stranger))
    measure("redeem a datatoken, next", registry.redeem(free, 0, 1, buyer, sender=buyer))
    bare, laden = number(publish(author)), number(publish(author, *[period] * 20))
    for text, asset_id in (("no", bare), ("20", laden)):
        moved = registry.transferFrom(author, seller, asset_id, sender=author)
        measure(f"transfer an asset with {text} licences", moved)
    check_gas("gas.json", gas)
