"""What is told of an asset, held against its document and the chain as one's own node sees it.

All hits of a page are checked with one request to the node. A hit proves what it says. That it was left out of a page
is seen by comparing hubs: see `compare`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
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
from registry.documents.licence import Kind
from registry.documents.merkle import root_from
from registry.errors import ChainError, ConnectionFailed, HubLied, InvalidDDO, InvalidDID, NotFoundError
from registry.index.entries import formats_of
from registry.index.index_reader import IndexReader
from registry.index.models import BlockShown, Hit, Owned, Root, RunsShown
from registry.index.roots import EMPTY, WIDTH, leaf_of
from registry.types import ITEM, ZERO_ADDRESS, terms_of, to_address

if TYPE_CHECKING:
    from registry.session import Session

__all__ = ["Comparison", "Difference", "check_documents", "check_hits", "check_owned", "compare", "token_addresses"]

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


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two hubs say differently at the final block number `block`, of so many assets; whether there is `more`."""

    block: int
    assets: int
    differences: tuple[Difference, ...]
    more: bool


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
    there = _true_facts(readable, chain, registry, number)
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
        wrong = _wrong_on_chain(hit, did, info, root) or _wrong_offers(hit, did, licences, tokens, there)
        wrong = wrong or _wrong_in_document(hit, documents, terms)
        if wrong is None:
            kept.append(hit.model_copy(update={"did": str(did), "proven": True}))
        elif sure or wrong[0] not in _OF_THE_CHAIN:
            lies.append(HubLied(hit.hub, hit.did, *wrong))
    return kept, lies


def _true_facts(
    readable: Sequence[tuple[Hit, DID]], chain: Chain, registry: str, number: int
) -> dict[tuple[Any, ...], Any]:
    """What the chain says at a block of some assets, asked for in one request, by what was asked: the sellers of those
    licences alone that a hub says are sold by the second."""
    asked: set[tuple[Any, ...]] = {(name, did.asset_id) for _, did in readable for name in ("assetInfo", "licencesOf")}
    asked |= {
        ("streamsOf", did.asset_id, one.number)
        for hit, did in readable
        for one in hit.offers
        if one.kind == Kind.STREAM
    }
    collections = {terms_of(did.asset_id) for _, did in readable if did.asset_id >= ITEM}
    asked |= {(name, whole) for whole in collections for name in ("assetInfo", "collectionOf")}
    listed = sorted(asked)
    reads = [Read(to_address(registry), call("AssetRegistry", *one), number) for one in listed]
    return {
        one: output("AssetRegistry", one[0], answer)
        for one, answer in zip(listed, read_many(chain, reads), strict=True)
        if isinstance(answer, bytes)
    }


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
    first: IndexReader, second: IndexReader, chain: Chain, registry: str, *, lists: bool = False, most: int = 100
) -> Comparison:
    """The assets of which two hubs say different things at the last block that is final for both, and who is wrong of
    each as one's own node has it. With `lists` also those that one knows and does not list, by its whole list.

    Walks both trees down to the leaves that differ: some ten questions to each for one asset among a million, and no
    more of a hub whose answers make no tree. Raises `HubLied` for such a hub and for one that follows another chain,
    `HubUnavailable`, `ConnectionFailed` (also where one's own node is behind), and `InputError` if one hub is so far
    behind that the other does not count back to there.
    """
    hubs = first, second
    tops = [hub.root() for hub in hubs]
    block = min(top.block.number for top in tops)
    for hub, top in zip(hubs, tops, strict=True):
        _on_this_chain(hub, top.block, chain)
    trees = [_Climbed(hub, block, hub.root(block=block)) for hub in hubs]
    counts = [tree.top.assets for tree in trees]
    for hub, count, leaf in zip(hubs, counts, _true_leaves(counts, block, chain, registry), strict=True):
        if count and leaf == EMPTY:
            raise HubLied(hub.name, f"block {block}", "number of assets", count, "less")
    differing, more = _differing(trees, most)
    # Both may leave out the last ones.
    asked = [*sorted(differing), max(counts) + 1]
    found = []
    for id, true in zip(asked, _true_leaves(asked, block, chain, registry), strict=True):
        said = differing.get(id, (EMPTY, EMPTY))
        wrong = tuple(hub.name for hub, leaf in zip(hubs, said, strict=True) if leaf != true)
        if wrong:
            words = ["leaves it out" if one == EMPTY else f"has {one.hex()[:16]}" for one in said]
            found.append(Difference(str(DID(chain.chain_id, registry, id)), words[0], words[1], wrong))
    if lists:
        home = DID(chain.chain_id, registry, 1)
        hidden = [_unlisted(hub, count, home) - differing.keys() for hub, count in zip(hubs, counts, strict=True)]
        for id in sorted(hidden[0] | hidden[1]):
            words = ["does not list it" if id in one else "lists it" for one in hidden]
            wrong = tuple(hub.name for hub, one in zip(hubs, hidden, strict=True) if id in one)
            found.append(Difference(str(DID(chain.chain_id, registry, id)), words[0], words[1], wrong))
        more = more or len(found) > most
    return Comparison(block, max(counts), tuple(found[:most]), more)


