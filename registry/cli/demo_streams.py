"""A chapter of ``registry demo``: access by the second, ended early with a refund."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.cli.console import Console
from registry.documents.licence import Licence

if TYPE_CHECKING:
    from registry.client import Registry
    from registry.did import DID

_DAY = 24 * 3600


def play(console: Console, author: Registry, subscriber: Registry, asset: DID) -> dict[str, str]:
    """Tell the chapter; what the subscriber paid, got back, and what of it went where."""
    with console.step("The author sells the penguins by the second as well: 12.5 USD for 30 days, at least one day"):
        author.add_licence(asset, Licence.stream("live", price="12.5 USD", per="30 days", minimum="1 day"))
    with console.step("Bob subscribes for 30 days, and stops after ten: what he did not use comes back at once"):
        bought = subscriber.streams.subscribe(asset, "live", time="30 days")
        author.chain.advance(10 * _DAY)
        _, refund = subscriber.streams.cancel(asset, "live")
    with console.step("Anybody has paid out what the ten days earned"):
        settled = author.streams.settle(asset, "live")
    told = {
        "paid": str(bought.total),
        "refund": str(refund),
        "fee of the treasury": str(settled.fee),
        "to the author": str(settled.revenue),
        "now": subscriber.streams.subscription(asset, "live").in_words(),
    }
    console.facts(told)
    return told
