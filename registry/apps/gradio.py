"""The registry in Gradio apps: visitors sign in with their wallets, buy, and get in where they may.

::

    import gradio as gr
    from registry.apps.gradio import gate, open_asset, sign_in

    with gr.Blocks() as app:
        sign_in()
        file = open_asset("did:nft:eip155:1_erc721:0x..._7", "data.csv")
        table = gr.Dataframe()
        file.change(lambda: pd.read_csv(file.value()) if file.value() else None, None, table)

Gradio lays out a page once and calls functions later, for one visitor each. So a verb puts a part into the page, and
`value()` of a part says, inside such a function, what came of it for that visitor. No key of the server signs for one.
"""

from __future__ import annotations

import functools
import inspect
import io
import json
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping
from threading import Lock
from typing import Any, Final, Generic, TypeVar
from weakref import WeakKeyDictionary

import gradio as gr
from gradio.context import LocalContext, get_blocks_context

from registry.apps import components
from registry.apps.offered import act_of, offers_to_take, require_taken_alone
from registry.apps.uploads import A_DAY, KEPT, MOST, StoredFile, UploadSpace
from registry.apps.visit import Visit, own_domain
from registry.client import Registry
from registry.compute.commission import JobOptions
from registry.compute.host_protocol import HostedJob
from registry.compute.ordered_job import OrderedJob, is_late
from registry.errors import ContentError, InputError, RegistryError
from registry.ipfs.cid import CID
from registry.results import AssetRef, Holding
from registry.types import Address

__all__ = ["WalletPart", "buy", "gate", "open_asset", "run_compute", "sign_in", "store_on_ipfs"]

MOST_VISITORS: Final = 10_000
IDLE_SECONDS: Final = 3600.0
"""How long a visitor who asks for nothing is remembered."""

LOOK: Final = 30.0
"""Seconds that a press waits for a job before it is said that it runs."""

_COOKIE: Final = re.compile(r"[0-9a-f]{64}")
_QUIET: Final = {
    "api_visibility": "private",  # and so in no history of runs, which a browser keeps
    "concurrency_limit": None,  # one visitor waits for no other
    "show_progress": "hidden",
    "trigger_mode": "multiple",
}
_ABOVE: Final = {"note": "Sign in above.", "tone": "calm", "still": True}

_T = TypeVar("_T")


class _Visitor:
    """Somebody who has the page open: their visit, and what came of each part, under its name."""

    def __init__(self, visit: Visit) -> None:
        self.visit: Final = visit
        self.results: Final[dict[object, Any]] = {}
        self.waiting: Final[set[object]] = set()
        self.notes: Final[dict[object, str]] = {}
        self.begun: Final[dict[object, OrderedJob]] = {}
        self.seen = time.monotonic()
        self.turn = 0
        self._whose: Address | None = None

    def settle(self) -> None:
        """What came of something for one account is not for the next that signs in in the same page."""
        if self.visit.account != self._whose:
            self._whose = self.visit.account
            for kept in (self.results, self.waiting, self.notes, self.begun):
                kept.clear()

    def bare(self) -> dict[str, Any]:
        """What a part shows of them that has something of its own to show."""
        return self.visit.told() | {"account": "", "note": "", "ask": None, "switch": False}


class _App:
    """The visitors of one app."""

    def __init__(self, registry: Registry, domain: str | None) -> None:
        self.registry: Final = registry
        self.domain: Final = domain
        self._visitors: Final[OrderedDict[tuple[str, str], _Visitor]] = OrderedDict()
        self._lock: Final = Lock()
        self.door: gr.HTML | None = None

    def now(self) -> _Visitor:
        """Who asks. Both names of a session have to be right: the one that stands in addresses, and the cookie. Outside
        of a function that Gradio calls, and for a browser without the cookie, it is somebody who is forgotten at once.
        """
        request = LocalContext.request.get(None)
        asked = getattr(request, "request", None)
        if request is None or asked is None:
            return _Visitor(Visit(self.registry, "nobody"))
        cookie = asked.cookies.get("asset_registry_visit", "")
        if not request.session_hash or not _COOKIE.fullmatch(cookie):
            stranger = _Visitor(Visit(self.registry, "nobody"))
            stranger.visit.note = "This browser keeps no cookie of this app, without which nobody can sign in."
            return stranger
        return self._known((request.session_hash, cookie), asked.headers.get("host", ""))

    def _known(self, key: tuple[str, str], host: str) -> _Visitor:
        now = time.monotonic()
        with self._lock:
            while self._visitors and next(iter(self._visitors.values())).seen < now - IDLE_SECONDS:
                self._visitors.popitem(last=False)
            found = self._visitors.pop(key, None)
            if found is None:
                found = _Visitor(Visit(self.registry, own_domain(host, self.domain)))
                if len(self._visitors) >= MOST_VISITORS:
                    self._visitors.popitem(last=False)
            found.seen = now
            self._visitors[key] = found
        found.settle()
        return found


