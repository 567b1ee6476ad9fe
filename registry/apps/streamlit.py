"""The registry in Streamlit apps: visitors sign in with their wallets, buy, and get in where they may.

::

    import streamlit as st
    from registry.apps.streamlit import gate, open_asset, sign_in

    sign_in()
    asset = gate("did:nft:eip155:1_erc721:0x..._7")
    st.write("Only those with access see this.")
    if file := open_asset(asset, "data.csv"):
        st.dataframe(pd.read_csv(file))

No key of the server signs for a visitor: what is signed and sent, their wallet signs and sends. Who they are is what
they signed, and what they may do is asked of the chain at each run.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Any, Final

import streamlit as st

from registry.apps import components
from registry.apps.offered import act_of, offers_to_take, require_taken_alone
from registry.apps.uploads import A_DAY, KEPT, MOST, StoredFile, UploadSpace
from registry.apps.visit import Visit, own_domain
from registry.client import Registry
from registry.compute.commission import JobOptions
from registry.compute.ordered_job import OrderedJob, is_late
from registry.errors import ContentError, InputError, RegistryError
from registry.ipfs.cid import CID
from registry.results import Asset, AssetRef, Holding
from registry.types import Address

__all__ = ["buy", "client", "gate", "open_asset", "run_compute", "sign_in", "store_on_ipfs"]

_KEY: Final = "asset-registry"

_LOOK: Final = 30.0
"""Seconds that a run of the script waits for a job before it says that it runs."""


def sign_in(registry: Registry | None = None, *, domain: str | None = None) -> Address | None:
    """A button with which visitors show whose wallet theirs is; returns the account, None before.

    Call it once, at the top. `registry` is a client of the registry (default: `Registry.from_environment`), whose own
    signer is not used. `domain` is where the app is, as browsers call it ("app.example"), which wallets show to whoever
    signs; only an app on this machine may leave it out. Raises `InputError`, and what connecting raises.
    """
    visit = _visit(registry, domain)
    account = visit.account
    told = visit.told() | {"leaves": True}
    if account is not None:
        told["ask"] = None  # asked by what needs it
    _part(visit, "sign-in", told)
    return account


def gate(asset: AssetRef) -> Asset:
    """What stands below a call of this runs only for those with access to the asset, or who own it; others are shown
    what they could buy. Returns the asset.

    The chain is asked at each run. A fragment runs without what stands above it, so it needs a gate of its own. Raises
    `AssetNotFound`, and the errors of `ChainError`.
    """
    visit = _visit()
    found = visit.registry.get(asset)
    if visit.account is None:
        st.info(f"Sign in to see what is for those with access to {found.name!r}.")
        st.stop()
    if not visit.registry.has_access(found, account=visit.account):
        _shop(found, f"This needs access to {found.name!r}.", "Nothing is on offer; ask its owner.")
        st.stop()
    return found


def _shop(found: Asset, needed: str, nothing: str) -> None:
    """What could be bought, below a word on what it is needed for."""
    offers = offers_to_take(found)
    st.info(needed if offers else f"{needed} {nothing}")
    for offer in offers:
        st.caption(offer.in_words())
        buy(found, offer.number)


def buy(asset: AssetRef, licence: str | int | None = None) -> Holding | None:
    """A button with which the visitor's wallet takes a licence or begins a stream; returns what the chain says
    they hold, None before they have signed in.

    What they are asked to sign is made in the browser by the script of the registry's pages, at the price that the
    button names, and shown in words before. Raises `AssetNotFound`, `LicenceNotFound`, and `InputError` for a licence
    of runs.
    """
    visit = _visit()
    found = visit.registry.get(asset)
    offer = require_taken_alone(visit.registry.offer(found, licence))
    if visit.account is None:
        return None
    held = visit.registry.holding(found, offer, account=visit.account)
    if held.active:
        st.caption(f"{offer.name}: {held.in_words()}")
    elif offer.open and found.for_sale:
        told = visit.told() | {"account": "", "note": "", "ask": None}
        told["act"] = act_of(visit.registry, found, offer, visit.account)
        _part(visit, f"{found.did} {offer.number}", told)
    return held


def open_asset(asset: AssetRef, path: str = "") -> io.BufferedReader | None:
    """A file of the asset, as the visitor may open it; None while their wallet is asked, where content is gated, and
    where they may not, which is said.

    Keys of gated content stay in memory, for as long as the session. A licence of uses takes one for each time that it
    is opened. Raises `SignerError` before they have signed in.
    """
    visit = _visit()
    did = visit.registry.did(asset)
    try:
        file = visit.work(("open", did, path), lambda client: client.open(did, path))
    except RegistryError as error:
        st.error(str(error))
        return None
    if file is None:
        _part(visit, f"open {did} {path}", visit.told() | {"note": "", "account": ""})
    return file


def store_on_ipfs(
    label: str = "A file to store on IPFS",
    *,
    most: int = MOST,
    a_day: int = A_DAY,
    kinds: Collection[str] = (),
    kept: str = KEPT,
) -> StoredFile | None:
    """A field by which a visitor who signed in stores a file with the app: first they see its CID, its size and the
    type of its bytes, then they press a button. Returns what is stored, None before.

    It goes into the store of the registry that `sign_in` was given, pinned, as it is but without its name. `most` bytes
    may be in a file, `a_day` in those of all visitors within a day; `kinds` are the media types that are taken, by the
    first bytes, none for all. `kept` tells visitors who keeps it, how long, and who pays. Raises `InputError`.
    """
    visit, key = _visit(), f"{_KEY} store {label}"
    space = _space(most, a_day, tuple(sorted(kinds)))
    if visit.account is None:
        st.info("Sign in to store a file.")
        return None
    file = st.file_uploader(label, key=key, max_upload_size=-(-most // 2**20))
    if file is None:
        return None
    done = st.session_state.get(f"{key} done")
    try:
        found = done[1] if done is not None and done[0] == file.file_id else space.look(file)
        place = st.container()
        place.caption(found.offered(kept))
        place.code(str(found.cid), language=None)
        if found is not (done and done[1]):
            button = place.empty()
            if not button.button("Store it", key=f"{key} {file.file_id}"):
                return None
            found = space.keep(file, visit.registry.store)
            st.session_state[f"{key} done"] = file.file_id, found
            button.empty()
        place.success("Stored.")
    except (ContentError, InputError) as error:
        st.error(str(error))
        return None
    return found


@st.cache_resource
def _space(most: int, a_day: int, kinds: tuple[str, ...]) -> UploadSpace:
    return UploadSpace(most, a_day, kinds)


def run_compute(
    code: AssetRef | CID,
    on: AssetRef,
    *,
    params: Mapping[str, Any] | None = None,
    seed: int = 0,
    url: str | None = None,
) -> OrderedJob | None:
    """A button with which the visitor has `code` run on the data behind the offering `on`, where they lie; returns the
    job once its result is there, to `open` its files, and None before.

    Their wallet signs the order, the use that pays for it, and who asks for the result; whoever holds no licence of
    runs sees what they could buy. The key of the result stays in memory, for as long as the session. Raises
    `AssetNotFound`.
    """
    visit = _visit()
    found = visit.registry.get(on)
    if visit.account is None:
        return None
    if found.owner != visit.account and not any(
        one.active for one in visit.registry.holdings(found, account=visit.account)
    ):
        _shop(found, f"Runs on {found.name!r} need a licence.", "None is on offer; ask its owner.")
        return None
    name = f"run {found.did} {code} {json.dumps(dict(params or {}), sort_keys=True)} {seed}"
    began = st.session_state.setdefault(f"{_KEY} jobs {visit.account}", {})
    if name not in began:
        if not st.button(f"Run it on {found.name!r}", key=f"{_KEY} begin {name}"):
            return None
        began[name] = None
    options: JobOptions = {"params": params, "seed": seed, "url": url}
    return _followed(visit, name, began, lambda client: client.compute(code, found.did, **options))


def _followed(
    visit: Visit, name: str, began: dict[str, OrderedJob | None], order: Callable[[Registry], OrderedJob]
) -> OrderedJob | None:
    """A job that was begun, once it is delivered; until then it is said how far it is, and what went wrong."""
    try:
        job = began[name] = began[name] or visit.work(name, order)
        ended = visit.work(f"wait {name}", lambda _: job.wait(_LOOK)) if job is not None else None
    except RegistryError as error:
        late = is_late(error)
        (st.caption if late else st.error)(error.message if late else str(error))
        if began[name] is None:
            began.pop(name)  # nothing was ordered
        st.button("Look again", key=f"{_KEY} again {name}")
        return None
    if ended is None:
        _part(visit, name, visit.told() | {"note": "", "account": ""})
        return None
    if ended.state != "delivered":
        began.pop(name)
        st.error(f"The job is {ended.state}; nothing was paid for it.")
        return None
    return job


def client() -> Registry:
    """The registry as the visitor uses it: their wallet signs messages, and nothing is sent.

    Raises `SignerError` before they have signed in.
    """
    return _visit().client


def _visit(registry: Registry | None = None, domain: str | None = None) -> Visit:
    """The visit of this session."""
    found = st.session_state.get(_KEY)
    if not isinstance(found, Visit):
        host = st.context.headers.get("Host") or "localhost"
        found = st.session_state[_KEY] = Visit(registry or _from_environment(), own_domain(host, domain))
    return found


@st.cache_resource
def _from_environment() -> Registry:
    return Registry.from_environment()


def _part(visit: Visit, name: str, told: dict[str, Any]) -> None:
    """Show a part of the page; what it says is taken before the next run begins."""
    key = f"{_KEY} {name}"

    def heard() -> None:
        visit.heard(st.session_state[key].get("heard"))

    _component()(key=key, data=told, on_heard_change=heard)


@cache
def _component() -> Any:
    return st.components.v2.component(
        "asset_registry_wallet", js=components.script("streamlit"), css=components.style()
    )
