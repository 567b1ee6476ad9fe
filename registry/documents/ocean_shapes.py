"""The shapes of Ocean's documents, version 4."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from registry.documents.canonical import SAFE_INTEGER, json_faults, pointer, thaw
from registry.documents.faults import faults_of
from registry.documents.fields import is_licence_reference, is_line, is_prose, utc_text
from registry.errors import Fault, InvalidAddress, InvalidDDO
from registry.text.letters import unseen
from registry.types import Address, to_address

OCEAN_VERSIONS: Final = ("4.1.0", "4.3.0", "4.5.0", "4.7.0")

CONTEXT: Final = "https://w3id.org/did/v1"
OURS: Final = "licence-"
"""Start of the ids of services that an export makes from licences."""


def ocean_did(nft_address: str, chain_id: int) -> str:
    """Return Ocean's DID of a data NFT: ``did:op:`` and sha2-256 of the checksummed address and the chain number.

    The hash cannot be turned back into its contract. Raises `InvalidAddress`.
    """
    return "did:op:" + hashlib.sha256(f"{contract_of(nft_address)}{chain_id}".encode()).hexdigest()


def contract_of(text: str) -> Address:
    """Return an address whatever the case of its letters, as Ocean reads it; raises `InvalidAddress`."""
    return to_address(text.lower() if isinstance(text, str) else text)


# --- The shape of an Ocean document --------------------------------------------------------------


def _text(low: int, high: int) -> StringConstraints:
    return StringConstraints(strict=True, min_length=low, max_length=high)


def _address(text: str) -> str:
    try:
        contract_of(text)
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
_Address = Annotated[str, _text(0, 256), AfterValidator(_address)]
_Moment = Annotated[str, _text(1, 64), AfterValidator(_moment)]


class _Shape(BaseModel):
    # Fields that are not listed are let through: they are kept, not read.
    model_config = ConfigDict(extra="allow", frozen=True, defer_build=True)


class _ConsumerParameter(_Shape):
    name: _S256
    type: _S256
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
    version: _String
    chainId: Annotated[int, Field(strict=True, ge=1, le=SAFE_INTEGER)]  # noqa: N815
    nftAddress: _Address  # noqa: N815
    metadata: _Metadata
    services: Annotated[tuple[_Service, ...], _Array, Field(max_length=64)] = ()
    credentials: _Credentials | None = None


def validate(doc: object) -> None:
    """Raise `InvalidDDO` with all that keeps `doc` from being an Ocean DDO v4."""
    if not isinstance(doc, Mapping):
        raise InvalidDDO([Fault("", "is not a JSON object")])
    version = doc.get("version")
    if isinstance(version, str) and version not in OCEAN_VERSIONS:
        kind = "documents that are verifiable credentials" if version.startswith("5") else "documents"
        message = (
            f"is {version[:16]!r}, and {kind} of that version are not read; those of {', '.join(OCEAN_VERSIONS)} are"
        )
        raise InvalidDDO([Fault("/version", message)])
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


def clean_line(text: str) -> str:
    """Return the text as one line that may be shown, of 1 to 256 characters."""
    while odd := unseen(text):
        text = text.replace(odd, "")
    if text and is_line(text) and len(text) <= 256:
        return text
    return "".join(c if is_line(c) else " " for c in text)[:256].strip() or "unnamed"


def clean_prose(text: str) -> str:
    """Return the text with a space for each character that may not be shown."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if is_prose(text) else "".join(c if is_prose(c) else " " for c in text)


def _read_author(text: str) -> str | None:
    return clean_line(text) if text else None


def _read_license(text: str) -> str:
    if text and is_licence_reference(text):
        return text
    return "LicenseRef-" + (re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-") or "none")


def _read_tags(tags: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(clean_line(tag) for tag in tags if tag))


_MAIL: Final = re.compile(r"[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT")
"""A moment as JavaScript's ``toUTCString`` writes it, and mail does."""


def _read_moment(text: str) -> str:
    """Return an ISO 8601 moment as a DDO writes it; one without a zone is taken as UTC.

    Ocean's own documents have a Z behind an offset too, which its indexer takes off.
    """
    plain = re.sub(r"([+-]\d\d:\d\d)Z$", r"\1", text.strip().upper())
    try:
        moment = parsedate_to_datetime(text) if _MAIL.fullmatch(text) else datetime.fromisoformat(plain)
        return utc_text(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise ValueError("is not an ISO 8601 moment") from None


READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "type": str,
    "name": clean_line,
    "description": clean_prose,
    "author": _read_author,
    "license": _read_license,
    "tags": _read_tags,
    "created": _read_moment,
}
"""How each field of ``metadata`` that a `DDO` has too is read."""
