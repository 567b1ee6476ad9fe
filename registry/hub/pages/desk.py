"""What every page stands on: the index, documents, content, money, and the templates."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Context, Decimal
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from registry.documents.ddo import DDO, LicenceText
from registry.documents.licence import Kind, Licence, duration
from registry.errors import InvalidDDO, InvalidLicence
from registry.hub.pages import spelling
from registry.hub.pages.previews import Previews
from registry.hub.pages.wallet_digest import DIGEST, digest_of
from registry.hub.unanswered import Unanswered
from registry.index.home_index import money_of
from registry.index.models import Hit
from registry.ipfs.cid import CID
from registry.money import format_decimal
from registry.types import ZERO_ADDRESS

if TYPE_CHECKING:
    from registry.client import Registry
    from registry.hub.elsewhere import HubElsewhere
    from registry.hub.follower import Hub
    from registry.index.entries import Money
    from registry.index.index_reader import IndexReader
    from registry.index.tables import Row

__all__ = ["Asked", "Desk", "LicenceOnPage", "PageAnswer"]

T = TypeVar("T")

STATIC: Final = Path(__file__).with_name("static")

MINUTE: Final = 60.0

CONVERSATIONS: Final = 8
"""Conversations in memory: what strangers say of one asset may be some megabytes."""

EXACT: Final = Context(prec=100)
"""For amounts of up to 78 digits."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a browser asked for: the parts of the path, the query as it is, both as text, and the fields of the `form`
    that a reader filled in on a page of this hub: no link has those."""

    path: Mapping[str, Any]
    query: tuple[tuple[str, str], ...] = ()
    url: str = "/"
    form: tuple[tuple[str, str], ...] = ()

    def get(self, name: str, default: str = "") -> str:
        """A value of the query."""
        return next((value for key, value in self.query if key == name), default)

    def given(self, name: str) -> str:
        """A field of the form."""
        return next((value for key, value in self.form if key == name), "")

    def number(self, name: str, default: int = 0) -> int:
        """A whole number of the query. Raises `Unanswered` for what is none."""
        text = self.get(name) or str(default)
        if not (text.isascii() and text.isdigit() and len(text) < 16):
            raise Unanswered(422, "invalid", f"{name} is a whole number, not {text[:40]!r}.")
        return int(text)


@dataclass(frozen=True, slots=True)
class PageAnswer:
    """An answer: bytes of a media type, and further headers. What is not `settled` may be another on the next look,
    although the index stands still."""

    body: bytes
    status: int = 200
    media: str = "text/html"
    headers: Mapping[str, str] = field(default_factory=dict)
    settled: bool = True


@dataclass(frozen=True, slots=True)
class LicenceOnPage:
    """A licence of an asset as a page shows it. What it `gives` is "access", "runs" for what the escrow sells by the
    second, or "" for what a contract sells that is none of the registry's now."""

    number: int
    name: str
    words: str
    price: str
    unit: str
    open: bool
    left: int | None
    description: str
    terms: str
    kind: int
    token: str
    gives: str
    row: Row


