"""What is told of an asset, held against its document and the chain as one's own node sees it.

All hits of a page are checked with one request to the node. A hit proves what it says. That it was left out of a page
is seen by comparing hubs: see `compare`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from registry.chain.artifacts import artifact
from registry.chain.batch import Read, read_many
from registry.chain.connection import Chain
from registry.chain.decoding import decode
from registry.chain.logs import abi_type
from registry.chain.raw_blocks import Blocks
from registry.collections.layout import leaf_of_item
from registry.did import DID
from registry.documents.ddo import DDO
from registry.documents.merkle import root_from
from registry.errors import ChainError, ConnectionFailed, HubLied, InvalidDDO, InvalidDID, NotFoundError
from registry.index.entries import formats_of
from registry.index.index_reader import IndexReader
from registry.index.models import BlockShown, Hit, Owned
from registry.index.roots import WIDTH, leaf_of
from registry.types import ITEM, ZERO_ADDRESS, terms_of, to_address

if TYPE_CHECKING:
    from registry.session import Session

__all__ = ["Difference", "check_documents", "check_hits", "check_owned", "compare", "token_addresses"]

_EMPTY: Final = bytes(32)
_OF_THE_CHAIN: Final = ("owner", "collection", "minted", "digest", "version", "state", "delisted", "offers")
"""What another block may have otherwise."""

Wrong = tuple[str, object, object]
Tokens = Callable[[int], str]
"""The address of a payment token by its place, in lower case, zeros for the coin."""


@dataclass(frozen=True, slots=True)
class Difference:
    """An asset of which two hubs say different things: what each says, and which of them the chain contradicts."""

    did: str
    first: str
    second: str
    wrong: tuple[str, ...]


def token_addresses(session: Session) -> Tokens:
    """Of the tokens that a session knows."""
    return lambda place: (session.token_at(place).address or ZERO_ADDRESS).lower()


def check_hits(
    hits: Sequence[Hit],
    block: BlockShown,
    chain: Chain,
    registry: str,
    tokens: Tokens,
    document: Callable[[bytes], bytes | None],
) -> tuple[list[Hit], list[HubLied]]:
    """The hits that hold at `block`, and what is untrue of the others.

    `document` finds a document by its digest where it did not come along. Where one's own node does not have the block,
    its last one decides instead, and what differs there is dropped without blame. Raises `ConnectionFailed`.
    """
    if not hits:
        return [], []
    number, sure = _moment(chain, block)
    readable: list[tuple[Hit, DID]] = []
    lies: list[HubLied] = []
    for hit in hits:
        did = _did(hit)
        if did is None or (did.chain_id, did.registry) != (chain.chain_id, to_address(registry)):
            lies.append(HubLied(hit.hub, hit.did, "registry", hit.did, f"{registry} on chain {chain.chain_id}"))
        else:
            readable.append((hit, did))
    asked = {(name, did.asset_id) for _, did in readable for name in ("assetInfo", "licencesOf")}
    collections = {terms_of(did.asset_id) for _, did in readable if did.asset_id >= ITEM}
    asked |= {(name, whole) for whole in collections for name in ("assetInfo", "collectionOf")}
    listed = sorted(asked)
    reads = [Read(to_address(registry), call("AssetRegistry", name, id), number) for name, id in listed]
    there = {
        one: output("AssetRegistry", one[0], answer)
        for one, answer in zip(listed, read_many(chain, reads), strict=True)
        if isinstance(answer, bytes)
    }
    documents = _Documents(document)
    kept: list[Hit] = []
    for hit, did in readable:
        id, whole = did.asset_id, terms_of(did.asset_id)
        if ("assetInfo", id) not in there or ("licencesOf", id) not in there:
            lies.append(HubLied(hit.hub, hit.did, "existence", "there", "no such asset"))
            continue
        (info,), (licences,) = there["assetInfo", id], there["licencesOf", id]
        root = there["collectionOf", whole][0] if whole != id else b""
        terms = there["assetInfo", whole][0][1] if whole != id else bytes.fromhex(hit.digest)
        wrong = _wrong_on_chain(hit, did, info, root) or _wrong_offers(hit, licences, tokens)
        wrong = wrong or _wrong_in_document(hit, documents, terms)
        if wrong is None:
            kept.append(hit.model_copy(update={"did": str(did), "proven": True}))
        elif sure or wrong[0] not in _OF_THE_CHAIN:
            lies.append(HubLied(hit.hub, hit.did, *wrong))
    return kept, lies


def check_documents(hits: Sequence[Hit], document: Callable[[bytes], bytes | None]) -> tuple[list[Hit], list[HubLied]]:
    """The hits that say what their documents do, without asking a chain, and what is untrue of the others."""
    documents = _Documents(document)
    kept: list[Hit] = []
    lies: list[HubLied] = []
    for hit in hits:
        # Which document names the licences of an item, only the chain says.
        wrong = _wrong_in_document(hit, documents, None if hit.collection else bytes.fromhex(hit.digest))
        if wrong is None:
            kept.append(hit)
        else:
            lies.append(HubLied(hit.hub, hit.did, *wrong))
    return kept, lies


def check_owned(
    owned: Sequence[Owned], block: BlockShown, account: str, chain: Chain, registry: str, hub: str
) -> tuple[list[Owned], list[HubLied]]:
    """The holdings that hold at `block`, and what is untrue of the others; as `check_hits`."""
    number, sure = _moment(chain, block)
    reads = [
        Read(
            to_address(registry),
            call("AssetRegistry", "accessOf", DID.parse(one.did).asset_id, one.licence, account),
            number,
        )
        for one in owned
    ]
    kept: list[Owned] = []
    lies: list[HubLied] = []
    for one, answer in zip(owned, read_many(chain, reads), strict=True):
        said = (one.active, one.expires, int(one.uses), one.held, int(one.tokens))
        if not isinstance(answer, bytes):
            lies.append(HubLied(hub, one.did, "holding", said, "nothing"))
            continue
        ((active, expires, uses, held, _taken, tokens),) = output("AssetRegistry", "accessOf", answer)
        if said == (active, expires, uses, held, tokens):
            kept.append(one)
        elif sure:
            lies.append(HubLied(hub, one.did, "holding", said, (active, expires, uses, held, tokens)))
    return kept, lies


def compare(
    first: IndexReader, second: IndexReader, chain: Chain, registry: str, *, most: int = 100
) -> list[Difference]:
    """The assets of which two hubs say different things, and who is wrong of each as one's own node has it.

    Walks both trees down to the leaves that differ: some ten questions to each for one asset among a million.
    Raises `HubUnavailable` and `ConnectionFailed`.
    """
    tops = first.root(), second.root()
    if tops[0].root == tops[1].root:
        return []
    size = max(tops[0].assets, tops[1].assets)
    levels = max(2, max(top.levels for top in tops))
    leaves: list[dict[int, bytes]] = [{}, {}]
    waiting = [(levels - 1, 0)]
    while waiting and max(len(leaves[0]), len(leaves[1])) < most:
        level, place = waiting.pop(0)
        below = [_below(hub, top.levels, level, place) for hub, top in zip((first, second), tops, strict=True)]
        for number in range(WIDTH):
            nodes = [one[number] if number < len(one) else _EMPTY for one in below]
            if nodes[0] == nodes[1]:
                continue
            if level > 1:
                waiting.append((level - 1, place * WIDTH + number))
            elif (id := place * WIDTH + number + 1) <= size:
                leaves[0][id], leaves[1][id] = nodes
    return _judged(leaves, (first, second), [top.block for top in tops], chain, registry)


def _judged(
    leaves: Sequence[dict[int, bytes]],
    hubs: Sequence[IndexReader],
    blocks: Sequence[BlockShown],
    chain: Chain,
    registry: str,
) -> list[Difference]:
    """Who is wrong, by the chain at the block that each hub speaks of."""
    ids = sorted(leaves[0])
    truths = []
    for block in blocks:
        number, _ = _moment(chain, block)
        reads = [Read(to_address(registry), call("AssetRegistry", "assetInfo", id), number) for id in ids]
        truths.append([_true_leaf(id, answer) for id, answer in zip(ids, read_many(chain, reads), strict=True)])
    found = []
    for place, id in enumerate(ids):
        said = [leaves[side][id] for side in (0, 1)]
        wrong = tuple(hubs[side].name for side in (0, 1) if said[side] != truths[side][place])
        if wrong:
            words = ["leaves it out" if one == _EMPTY else f"has {one.hex()[:16]}" for one in said]
            found.append(Difference(str(DID(chain.chain_id, registry, id)), words[0], words[1], wrong))
    return found


def _true_leaf(id: int, answer: Any) -> bytes:
    if not isinstance(answer, bytes):
        return _EMPTY
    ((owner, digest, version, state, delisted, *_),) = output("AssetRegistry", "assetInfo", answer)
    return leaf_of(id, digest, version, state, delisted, owner)


def _below(hub: IndexReader, levels: int, level: int, place: int) -> list[bytes]:
    """The nodes below one of the tree of a hub; of a tree that is not as high, as if it were."""
    if level >= levels:
        top = hub.node(levels - 1, 0) if place == 0 and levels > 1 else None
        whole = b"".join(bytes.fromhex(one) for one in top.below) if top is not None else b""
        return [hashlib.sha256(whole).digest()] if whole else []
    found = hub.node(level, place)
    return [bytes.fromhex(one) for one in found.below] if found is not None else []


def _moment(chain: Chain, block: BlockShown) -> tuple[int, bool]:
    """The block at which one's own node is asked, and whether it is the very block that is spoken of."""
    blocks = Blocks(chain)
    try:
        header = blocks.header(block.number)
    except ConnectionFailed:
        raise
    except ChainError:
        header = None
    if header is not None and header.hash == block.hash:
        return block.number, True
    return blocks.head().number, False


