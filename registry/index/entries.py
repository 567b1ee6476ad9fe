"""What a search shows of an asset: its row, its offers and its document put together."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from registry.index import rank
from registry.index.fold import PERIOD, UPHELD
from registry.index.readmes import readme_of
from registry.index.search_text import skeleton, words
from registry.index.tables import BY_NAME, Row
from registry.index.tables_store import Store
from registry.types import ITEM, terms_of

__all__ = ["AssetEntry", "Money", "entries_of", "formats_of", "twins"]

ENDLESS: Final = 2**62
"""A price that is larger than any that is asked for."""

AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Money:
    """What the payment tokens are: by address (zero for the coin) their symbol, decimals, and how many millionths of a
    dollar one whole token is worth, 0 if nobody said."""

    tokens: Mapping[str, tuple[str, int, int]] = field(default_factory=dict)

    def dollars(self, token: str, units: int) -> int | None:
        """So many units in millionths of a dollar; None where the token has no price."""
        _, decimals, worth = self.tokens.get(token, ("", 0, 0))
        return min(units * worth // 10**decimals, ENDLESS) if worth else None


@dataclass(slots=True)
class AssetEntry:
    """One asset as a search knows it.

    ============ ====================================================================================
    status       have, wanted (not found yet: `tries` says how often it was looked for) or invalid (`faults`)
    price        of the cheapest open offer, in millionths of a dollar; 0 for a free one, -1 for none
    fees         that count for its rank, in millionths of a dollar; `derived` those of what was made from it
    upheld       flags on it that were upheld, less appeals that were
    readme       the beginning of its README, which is looked up by its words and not kept with the rest
    block        of its last document, `published` and `changed` in seconds since 1970
    minted       False for an item that only its collection's list says is there
    items        how many a collection lists, and `root` the root of the list
    ============ ====================================================================================
    """

    id: int
    owner: str
    digest: str
    version: int
    state: int
    delisted: bool
    block: int
    published: int
    changed: int
    sales: int
    buyers: int
    status: str = "wanted"
    tries: int = 0
    faults: list[str] = field(default_factory=list)
    name: str = ""
    type: str = ""
    license: str = ""
    author: str = ""
    description: str = ""
    readme: str = ""
    readme_cid: str = ""
    tags: list[str] = field(default_factory=list)
    formats: list[str] = field(default_factory=list)
    size: int = 0
    content: str = ""
    gated: bool = False
    computable: bool = False
    offers: list[dict[str, Any]] = field(default_factory=list)
    price: int = -1
    free: bool = False
    paid: bool = False
    parents: list[int] = field(default_factory=list)
    standards: list[str] = field(default_factory=list)
    adopted: int = 0
    endorsed: bool = False
    upheld: int = 0
    fees: int = 0
    derived: int = 0
    collection: int = 0
    looks_like: int = 0
    minted: bool = True
    items: int = 0
    root: str = ""

    @property
    def shown(self) -> bool:
        """Whether a search by words may find it."""
        return self.status == "have" and not self.delisted

    def quality(self, now: int) -> rank.Quality:
        """What it is worth at a time in seconds since 1970."""
        return rank.quality(
            fees=self.fees,
            derived=self.derived,
            endorsed=self.endorsed,
            standards=(self.adopted, len(self.standards)),
            upheld=self.upheld,
            published=self.published,
            now=now,
        )

    def texts(self) -> dict[str, str]:
        """Its words by field, with a space before and behind each, as `rank.text_score` takes them."""
        whole = {
            "name": self.name,
            "tags": " ".join(self.tags),
            "by": f"{self.type} {self.author}",
            "description": self.description[: rank.LETTERS["description"]],
            "readme": self.readme[: rank.LETTERS["readme"]],
        }
        return {name: f" {' '.join(found)} " if (found := words(text)) else "" for name, text in whole.items()}

    def facets(self) -> list[str]:
        """What it can be narrowed down by, each as ``kind=value``."""
        return [*self.counted(), f"owner={self.owner}", *(f"derived_from={one}" for one in self.parents)]

    def counted(self) -> list[str]:
        """Those of them that many may share, which are counted beside a search."""
        found = [f"type={self.type}", f"license={self.license}"]
        found += [f"tag={tag.lower()}" for tag in self.tags]
        found += [f"format={one}" for one in self.formats]
        found += [f"standard={one}" for one in self.standards]
        found += [f"collection={self.collection}"] if self.collection else []
        found += [f"{name}=yes" for name in ("free", "paid", "gated", "computable") if getattr(self, name)]
        return found

    def to_json(self) -> str:
        """All of it as text, without what is only looked up."""
        return json.dumps({**asdict(self), "readme": ""}, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> AssetEntry:
        """What `to_json` wrote."""
        return cls(**json.loads(text))


def entries_of(store: Store, ids: Sequence[int], money: Money, now: int) -> list[AssetEntry]:
    """The entries of some assets; those that there are no more are left out."""
    found: list[AssetEntry] = []
    for start in range(0, len(ids), AT_ONCE):
        found += _Making(store, ids[start : start + AT_ONCE], money, now).entries()
    return found


class _Making:
    """Everything that some entries are made of, read in a few questions."""

    def __init__(self, store: Store, ids: Sequence[int], money: Money, now: int) -> None:
        self._money, self._now = money, now
        self._store = store
        marks = ", ".join("?" * len(ids))
        terms = sorted({terms_of(one) for one in ids})
        self._assets = store.load("asset", [(one,) for one in ids])
        self._wholes = store.load("asset", [(one,) for one in terms])
        self._add_items([one for one in ids if one >= ITEM])
        self._licences = self._grouped(
            store.each("licence", f"WHERE asset IN ({', '.join('?' * len(terms))}) ORDER BY asset, number", *terms)
        )
        self._fees = self._grouped(store.each("fee", f"WHERE asset IN ({marks})", *ids))
        self._declared = self._grouped(store.each("conformance", f"WHERE asset IN ({marks})", *ids))
        self._parents = self._grouped(
            store.each(
                "ancestor", f"WHERE child IN ({marks}) AND registry = '' AND direct = 1 ORDER BY child, parent", *ids
            ),
            "child",
        )
        self._listings = store.load("listing", [(one,) for one in ids])
        self._payments = {row["place"]: row["token"] for row in store.each("payment")}
        self._standards = {(row["name"], row["number"]): row["status"] for row in store.each("standard")}
        told = (*self._assets.values(), *self._wholes.values())
        digests = {(row["digest"],) for row in told if row["digest"]}
        self._documents = store.load("document", list(digests))
        self._read = {
            key: json.loads(row["bytes"]) for (key,), row in self._documents.items() if row["status"] == "have"
        }
        self._readmes = {key: cid for key, read in self._read.items() if (cid := readme_of(read)) is not None}
        self._told = store.load("document", list({(bytes(cid),) for cid in self._readmes.values()}))
        self._upheld = self._grouped(
            store.each("curation_case", f"WHERE asset IN ({marks}) AND state = ?", *ids, UPHELD)
        )
        self._derived: dict[int, int] = defaultdict(int)
        rows = store.rows(
            f"SELECT a.parent, f.token, f.period, f.units FROM ancestor a JOIN asset c ON c.id = a.child "
            f"JOIN asset p ON p.id = a.parent JOIN fee f ON f.asset = a.child "
            f"WHERE a.parent IN ({marks}) AND a.registry = '' AND a.bps > 0 AND c.owner <> p.owner",
            *ids,
        )
        for parent, token, period, units in rows:
            self._derived[parent] += self._faded([(token, period, int.from_bytes(units, "big"))])

    def _add_items(self, ids: Sequence[int]) -> None:
        """Have items stand among the assets as the chain has them: suspended, retired or delisted if their collection
        is, and until they are minted its owner's, with the document that its list has."""
        self._unminted = {id for id in ids if not self._assets.get((id,), {}).get("owner")}
        listed = self._store.load("item", [(id,) for id in self._unminted])
        manifests = self._store.load("manifest", list({(terms_of(id),) for id in self._unminted}))
        for id in ids:
            own, whole = self._assets.pop((id,), None), self._wholes.get((terms_of(id),))
            if whole is None or not whole["owner"]:
                continue
            if id in self._unminted:
                item, manifest = listed.get((id,)), manifests.get((terms_of(id),))
                if item is None or manifest is None or manifest["root"] != whole["root"]:
                    continue
                fresh = own or BY_NAME["asset"].fresh((id,))
                taken = {name: whole[name] for name in ("owner", "epoch", "first_block", "first_time")}
                own = {**fresh, **taken, "digest": item["digest"], "version": 1, "collection": terms_of(id)}
                own.update(changed_block=whole["first_block"], changed_time=whole["first_time"])
            assert own is not None
            state, delisted = max(own["state"], whole["state"]), own["delisted"] or whole["delisted"]
            self._assets[id,] = {**own, "state": state, "delisted": delisted}

    @staticmethod
    def _grouped(rows: Iterable[Row], column: str = "asset") -> dict[int, list[Row]]:
        found: dict[int, list[Row]] = defaultdict(list)
        for row in rows:
            found[row[column]].append(row)
        return found

    def _faded(self, fees: Iterable[tuple[str, int, int]]) -> int:
        by_period: dict[int, int] = defaultdict(int)
        for token, period, units in fees:
            by_period[period] += self._money.dollars(token, units) or 0
        return rank.faded(by_period, self._now // PERIOD)

    def entries(self) -> list[AssetEntry]:
        return [self._entry(row) for row in self._assets.values()]

    def _entry(self, row: Row) -> AssetEntry:
        listing = self._listings.get((row["id"],))
        entry = AssetEntry(
            id=row["id"],
            owner=row["owner"],
            digest=row["digest"].hex(),
            version=row["version"],
            state=row["state"],
            delisted=bool(row["delisted"]),
            block=row["changed_block"],
            published=row["first_time"],
            changed=row["changed_time"],
            sales=row["sales"],
            buyers=row["buyers"],
            collection=row["collection"],
            minted=row["id"] not in self._unminted,
            items=row["size"],
            root=row["root"].hex(),
            parents=[one["parent"] for one in self._parents[row["id"]]],
            endorsed=bool(
                listing
                and listing["endorsed"]
                and (listing["version"], listing["epoch"]) == (row["version"], row["epoch"])
            ),
            fees=self._faded((one["token"], one["period"], one["units"]) for one in self._fees[row["id"]]),
            derived=self._derived[row["id"]],
        )
        entry.upheld = max(0, sum(-1 if one["appeal"] else 1 for one in self._upheld[row["id"]]))
        for one in self._declared[row["id"]]:
            entry.standards.append(f"{standard_name(one['name'])}@{one['number']}")
            adopted = self._standards.get((one["name"], one["number"])) == 2
            entry.adopted += adopted and one["version"] == row["version"]
        self._add_document(entry, self._documents.get((row["digest"],)))
        self._add_readme(entry, row["digest"])
        terms = terms_of(row["id"])
        words = self._read.get(self._wholes[terms,]["digest"], {})
        names = [one["name"] for one in words.get("licences", ())]
        self._add_offers(entry, self._licences[terms], names)
        return entry

    def _add_document(self, entry: AssetEntry, document: Row | None) -> None:
        if document is None:
            return
        entry.status, entry.tries = document["status"], document["tries"]
        if document["status"] == "invalid":
            entry.faults = json.loads(document["faults"])
        if document["status"] != "have":
            return
        read = self._read[document["digest"]]
        content = read.get("content") or {}
        files = content.get("files", ())
        entry.name, entry.type, entry.license = read["name"], read["type"], read["license"]
        entry.author, entry.description = read.get("author", ""), read.get("description", "")
        entry.tags = list(read.get("tags", ()))
        entry.size, entry.content = content.get("size", 0), content.get("cid", "")
        entry.gated = "encryption" in content
        entry.computable = "compute" in read
        entry.formats = formats_of([one["path"] for one in files])

    def _add_readme(self, entry: AssetEntry, digest: bytes) -> None:
        cid = self._readmes.get(digest)
        # Items have none: a million of them cost one transaction, and would each have a hub keep a text.
        if cid is None or entry.id >= ITEM:
            return
        entry.readme_cid = bytes(cid).hex()
        told = self._told.get((bytes(cid),))
        if told is not None:
            entry.readme = told["bytes"].decode("utf-8", "replace")[: rank.LETTERS["readme"]]

    def _add_offers(self, entry: AssetEntry, licences: Sequence[Row], names: Sequence[str]) -> None:
        cheapest: int | None = None
        for row in licences:
            token = self._payments.get(row["token"], "")
            number = row["number"]
            symbol, decimals, _ = self._money.tokens.get(token, ("", 0, 0))
            left = row["cap"] - row["issued"] if row["cap"] else 1
            entry.offers.append(
                {
                    "number": number,
                    "name": names[number] if number < len(names) else "",
                    "kind": row["kind"],
                    "amount": row["amount"],
                    "price": str(row["price"]),
                    "token": token,
                    "symbol": symbol,
                    "decimals": decimals,
                    "open": bool(row["open"]),
                    "minimum": row["minimum"],
                    "seller": row["seller"],
                }
            )
            if not row["open"] or left <= 0:
                continue
            entry.free |= row["price"] == 0
            entry.paid |= row["price"] > 0
            worth = self._money.dollars(token, row["price"]) if row["price"] else 0
            if worth is not None:
                cheapest = worth if cheapest is None else min(cheapest, worth)
        entry.price = -1 if cheapest is None else cheapest


def formats_of(paths: Iterable[str]) -> list[str]:
    """The endings of files, each once."""
    return sorted({ending for path in paths if (ending := _ending(path))})[:32]


def _ending(path: str) -> str:
    name = path.rsplit("/", 1)[-1].lower()
    _, dot, ending = name.rpartition(".")
    return ending if dot and ending.isalnum() and len(ending) <= 12 else ""


def standard_name(name: bytes) -> str:
    """The name of a standard, of the 32 bytes that the contract has of it."""
    return name.rstrip(b"\0").decode("utf-8", "replace")


def twins(entries: Iterable[AssetEntry], older: Callable[[str], tuple[int, str] | None]) -> None:
    """Say of entries whose name looks like an older one of somebody else which that is; `older` finds the oldest asset
    and its owner by `skeleton`."""
    for entry in entries:
        found = older(skeleton(entry.name)) if entry.name else None
        if found is not None and found[0] < entry.id and found[1] != entry.owner:
            entry.looks_like = found[0]
