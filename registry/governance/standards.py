"""Standards: documents in versions that the DAO adopts, and assets that declare to conform to them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from registry.did import DID
from registry.errors import InputError, NotFoundError
from registry.governance.governed import R
from registry.governance.pinned_documents import Document, Documents
from registry.ipfs.cid import CID
from registry.results import AssetRef, Done
from registry.session import whole
from registry.text.html import Shown
from registry.text.letters import unseen
from registry.types import Address, to_address


class StandardKind(IntEnum):
    """What a standard is about; the numbers are those of the contract."""

    METADATA = 0
    LICENCE = 1
    CONDUCT = 2


class StandardStatus(IntEnum):
    """Where a version of a standard stands; the numbers are those of the contract."""

    NONE = 0
    PROPOSED = 1
    ADOPTED = 2
    DEPRECATED = 3


@dataclass(frozen=True, slots=True)
class Standard(Shown):
    """One version of a standard; `cid` is its document."""

    name: str
    version: int
    kind: StandardKind
    status: StandardStatus
    cid: CID
    proposer: Address

    def __str__(self) -> str:
        return f"standard {self.name!r} version {self.version} ({self.kind.name.lower()}, {self.status.name.lower()})"


@dataclass(frozen=True, slots=True)
class Conformance(Shown):
    """What an asset declares of a standard, as whoever answers for it says.

    `asset_version` is the version of the asset's document that was declared to conform, `current` whether it still is
    the asset's, `status` where that version of the standard stands now.
    """

    did: DID
    standard: str
    version: int
    asset_version: int
    declarer: Address
    status: StandardStatus
    current: bool

    def in_words(self) -> str:
        """The declaration as a clause without its subject."""
        words = f"{self.standard} version {self.version}"
        doubts = []
        if not self.current:
            since = "which, or who answers for the asset, has changed since"
            doubts.append(f"declared for version {self.asset_version} of its document, {since}")
        if self.status is not StandardStatus.ADOPTED:
            doubts.append(f"which is {self.status.name.lower()}")
        return f"{words} ({', '.join(doubts)})" if doubts else words


class Standards(Documents[R]):
    """Verbs for standards. `adopt_standard` and `deprecate_standard` are the DAO's: reached by proposal."""

    def propose_standard(
        self, name: str, document: Document, *, kind: StandardKind | str, dry_run: bool = False
    ) -> tuple[Done, CID]:
        """Store a document and propose it as the next version of a standard, or as a new one; for anybody.

        `name` has up to 32 bytes, the same for all versions. Raises `InputError`.
        """
        chosen = _kind(kind)
        digest = self.pin_document(document)
        call = self.standards_contract.functions.proposeStandard(encoded(name), int(chosen), digest)
        done = self.registry.act(f"propose a version of the standard {name!r}", call, dry_run=dry_run)
        return done, CID.from_digest(digest)

    def adopt_standard(self, name: str, version: int | None = None, *, dry_run: bool = False) -> Done:
        """Adopt a proposed version (default: the only one that is proposed): by the DAO.

        Raises `NotFoundError` if there is none, and `InputError` if `version` is left out and anybody proposed another.
        """
        found = self.standard(name, version) if version is not None else self._only_proposed(name)
        call = self.standards_contract.functions.adopt(encoded(name), found.version, found.cid.digest)
        return self.registry.act(f"adopt version {found.version} of {name!r}", call, dry_run=dry_run)

    def deprecate_standard(self, name: str, version: int | None = None, *, dry_run: bool = False) -> Done:
        """Deprecate a version that is proposed or adopted (default: the last adopted one or else the last): by the DAO.

        Declarations stay.
        """
        found = self.standard(name, version)
        call = self.standards_contract.functions.deprecate(encoded(name), found.version)
        return self.registry.act(f"deprecate version {found.version} of {name!r}", call, dry_run=dry_run)

    def standard(self, name: str, version: int | None = None) -> Standard:
        """A version of a standard, by default the last adopted one or else the last.

        Raises `NotFoundError` if there is none. Its text is ``governance.document(standard.cid)``.
        """
        if version is not None:
            whole(version, "a version")
            found = self._version(name, version)
        else:
            listed = list(self._newest_first(name))
            adopted = (found for found in listed if found.status is StandardStatus.ADOPTED)
            found = next(adopted, listed[0] if listed else None)
        if found is None:
            raise _missing(name, f"version {version} of the " if version is not None else "")
        return found

    def standards(self) -> tuple[Standard, ...]:
        """All versions of all standards, in the order in which they were proposed."""
        proposed = self.registry.chain.events(
            self.standards_contract.events.StandardProposed(), from_block=self.dao.block
        )
        names = ((bytes(event.args["name"]), int(event.args["version"])) for event in proposed)
        found = (self._version(decoded(name), version, name) for name, version in names)
        return tuple(standard for standard in found if standard is not None)

    def declare(self, asset: AssetRef, name: str, version: int | None = None, *, dry_run: bool = False) -> Done:
        """Declare that an asset, as its document stands now, conforms to an adopted version (default: the last).

        For its owner and editors.
        """
        did, found = self.registry.did(asset), self.standard(name, version)
        call = self.standards_contract.functions.declare(did.asset_id, encoded(name), found.version)
        return self.registry.act(f"declare that {did} conforms to {found}", call, dry_run=dry_run)

    def withdraw_declaration(self, asset: AssetRef, name: str, *, dry_run: bool = False) -> Done:
        """Take a declaration back: by the owner or an editor."""
        did = self.registry.did(asset)
        call = self.standards_contract.functions.withdraw(did.asset_id, encoded(name))
        return self.registry.act(f"no longer declare that {did} conforms to {name!r}", call, dry_run=dry_run)

    def conformances(self, asset: AssetRef) -> tuple[Conformance, ...]:
        """What an asset declares now, by the name of the standard."""
        did, chain = self.registry.did(asset), self.registry.chain
        declared = chain.events(
            self.standards_contract.events.ConformanceDeclared(),
            filters={"assetId": did.asset_id},
            from_block=self.dao.block,
        )
        names = sorted({bytes(event.args["name"]) for event in declared})
        found = []
        for name in names:
            answer = chain.call(self.standards_contract.functions.conformanceOf(did.asset_id, name))
            version, asset_version, declarer, status, current = answer
            if version:
                declarer, status = to_address(declarer), StandardStatus(status)
                found.append(Conformance(did, decoded(name), version, asset_version, declarer, status, current))
        return tuple(found)

    def _newest_first(self, name: str) -> Iterator[Standard]:
        last = int(self.registry.chain.call(self.standards_contract.functions.latestVersion(encoded(name))))
        versions = (self._version(name, number) for number in range(last, 0, -1))
        return (found for found in versions if found is not None)

    def _only_proposed(self, name: str) -> Standard:
        proposed = [one for one in self._newest_first(name) if one.status is StandardStatus.PROPOSED]
        if not proposed:
            raise _missing(name, "proposed version of the ")
        if len(proposed) > 1:
            numbers = ", ".join(str(one.version) for one in reversed(proposed))
            raise InputError(
                f"Several versions of the standard {name!r} are proposed: {numbers}.",
                hint="Name the version: anybody may propose one.",
            )
        return proposed[0]

    def _version(self, name: str, version: int, raw: bytes | None = None) -> Standard | None:
        key = raw if raw is not None else encoded(name)
        answer = self.registry.chain.call(self.standards_contract.functions.standardOf(key, version))
        digest, proposer, kind, status = answer
        if status == StandardStatus.NONE:
            return None
        cid = CID.from_digest(bytes(digest))
        return Standard(name, version, StandardKind(kind), StandardStatus(status), cid, to_address(proposer))


def _missing(name: str, which: str) -> NotFoundError:
    return NotFoundError(f"There is no {which}standard {name!r}.", hint="'registry standard list' shows what there is.")


def encoded(name: str) -> bytes:
    """The name of a standard as the contract has it; raises `InputError`."""
    data = name.encode()
    if not 0 < len(data) <= 32 or not name.isprintable() or unseen(name) or name != name.strip():
        raise InputError(f"{name!r} is not the name of a standard.", hint="It is a text of 1 to 32 bytes.")
    return data.ljust(32, b"\0")


def decoded(name: bytes) -> str:
    """The name of a standard for people; what somebody else wrote as no text is shown as it is."""
    try:
        text = name.rstrip(b"\0").decode()
    except UnicodeDecodeError:
        return f"0x{name.hex()}"
    return text if text and text.isprintable() and not unseen(text) else f"0x{name.hex()}"


def _kind(kind: StandardKind | str) -> StandardKind:
    if isinstance(kind, StandardKind):
        return kind
    try:
        return StandardKind[kind.upper()]
    except (KeyError, AttributeError):
        known = ", ".join(found.name.lower() for found in StandardKind)
        raise InputError(f"{kind!r} is no kind of standard.", hint=f"There are: {known}.") from None
