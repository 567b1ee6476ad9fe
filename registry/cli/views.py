"""The results of the verbs as tables and facts for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table

from registry.cli.console import plain, table_of, when

if TYPE_CHECKING:
    from registry.cli.app import App
    from registry.documents.comparing import DocumentChanges
    from registry.governance.standards import Conformance
    from registry.ipfs.builder import FileEntry
    from registry.results import Asset, AssetVersion, Done, Holding, Offer, Preview, Published, Purchase


def asset_facts(found: Asset, declared: Sequence[Conformance] = ()) -> dict[str, str]:
    """What is said of an asset, one fact a line; `declared` are the standards that it declares to conform to."""
    document = found.ddo
    content = document.content
    facts = {
        "DID": str(found.did),
        "name": found.name,
        "type": document.type,
        "licence of the content": document.license,
        "author": document.author or "",
        "tags": ", ".join(document.tags),
        "description": " ".join(document.description.split()),
        "item": _item(found) if found.did.collection else "",
        "owner": found.owner,
        "revenue goes to": found.payout if found.payout != found.owner else "",
        "state": found.state.name.lower() + (", delisted" if found.delisted else ""),
        "curation": found.listing.in_words() if found.listing else "",
        "conforms to": "; ".join(one.in_words() for one in declared),
        "version": str(found.version),
        "document": f"ipfs://{found.cid}",
        "content": f"ipfs://{content.cid}, {content.size:,} bytes{', kept by its owner' * content.kept}"
        if content
        else "none",
        "runs": f"on {document.compute.data}: {document.compute.in_words()}" if document.compute else "",
        "built from": ", ".join(map(str, document.parents)),
        "made by": f"the run ipfs://{document.made_by}; again: registry reproduce {found.did.asset_id}"
        if document.made_by
        else "",
    }
    return {name: value for name, value in facts.items() if value}


def _item(found: Asset) -> str:
    words = f"no. {found.did.index:,} of {found.did.collection}"
    return words if found.minted else f"{words}, not minted"


def asset_value(found: Asset) -> dict[str, Any]:
    """An asset for machines: its fields, and what follows from them."""
    return {**plain(found), "cid": str(found.cid), "name": found.name, "for_sale": found.for_sale}


def offers_table(name: str, offers: Iterable[Offer]) -> Table:
    """The licences of an asset."""
    table = table_of(f"Licences of {name}", "no.", "licence", "offers", "given out", "description")
    for offer in offers:
        given = "" if offer.issued is None else f"{offer.issued:,}"
        table.add_row(str(offer.number), offer.name, offer.in_words(), given, " ".join(offer.description.split()))
    return table


def files_table(name: str, files: Iterable[FileEntry]) -> Table:
    """The files of an asset."""
    table = table_of(f"Files of {name}", "path", "bytes", "CID")
    table.columns[1].justify = "right"
    for file in files:
        table.add_row(file.path, f"{file.size:,}", str(file.cid))
    return table


def history_table(name: str, versions: Iterable[AssetVersion]) -> Table:
    """The versions of an asset, the last first."""
    table = table_of(f"Versions of {name}", "version", "time", "by", "bytes", "changed", "document")
    table.columns[3].justify = "right"
    for one in reversed(tuple(versions)):
        changed = "published" if one.number == 1 else one.changes.in_words() if one.changes else "unknown"
        size = "unknown" if one.size is None else f"{one.size:,}"
        table.add_row(
            str(one.number), when(one.time) if one.time else "", one.publisher or "", size, changed, f"ipfs://{one.cid}"
        )
    return table


def changes_table(changes: DocumentChanges) -> Table:
    """What differs between two documents."""
    table = table_of("", "what", "before", "after")
    for name, before, after in changes.fields:
        table.add_row(name, before, after)
    for paths, before, after in (
        (changes.added, "", "added"),
        (changes.removed, "removed", ""),
        (changes.changed, "changed", "changed"),
    ):
        for path in paths:
            table.add_row(path, before, after)
    return table


def holdings_table(account: str, held: Iterable[Holding]) -> Table:
    """What an account holds of each licence."""
    table = table_of(f"What {account} holds", "licence", "kind", "state", "taken")
    for holding in held:
        table.add_row(holding.licence, holding.kind.name.lower(), holding.in_words(), str(holding.taken))
    return table


def purchase_facts(purchase: Purchase) -> dict[str, str]:
    """What a purchase costs, or did cost, and who gets it."""
    price = purchase.price
    facts = {
        "licence": f"{purchase.units} x {purchase.licence}" if purchase.units != 1 else purchase.licence,
        "as": "transferable datatokens" if purchase.as_tokens else "",
        "for": purchase.account,
        "price": str(price.total) if price.total.units else "free",
        "fee of the treasury": str(price.fee) if price.total.units else "",
        "royalty of ancestors": str(price.royalty) if price.royalty else "",
        "revenue": f"{price.revenue} to {price.payout}" if price.total.units else "",
        "network": "nothing was sent: bought before" if purchase.before else str(purchase.cost),
    }
    if purchase.tx is not None:
        facts |= {"transaction": purchase.tx.tx_hash, "now": purchase.holding.in_words()}
    return {name: value for name, value in facts.items() if value}


def published_table(published: Sequence[Published]) -> Table:
    """What was published."""
    table = table_of("Published", "no.", "DID", "document", "")
    for asset in published:
        news = "was published before" if asset.tx is None else "without a licence" if asset.note else ""
        table.add_row(str(asset.did.asset_id), str(asset.did), str(asset.cid), news)
    return table


def published_facts(asset: Published) -> dict[str, str]:
    """One asset that was published."""
    return {
        "DID": str(asset.did),
        "number": str(asset.did.asset_id),
        "owner": asset.owner,
        "document": f"ipfs://{asset.cid}",
        "content": f"ipfs://{asset.content}" if asset.content else "none",
        "network": str(asset.tx.cost) if asset.tx else "nothing was sent: it was published before",
        **({"licences": asset.note} if asset.note else {}),
    }


def show_preview(app: App, preview: Preview) -> None:
    """Write what publishing would do."""
    listed = [{"cid": str(ddo.cid), "ddo": ddo.to_dict()} for ddo in preview.documents]
    table = table_of("Would be published, nothing was sent", "name", "type", "document", "content")
    for ddo in preview.documents:
        table.add_row(ddo.name, ddo.type, str(ddo.cid), str(ddo.content.cid) if ddo.content else "none")
    value = {"documents": listed, "cost": preview.cost, "left_out": preview.left_out, "notes": preview.notes}
    facts = {"network": str(preview.cost), **({"licences": " ".join(preview.notes)} if preview.notes else {})}
    app.console.result(value, table=table, facts=facts)


def show_done(app: App, done: Done | Sequence[Done]) -> None:
    """Write what a transaction, or each of several, did or would do."""
    told = [
        f"{'Nothing to do:' if one.before else 'Would' if one.tx is None else 'Done:'} {one}"
        for one in (done if isinstance(done, Sequence) else [done])
    ]
    app.console.answer("\n".join(told) or "Nothing to do.", done)
