"""The pages of one asset: its card, its files, its versions and what changed, its sales, and how it was made."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any, Final

from registry.documents.comparing import compare_documents
from registry.documents.ddo import DDO
from registry.errors import InvalidRecord
from registry.hub.pages.compute_page import lines_of, offered
from registry.hub.pages.desk import Asked, Desk, LicenceOnPage, PageAnswer
from registry.hub.pages.family_tree import draw
from registry.hub.pages.page_policy import framing
from registry.hub.pages.previews import FilePreview, kind_of_file
from registry.hub.pages.spelling import standard_status
from registry.hub.pages.subject import Subject, file_of, subject
from registry.hub.pages.talk_page import cid_of, part_of, talk_about
from registry.hub.unanswered import Unanswered
from registry.index.entries import standard_name
from registry.index.readmes import NAMES as README_NAMES
from registry.ipfs.cid import CID
from registry.sandbox.ingress.ingress_rules import FRAME
from registry.sandbox.runs.record import RunRecord

__all__ = [
    "card",
    "diff",
    "file",
    "files",
    "image",
    "run",
    "sales",
    "sound",
    "talk",
    "versions",
]

FILES: Final = 100
"""Files, and lines of other lists, on one page."""

COMPARED: Final = 10
"""Versions of which the list says what changed."""

_CASES: Final = ("", "open", "upheld", "dismissed", "lapsed")


# --- The card ------------------------------------------------------------------------------------


def card(desk: Desk, asked: Asked) -> PageAnswer:
    """What an asset is, what it costs, how to load it."""
    it = subject(desk, asked)
    readme = _readme(desk, it)
    licences = desk.licences(it.hit)
    whole = desk.row("asset", it.hit.collection) or {} if it.hit.collection else it.row
    terms = it.document.compute if it.document is not None else None
    runs = offered(it.hit, terms, licences) if terms is not None and terms.data is not None else None
    app = desk.hub.settings.apps.get(it.id) if it.hit.type == "app" and not it.hit.delisted else None
    return desk.page(
        "asset.html",
        headers=framing(app) if app is not None else {},
        app=app,
        frame=FRAME,
        it=it,
        tab="card",
        readme=readme,
        front=_front(readme),
        licences=licences,
        for_sale=it.hit.state == 0 and not it.hit.delisted,
        lines=_lines(it) if runs is None else lines_of(desk, it.id, runs.terms, licences),
        runs=runs,
        drawing=draw(desk, it.id),
        foreign=[
            one for one in (it.document.parents if it.document is not None else ()) if one.registry != desk.registry
        ],
        standards=_standards(desk, it.id, it.hit.version),
        flags=_flags(desk, it.id),
        terms=(bool(whole.get("derivable")), int(whole.get("asked_bps", 0)), int(whole.get("owed_bps", 0))),
        payout=str((it.row or whole).get("payout", "")),
        citation=_citation(desk, it),
        bond=_bond(desk),
        similar=[one for one in desk.catalogue.similar(it.id, limit=4).hits if one.did != it.hit.did][:3],
        settled=readme is None or not readme.making,
    )


def _readme(desk: Desk, it: Subject) -> FilePreview | None:
    if it.gated:
        return None
    found = next((one for name in README_NAMES for one in it.files if one.path == name), None)
    if found is None:
        return None
    return desk.previews.of_file(found.path, found.cid, found.size, base=it.base, names=it.names)


def _front(readme: FilePreview | None) -> dict[str, Any]:
    """What the head of a README says beyond the document, whose own words count."""
    front = dict(readme.data["front"]) if readme is not None and readme.data else {}
    for name in ("license", "tags", "title", "pretty_name"):
        front.pop(name, None)
    return {str(name).replace("_", " "): value for name, value in front.items() if value}


def _lines(it: Subject) -> str:
    """How Python opens it."""
    paths = [one.path for one in it.files]
    data = [path for ending in (".parquet", ".csv", ".json") for path in paths if path.lower().endswith(ending)]
    path = data[0] if data and it.hit.type == "dataset" else next((one for one in paths if one not in README_NAMES), "")
    head = ["from registry import Registry", "", "registry = Registry.from_environment()"]
    if not path:
        return "\n".join([*head, f"asset = registry.get({it.id})"])
    readers = {"csv": "read_csv", "parquet": "read_parquet", "json": "read_json"}
    reader = readers.get(path.rpartition(".")[2].lower()) if it.hit.type == "dataset" else None
    quoted = path.replace("\\", "\\\\").replace('"', '\\"')
    if reader is None:
        return "\n".join([*head, f'registry.download({it.id}, "{it.hit.type}-{it.id}")'])
    return "\n".join(
        [
            "import pandas as pd",
            *head,
            "",
            f'with registry.open({it.id}, "{quoted}") as file:',
            f"    frame = pd.{reader}(file)",
        ]
    )


def _citation(desk: Desk, it: Subject) -> str:
    """The asset as an entry of BibTeX."""
    import datetime

    year = datetime.datetime.fromtimestamp(min(it.hit.published, 2**37), datetime.UTC).year
    kind = {"dataset": "dataset", "model": "software", "algorithm": "software", "app": "software"}.get(
        it.hit.type, "misc"
    )

    def plain(text: str) -> str:
        return "".join(one for one in text if one not in "{}\\")

    fields = {
        "title": plain(it.name),
        "author": plain(it.hit.author or it.hit.owner),
        "year": str(year),
        "version": str(it.hit.version),
        "url": it.hit.did,
        "note": f"Document ipfs://{it.hit.cid}",
    }
    body = ",\n".join(f"  {name:8}= {{{value}}}" for name, value in fields.items())
    return f"@{kind}{{asset{it.id},\n{body}\n}}"


def _standards(desk: Desk, id: int, version: int) -> list[tuple[str, int, str, bool]]:
    """Standards that are declared: name, version, where the standard stands, and whether it is of today's document."""
    found = []
    for row in desk.rows("conformances", id):
        standard = desk.row("standard", row["name"], row["number"])
        status = standard_status(standard["status"] if standard is not None else 0)
        found.append((standard_name(row["name"]), row["number"], status, row["version"] == version))
    return found


