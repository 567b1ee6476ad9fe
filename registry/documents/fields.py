"""What the fields of a document may hold."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
)

from registry.did import DID
from registry.documents.canonical import SAFE_INTEGER, FrozenDict, freeze, json_faults, printable
from registry.errors import Fault, InputError, InvalidAddress, InvalidCID, InvalidDDO, InvalidDID
from registry.ipfs.cid import CID
from registry.ipfs.hosts import normal_url
from registry.text.letters import turns_writing, unseen
from registry.types import Address, to_address

_CREATED = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_SPDX = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+:-]*")
_PROFILE = re.compile(r"[a-z0-9][a-z0-9.-]*")
_RECIPIENT = re.compile(r"age1[02-9ac-hj-np-z]{58}")
_COMMITMENT = re.compile(r"[0-9a-f]{64}")
_MEDIA_TYPE = re.compile(r"[a-zA-Z0-9!#$&^_.+-]+/[a-zA-Z0-9!#$&^_.+-]+(; ?[a-zA-Z0-9!#$&^_.+-]+=[^\s;]+)*")


class _FieldError(ValueError):
    """Faults below the field that a validator looks at, with pointers relative to it."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(map(str, self.faults)))


# --- Kinds of text -------------------------------------------------------------------------------


def is_line(text: str) -> bool:
    """Whether `text` is one line without control or text-direction characters."""
    return not turns_writing(text) and not any(unicodedata.category(c) in ("Cc", "Zl", "Zp") for c in set(text))


def is_licence_reference(text: str) -> bool:
    """Whether `text` is an SPDX licence expression by its form, or an https, http or ipfs URL.

    The list of SPDX identifiers grows every few months, so membership is not checked.
    """
    if "://" in text:
        return _is_url(text, "https", "http", "ipfs")
    words = text.replace("(", " ( ").replace(")", " ) ").split()
    if " ".join(words).replace("( ", "(").replace(" )", ")") != text:
        return False
    depth, want_name = 0, True
    for word in words:
        if want_name and word == "(":
            depth += 1
        elif want_name and word not in ("AND", "OR", "WITH") and _SPDX.fullmatch(word):
            want_name = False
        elif not want_name and word in ("AND", "OR", "WITH"):
            want_name = True
        elif not want_name and word == ")" and depth:
            depth -= 1
        else:
            return False
    return not want_name and depth == 0


def utc_text(moment: datetime) -> str:
    """Return an aware `moment` as the documents write it: RFC 3339, UTC, whole seconds. Raises `InvalidDDO` without a
    time zone."""
    if moment.tzinfo is None:
        raise InvalidDDO([Fault("/created", "has no time zone")])
    return moment.astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat() + "Z"


def _is_url(text: str, *schemes: str) -> bool:
    if len(text) > 2048 or not is_line(text) or " " in text:
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme in schemes and bool(parts.hostname)
    except ValueError:
        return False


def _check(rule: Callable[[str], bool], complaint: str) -> AfterValidator:
    def check(text: str) -> str:
        if not rule(text):
            raise ValueError(complaint)
        return text

    return AfterValidator(check)


def is_prose(text: str) -> bool:
    """Whether `text` may stand in a description: lines and tabs, no other control or text-direction characters."""
    return is_line(text.replace("\n", "").replace("\t", "")) and "\r" not in text


def _is_moment(text: str) -> bool:
    if not _CREATED.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def is_path(text: str) -> bool:
    """Whether `text` is a relative path of plain names: no step up, no root, nothing that turns writing."""
    segments = text.split("/")
    return is_line(text) and "\\" not in text and not {"", ".", ".."} & set(segments)


def _is_image(text: str) -> bool:
    if not text.startswith("ipfs://"):
        return _is_url(text, "https")
    try:
        CID.parse(text.removeprefix("ipfs://").split("/")[0])
    except InvalidCID:
        return False
    return is_line(text) and " " not in text


def _is_media_type(text: str) -> bool:
    return _MEDIA_TYPE.fullmatch(text) is not None


def _is_profile(text: str) -> bool:
    return _PROFILE.fullmatch(text) is not None


def is_web_address(text: str) -> bool:
    """Whether `text` is a URL of https or http, as documents have them."""
    return _is_url(text, "https", "http")


def _is_home(text: str) -> bool:
    return _is_url(text, "https", "http", "ipfs")


def _is_gateway(text: str) -> bool:
    """Whether a key gateway may be asked there, and there is no other way to write it: see `normal_url`."""
    try:
        return normal_url(text) == text
    except InputError:
        return False


def _is_recipient(text: str) -> bool:
    return _RECIPIENT.fullmatch(text) is not None


def _is_commitment(text: str) -> bool:
    return _COMMITMENT.fullmatch(text) is not None


def _length(low: int, high: int) -> StringConstraints:
    return StringConstraints(strict=True, min_length=low, max_length=high)


