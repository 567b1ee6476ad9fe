"""Widgets to look for assets, to store a file and to publish (extra `notebook`)."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike, fspath
from typing import Any, Final, get_args

from registry.apps.notebook import SignIn, WidgetPart
from registry.apps.offered import act_of, offers_to_take
from registry.apps.uploads import StoredFile, UploadSpace
from registry.apps.visit import Visit, VisitorSigner
from registry.client import Registry
from registry.documents.ddo import AssetType
from registry.documents.licence_spec import parse_licence
from registry.errors import InputError, RegistryError, SignerError
from registry.results import Asset, Preview, Published
from registry.text.letters import one_line

__all__ = ["Browse", "Publish", "Upload"]

MOST: Final = 4 * 2**20
"""Bytes of a file that go through the connection of a notebook, which takes 10 MB at once."""

HITS: Final = 20
FILES: Final = 20
_TYPES: Final = tuple((one, one) for one in get_args(AssetType))
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

    `registry` sends it with its own signer (default: `Registry.from_environment`). Raises `SignerError` for one that
    signs messages only, as that of `SignIn`.
    """

    def __init__(self, path: str | PathLike[str], registry: Registry | None = None) -> None:
        self._place = fspath(path)
        self._by = registry or Registry.from_environment()
        if self._by.signer is None or isinstance(self._by.signer, VisitorSigner):
            raise SignerError(
                "This client sends no transactions.", hint="Connect with a key, an account or BrowserSigner()."
            )
        self._looked: dict[str, Any] | None = None
        self.published: Published | None = None
        super().__init__(Visit(self._by, None))

    def _does(self, said: dict[str, Any]) -> None:
        typed = said.get("typed")
        if said.get("kind") == "press" and isinstance(typed, dict) and self.published is None:
            self._try(lambda: self._step(str(said.get("press")), {str(name): str(typed[name]) for name in typed}))

    def _step(self, press: str, typed: dict[str, str]) -> str:
        asked = self._asked(typed)
        if press == "Publish" and asked == self._looked:
            self.published = self._by.publish(self._place, **asked)
            return f"Published as {self.published.did}."
        self._looked = None
        shown: Preview = self._by.publish(self._place, dry_run=True, **asked)
        self._looked = asked
        return f"{shown} Press Publish to send it."

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
        return {
            "form": [
                {"name": "name", "label": "Name"},
                {"name": "type", "label": "What it is", "options": _TYPES, "value": "dataset"},
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


class Browse(_Form):
    """Look for assets, narrow them down, look at one and buy: `chosen` is the one that was looked at last.

    `where` is any client, or a `SignIn`, whose account then buys in its wallet (default: `Registry.from_environment`).
    """

    def __init__(self, where: Registry | SignIn | None = None) -> None:
        self.chosen: Asset | None = None
        self._hits: list[dict[str, str]] = []
        self._types: dict[str, int] = {}
        super().__init__(
            where.visit if isinstance(where, SignIn) else Visit(where or Registry.from_environment(), None)
        )

    def _does(self, said: dict[str, Any]) -> None:
        typed, did = said.get("typed"), said.get("did")
        if said.get("kind") == "press" and isinstance(typed, dict):
            self._try(lambda: self._search(*(str(typed.get(name, "")).strip() for name in ("text", "type", "price"))))
        elif said.get("kind") == "choose" and any(hit["did"] == did for hit in self._hits):
            self._try(lambda: self._choose(str(did)))

    def _search(self, text: str, kind: str, price: str) -> str:
        page = self.visit.registry.search(text, type=kind, max_price=price or None, limit=HITS)
        self.chosen = None
        self._types = dict(page.facets.get("type", {}))
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
        self.chosen = self.visit.registry.get(did)
        return ""

    def _more(self) -> dict[str, Any]:
        types = [
            ["", "all"],
            *([one, f"{one} ({self._types[one]})" if one in self._types else one] for one, _ in _TYPES),
        ]
        shown: dict[str, Any] = {
            "form": [
                {"name": "text", "label": "Words"},
                {"name": "type", "label": "What it is", "options": types},
                {"name": "price", "label": "At most, as in 20 USD"},
            ],
            "press": ["Search"],
            "hits": self._hits,
        }
        return shown | ({"chosen": self._card(self.chosen)} if self.chosen is not None else {})

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
            "acts": [act_of(registry, found, offer, account) for offer in offers] if account is not None else [],
        }