def _did(hit: Hit) -> DID | None:
    try:
        return DID.parse(hit.did)
    except InvalidDID:
        return None


class _Documents:
    """Documents by digest, each asked for once; None for those that cannot be fetched."""

    def __init__(self, ask: Callable[[bytes], bytes | None]) -> None:
        self._ask = ask
        self._found: dict[bytes, bytes | None] = {}

    def __call__(self, digest: bytes) -> bytes | None:
        if digest not in self._found:
            data = self._ask(digest)
            self._found[digest] = data if data is not None and hashlib.sha256(data).digest() == digest else None
        return self._found[digest]


def _wrong_on_chain(hit: Hit, did: DID, info: Any, root: bytes) -> Wrong | None:
    """The first thing that the chain has otherwise: its name, what was said, what is true.

    Of an item that is not minted the chain has the `root` of its collection in the place of a document.
    """
    owner, digest, version, state, delisted, *_ = info
    for name, said, true in (
        ("owner", hit.owner, owner.lower()),
        ("collection", hit.collection, did.collection.asset_id if did.collection else 0),
        ("minted", hit.minted, hit.minted or did.collection is None or digest != root),
        ("digest", hit.digest, digest.hex() if hit.minted else hit.digest),
        ("version", hit.version, version),
        ("state", hit.state, state),
        ("delisted", hit.delisted, delisted),
    ):
        if said != true:
            return name, said, true
    if not hit.minted:
        leaf = leaf_of_item(did.index, bytes.fromhex(hit.digest))
        if root_from(leaf, [bytes.fromhex(one) for one in hit.proof]) != root:
            return "digest", hit.digest, f"not below the root {root.hex()} of its collection"
    return None