_APPS: Final[WeakKeyDictionary[Any, _App]] = WeakKeyDictionary()


def _root() -> Any:
    """The Blocks that are being laid out. Raises `InputError` outside of any."""
    context = get_blocks_context()
    if context is None:
        raise InputError("This is no Gradio app.", hint="Call it inside `with gr.Blocks():`.")
    return context.root_block


def _app() -> _App:
    """The app that is being laid out. Raises `InputError` before its `sign_in`."""
    found = _APPS.get(_root())
    if found is None:
        raise InputError("Nobody can sign in in this app.", hint="Call sign_in() first, at the top of its Blocks.")
    return found


class WalletPart(Generic[_T]):
    """A part of the page, which shows what a visitor may do with their wallet.

    `change` is an event as those of Gradio's components, for when what the part shows has changed; of the one by which
    they sign in, for when somebody else is signed in, or bought something. `value` says what came of it."""

    def __init__(
        self,
        app: _App,
        told: Callable[[_Visitor], dict[str, Any]],
        does: Callable[[_Visitor, Mapping[str, Any]], None],
        value: Callable[[_Visitor], _T],
    ) -> None:
        self._app, self._told, self._does, self._value = app, told, does, value
        script = components.part_script("gradio")
        if app.door is None:
            script = f"{components.as_function(components.script('gradio'))}\n{{\n{script}\n}}"
        self.html: Final = gr.HTML(
            told(app.now()),
            html_template="<div></div>",
            css_template=components.style(),
            js_on_load=script,
            apply_default_css=False,
        )
        door = app.door
        if door is None:
            app.door = self.html
        elif LocalContext.renderable.get(None) is None:  # else it is laid out anew
            door.select(self._shown, None, self.html, **_QUIET)
        # Gradio renders anew on its own events alone; this one nothing else of the part sends.
        self.change: Final = self.html.select if door is None else self.html.change
        self.html.heard(self._heard, None, [self.html, door] if door is not None else self.html, **_QUIET)

    def __repr__(self) -> str:
        return f"WalletPart({self.html._id})"

    def value(self) -> _T:
        """What came of it for the visitor for whom Gradio calls the function that asks."""
        return self._value(self._app.now())

    def _shown(self) -> dict[str, Any]:
        return self._told(self._app.now())

    def _heard(self, event: gr.EventData) -> Any:
        visitor, said = self._app.now(), event._data
        if isinstance(said, Mapping):
            visitor.visit.heard(said)
            visitor.turn += said.get("kind") == "acted"
            visitor.settle()
            self._does(visitor, said)
        told = self._told(visitor)
        return told if self._app.door is self.html else (told, _door(visitor))


def _door(visitor: _Visitor) -> dict[str, Any]:
    told = visitor.visit.told() | {"leaves": True, "turn": visitor.turn}  # so that it changes when something was bought
    return told | {"ask": None} if visitor.visit.account is not None else told  # then asked by what needs it


def _nothing(_: _Visitor, __: Mapping[str, Any]) -> None:
    """All that the part hears is of the visit."""


class Visitors(WalletPart[Address | None]):
    """The part by which visitors sign in; `value` is the account, None before."""

    def client(self) -> Registry:
        """The registry as the visitor uses it: their wallet signs messages, and nothing is sent. Raises `SignerError`
        before they have signed in."""
        return self._app.now().visit.client


def sign_in(registry: Registry | None = None, *, domain: str | None = None) -> Visitors:
    """A button with which visitors show whose wallet theirs is. Once, at the top of the Blocks, before the other verbs.

    `registry` is a client of the registry (default: `Registry.from_environment`), whose own signer is not used.
    `domain` is where the app is, as browsers call it ("app.example"), which wallets show to whoever signs; only an app
    on this machine may leave it out. Raises `InputError`, and what connecting raises.
    """
    root = _root()
    if root in _APPS:
        raise InputError("This app has a sign_in already.", hint="One is for all of its parts.")
    app = _App(registry or Registry.from_environment(), domain)
    made = Visitors(app, _door, _nothing, lambda visitor: visitor.visit.account)
    _APPS[root] = app
    return made


