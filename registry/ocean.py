"""Ocean Protocol DDO v4 (4.1.0, 4.3.0, 4.5.0, 4.7.0), in and out.

Field names, lengths and required fields follow the SHACL shapes that Ocean publishes for 4.7.0. What an
Ocean document says and a `DDO` has no field for (encrypted files, credentials, consumer parameters,
compute, datatokens, what an indexer added) is kept as it is under ``additional["ocean"]``, so that an
import followed by an export gives the document back. The other way, what Ocean has no field for travels
in ``metadata.additionalInformation.registry``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from types import NoneType
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from registry.canonical import SAFE_INTEGER, json_faults, pointer, thaw
from registry.ddo import DDO, faults_of, is_licence_reference, is_line, is_prose, utc_text
from registry.did import DID
from registry.errors import Fault, InputError, InvalidAddress, InvalidDDO, InvalidDID
from registry.letters import unseen
from registry.licence import MAX_UINT32, Kind, Licence, Price
from registry.types import to_address

OCEAN_VERSIONS: Final = ("4.1.0", "4.3.0", "4.5.0", "4.7.0")

_CONTEXT: Final = "https://w3id.org/did/v1"
_OURS: Final = "licence-"
"""Start of the ids of services that an export makes from licences."""


def ocean_did(nft_address: str, chain_id: int) -> str:
    """Return Ocean's DID of a data NFT: ``did:op:`` and sha2-256 of the checksummed address and the chain number.

    The hash cannot be turned back into its contract. Raises `InvalidAddress`.
    """
    return "did:op:" + hashlib.sha256(f"{to_address(nft_address)}{chain_id}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class ImportedAsset:
    """What an Ocean document became.

    `licences` are the offers whose price was given, in the order of ``ddo.licences``; `notes` say in words
    what changed its meaning.
    """

    ddo: DDO
    licences: tuple[Licence, ...]
    notes: tuple[str, ...]


# --- The shape of an Ocean document --------------------------------------------------------------


def _text(low: int, high: int) -> StringConstraints:
    return StringConstraints(strict=True, min_length=low, max_length=high)


def _address(text: str) -> str:
    try:
        to_address(text)
    except InvalidAddress as error:
        raise ValueError(error.message.rstrip(".")) from None
    return text


def _moment(text: str) -> str:
    _read_moment(text)
    return text


def _array(value: object) -> object:
    if isinstance(value, list | tuple):
        return tuple(value)
    raise ValueError("is not an array")


_Array = BeforeValidator(_array)
_Bool = Annotated[bool, Field(strict=True)]
_Natural = Annotated[int, Field(strict=True, ge=0, le=SAFE_INTEGER)]
_String = Annotated[str, _text(0, 2**20)]
_S256 = Annotated[str, _text(0, 256)]
_S512 = Annotated[str, _text(0, 512)]
_Name = Annotated[str, _text(4, 512)]
_Description = Annotated[str, _text(10, 7000)]
_Address = Annotated[str, _text(42, 42), AfterValidator(_address)]
_Moment = Annotated[str, _text(1, 64), AfterValidator(_moment)]


class _Shape(BaseModel):
    # Fields that are not listed are let through: they are kept, not read.
    model_config = ConfigDict(extra="allow", frozen=True, defer_build=True)


class _ConsumerParameter(_Shape):
    name: _S256
    type: Literal["text", "number", "boolean", "select"]
    label: _S256
    required: _Bool
    description: Annotated[str, _text(0, 7000)]
    default: Any


class _Container(_Shape):
    entrypoint: Annotated[str, _text(3, 256)]
    image: Annotated[str, _text(1, 256)]
    tag: Annotated[str, _text(1, 256)]
    checksum: Annotated[str, _text(7, 512)]


class _Algorithm(_Shape):
    version: _String | None = None
    language: _String | None = None
    rawcode: _String | None = None
    container: _Container
    consumerParameters: Annotated[tuple[_ConsumerParameter, ...], _Array] = ()  # noqa: N815


class _Metadata(_Shape):
    created: _Moment
    updated: _Moment
    name: _Name
    description: _Description
    type: Literal["dataset", "algorithm"]
    author: _S256
    license: _S256
    copyrightHolder: _S512 | None = None  # noqa: N815
    links: Annotated[tuple[_S512, ...], _Array, Field(max_length=64)] = ()
    tags: Annotated[tuple[_S256, ...], _Array, Field(max_length=64)] = ()
    categories: Annotated[tuple[_S256, ...], _Array, Field(max_length=64)] = ()
    contentLanguage: _S256 | None = None  # noqa: N815
    additionalInformation: dict[str, Any] | None = None  # noqa: N815
    algorithm: _Algorithm | None = None


class _TrustedAlgorithm(_Shape):
    did: _String
    filesChecksum: _String  # noqa: N815
    containerSectionChecksum: _String  # noqa: N815
    serviceId: _String | None = None  # noqa: N815


def _trusted(value: object) -> object:
    """Check a list of trusted algorithms or publishers, which may also be ``"*"``."""
    if value is None or value == "*" or value == ["*"]:
        return ()
    return _array(value)


class _Compute(_Shape):
    allowRawAlgorithm: _Bool  # noqa: N815
    allowNetworkAccess: _Bool  # noqa: N815
    publisherTrustedAlgorithmPublishers: Annotated[tuple[_String, ...], BeforeValidator(_trusted)] = ()  # noqa: N815
    publisherTrustedAlgorithms: Annotated[tuple[_TrustedAlgorithm, ...], BeforeValidator(_trusted)] = ()  # noqa: N815


class _Credential(_Shape):
    type: Annotated[str, _text(1, 256)]
    values: Annotated[tuple[_String, ...], _Array] = ()
    chainId: _Natural | None = None  # noqa: N815
    accessList: _Address | None = None  # noqa: N815


class _Credentials(_Shape):
    match_allow: Literal["any", "all"] = "all"
    match_deny: Literal["any", "all"] = "any"
    allow: Annotated[tuple[_Credential, ...], _Array] = ()
    deny: Annotated[tuple[_Credential, ...], _Array] = ()


class _Service(_Shape):
    id: _S256
    type: _S256
    files: Annotated[str, _text(0, 8192)]
    datatokenAddress: _Address  # noqa: N815
    serviceEndpoint: Annotated[str, _text(10, 2048)]  # noqa: N815
    timeout: _Natural
    name: _Name | None = None
    description: _Description | None = None
    credentials: _Credentials | None = None
    additionalInformation: dict[str, Any] | None = None  # noqa: N815
    consumerParameters: Annotated[tuple[_ConsumerParameter, ...], _Array] = ()  # noqa: N815
    compute: _Compute | None = None


class _OceanDocument(_Shape):
    context: Annotated[tuple[_String, ...], _Array, Field(alias="@context")]
    id: Annotated[str, _text(71, 71)]
    version: Literal["4.1.0", "4.3.0", "4.5.0", "4.7.0"]
    chainId: Annotated[int, Field(strict=True, ge=1, le=SAFE_INTEGER)]  # noqa: N815
    nftAddress: _Address  # noqa: N815
    metadata: _Metadata
    services: Annotated[tuple[_Service, ...], _Array, Field(max_length=64)]
    credentials: _Credentials | None = None


def _validate(doc: object) -> None:
    """Raise `InvalidDDO` with all that keeps `doc` from being an Ocean DDO v4."""
    if not isinstance(doc, Mapping):
        raise InvalidDDO([Fault("", "is not a JSON object")])
    # It will stand below additional.ocean, two levels deeper than here.
    faults = json_faults(doc, depth=2)
    if faults:
        raise InvalidDDO(faults)
    try:
        shape = _OceanDocument.model_validate(thaw(doc))
    except ValidationError as error:
        raise InvalidDDO(faults_of(error)) from None
    faults = []
    expected = ocean_did(shape.nftAddress, shape.chainId)
    if shape.id != expected:
        faults.append(Fault("/id", f"is not {expected}, the DID of this nftAddress and chainId"))
    seen: set[str] = set()
    for place, service in enumerate(shape.services):
        if service.id in seen:
            faults.append(Fault(pointer(["services", place, "id"]), "repeats the id of another service"))
        seen.add(service.id)
    if faults:
        raise InvalidDDO(faults)


# --- Fields that both have -----------------------------------------------------------------------


def _clean_line(text: str) -> str:
    while odd := unseen(text):
        text = text.replace(odd, "")
    if text and is_line(text) and len(text) <= 256:
        return text
    return "".join(c if is_line(c) else " " for c in text)[:256].strip() or "unnamed"


def _clean_prose(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if is_prose(text) else "".join(c if is_prose(c) else " " for c in text)


def _read_author(text: str) -> str | None:
    return _clean_line(text) if text else None


def _read_license(text: str) -> str:
    if text and is_licence_reference(text):
        return text
    return "LicenseRef-" + (re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-") or "none")


def _read_tags(tags: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_clean_line(tag) for tag in tags if tag))


def _read_moment(text: str) -> str:
    """Return an ISO 8601 moment as a DDO writes it; one without a zone is taken as UTC."""
    try:
        moment = datetime.fromisoformat(text)
        return utc_text(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise ValueError("is not an ISO 8601 moment") from None


_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "type": str,
    "name": _clean_line,
    "description": _clean_prose,
    "author": _read_author,
    "license": _read_license,
    "tags": _read_tags,
    "created": _read_moment,
}
"""How each field of ``metadata`` that a `DDO` has too is read."""


# --- Import --------------------------------------------------------------------------------------


def from_ocean_v4(doc: Mapping[str, Any], *, prices: Mapping[str, Price] | None = None) -> ImportedAsset:
    """Turn an Ocean DDO v4 into a `DDO`.

    An Ocean document holds no prices: they are in contracts of Ocean's. So an access service becomes a licence
    only when `prices` has its id (``{"<service id>": "12.5 USDC"}``, or 0 to give it away); of the others the
    notes tell. ``timeout`` 0 becomes access for as long as it is held, another one a period of these seconds.

    Raises `InvalidDDO` with all faults of the document, each under its pointer, `InvalidLicence` for a price,
    and `InputError` for a price of a service that is not there.
    """
    _validate(doc)
    rest: dict[str, Any] = thaw(doc)
    metadata = rest["metadata"]
    services = list(rest["services"])
    unknown = set(prices or {}) - {service["id"] for service in services}
    if unknown:
        known = ", ".join(service["id"] for service in services) or "none"
        raise InputError(f"The document has no service {min(unknown)!r}.", hint=f"It has: {known}.")

    notes: list[str] = []
    fields: dict[str, Any] = {}
    for key, read in _READERS.items():
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
    if block and _is_export(plain, doc):
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
    if both := (set(extra) & set(_READERS)) - {"type"}:
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
            if not service["id"].startswith(_OURS):
                notes.append(
                    f"Service {name!r} is not offered, since an Ocean document has no prices; "
                    f"pass prices={{{service['id']!r}: ...}}."
                )
            continue
        name = _clean_line(name)
        candidates = (f"{name[:240]} ({number})" for number in count(2))
        unique = name if name not in names else next(text for text in candidates if text not in names)
        names.add(unique)
        words = _clean_prose(service.get("description") or "")
        if 0 < timeout <= MAX_UINT32:
            licences.append(Licence.period(unique, seconds=timeout, price=price, description=words))
        else:
            if timeout:
                notes.append(f"Service {name!r} lasts longer than a period can; it became access by holding.")
            licences.append(Licence.hold(unique, price=price, description=words))
    return tuple(licences)


def _meaning_lost(rest: Mapping[str, Any]) -> list[str]:
    """Return, in words, what is kept under ``additional.ocean`` and has no effect here."""
    services = rest["services"]
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


def _is_export(ddo: DDO, doc: Mapping[str, Any]) -> bool:
    """Whether `doc` is what `ddo` exports to, so that nothing of it needs keeping."""
    wanted = {**thaw(doc), "services": [item for item in thaw(doc["services"]) if not item["id"].startswith(_OURS)]}
    did = wanted["metadata"]["additionalInformation"]["registry"].get("did")
    made = _export(
        ddo,
        did=did,
        chain_id=doc["chainId"],
        nft_address=doc["nftAddress"],
        version=doc["version"],
        created=None,
        updated=doc["metadata"]["updated"],
    )
    return made == wanted


# --- Export --------------------------------------------------------------------------------------


def to_ocean_v4(
    ddo: DDO,
    *,
    did: DID | None = None,
    chain_id: int | None = None,
    nft_address: str | None = None,
    version: str | None = None,
    created: str | None = None,
    updated: str | None = None,
    licences: Sequence[Licence] = (),
    datatokens: Sequence[str] = (),
    service_endpoint: str | None = None,
) -> dict[str, Any]:
    """Return `ddo` as an Ocean DDO v4.

    `chain_id` and `nft_address` decide Ocean's DID; left out, they are those of an earlier import, or of `did`.
    Note that Ocean gives each asset a contract of its own: assets of one registry share `nft_address`, and so
    would share Ocean's DID. `version` is by default that of the import, or 4.7.0; `updated` likewise, or
    ``created``, which Ocean demands: pass it for a document that has none. With `licences`, their `datatokens` (one
    address each) and the `service_endpoint` of a gateway, each hold and period licence becomes an access service with
    empty ``files``, because content is public by its CID here and not encrypted for a provider; licences by uses have
    no counterpart and are left out.

    Raises `InvalidDDO` when something does not fit Ocean's limits (its pointer leads into the Ocean document:
    a name has 4 to 512 characters, a description 10 to 7000), `InvalidAddress`, and `InputError`.
    """
    if len(licences) != len(datatokens) or (licences and service_endpoint is None):
        raise InputError(
            f"{len(licences)} licences came with {len(datatokens)} datatokens and endpoint {service_endpoint!r}.",
            hint="Pass one datatoken address for each licence, and service_endpoint=.",
        )
    doc = _export(
        ddo,
        did=None if did is None else str(did),
        chain_id=chain_id,
        nft_address=nft_address,
        version=version,
        created=created,
        updated=updated,
    )
    for number, (licence, datatoken) in enumerate(zip(licences, datatokens, strict=True)):
        if licence.kind is not Kind.USE:
            doc["services"].append(_service(number, licence, datatoken, service_endpoint or ""))
    _validate(doc)
    return doc


def _export(
    ddo: DDO,
    *,
    did: str | None,
    chain_id: int | None,
    nft_address: str | None,
    version: str | None,
    created: str | None,
    updated: str | None,
) -> dict[str, Any]:
    kept = ddo.additional.get("ocean")
    if kept is not None and not _is_kept(kept):
        raise InvalidDDO([Fault("/additional/ocean", "is not what an import of an Ocean document leaves there")])
    doc: dict[str, Any] = thaw(kept) if kept is not None else {"metadata": {}, "services": []}
    home = None if did is None else DID.parse(did)
    chain = chain_id or doc.get("chainId") or (None if home is None else home.chain_id)
    nft = nft_address or doc.get("nftAddress") or (None if home is None else home.registry)
    if chain is None or nft is None:
        raise InputError("Ocean's DID needs a chain and a contract.", hint="Pass did=, or chain_id= and nft_address=.")
    doc["chainId"], doc["nftAddress"] = chain, nft
    doc["id"] = ocean_did(nft, chain)
    doc["version"] = version or doc.get("version") or OCEAN_VERSIONS[-1]
    doc.setdefault("@context", [_CONTEXT])

    metadata = doc["metadata"]
    if ddo.created is None:
        if created is None and updated is None:
            raise InputError("The document has no date, and Ocean demands one.", hint="Pass created=.")
        ddo = ddo.with_changes(created=created or updated)
    everything = ddo.to_dict()
    for key in _READERS:
        now = getattr(ddo, key)
        # The wording of the import stays as long as it stands for the same value.
        if not _stands_for(metadata, key, now) and (key != "tags" or now):
            metadata[key] = everything.get(key, "")
    if metadata["type"] not in ("dataset", "algorithm"):
        metadata["type"] = "dataset"
    metadata["updated"] = updated or metadata.get("updated") or metadata["created"]
    if not ddo.tags and not _stands_for(metadata, "tags", ()):
        metadata.pop("tags", None)

    extra = {key: value for key, value in everything.items() if key not in _READERS and key != "version"}
    if ddo.type != metadata["type"]:
        extra["type"] = ddo.type
    additional = {key: value for key, value in extra.pop("additional", {}).items() if key != "ocean"}
    if additional:
        extra["additional"] = additional
    block: dict[str, Any] = {"document": extra} if extra or kept is None else {}
    if did is not None:
        block["did"] = did
    if block:
        if metadata.get("additionalInformation") == {}:
            block["information"] = True
        metadata["additionalInformation"] = {**(metadata.get("additionalInformation") or {}), "registry": block}
    return doc


def _is_kept(kept: object) -> bool:
    """Whether `kept` can be what an import left, as far as an export leans on it."""
    return (
        isinstance(kept, Mapping)
        and isinstance(kept.get("metadata"), Mapping)
        and isinstance(kept["metadata"].get("additionalInformation", {}), Mapping | NoneType)
        and isinstance(kept.get("services"), tuple | list)
    )


def _stands_for(metadata: Mapping[str, Any], key: str, value: object) -> bool:
    """Whether an Ocean field is there and is read as `value`."""
    if key not in metadata:
        return False
    try:
        return bool(_READERS[key](metadata[key]) == value)
    except (TypeError, ValueError):
        return False  # somebody wrote it by hand; what is written now will be right


def _service(number: int, licence: Licence, datatoken: str, endpoint: str) -> dict[str, Any]:
    service: dict[str, Any] = {
        "id": f"{_OURS}{number}",
        "type": "access",
        "files": "",
        "datatokenAddress": to_address(datatoken),
        "serviceEndpoint": endpoint,
        "timeout": licence.quantity if licence.kind is Kind.PERIOD else 0,
    }
    # Ocean wants at least 4 and 10 characters; shorter ones are left out, the document has them anyway.
    if len(licence.name) >= 4:
        service["name"] = licence.name
    if 10 <= len(licence.description) <= 7000:
        service["description"] = licence.description
    return service