def _bond(desk: Desk) -> tuple[int, str, str] | None:
    """What a flag costs: units, token, and both in words; None where nothing can be flagged."""
    if desk.client.deployment.dao is None:
        return None
    bonds = desk.remembered("bonds", lambda: desk.client.governance.bonds())
    found = next((one for one in bonds if one.token.address is not None), None)
    return (found.units, str(found.token.address), str(found)) if found is not None else None


def _flags(desk: Desk, id: int) -> list[dict[str, Any]]:
    """Flags and appeals of an asset, the last first, with their reasons where they can be read."""
    found = []
    for row in desk.rows("cases", id):
        reason = desk.previews.of_block(CID.from_digest(row["reason"])) if row["reason"].strip(b"\0") else None
        answer = desk.previews.of_block(CID.from_digest(row["answer"])) if row["answer"].strip(b"\0") else None
        found.append(
            {
                "number": row["id"],
                "appeal": row["appeal"],
                "state": _CASES[row["state"]] if row["state"] < len(_CASES) else "unknown",
                "claimant": row["claimant"],
                "bond": desk.amount(row["bond"], row["token"]),
                "reason": reason,
                "answer": answer,
            }
        )
    return found


# --- Files ---------------------------------------------------------------------------------------


def files(desk: Desk, asked: Asked) -> PageAnswer:
    """What an asset is made of."""
    it = subject(desk, asked)
    first = asked.number("from")
    shown = it.files[first : first + FILES]
    return desk.page(
        "files.html",
        it=it,
        tab="files",
        shown=[(one, kind_of_file(one.path) if not it.gated else "") for one in shown],
        first=first,
        next=first + FILES if first + FILES < len(it.files) else 0,
        largest=max((one.size for one in shown), default=0),
    )


def file(desk: Desk, asked: Asked) -> PageAnswer:
    """What is in one file."""
    it = subject(desk, asked)
    one = file_of(it, asked.path["path"])
    if it.gated:
        preview = FilePreview("", why="Its content is encrypted, and opened by those with access alone.")
    else:
        preview = desk.previews.of_file(one.path, one.cid, one.size, base=it.base, names=it.names)
    return desk.page("file.html", it=it, tab="files", one=one, preview=preview, settled=not preview.making)


def image(desk: Desk, asked: Asked) -> PageAnswer:
    """A picture among the files, drawn anew."""
    preview = _shown(desk, asked, "image")
    return PageAnswer(preview.data, media="image/webp", headers=_FOREIGN)


def sound(desk: Desk, asked: Asked) -> PageAnswer:
    """A sound among the files, as it is: to be played by a page, and by a click to be saved."""
    preview = _shown(desk, asked, "audio")
    media, data = preview.data
    return PageAnswer(data, media=media, headers=_FOREIGN)


_FOREIGN: Final = {
    "content-disposition": "attachment",
    "content-security-policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
}
"""With content that a stranger made: no document of its own, wherever it is opened."""


def _shown(desk: Desk, asked: Asked, kind: str) -> FilePreview:
    it = subject(desk, asked)
    one = file_of(it, asked.path["path"])
    if it.gated or kind_of_file(one.path) != kind:
        raise Unanswered(404, "not_found", "There is no such picture or sound.")
    preview = desk.previews.of_file(one.path, one.cid, one.size, base=it.base, names=())
    if preview.making or preview.until < float("inf"):
        raise Unanswered(503, "busy", preview.why or "It is being made.", retry_after=5)
    if preview.data is None:
        raise Unanswered(404, "not_found", preview.why)
    return preview