class Desk:
    """The means of all pages of a hub. `client` reads the registry of the index, and signs nothing."""

    def __init__(self, hub: Hub | HubElsewhere, client: Registry) -> None:
        self.hub = hub
        self.client = client
        self.catalogue: IndexReader = hub.catalogue
        self.previews = Previews(client.store)
        self.chain_id = client.chain.chain_id
        self.registry = client.deployment.registry
        self._kept: dict[str, tuple[float, Any]] = {}
        self._said: OrderedDict[str, tuple[str, Any]] = OrderedDict()
        self._guard = threading.Lock()
        self._documents = lru_cache(maxsize=16)(_read_document)  # the largest take some 20 MB each
        # In the address of what never changes under it: a new version is fetched, an old one never again.
        self.edition = hashlib.sha256(b"".join(one.read_bytes() for one in sorted(STATIC.iterdir()))).hexdigest()[:12]
        self.wallet = DIGEST
        self.digests = {one.name: digest_of(one.read_bytes()) for one in STATIC.glob("*.js")}
        self._templates = Environment(
            loader=PackageLoader("registry.hub.pages"),
            autoescape=select_autoescape(default=True, default_for_string=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._templates.filters |= spelling.FILTERS
        self._templates.globals |= {"desk": self, "facts": spelling}

    # --- Answers ---------------------------------------------------------------------------------

    def page(
        self,
        template: str,
        *,
        status: int = 200,
        settled: bool = True,
        headers: Mapping[str, str] | None = None,
        **values: Any,
    ) -> PageAnswer:
        """A template with values."""
        html = self._templates.get_template(template).render(now=self.now, **values)
        return PageAnswer(_narrow(html).encode(), status, headers=headers or {}, settled=settled)

    def remembered(self, name: str, make: Callable[[], T], seconds: float = MINUTE) -> T:
        """What `make` gives, at most so many seconds old: for what the chain must be asked."""
        with self._guard:
            kept = self._kept.get(name)
        if kept is not None and time.monotonic() < kept[0]:
            found: T = kept[1]
            return found
        made = make()
        with self._guard:
            if len(self._kept) > 256:
                self._kept.clear()
            self._kept[name] = (time.monotonic() + seconds, made)
        return made

    def conversation(self, name: str, make: Callable[[], T]) -> T:
        """What `make` gives as long as the hub stands still; only the last few are kept."""
        state = self.hub.state()
        with self._guard:
            kept = self._said.get(name)
        if kept is not None and kept[0] == state:
            found: T = kept[1]
            return found
        made = make()
        with self._guard:
            self._said[name] = state, made
            self._said.move_to_end(name)
            while len(self._said) > CONVERSATIONS:
                self._said.popitem(last=False)
        return made

    # --- What there is ---------------------------------------------------------------------------

    @property
    def now(self) -> int:
        """Time of the last block, in seconds since 1970."""
        return self.hub.now

    def hit(self, id: int) -> Hit:
        """An asset. Raises `Unanswered` for a number that none has."""
        found = self.catalogue.asset(id)
        if found is None:
            raise Unanswered(404, "not_found", f"There is no asset {id} here.")
        return found

    def document(self, digest: bytes) -> DDO | None:
        """The document of a digest, None for one that is not in the index or is none."""
        data = self.catalogue.document(digest)
        return self._documents(data) if data is not None else None

    def documents(self, digests: Sequence[bytes]) -> tuple[list[DDO | None], bool]:
        """Documents of earlier versions too, which the index does not keep: those are fetched, for as long as a page
        may wait. The second value says whether all that can be fetched was."""
        found, settled = [], True
        absent = [self.cid(one) for one in digests if self.catalogue.document(one) is None]
        fetched = dict(zip(absent, self.previews.blocks(absent), strict=True))
        for digest in digests:
            data = self.catalogue.document(digest)
            if data is None:
                block = fetched[self.cid(digest)]
                data, settled = block.data, settled and not block.making
            found.append(self._documents(data) if data is not None else None)
        return found, settled

    def names(self, ids: Iterable[int]) -> dict[int, str]:
        """Names of some assets; of one without a document, its number."""
        wanted = list(dict.fromkeys(ids))
        found = self.some(wanted)
        return {id: found[id].name if id in found and found[id].name else f"Asset {id}" for id in wanted}

    def some(self, ids: Iterable[int]) -> dict[int, Hit]:
        """Some assets by their numbers; those that none has are left out."""
        wanted = list(dict.fromkeys(ids))
        return {int(one.did.rpartition("_")[2]): one for one in self.catalogue.some(wanted).hits} if wanted else {}

    def rows(self, question: str, *values: Any) -> list[Row]:
        """The answer to one of `registry.index.questions`."""
        return self.catalogue.rows(question, *values)

    def row(self, question: str, *values: Any) -> Row | None:
        """The one row of such an answer, None for none."""
        return next(iter(self.rows(question, *values)), None)

    # --- Money -----------------------------------------------------------------------------------

    @property
    def money(self) -> Money:
        """The payment tokens."""
        return self.remembered("money", lambda: money_of(self.client))

    def amount(self, units: int | str, token: str) -> str:
        """An amount in words, ``"12.5 USD"``."""
        symbol, decimals, _ = self.money.tokens.get(token, ("", 0, 0))
        if not symbol:
            return f"{int(units):,} units of {token[:10]}\u2026"
        whole = Decimal(int(units)).scaleb(-decimals, EXACT)
        plain = format_decimal(whole)
        above, _, below = plain.partition(".")
        # Cents are written whole: 12.50, where there are some.
        return f"{int(above):,}.{below:0<2} {symbol}" if whole >= 1 and 0 < len(below) <= 2 else f"{plain} {symbol}"

    def cheapest(self, hit: Hit) -> tuple[bool, str]:
        """Whether something of an asset is free, and the price of the cheapest that is not, "" for none."""
        open_ = [one for one in hit.offers if one.open]
        paid = min((one for one in open_ if int(one.price)), key=lambda one: (one.symbol, int(one.price)), default=None)
        price = self.amount(paid.price, paid.token) if paid is not None else ""
        if paid is not None and paid.kind == Kind.STREAM:
            price += f" per {duration(paid.amount)}"
        return any(not int(one.price) for one in open_), price

    def sums(self, amounts: Iterable[tuple[str, int]]) -> list[str]:
        """Amounts of several tokens, added up by token."""
        found: dict[str, int] = {}
        for token, units in amounts:
            found[token] = found.get(token, 0) + units
        return [self.amount(units, token) for token, units in found.items() if units]

    def paid(self, id: int) -> list[tuple[str, int, int, int]]:
        """By token what the sales of an asset took, and what of that was fee and royalties, in its units."""
        return [
            (one.token, int(one.total), int(one.fee), int(one.royalty)) for one in self.catalogue.earnings(id).earned
        ]

    def facts(self, hit: Hit) -> dict[str, Any]:
        """What the wallet script is told of an asset, and holds against the chain."""
        return {"asset": hit.asset_id, "digest": "0x" + hit.digest, "proof": ".".join(hit.proof), "name": hit.name}

    def texts(self, hit: Hit) -> tuple[LicenceText, ...]:
        """What is said of the licences of an asset: in its document, for an item in that of its collection."""
        whole = self.catalogue.asset(hit.collection) if hit.collection else hit
        document = self.document(bytes.fromhex(whole.digest)) if whole is not None else None
        return document.licences if document is not None else ()

    def licences(self, hit: Hit) -> list[LicenceOnPage]:
        """The licences of an asset, in words; of an item those of its collection."""
        tokens = {row["place"]: row["token"] for row in self.rows("payments")}
        deployment = self.client.deployment
        sellers = {"": "access", deployment.streams.lower(): "access", deployment.escrow.lower(): "runs"}
        texts = self.texts(hit)
        found = []
        for row in self.rows("licences", hit.collection or hit.asset_id):
            number = row["number"]
            text = texts[number] if number < len(texts) else None
            token = tokens.get(row["token"], ZERO_ADDRESS)
            price = self.amount(row["price"], token) if row["price"] else "Free"
            amount, _, symbol = price.rpartition(" ")
            per = f" per {duration(row['amount'])}" if row["kind"] == Kind.STREAM else ""
            found.append(
                LicenceOnPage(
                    number=number,
                    name=text.name if text is not None else f"licence {number}",
                    words=_in_words(row, price, runs=sellers.get(row["seller"]) == "runs"),
                    price=amount or price,
                    unit=f"{symbol}{per}" if amount else "",
                    open=bool(row["open"]),
                    left=max(0, row["cap"] - row["issued"]) if row["cap"] else None,
                    description=text.description if text is not None else "",
                    terms=text.terms if text is not None else "",
                    kind=row["kind"],
                    token=token,
                    gives=sellers.get(row["seller"], ""),
                    row=row,
                )
            )
        return found

    def cid(self, digest: bytes) -> CID:
        """CID of a document."""
        return CID.from_digest(digest)


def _read_document(data: bytes) -> DDO | None:
    try:
        return DDO.from_bytes(data)
    except InvalidDDO:
        return None


def _in_words(row: Row, price: str, *, runs: bool) -> str:
    """What a licence gives, and for what."""
    try:
        kind = Kind(row["kind"])
        whole = Licence(
            name="it",
            kind=kind,
            quantity=row["amount"],
            price=Decimal(1) if row["price"] else Decimal(0),
            token="\u0001" if row["price"] else None,
            cap=row["cap"] or None,
            limit=row["limit_"] or None,
            minimum=row["minimum"],
            runs=runs,
        ).in_words()
    except (ValueError, InvalidLicence):
        return f"a kind of licence that this hub does not know ({row['kind']})"
    return whole.replace("1 \u0001", price)


def _narrow(html: str) -> str:
    """Markup without the spaces that only its template needs; what is in <pre> keeps its own."""
    pieces = html.split("<pre")
    out = [_squeezed(pieces[0])]
    for piece in pieces[1:]:
        inside, end, rest = piece.partition("</pre>")
        out.append("<pre" + inside + end + _squeezed(rest))
    return "".join(out)


def _squeezed(html: str) -> str:
    return "\n".join(line for one in html.split("\n") if (line := one.strip()))