def _wrong_offers(hit: Hit, listed: Any, tokens: Tokens) -> Wrong | None:
    """The offers, where the chain has others."""
    shown = [(one.number, int(one.price), one.token, one.kind, one.amount, one.open) for one in hit.offers]
    there = [
        (number, price, tokens(token), kind, amount, open_)
        for number, (price, amount, _cap, _issued, _limit, token, kind, open_, _minimum) in enumerate(listed)
    ]
    return None if shown == there else ("offers", shown, there)


def _wrong_in_document(hit: Hit, documents: _Documents, terms: bytes | None) -> Wrong | None:
    """The first thing that the document has otherwise; the document `terms` has the names of the licences."""
    if hit.status != "have":
        # Nothing of a document is told, and so nothing can be wrong.
        told = (hit.name, hit.type, hit.license, hit.author, hit.description, hit.tags, hit.size)
        return None if told == ("", "", "", "", "", (), 0) else ("document", told, "not told")
    digest = bytes.fromhex(hit.digest)
    data = hit.document.encode() if hit.document else documents(digest)
    if data is None or hashlib.sha256(data).digest() != digest:
        return "document", "there", "not there"
    try:
        ddo = DDO.from_bytes(data)
    except InvalidDDO as error:
        return "document", "valid", error.message
    content = ddo.content
    paths = [file.path for file in content.files] if content else []
    said_names = [one.name for one in hit.offers]
    for name, said, true in (
        ("name", hit.name, ddo.name),
        ("type", hit.type, ddo.type),
        ("license", hit.license, ddo.license),
        ("author", hit.author, ddo.author or ""),
        ("description", hit.description, ddo.description),
        ("tags", hit.tags, ddo.tags),
        ("size", hit.size, content.size if content else 0),
        ("gated", hit.gated, bool(content and content.encryption)),
        ("formats", list(hit.formats), formats_of(paths)),
    ):
        if said != true:
            return name, said, true
    if terms is None or not any(said_names):
        return None
    words = data if terms == digest else documents(terms)
    try:
        names = [one.name for one in DDO.from_bytes(words).licences] if words is not None else []
    except InvalidDDO:
        names = []
    true_names = [*names, *[""] * len(hit.offers)][: len(hit.offers)]
    return None if said_names == true_names else ("licence names", said_names, true_names)


def call(contract: str, name: str, *arguments: Any) -> bytes:
    """The data of a call."""
    from eth_abi.abi import encode
    from eth_utils.crypto import keccak

    abi = _function(contract, name)
    types = [abi_type(entry) for entry in abi["inputs"]]
    return keccak(text=f"{name}({','.join(types)})")[:4] + encode(types, arguments)


def output(contract: str, name: str, data: bytes) -> tuple[Any, ...]:
    """What a call returned. Raises `ConnectionFailed` for what it cannot have returned."""
    try:
        return decode([abi_type(entry) for entry in _function(contract, name)["outputs"]], data)
    except ValueError as error:
        raise ConnectionFailed("the node", f"it gives what {name} cannot return ({error})") from error


def _function(contract: str, name: str) -> dict[str, Any]:
    for entry in artifact(contract).abi:
        if entry["type"] == "function" and entry["name"] == name:
            return entry
    raise NotFoundError(f"{contract} has no function {name}.")