def gate(asset: AssetRef) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator: the function runs only for those with access to the asset, or who own it.

    The chain is asked at each call. Others are told what it needs; where the function lays out a part of the page
    (below `gr.render`), they see what they could buy. Gate the functions that compute, not only what shows
    their buttons: whoever knows of an app's functions may call them. Raises `AssetNotFound`, and `InputError` for
    coroutines.
    """
    app = _app()
    app.registry.get(asset)

    def around(body: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.iscoroutinefunction(body) or inspect.isasyncgenfunction(body):
            raise InputError("A gate takes no coroutine.", hint="Let the function be a plain one, or a generator.")
        if inspect.isgeneratorfunction(body):

            @functools.wraps(body)
            def steps(*given: Any, **named: Any) -> Iterator[Any]:
                if _let_in(app, asset):
                    yield from body(*given, **named)

            return steps

        @functools.wraps(body)
        def gated(*given: Any, **named: Any) -> Any:
            return body(*given, **named) if _let_in(app, asset) else None

        return gated

    return around


def _let_in(app: _App, asset: AssetRef) -> bool:
    visit = app.now().visit
    found = visit.registry.get(asset)
    offers = offers_to_take(found)
    if visit.account is None:
        why, offers = f"Sign in to see what is for those with access to {found.name!r}.", []
    elif visit.registry.has_access(found, account=visit.account):
        return True
    else:
        why = f"This needs access to {found.name!r}." + ("" if offers else " Nothing is on offer; ask its owner.")
    if LocalContext.renderable.get(None) is None:
        raise gr.Error(why, print_exception=False)
    gr.Textbox(why, show_label=False, interactive=False)
    for offer in offers:
        buy(found, offer.number)
    return False


def buy(asset: AssetRef, licence: str | int | None = None) -> WalletPart[Holding | None]:
    """A button with which the visitor's wallet takes a licence or begins a stream; its value is what the chain says
    they hold, None before they have signed in.

    What they are asked to sign is made in the browser by the script of the registry's pages, at the price that the
    button names, and shown in words before. Raises `AssetNotFound`, `LicenceNotFound`, and `InputError` for a licence
    of runs.
    """
    app = _app()
    number = require_taken_alone(app.registry.offer(asset, licence)).number

    def held(visitor: _Visitor) -> Holding | None:
        visit = visitor.visit
        return None if visit.account is None else visit.registry.holding(asset, number, account=visit.account)

    def told(visitor: _Visitor) -> dict[str, Any]:
        visit, has = visitor.visit, held(visitor)
        if visit.account is None or has is None:
            return visitor.bare() | _ABOVE
        found = visit.registry.get(asset)
        offer = visit.registry.offer(found, number)
        if has.active or not offer.open or not found.for_sale:
            words = has.in_words() if has.active else "It is not on offer now."
            return visitor.bare() | {"note": f"{offer.name}: {words}", "tone": "calm", "still": True}
        return visitor.bare() | {"act": act_of(visit.registry, found, offer, visit.account)}

    return WalletPart(app, told, _nothing, held)


def open_asset(asset: AssetRef, path: str = "", *, label: str = "") -> WalletPart[io.BufferedReader | None]:
    """A button with which visitors open a file of the asset, as they may; its value is the file, None before.

    Where content is gated, their wallet signs in at the key gateways first; keys stay in memory, as long as they are
    remembered. A licence of uses takes one for each time that it is opened. Raises `AssetNotFound`.
    """
    app = _app()
    did = app.registry.did(asset)
    name = ("open", did, path)

    def opened(visitor: _Visitor) -> str | None:
        file = visitor.visit.work(name, lambda client: client.open(did, path))
        if file is None:
            return None
        visitor.results[name] = file
        return "Opened."

    does, told = _by_button(name, label or f"Open {path}".strip(), opened)
    return WalletPart(app, told, does, lambda visitor: _again(visitor.results.get(name)))


def run_compute(
    code: AssetRef | CID,
    on: AssetRef,
    *,
    params: Mapping[str, Any] | None = None,
    seed: int = 0,
    url: str | None = None,
    label: str = "",
) -> WalletPart[OrderedJob | None]:
    """A button with which the visitor has `code` run on the data behind the offering `on`, where they lie; its value is
    the job once its result is there, to `open` its files, and None before.

    Their wallet signs the order, the use that pays for it, and who asks for the result; whoever holds no licence of
    runs is told so: `buy` shows one. The key of the result stays in memory, as long as they are remembered. Raises
    `AssetNotFound`.
    """
    app = _app()
    found = app.registry.get(on)
    options: JobOptions = {"params": params, "seed": seed, "url": url}
    name = ("run", str(found.did), str(code), json.dumps(dict(params or {}), sort_keys=True), seed)

    def ran(visitor: _Visitor) -> str | None:
        ended = _job_worked_on(visitor, name, lambda client: client.compute(code, found.did, **options))
        return None if ended is None else f"The job is {ended.state}."

    does, told = _by_button(name, label or f"Run it on {found.name!r}", ran)
    return WalletPart(app, told, does, lambda visitor: visitor.results.get(name))


def _by_button(
    name: object, label: str, work: Callable[[_Visitor], str | None]
) -> tuple[Callable[[_Visitor, Mapping[str, Any]], None], Callable[[_Visitor], dict[str, Any]]]:
    """What a part does and shows whose button begins some work: that says what came of it, and None while the visitor's
    wallet is asked, when it is done again at the next look."""

    def does(visitor: _Visitor, said: Mapping[str, Any]) -> None:
        if said.get("kind") == "press" and visitor.visit.account is not None:
            visitor.results.pop(name, None)
            visitor.waiting.add(name)
        if name not in visitor.waiting:
            return
        visitor.notes.pop(name, None)
        try:
            note = work(visitor)
        except RegistryError as error:
            visitor.notes[name] = error.message if (late := is_late(error)) else str(error)
            if not late:
                visitor.waiting.discard(name)
            return
        if note is not None:
            visitor.waiting.discard(name)
            visitor.notes[name] = note

    def told(visitor: _Visitor) -> dict[str, Any]:
        if visitor.visit.account is None:
            return visitor.bare() | _ABOVE
        note = {"note": visitor.notes.get(name, ""), "tone": "calm"}
        if name in visitor.waiting:
            asked = visitor.visit.told()["ask"]
            return visitor.bare() | note | {"ask": asked, "press": "" if asked else "Look again"}
        return visitor.bare() | note | {"press": label}

    return does, told


def _job_worked_on(visitor: _Visitor, name: object, order: Callable[[Registry], OrderedJob]) -> HostedJob | None:
    """How a visitor's job ended, which is ordered first; None while their wallet is asked. It is a result once it is
    delivered. Raises what ordering and waiting raise."""
    began = visitor.begun.get(name)
    if began is None:
        began = visitor.visit.work(("order", name), order)
        if began is None:
            return None
        visitor.begun[name] = began
    job = began
    ended = visitor.visit.work(("wait", name), lambda _: job.wait(LOOK))
    if ended is None:
        return None
    del visitor.begun[name]
    if ended.state == "delivered":
        visitor.results[name] = job
    return ended


def _again(file: io.BufferedReader | None) -> io.BufferedReader | None:
    if file is not None:
        file.seek(0)
    return file


def store_on_ipfs(
    label: str = "A file to store on IPFS",
    *,
    most: int = MOST,
    a_day: int = A_DAY,
    kinds: Collection[str] = (),
    kept: str = KEPT,
) -> WalletPart[StoredFile | None]:
    """A field by which a visitor who signed in stores a file with the app: first they see its CID, its size and the
    type of its bytes, then they press a button. Its value is what they stored last, None before.

    It goes into the store of the registry that `sign_in` was given, pinned, as it is but without its name, which does
    not leave the browser. `most` bytes may be in a file, `a_day` in those of all visitors within a day; `kinds` are the
    media types that are taken, by the first bytes, none for all. `kept` tells visitors who keeps it, how long, and who
    pays. Raises `InputError`.
    """
    app, name = _app(), ("store", label)
    space = UploadSpace(most, a_day, kinds)

    def does(visitor: _Visitor, said: Mapping[str, Any]) -> None:
        if said.get("kind") not in ("look", "store") or visitor.visit.account is None:
            return
        for kept_before in (visitor.results, visitor.notes):
            kept_before.pop(name, None)
        try:
            file = space.sent(said)
            stored = said["kind"] == "store"
            found = space.keep(file, visitor.visit.registry.store) if stored else space.look(file)
            visitor.results[name] = (found, stored)
        except (ContentError, InputError) as error:
            visitor.notes[name] = str(error)

    def told(visitor: _Visitor) -> dict[str, Any]:
        if visitor.visit.account is None:
            return visitor.bare() | _ABOVE
        file: dict[str, Any] = {"label": label, "most": most}
        note, tone = visitor.notes.get(name, ""), "bad"
        if name in visitor.results:
            found, stored = visitor.results[name]
            file |= {"cid": str(found.cid), "words": found.offered(kept), "stored": stored}
            note, tone = ("Stored.", "good") if stored else ("", "")
        return visitor.bare() | {"file": file, "note": note, "tone": tone, "still": True}

    def value(visitor: _Visitor) -> StoredFile | None:
        found, stored = visitor.results.get(name, (None, False))
        return found if stored else None

    return WalletPart(app, told, does, value)
