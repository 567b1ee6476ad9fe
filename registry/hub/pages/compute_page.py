"""Runs on data that stay with their owner: the page of all offerings, and what the card of one says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from registry.documents.compute_terms import ResultFile, Terms
from registry.documents.licence import Kind
from registry.hub.operations import OPERATIONS
from registry.hub.pages.desk import Asked, Desk, LicenceOnPage, PageAnswer
from registry.index.models import Hit, Hits

__all__ = ["lines_of", "offered", "offerings"]

_SEARCH: Final = OPERATIONS[0]

PAGE: Final = 20


@dataclass(frozen=True, slots=True)
class OfferedRuns:
    """What an offering says of its runs: the terms, each file that comes out in words, and the cheapest price of what
    is for sale, "" for none: of a run, or by the second from `escrow` where that is the only way to pay."""

    hit: Hit
    terms: Terms
    files: tuple[tuple[ResultFile, str], ...]
    price: str
    escrow: bool


def offered(hit: Hit, terms: Terms, licences: Sequence[LicenceOnPage]) -> OfferedRuns:
    """An offering as pages show it."""
    found = _cheapest(licences)
    escrow = found is not None and found.gives == "runs"
    return OfferedRuns(hit, terms, tuple((one, _in_words(one)) for one in terms.outputs), _price(found), escrow)


def offerings(desk: Desk, asked: Asked) -> PageAnswer:
    """All assets that offer runs, the most paid for first."""
    values = {"limit": PAGE, "computable": True, "after": asked.get("after")}
    found: Hits = _SEARCH.answer(desk.catalogue, {name: value for name, value in values.items() if value})
    shown = []
    for hit in found.hits:
        document = desk.document(bytes.fromhex(hit.digest))
        if document is not None and document.compute is not None:
            shown.append(offered(hit, document.compute, desk.licences(hit)))
    return desk.page("offerings.html", shown=shown, total=found.total, after=found.after)


def lines_of(desk: Desk, id: int, terms: Terms, licences: Sequence[LicenceOnPage]) -> str:
    """The lines of Python that run one."""
    code = json.dumps(str(terms.code[0]) if terms.code else "program.py")
    params = {name: values[0] for name, values in terms.params.items()}
    found = _cheapest(licences)
    price, escrow = _price(found), found is not None and found.gives == "runs"
    if found is not None and escrow:  # the longest run that the terms allow
        price = desk.amount(-(-found.row["price"] * terms.seconds // found.row["amount"]), found.token)
    given = [
        code,
        f"on=[{id}]",
        *([f"params={params!r}"] if params else []),
        *(["escrow=True"] if escrow else []),
        *([f"max_total={json.dumps(price.replace(',', ''))}"] if price else []),
    ]
    table = next((one for one in terms.outputs if one.columns), None)
    read = f"frame = pd.read_csv(job.open({json.dumps(table.path)}))" if table else f'job.save("result-{id}")'
    head = ["import pandas as pd"] * (table is not None) + ["from registry import Registry", ""]
    call = ["job = registry.compute(", *(f"    {one}," for one in given), ")"]
    return "\n".join([*head, "registry = Registry.from_environment()", *call, "job.wait()", read])


def _cheapest(licences: Sequence[LicenceOnPage]) -> LicenceOnPage | None:
    """The cheapest licence of runs that is sold now; one by the second only where there is no other."""
    sold = [one for one in licences if (one.kind == Kind.USE or one.gives == "runs") and one.open and one.left != 0]
    return min(sold, key=lambda one: (one.gives == "runs", one.row["price"]), default=None)


def _price(one: LicenceOnPage | None) -> str:
    return f"{one.price} {one.unit}" if one is not None and one.row["price"] else ""


def _in_words(one: ResultFile) -> str:
    """What may be in a file that comes out."""
    if not one.columns:
        return f"anything, at most {one.bytes:,} bytes"
    names = ", ".join(column.name for column in one.columns[:8]) + ", …" * (len(one.columns) > 8)
    group = f", each of at least {one.smallest:,} subjects" if one.smallest is not None else ""
    return f"a table of {names}: at most {one.rows or 0:,} rows{group}"