def _no_unseen(text: str) -> str:
    if found := unseen(text):
        raise ValueError(f"has the invisible character U+{ord(found):04X}")
    return text


_PROSE: Final = _check(is_prose, "has a control or text-direction character other than line feed and tab")

Line = Annotated[
    str,
    _length(1, 256),
    _check(is_line, "has a line break, a control or a text-direction character"),
    AfterValidator(_no_unseen),
]
Description = Annotated[str, _length(0, 20_000), _PROSE]
LicenceDescription = Annotated[str, _length(0, 10_000), _PROSE]
LicenceTerms = Annotated[str, _length(0, 20_000), _PROSE]
Image = Annotated[str, _length(1, 2048), _check(_is_image, "is not ipfs://<cid> or https://...")]
Home = Annotated[str, _length(1, 2048), _check(_is_home, "is not an https, http or ipfs URL")]
Moment = Annotated[
    str, _length(1, 64), _check(_is_moment, "is not a moment like 2026-11-23T17:00:00Z (UTC, whole seconds)")
]
LicenceReference = Annotated[
    str, _length(1, 2048), _check(is_licence_reference, "is neither an SPDX licence expression nor a URL")
]
Path = Annotated[
    str, _length(1, 1024), _check(is_path, "is not a relative path of plain names"), AfterValidator(_no_unseen)
]
MediaType = Annotated[str, _length(1, 128), _check(_is_media_type, "is not a media type")]
GatewayUrl = Annotated[
    str,
    _length(1, 2048),
    _check(_is_gateway, "is not a plain https URL (http on this machine) in its usual form"),
]
Recipient = Annotated[str, _length(62, 62), _check(_is_recipient, "is not an age recipient (age1...)")]
Commitment = Annotated[str, _length(64, 64), _check(_is_commitment, "is not a sha2-256 digest in small digits")]
Profile = Annotated[str, _length(1, 64), _check(_is_profile, "is not the name of a profile")]


# --- Identifiers and containers ------------------------------------------------------------------


def _read_cid(value: object) -> CID:
    if isinstance(value, CID):
        return value
    if not isinstance(value, str):
        raise ValueError("is not a CID as text")
    try:
        cid = CID.parse(value)
    except InvalidCID as error:
        raise ValueError(printable(error.message.rstrip("."))) from None
    if str(cid) != value:
        raise ValueError(f"is not in its usual form {cid}")
    return cid


def _read_did(value: object) -> DID:
    if isinstance(value, DID):
        return value
    if not isinstance(value, str):
        raise ValueError("is not a DID as text")
    try:
        return DID.parse(value)
    except InvalidDID as error:
        raise ValueError(printable(error.message.rstrip("."))) from None


def _read_address(value: object) -> Address:
    if not isinstance(value, str):
        raise ValueError("is not an address as text")
    try:
        address = to_address(value)
    except InvalidAddress as error:
        raise ValueError(printable(error.message.rstrip("."))) from None
    if address != value:
        raise ValueError(f"is not in its usual form {address}")
    return address


def _read_array(value: object) -> object:
    # Sets and generators have no order or no second reading; a digest needs both.
    if isinstance(value, tuple | list):
        return tuple(value)
    raise ValueError("is not an array")


def _read_object(value: object) -> FrozenDict:
    if not isinstance(value, Mapping):
        raise ValueError("is not an object")
    if faults := json_faults(value, depth=1):
        raise _FieldError(faults)
    frozen: FrozenDict = freeze(value)
    return frozen


Array = BeforeValidator(_read_array)
CIDField = Annotated[
    CID, PlainValidator(_read_cid), PlainSerializer(str), WithJsonSchema({"type": "string", "description": "CIDv1"})
]
DIDField = Annotated[
    DID,
    PlainValidator(_read_did),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "pattern": "^did:nft:eip155:[1-9][0-9]*_erc721:0x[0-9a-f]{40}_(0|[1-9][0-9]*)$"}),
]
AddressField = Annotated[
    Address, PlainValidator(_read_address), WithJsonSchema({"type": "string", "pattern": "^0x[0-9a-fA-F]{40}$"})
]
ObjectField = Annotated[Mapping[str, Any], PlainValidator(_read_object), WithJsonSchema({"type": "object"})]
Size = Annotated[int, Field(strict=True, ge=0, le=SAFE_INTEGER)]


def refuse_repeats(values: Sequence[Hashable], *, suffix: str = "", fault: str = "repeats number") -> None:
    """Raise for each value that occurs a second time."""
    first: dict[Hashable, int] = {}
    faults = []
    for place, value in enumerate(values):
        if first.setdefault(value, place) != place:
            faults.append(Fault(f"/{place}{suffix}", f"{fault} {first[value]}"))
    if faults:
        raise _FieldError(faults)
