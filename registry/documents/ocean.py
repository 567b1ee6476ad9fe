"""Ocean Protocol DDO v4 (4.1.0, 4.3.0, 4.5.0, 4.7.0), in and out.

Field names, lengths and required fields follow the SHACL shapes that Ocean publishes for 4.7.0. What an
Ocean document says and a `DDO` has no field for (encrypted files, credentials, consumer parameters,
compute, datatokens, what an indexer added) is kept as it is under ``additional["ocean"]``, so that an
import followed by an export gives the document back. The other way, what Ocean has no field for travels
in ``metadata.additionalInformation.registry``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from registry.did import DID
from registry.documents.canonical import thaw
from registry.documents.ddo import DDO
from registry.documents.licence import MAX_UINT32, Licence, Price
from registry.documents.ocean_export import is_export
from registry.documents.ocean_shapes import OURS, READERS, clean_line, clean_prose, contract_of, validate
from registry.errors import Fault, InputError, InvalidAddress, InvalidDDO, InvalidDID
from registry.types import to_address


@dataclass(frozen=True, slots=True)
class ImportedAsset:
    """What an Ocean document became.

    `licences` are the offers whose price was given, in the order of ``ddo.licences``; `notes` say in words
    what changed its meaning.
    """

    ddo: DDO
    licences: tuple[Licence, ...]
    notes: tuple[str, ...]


# --- Import --------------------------------------------------------------------------------------


def from_ocean_v4(doc: Mapping[str, Any], *, prices: Mapping[str, Price] | None = None) -> ImportedAsset:
    """Turn an Ocean DDO v4 into a `DDO`.

    An Ocean document holds no prices: they are in contracts of Ocean's. So an access service becomes a licence
    only when `prices` has its id (``{"<service id>": "12.5 USDC"}``, or 0 to give it away); of the others the
    notes tell. ``timeout`` 0 becomes access for as long as it is held, another one a period of these seconds.

    Raises `InvalidDDO` with all faults of the document, each under its pointer, `InvalidLicence` for a price,
    and `InputError` for a price of a service that is not there.
    """
    validate(doc)
    rest: dict[str, Any] = thaw(doc)
    metadata = rest["metadata"]
    services = list(rest.get("services", ()))
    unknown = set(prices or {}) - {service["id"] for service in services}
    if unknown:
        known = ", ".join(service["id"] for service in services) or "none"
        raise InputError(f"The document has no service {min(unknown)!r}.", hint=f"It has: {known}.")

    notes = _other_letters(rest)
    fields: dict[str, Any] = {}
    for key, read in READERS.items():
        if key not in metadata:
            continue
        fields[key] = read(metadata[key])
        if fields[key] and thaw(fields[key]) == metadata[key]:
            del metadata[key]
        elif fields[key]:
            notes.append(f"metadata.{key} is written otherwise here: {fields[key]!r}.")
    block = _take_block(metadata, notes)
    licences = _licences(services, dict(prices or {}), notes)
    if licences:
        fields["licences"] = [licence.text for licence in licences]
    extra = block.get("document", {})
    kept = extra.get("additional", {})
    fields.update((key, value) for key, value in extra.items() if key not in ("additional", "licences"))
    if "licences" in extra and not licences:
        fields["licences"] = extra["licences"]

    plain = _document(fields | {"additional": kept})
    if block and is_export(plain, doc):
        return ImportedAsset(plain, licences, tuple(notes))
    notes += _meaning_lost(rest)
    return ImportedAsset(_document(fields | {"additional": {**kept, "ocean": rest}}), licences, tuple(notes))


_BLOCK: Final = "/metadata/additionalInformation/registry/document"


def _document(fields: dict[str, Any]) -> DDO:
    """Make the DDO, with the pointers of its faults leading into the Ocean document."""
    try:
        return DDO(**fields)
    except InvalidDDO as error:
        raise InvalidDDO([Fault(_BLOCK + fault.pointer, fault.message) for fault in error.faults]) from None


def _take_block(metadata: dict[str, Any], notes: list[str]) -> dict[str, Any]:
    """Take what an export left for us out of `metadata`; raises `InvalidDDO` if somebody spoilt it."""
    information: dict[str, Any] = metadata.get("additionalInformation") or {}
    if "registry" not in information:
        return {}
    block = information.pop("registry")
    if not isinstance(block, dict):
        raise InvalidDDO([Fault(_BLOCK.removesuffix("/document"), "is not an object")])
    extra = block.get("document", {})
    if not isinstance(extra, dict) or not isinstance(extra.get("additional", {}), dict):
        raise InvalidDDO([Fault(_BLOCK, "is not an object that an export wrote")])
    if "did" in block:
        try:
            notes.append(f"It was exported from {DID.parse(block['did'])}; published again it is another asset.")
        except InvalidDID as error:
            at = _BLOCK.removesuffix("document") + "did"
            raise InvalidDDO([Fault(at, error.message.rstrip("."))]) from None
    if both := (set(extra) & set(READERS)) - {"type"}:
        raise InvalidDDO([Fault(f"{_BLOCK}/{key}", "belongs to metadata") for key in sorted(both)])
    if "ocean" in extra.get("additional", {}):
        raise InvalidDDO([Fault(f"{_BLOCK}/additional/ocean", "is the place of this document itself")])
    if not information and not block.get("information"):
        del metadata["additionalInformation"]
    return block


def _licences(services: list[dict[str, Any]], prices: dict[str, Price], notes: list[str]) -> tuple[Licence, ...]:
    licences: list[Licence] = []
    names: set[str] = set()
    for service in services:
        name, timeout, price = service.get("name") or service["id"], service["timeout"], prices.get(service["id"])
        if service["type"] != "access":
            notes.append(f"Service {name!r} is of type {service['type']!r}, which is kept but not offered.")
            if price is not None:
                raise InputError(
                    f"Service {service['id']!r} is of type {service['type']!r} and cannot be sold as access.",
                    hint="Give prices to services of type access only.",
                )
            continue
        if price is None:
            if not service["id"].startswith(OURS):
                notes.append(
                    f"Service {name!r} is not offered, since an Ocean document has no prices; "
                    f"pass prices={{{service['id']!r}: ...}}."
                )
            continue
        name = clean_line(name)
        candidates = (f"{name[:240]} ({number})" for number in count(2))
        unique = name if name not in names else next(text for text in candidates if text not in names)
        names.add(unique)
        words = clean_prose(service.get("description") or "")
        if 0 < timeout <= MAX_UINT32:
            licences.append(Licence.period(unique, seconds=timeout, price=price, description=words))
        else:
            if timeout:
                notes.append(f"Service {name!r} lasts longer than a period can; it became access by holding.")
            licences.append(Licence.hold(unique, price=price, description=words))
    return tuple(licences)


def _other_letters(rest: Mapping[str, Any]) -> list[str]:
    """Return, in words, which contracts have letters in a case that is not of their checksum."""
    services = rest.get("services", ())
    named = [rest["nftAddress"], *(service["datatokenAddress"] for service in services)]
    for credentials in (rest.get("credentials"), *(service.get("credentials") for service in services)):
        for kind in ("allow", "deny"):
            named += [item["accessList"] for item in (credentials or {}).get(kind, ()) if item.get("accessList")]
    notes = []
    for text in dict.fromkeys(named):
        try:
            to_address(text)
        except InvalidAddress:
            notes.append(
                f"Contract {text} has a checksum that is wrong; as Ocean does, it is read as {contract_of(text)}."
            )
    return notes


def _meaning_lost(rest: Mapping[str, Any]) -> list[str]:
    """Return, in words, what is kept under ``additional.ocean`` and has no effect here."""
    services = rest.get("services", ())
    notes = []
    if any(service["files"] for service in services):
        endpoints = ", ".join(sorted({service["serviceEndpoint"] for service in services}))
        notes.append(f"The files are encrypted for {endpoints}; to open them here, publish the content again.")
    if services:
        notes.append("The datatokens of Ocean give no access here, and past orders do not count.")
    if rest.get("credentials") or any(service.get("credentials") for service in services):
        notes.append("The allow and deny lists (credentials) are kept but not enforced.")
    if any(service.get("compute") for service in services):
        notes.append("The compute-to-data rules are kept but not enforced.")
    algorithm = rest["metadata"].get("algorithm") or {}
    if algorithm.get("consumerParameters") or any(service.get("consumerParameters") for service in services):
        notes.append("The consumer parameters are kept but not asked for.")
    if algorithm:
        notes.append("The container of the algorithm is kept but not run.")
    nft = rest.get("nft")
    if isinstance(nft, dict) and nft.get("state") not in (None, 0):
        notes.append(f"In Ocean the asset is not active (state {nft['state']}).")
    purgatory = rest.get("purgatory")
    if isinstance(purgatory, dict) and purgatory.get("state"):
        notes.append(f"In Ocean the asset is in purgatory: {purgatory.get('reason')}.")
    return notes