# --- Versions ------------------------------------------------------------------------------------


def versions(desk: Desk, asked: Asked) -> PageAnswer:
    """Every document that the asset had, the last first."""
    it = subject(desk, asked)
    rows = desk.rows("versions", it.id)
    documents, settled = desk.documents([row["digest"] for row in rows[: COMPARED + 1]])
    shown = []
    for row, newer, older in zip_longest(rows, documents, documents[1:]):
        changes = compare_documents(older, newer) if older is not None and newer is not None else None
        shown.append((row["number"], desk.cid(row["digest"]), row["time"], changes))
    return desk.page("versions.html", it=it, tab="versions", shown=shown, compared=COMPARED, settled=settled)


def diff(desk: Desk, asked: Asked) -> PageAnswer:
    """Two versions side by side: fields, files, and the lines of the README that changed."""
    it = subject(desk, asked)
    a, b = asked.number("a", max(1, it.hit.version - 1)), asked.number("b", it.hit.version)
    rows = {row["number"]: row for number in {a, b} for row in desk.rows("version", it.id, number)}
    if a not in rows or b not in rows or a == b:
        raise Unanswered(
            404, "not_found", f"The asset has no versions {a} and {b} that differ; it has {it.hit.version}."
        )
    (old, new), settled = desk.documents([rows[a]["digest"], rows[b]["digest"]])
    readmes = [] if it.gated else [_of_readme(one) for one in (old, new)]
    lines = desk.previews.changes(*readmes) if len(readmes) == 2 and all(readmes) and readmes[0] != readmes[1] else None  # type: ignore[arg-type]
    return desk.page(
        "diff.html",
        it=it,
        tab="versions",
        a=a,
        b=b,
        changes=compare_documents(old, new) if old is not None and new is not None else None,
        lines=lines,
        settled=settled and (lines is None or not lines.making),
    )


def _of_readme(document: DDO | None) -> CID | None:
    content = document.content if document is not None else None
    if content is None or content.encryption is not None or content.kept:
        return None
    return next((one.cid for one in content.files if one.path in README_NAMES), None)


# --- Sales, and how it was made ------------------------------------------------------------------


def sales(desk: Desk, asked: Asked) -> PageAnswer:
    """Who bought what, and what came of it."""
    it = subject(desk, asked)
    found = desk.catalogue.sales(id=it.id, after=asked.get("after"), limit=50)
    terms: Sequence[LicenceOnPage] = desk.licences(it.hit)
    names = {one.number: one.name for one in terms}
    whole = desk.paid(it.id)
    holders = desk.catalogue.holders(it.id, limit=50)
    return desk.page(
        "sales.html",
        it=it,
        tab="sales",
        shown=[
            (
                one.time,
                one.buyer,
                names.get(one.licence, f"licence {one.licence}"),
                desk.amount(one.total, one.token) if int(one.total) else "free",
            )
            for one in found.sales
        ],
        after=found.after,
        paid=desk.sums((token, total) for token, total, _, _ in whole),
        fees=desk.sums((token, fee) for token, _, fee, _ in whole),
        royalties=desk.sums((token, royalty) for token, _, _, royalty in whole),
        holders=[(one, names.get(one.licence, f"licence {one.licence}")) for one in holders.holders],
        more_holders=bool(holders.after),
    )


def talk(desk: Desk, asked: Asked) -> PageAnswer:
    """What people say of it."""
    it = subject(desk, asked)
    found = talk_about(desk, it.id, it.hit.owner)
    shown, after = part_of(found.remarks, asked.number("from"))
    sold = desk.catalogue.sales(id=it.id, limit=100) if found.likes else None
    paid = [one for one in sold.sales if one.buyer in found.likes] if sold is not None else []
    return desk.page(
        "talk.html",
        it=it,
        tab="talk",
        shown=[(one, cid_of(one.id)) for one in shown],
        after=after,
        likes=len(found.likes),
        behind=desk.sums((one.token, int(one.total)) for one in paid),
        more_behind=bool(sold is not None and sold.after),
        licences=desk.licences(it.hit)[:64],
        requests=len(found.requests),
        waiting=sum(one.answer is None for one in found.requests),
    )


def run(desk: Desk, asked: Asked) -> PageAnswer:
    """The record of the run that made it."""
    it = subject(desk, asked)
    if it.document is None or it.document.made_by is None:
        raise Unanswered(404, "not_found", "The document of this asset names no run that made it.")
    found = desk.previews.block(it.document.made_by)
    record, why = None, found.why
    if found.data is not None:
        try:
            record = RunRecord.from_bytes(found.data)
        except InvalidRecord as error:
            why = error.message
    return desk.page(
        "run.html", it=it, tab="run", cid=it.document.made_by, record=record, why=why, settled=not found.making
    )