def _unlisted(hub: IndexReader, count: int, home: DID) -> set[int]:
    """Which of the first so many assets of the registry of `home` a hub does not list. Raises `HubLied` for a list that
    is none."""
    left, last = set(range(1, count + 1)), 0
    while last < count:
        page = hub.assets(after=last)
        dids = map(_did, page.hits)
        ids = [
            did.asset_id if did and (did.chain_id, did.registry) == (home.chain_id, home.registry) else 0
            for did in dids
        ]
        if any(after <= before for before, after in pairwise([last, *ids])):
            raise HubLied(hub.name, "its list of assets", "order", ids, f"rising numbers after {last}")
        left.difference_update(ids)
        if not page.after:
            break
        if not ids:
            raise HubLied(hub.name, "its list of assets", "page", "empty, and not the last", "its end")
        last = ids[-1]
    return left


def _on_this_chain(hub: IndexReader, block: BlockShown, chain: Chain) -> None:
    """Refuse to judge by a node that does not have the block that a hub speaks of, and a hub of another fork."""
    header = Blocks(chain).header(block.number)
    if header is None:
        raise ConnectionFailed(chain.url, f"it does not have block {block.number}, which is final for {hub.name}, yet")
    if block.number and header.hash != block.hash:
        raise HubLied(hub.name, f"block {block.number}", "hash", block.hash, header.hash)


def _differing(trees: Sequence[_Climbed], most: int) -> tuple[dict[int, tuple[bytes, bytes]], bool]:
    """The leaves that are not the same in two trees, by numbers, and whether there are more than `most`."""
    found: dict[int, tuple[bytes, bytes]] = {}
    tops = [tree.top for tree in trees]
    level = max(2, *(top.levels for top in tops)) - 1
    waiting = [(level, 0)] if tops[0].root != tops[1].root else []
    while waiting:
        # The leftmost first and as deep as it goes: what waits is one node's children on each level.
        level, place = waiting.pop()
        sides = [tree.below(level, place) for tree in trees]
        differs = []
        for number in range(max(map(len, sides))):
            first, second = (side[number] if number < len(side) else EMPTY for side in sides)
            if first == second:
                continue
            if level > 1:
                differs.append((level - 1, place * WIDTH + number))
            elif len(found) == most:
                return found, True
            else:
                found[place * WIDTH + number + 1] = first, second
        waiting += reversed(differs)
    return found, False


class _Climbed:
    """The tree of a hub at a block, each node of it held against the one above. Raises `HubLied`."""

    def __init__(self, hub: IndexReader, block: int, top: Root) -> None:
        self._hub, self._block, self.top = hub, block, top
        self._known = {(top.levels - 1, 0): bytes.fromhex(top.root)}
        if (top.at, top.levels) != (block, height := _levels_of(top.assets)):
            raise self._untrue("size", f"{top.levels} levels at block {top.at}", f"{height} at block {block}")

    def below(self, level: int, place: int) -> tuple[bytes, ...]:
        """The nodes below one; of a tree that is not as high, as if it were."""
        if level >= self.top.levels:
            return (bytes.fromhex(self.top.root),) if place == 0 and self.top.assets else ()
        node = self._known.pop((level, place), None)
        if node is None:
            return ()
        told = self._hub.node(level, place, block=self._block)
        found = tuple(bytes.fromhex(one) for one in told.below) if told is not None else ()
        made = hashlib.sha256(b"".join(found)).digest()
        wide = min(WIDTH, -(-self.top.assets // WIDTH ** (level - 1)) - place * WIDTH)
        if made != node or len(found) != wide:
            raise self._untrue(f"node {place} of level {level}", made.hex(), node.hex())
        if level > 1:
            self._known |= {(level - 1, place * WIDTH + number): one for number, one in enumerate(found)}
        return found

    def _untrue(self, what: str, said: str, true: str) -> HubLied:
        return HubLied(self._hub.name, f"its tree at block {self._block}", what, said, true)


def _levels_of(assets: int) -> int:
    """How many levels a tree of so many assets has."""
    levels, size = 1, assets
    while size > 1 or (assets and levels == 1):
        levels, size = levels + 1, -(-size // WIDTH)
    return levels


def _true_leaves(ids: Sequence[int], block: int, chain: Chain, registry: str) -> list[bytes]:
    """The leaves of some assets as one's own node has them."""
    found = []
    reads = [Read(to_address(registry), call("AssetRegistry", "assetInfo", id), block) for id in ids]
    for id, answer in zip(ids, read_many(chain, reads), strict=True):
        if not isinstance(answer, bytes):
            found.append(EMPTY)
            continue
        ((owner, digest, version, state, delisted, *_),) = output("AssetRegistry", "assetInfo", answer)
        found.append(leaf_of(id, digest, version, state, delisted, owner))
    return found


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


def _wrong_offers(
    hit: Hit, did: DID, listed: Any, tokens: Tokens, answers: Mapping[tuple[Any, ...], Any]
) -> Wrong | None:
    """The offers, where the chain has others; `answers` name the sellers of those that are said to be by the second."""
    shown = [
        (one.number, int(one.price), one.token, one.kind, one.amount, one.open, one.minimum, one.seller)
        for one in hit.offers
    ]
    sellers = {
        number: answers.get(("streamsOf", did.asset_id, number), ("",))[0].lower() for number in range(len(listed))
    }
    there = [
        (number, price, tokens(token), kind, amount, open_, minimum, sellers[number])
        for number, (price, amount, _cap, _issued, _limit, token, kind, open_, minimum) in enumerate(listed)
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
        ("computable", hit.computable, ddo.compute is not None),
        ("runs", hit.runs, RunsShown.of(ddo.to_dict())),
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
