"""Widgets to look for assets, to store a file and to publish (extra `notebook`)."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from os import PathLike, fspath
from typing import Any, Final, get_args

from registry.apps.notebook import SignIn, WidgetPart
from registry.apps.offered import act_of, offers_to_take
from registry.apps.uploads import StoredFile, UploadSpace
from registry.apps.visit import Visit, VisitorSigner
from registry.assets.catalogue import Catalogue
from registry.assets.drafting import Draft, PlannedAsset, Planner
from registry.chain.wallets import BrowserSigner
from registry.client import Registry
from registry.content.unlocking import is_gated
from registry.documents.ddo import AssetType
from registry.documents.licence_spec import parse_licence
from registry.errors import InputError, RegistryError, SignerError
from registry.hub.pages.previews import Previews, kind_of_file
from registry.results import Asset, Preview, Published
from registry.text.letters import one_line
from registry.types import ZERO_ADDRESS

__all__ = ["Browse", "Publish", "Upload"]

MOST: Final = 4 * 2**20
"""Bytes of a file that go through the connection of a notebook, which takes 10 MB at once."""

HITS: Final = 20
FILES: Final = 20
CHOICES: Final = 20
"""Values of a facet, the most common first."""

ROWS: Final = 8
COLUMNS: Final = 12
LINES: Final = 12
"""Of the start of a file."""

PATIENCE: Final = 30.0
"""Seconds until the start of a file is not waited for."""

_TYPES: Final = get_args(AssetType)
_FACETS: Final = {"license": "License", "format": "Format", "tag": "Tag"}
_SWITCHES: Final = {
    "free": "something is free",
    "paid": "something is sold",
    "gated": "encrypted content",
    "computable": "compute on it",
}
_SHOWN: Final = ("table", "parquet", "tree", "text")
"""What files are shown of, by the kind of their preview; the first that there is one of."""

_QUIET: Final = {"account": "", "ask": None, "note": "", "switch": False, "still": True, "leaves": False}


class _Form(WidgetPart):
    """A part that has something of its own to show, and says how its last step went."""

    def __init__(self, visit: Visit) -> None:
        self._said, self._tone = "", ""
        super().__init__(visit)

    def _now(self) -> dict[str, Any]:
        return self.visit.told() | _QUIET | {"note": self._said, "tone": self._tone} | self._more()

    def _more(self) -> dict[str, Any]:
        raise NotImplementedError

    def _try(self, step: Callable[[], str]) -> None:
        """Take a step, which says how it went. Errors are shown, since nobody sees what a message of a page raises."""
        self._said, self._tone = "At work…", "calm"
        self._show()
        try:
            self._said, self._tone = step(), "good"
        except RegistryError as error:
            self._said, self._tone = str(error), "bad"
        self._show()


class Upload(_Form):
    """A field by which a file of the machine of this browser comes into the store of the registry: `stored` is then
    its CID, its size and the type of its bytes. Its name is not kept.

    `registry` is any client (default: `Registry.from_environment`), `most` bytes may be in the file. Larger ones are
    better published from where they lie.
    """

    def __init__(
        self, registry: Registry | None = None, *, label: str = "A file for the store", most: int = MOST
    ) -> None:
        self._space, self._label = UploadSpace(most, 2**62), label
        self._seen: StoredFile | None = None
        self.stored: StoredFile | None = None
        super().__init__(Visit(registry or Registry.from_environment(), None))

    def _does(self, said: dict[str, Any]) -> None:
        if said.get("kind") in ("look", "store"):
            self._try(lambda: self._take(said))

    def _take(self, said: dict[str, Any]) -> str:
        self._seen = self.stored = None
        file = self._space.sent(said)
        if said["kind"] == "look":
            self._seen = self._space.look(file)
            return ""
        self._seen = self.stored = self._space.keep(file, self.visit.registry.store)
        return "Stored."

    def _more(self) -> dict[str, Any]:
        file: dict[str, Any] = {"label": self._label, "most": self._space.most}
        if self._seen is not None:
            words = f"{self._seen.in_words()}. Whoever knows this CID may read it. Its name is not kept."
            file |= {"cid": str(self._seen.cid), "words": words, "stored": self.stored is not None}
        return {"file": file}


class Publish(_Form):
    """A form to publish what lies at `path`, a folder or file of the machine where Python runs: what it is, under which
    license, and what is sold. It is looked at first, with the cost, and then sent: `published` is what came of it.

    `by` is who sends it: a client with a signer of its own (default: `Registry.from_environment`), or a `SignIn`, whose
    account then publishes in its wallet, once content and document are in the store. Raises `SignerError` for a client
    that sends no transactions.
    """

    def __init__(self, path: str | PathLike[str], by: Registry | SignIn | None = None) -> None:
        self._place = fspath(path)
        self._by = by if by is not None else Registry.from_environment()
        if isinstance(self._by, Registry) and isinstance(self._by.signer, None | VisitorSigner | BrowserSigner):
            raise SignerError(
                "This client sends no transactions.", hint="Connect with a key or an account, or hand over a SignIn."
            )
        self._looked: dict[str, Any] | None = None
        self._plan: PlannedAsset | None = None
        self._act: dict[str, str] = {}
        self.published: Published | None = None
        super().__init__(self._by.visit if isinstance(self._by, SignIn) else Visit(self._by, None))

    @property
    def _client(self) -> Registry:
        return self._by.registry if isinstance(self._by, SignIn) else self._by

    def _does(self, said: dict[str, Any]) -> None:
        typed = said.get("typed")
        if self.published is not None:
            return
        if said.get("kind") == "press" and isinstance(typed, dict):
            self._try(lambda: self._step(str(said.get("press")), {str(name): str(typed[name]) for name in typed}))
        elif said.get("kind") == "acted" and self._plan is not None:
            self._try(lambda: self._found() or "It is not on the chain yet. Press Publish again.")

    def _step(self, press: str, typed: dict[str, str]) -> str:
        asked = self._asked(typed)
        if press == "Publish" and asked == self._looked:
            if isinstance(self._by, SignIn):
                return self._kept(asked)
            self.published = self._by.publish(self._place, **asked)
            return f"Published as {self.published.did}."
        self._looked = self._plan = None
        shown: Preview = self._client.publish(self._place, dry_run=True, **asked)
        self._looked = asked
        return f"{shown} Press Publish to send it."

    def _kept(self, asked: dict[str, Any]) -> str:
        """Store content and document, which are to be there before anybody is told of them."""
        client = self._client
        told = {name: asked[name] for name in ("name", "type", "license", "licences")}
        fields = {name: asked[name] for name in asked.keys() - told}
        self._plan = Planner(client).planned(Draft(path=self._place, fields=fields, **told))
        Catalogue(client).keep(self._plan.ddo)
        self._act = _publication(client, self._plan)
        return self._found() or "It is in the store. Your wallet publishes it."

    def _found(self) -> str:
        """What the account published as planned; empty if that is nothing yet."""
        client, plan = self._client, self._plan
        assert plan is not None
        number = Planner(client).published_as(client.address, plan)
        if number is None:
            return ""
        self.published = plan.published(client.did(number), client.address, None)
        return f"Published as {self.published.did}."

    @staticmethod
    def _asked(typed: dict[str, str]) -> dict[str, Any]:
        """What `publish` is asked for. Raises `InputError` for fields that are empty, and what licences raise."""
        for name in ("name", "type", "license"):
            if not typed.get(name, "").strip():
                raise InputError(f"The field {name!r} is empty.", hint="Fill it in.")
        sold = [parse_licence(line) for line in typed.get("licences", "").splitlines() if line.strip()]
        told = {name: typed[name].strip() for name in ("name", "type", "license")}
        return told | {"licences": sold} | ({"description": text} if (text := typed.get("description", "")) else {})

    def _more(self) -> dict[str, Any]:
        if self.published is not None:
            return {}
        if self.visit.account is None and isinstance(self._by, SignIn):
            return {"note": "Sign in above.", "tone": "calm"}
        shown: dict[str, Any] = {
            "form": [
                {"name": "name", "label": "Name"},
                {"name": "type", "label": "What it is", "options": [(one, one) for one in _TYPES], "value": "dataset"},
                {"name": "license", "label": "License of the content (SPDX)", "value": "CC-BY-4.0"},
                {"name": "description", "label": "Description", "area": True},
                {
                    "name": "licences",
                    "label": "What is sold, one a line",
                    "area": True,
                    "value": "research: free, limit 1",
                },
            ],
            "press": ["Look", "Publish"] if self._looked is not None else ["Look"],
        }
        if self._plan is None or self._act.get("account") != self.visit.account:
            return shown
        words = "What it publishes is shown in words before you sign."
        return shown | {
            "chosen": {"name": one_line(self._plan.ddo.name, 200), "words": words, "files": [], "acts": [self._act]}
        }


def _publication(client: Registry, plan: PlannedAsset) -> dict[str, str]:
    """The act by which the account of a client publishes; the wallet script makes the transaction of it, and says in
    words what is published, of nothing but this."""
    tokens = {token.index: token.address or ZERO_ADDRESS for token in client.tokens}
    offers = [
        {
            "price": str(price),
            "token": tokens[token],
            "kind": str(kind),
            "amount": str(amount),
            "cap": str(cap),
            "limit": str(limit),
            "minimum": str(minimum),
        }
        for price, token, kind, amount, cap, limit, minimum, _ in plan.publication[5]
    ]
    return {
        "act": "publish",
        "label": "Publish it in the wallet",
        "chain": str(client.chain.chain_id),
        "registry": client.deployment.registry,
        "document": plan.ddo.to_bytes().decode("utf-8"),
        "offers": json.dumps(offers),
        "account": client.address,
    }


class Browse(_Form):
    """Look for assets, narrow them down by what others of them have, look into one and buy: `chosen` is the one that
    was looked at last.

    Of its files one is shown from its start, as the pages of a hub show it. `where` is any client, or a `SignIn`, whose
    account then buys in its wallet (default: `Registry.from_environment`).
    """

    def __init__(self, where: Registry | SignIn | None = None) -> None:
        self.chosen: Asset | None = None
        self._start: dict[str, Any] = {}
        self._hits: list[dict[str, str]] = []
        self._counted: dict[str, dict[str, int]] = {}
        self._narrowed: dict[str, str] = {}
        visit = where.visit if isinstance(where, SignIn) else Visit(where or Registry.from_environment(), None)
        self._previews = Previews(visit.registry.store, patience=PATIENCE)
        super().__init__(visit)

    def _does(self, said: dict[str, Any]) -> None:
        typed, did = said.get("typed"), said.get("did")
        if said.get("kind") == "press" and isinstance(typed, dict):
            self._try(lambda: self._search({str(name): str(typed[name]).strip() for name in typed}))
        elif said.get("kind") == "choose" and any(hit["did"] == did for hit in self._hits):
            self._try(lambda: self._choose(str(did)))

    def _search(self, typed: dict[str, str]) -> str:
        wanted = {name: typed.get(name, "") for name in ("type", *_FACETS, "only")}
        switched: dict[str, Any] = {wanted["only"]: True} if wanted["only"] in _SWITCHES else {}
        page = self.visit.registry.search(
            typed.get("text", ""),
            type=wanted["type"],
            license=wanted["license"],
            format=wanted["format"] or (),
            tags=(wanted["tag"],) if wanted["tag"] else (),
            max_price=typed.get("price") or None,
            limit=HITS,
            **switched,
        )
        self.chosen = None
        self._narrowed, self._counted = wanted, page.facets
        self._hits = [
            {
                "did": hit.did,
                "name": one_line(hit.name, 100) or hit.did,
                "words": ", ".join(
                    filter(None, (hit.type, hit.license, hit.price_text, one_line(hit.description, 160)))
                ),
            }
            for hit in page
        ]
        return f"{page.total}{' or more' if page.more else ''} found."

    def _choose(self, did: str) -> str:
        found = self.visit.registry.get(did)
        self._start = self._look(found)
        self.chosen = found
        return ""

    def _more(self) -> dict[str, Any]:
        form: list[dict[str, Any]] = [
            {"name": "text", "label": "Words"},
            {"name": "type", "label": "What it is", "options": self._options("type", _TYPES)},
            {"name": "price", "label": "At most, as in 20 USD"},
        ]
        for name, label in _FACETS.items():
            if self._counted.get(name) or self._narrowed.get(name):
                form.append({"name": name, "label": label, "options": self._options(name)})
        switches = [
            (name, f"{words} ({counted['yes']:,})" if (counted := self._counted.get(name)) else words)
            for name, words in _SWITCHES.items()
            if self._counted.get(name) or self._narrowed.get("only") == name
        ]
        if switches:
            form.append({"name": "only", "label": "Only where", "options": [("", "all"), *switches]})
        shown: dict[str, Any] = {"form": form, "press": ["Search"], "hits": self._hits}
        return shown | ({"chosen": self._card(self.chosen)} if self.chosen is not None else {})

    def _options(self, name: str, always: Sequence[str] = ()) -> list[tuple[str, str]]:
        """The values of a facet, each with how many have it among what was found; the one that was chosen too."""
        counted, chosen = self._counted.get(name, {}), self._narrowed.get(name)
        values = dict.fromkeys([*always, *list(counted)[:CHOICES], *([chosen] if chosen else [])])
        told = [(one, one_line(one, 60) + (f" ({counted[one]:,})" if one in counted else "")) for one in values]
        return [("", "all"), *told]

    def _card(self, found: Asset) -> dict[str, Any]:
        files = found.ddo.content.files if found.ddo.content else ()
        more = [f"and {len(files) - FILES:,} more files"] if len(files) > FILES else []
        account, registry = self.visit.account, self.visit.registry
        offers = offers_to_take(found)
        words = [
            one_line(found.ddo.description or "", 1_000),
            *(f"{offer.name}: {offer.in_words()}" for offer in offers),
        ]
        if offers and account is None:
            words.append("Sign in (SignIn), and hand that to Browse, to buy here.")
        return {
            "name": one_line(found.name, 200),
            "words": "\n".join(filter(None, words)),
            "files": [*(f"{one_line(file.path, 200)}, {file.size:,} bytes" for file in files[:FILES]), *more],
            "start": self._start,
            "acts": [act_of(registry, found, offer, account) for offer in offers] if account is not None else [],
        }

    def _look(self, found: Asset) -> dict[str, Any]:
        """The start of one of its files, in `words`, and with `names` and `rows` or with `lines`. Strangers made it, so
        it is read in the sandbox."""
        content = found.ddo.content
        if content is None or content.kept:
            return {}
        if is_gated(found):
            return {"words": "Its content is encrypted, and opened by those with access alone."}
        one = next((file for kind in _SHOWN for file in content.files if kind_of_file(file.path) == kind), None)
        if one is None:
            return {}
        made, name = self._previews.of_file(one.path, one.cid, one.size, base="", names=()), one_line(one.path, 100)
        if made.data is None:
            return {"words": f"{name}: {made.why or 'it takes too long to be shown.'}"}
        return _start_of(name, made.kind, made.data)


def _start_of(name: str, kind: str, data: dict[str, Any]) -> dict[str, Any]:
    """What is shown of a preview of a file."""
    if kind in ("table", "parquet"):
        rows = [row[:COLUMNS] for row in data["rows"][:ROWS]]
        total = f" of {data['total']:,}" if "total" in data else ""
        words = f"{name}: {data['columns']:,} columns, the first {len(rows)}{total} rows"
        return {"words": words, "names": data["names"][:COLUMNS], "rows": rows}
    lines = data["lines"][:LINES]
    if kind == "tree":
        lines = ["  " * depth + (f"{key}: {value}" if key else value) for depth, key, value, _ in lines]
    return {"words": f"{name}, its first lines", "lines": lines}
