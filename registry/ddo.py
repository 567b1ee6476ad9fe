"""The document of an asset (DDO): what it is, what it is made of, and under which licences.

It is the ERC-721 metadata at the same time (``name``, ``description``, ``image``, ``external_url``).
Stored as RFC 8785 canonical JSON in one raw block, it has one digest, and the registry keeps that
digest. The number of the asset is not in it: it is not known before publication, and the chain says it.

`DDO.from_bytes` takes back exactly what `DDO.to_bytes` writes. Everything else is refused, with all
faults at once, each under its JSON pointer.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal, Self, get_args
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from registry.canonical import (
    SAFE_INTEGER,
    FrozenDict,
    canonical_bytes,
    freeze,
    json_faults,
    parse_json,
    pointer,
    printable,
    thaw,
)
from registry.did import DID
from registry.errors import DDOTooLarge, Fault, InputError, InvalidAddress, InvalidCID, InvalidDDO, InvalidDID
from registry.ipfs.cid import CID
from registry.ipfs.hosts import host_of, is_loopback, normal_url
from registry.letters import turns_writing, unseen
from registry.types import Address, Digest, to_address

MAX_BYTES: Final = 2**20
"""Largest DDO: one block that every IPFS node passes on."""

DDO_VERSION: Final = "1.0.0"
MAX_PARENTS: Final = 8

MAX_GATEWAYS: Final = 16
"""Of SLIP-39: a key is split among at most 16."""

AssetType = Literal["dataset", "model", "algorithm", "app", "notebook", "other"]
ASSET_TYPES: Final[tuple[str, ...]] = get_args(AssetType)

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

_Line = Annotated[
    str,
    _length(1, 256),
    _check(is_line, "has a line break, a control or a text-direction character"),
    AfterValidator(_no_unseen),
]
_Description = Annotated[str, _length(0, 20_000), _PROSE]
_LicenceDescription = Annotated[str, _length(0, 10_000), _PROSE]
_LicenceTerms = Annotated[str, _length(0, 20_000), _PROSE]
_Image = Annotated[str, _length(1, 2048), _check(_is_image, "is not ipfs://<cid> or https://...")]
_Home = Annotated[str, _length(1, 2048), _check(_is_home, "is not an https, http or ipfs URL")]
_Moment = Annotated[
    str, _length(1, 64), _check(_is_moment, "is not a moment like 2026-11-23T17:00:00Z (UTC, whole seconds)")
]
_LicenceReference = Annotated[
    str, _length(1, 2048), _check(is_licence_reference, "is neither an SPDX licence expression nor a URL")
]
_Path = Annotated[
    str, _length(1, 1024), _check(is_path, "is not a relative path of plain names"), AfterValidator(_no_unseen)
]
_MediaType = Annotated[str, _length(1, 128), _check(_is_media_type, "is not a media type")]
_GatewayUrl = Annotated[
    str,
    _length(1, 2048),
    _check(_is_gateway, "is not a plain https URL (http on this machine) in its usual form"),
]
_Recipient = Annotated[str, _length(62, 62), _check(_is_recipient, "is not an age recipient (age1...)")]
_Commitment = Annotated[str, _length(64, 64), _check(_is_commitment, "is not a sha2-256 digest in small digits")]
_Profile = Annotated[str, _length(1, 64), _check(_is_profile, "is not the name of a profile")]


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


_Array = BeforeValidator(_read_array)
_CIDField = Annotated[
    CID, PlainValidator(_read_cid), PlainSerializer(str), WithJsonSchema({"type": "string", "description": "CIDv1"})
]
_DIDField = Annotated[
    DID,
    PlainValidator(_read_did),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "pattern": "^did:nft:eip155:[1-9][0-9]*_erc721:0x[0-9a-f]{40}_(0|[1-9][0-9]*)$"}),
]
_AddressField = Annotated[
    Address, PlainValidator(_read_address), WithJsonSchema({"type": "string", "pattern": "^0x[0-9a-fA-F]{40}$"})
]
_ObjectField = Annotated[Mapping[str, Any], PlainValidator(_read_object), WithJsonSchema({"type": "object"})]
_Size = Annotated[int, Field(strict=True, ge=0, le=SAFE_INTEGER)]


def _refuse_repeats(values: Sequence[Hashable], *, suffix: str = "", fault: str = "repeats number") -> None:
    first: dict[Hashable, int] = {}
    faults = []
    for place, value in enumerate(values):
        if first.setdefault(value, place) != place:
            faults.append(Fault(f"/{place}{suffix}", f"{fault} {first[value]}"))
    if faults:
        raise _FieldError(faults)


# --- Models --------------------------------------------------------------------------------------


class _Document(BaseModel):
    """A frozen part of a DDO; making a wrong one raises `InvalidDDO` with all its faults."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True, defer_build=True
    )

    _always: ClassVar[frozenset[str]] = frozenset()

    if not TYPE_CHECKING:

        def __init__(self, /, **data: Any) -> None:
            try:
                super().__init__(**data)
            except ValidationError as error:
                raise InvalidDDO(faults_of(error)) from None

        # Parts are validated inside the whole, where their pointers start at its root, and not by this.
        __init__.__pydantic_base_init__ = True

    def to_dict(self) -> dict[str, Any]:
        """Return the part as plain JSON; optional fields without a value are left out."""
        return {
            field.serialization_alias or name: _to_json(value)
            for name, field in type(self).model_fields.items()
            if not _is_empty(value := getattr(self, name)) or name in self._always
        }

    def with_changes(self, /, **changes: Any) -> Self:
        """Return a copy with some fields changed, checked like a new document; None or empty takes one out."""
        return type(self)(**{**{name: getattr(self, name) for name in type(self).model_fields}, **changes})


def _is_empty(value: Any) -> bool:
    return value is False or value in (None, (), "", {})  # 0 equals False, and is a size


def _to_json(value: Any) -> Any:
    if isinstance(value, _Document):
        return value.to_dict()
    if isinstance(value, tuple):
        return [_to_json(item) for item in value]
    if isinstance(value, CID | DID):
        return str(value)
    return thaw(value)


class ContentFile(_Document):
    """One file of the content: relative `path` with ``/``, `size` in bytes, its own `cid`, its media type."""

    path: _Path
    size: _Size
    cid: _CIDField
    media_type: _MediaType | None = None


class KeyGateway(_Document):
    """Who keeps a share of the key: the base `url` of the service, its age `recipient` (shares are sealed to it) and
    the Ethereum account `signer` that signs its answers.

    `commitment` tells its share from a wrong one, and nothing else, see `registry.gated.custody`.
    """

    url: _GatewayUrl
    recipient: _Recipient
    signer: _AddressField
    commitment: _Commitment | None = None


class Encryption(_Document):
    """How the content is encrypted, and who gives the key to those with access.

    `format` is the age file format; `recipient` the public key that every file is sealed to; `key_version` the version
    of the asset that the key was made for, under which gateways keep it. `threshold` of the `gateways` make the key;
    without gateways its owner alone has it. `hidden` says that names and sizes are in an encrypted manifest.
    """

    _always: ClassVar[frozenset[str]] = frozenset({"threshold"})

    format: Literal["age-encryption.org/v1"] = "age-encryption.org/v1"
    recipient: _Recipient
    key_version: Annotated[int, Field(strict=True, ge=1, le=2**32 - 1)] = Field(
        validation_alias="keyVersion", serialization_alias="keyVersion"
    )
    threshold: Annotated[int, Field(strict=True, ge=1, le=MAX_GATEWAYS)] = 1
    gateways: Annotated[tuple[KeyGateway, ...], _Array, Field(max_length=MAX_GATEWAYS)] = ()
    hidden: Annotated[bool, Field(strict=True)] = False

    @field_validator("gateways")
    @classmethod
    def _gateways_are_different(cls, gateways: tuple[KeyGateway, ...]) -> tuple[KeyGateway, ...]:
        for name in ("url", "recipient", "signer"):
            _refuse_repeats([getattr(gateway, name) for gateway in gateways], suffix=f"/{name}")
        if any(gateway.commitment for gateway in gateways):
            missing = [place for place, gateway in enumerate(gateways) if gateway.commitment is None]
            if missing:
                raise _FieldError(Fault(f"/{at}/commitment", "is missing, and others have one") for at in missing)
            _refuse_repeats([gateway.commitment for gateway in gateways], suffix="/commitment")
        # Whoever has a host has all that is asked there, so it counts once; on this machine all are for trying out.
        hosts = [host_of(gateway.url) for gateway in gateways]
        counted = [n if is_loopback(host) else host for n, host in enumerate(hosts)]
        _refuse_repeats(counted, suffix="/url", fault="is on the same host as number")
        return gateways

    @model_validator(mode="after")
    def _threshold_can_be_met(self) -> Self:
        if self.threshold > max(len(self.gateways), 1):
            raise _FieldError(
                [Fault("/threshold", f"is {self.threshold}, more than the {len(self.gateways)} gateways")]
            )
        return self


class Content(_Document):
    """What the asset is made of: `cid` of the folder or file, `size` in bytes of all its files together.

    `profile` names the rules by which the CID was made, e.g. ``unixfs-v1-2025`` (IPIP-499). `files` may list
    a part of the content only, so that a huge folder still fits. With `encryption`, `size` counts the encrypted files,
    and `files` has plain paths and sizes, and the CIDs of the encrypted files.
    """

    cid: _CIDField
    size: _Size
    profile: _Profile
    files: Annotated[tuple[ContentFile, ...], _Array] = ()
    encryption: Encryption | None = None

    @field_validator("files")
    @classmethod
    def _paths_are_a_tree(cls, files: tuple[ContentFile, ...]) -> tuple[ContentFile, ...]:
        _refuse_repeats([file.path for file in files], suffix="/path")
        paths = {file.path for file in files}
        faults = []
        for place, file in enumerate(files):
            segments = file.path.split("/")
            for cut in range(1, len(segments)):
                if "/".join(segments[:cut]) in paths:
                    faults.append(Fault(f"/{place}/path", "lies below a path that is a file"))
                    break
        if faults:
            raise _FieldError(faults)
        return files

    @model_validator(mode="after")
    def _size_holds_files(self) -> Self:
        listed = sum(file.size for file in self.files)
        if listed > self.size:
            raise _FieldError([Fault("/size", f"is {self.size}, less than the {listed} of the listed files")])
        if self.files and self.encryption is not None and self.encryption.hidden:
            raise _FieldError([Fault("/files", "lists names that the content hides")])
        return self


class LicenceText(_Document):
    """The words of a licence; its numbers (price, period, caps) are on chain under its place in the list.

    `terms` is the legal text, or an ``ipfs://`` or ``https://`` reference to it.
    """

    name: _Line
    description: _LicenceDescription = ""
    terms: _LicenceTerms = ""


class DDO(_Document):
    """The document of an asset. Frozen; equal documents have equal bytes.

    ========== =====================================================================================
    created    RFC 3339 in UTC with whole seconds, ``2026-11-23T17:00:00Z`` (see `utc_text`); left out by default, so
               that the same content gives the same document anywhere: the chain says when it was published
    license    the content's own licence: SPDX expression (``CC0-1.0``) or URL
    image      ``ipfs://<cid>...`` or ``https://...``
    content    None for an asset that is a service
    licences   offers of access; the place in this list is the licence's number on chain
    parents    assets that this one was built from, at most 8
    made_by    CID of the record of the run that made it (see `registry.sandbox.runs`)
    additional any JSON object: finite numbers, integers within +-(2**53-1)
    ========== =====================================================================================

    Raises `InvalidDDO`.
    """

    # Wallets and marketplaces look for a description, so it is there even when empty.
    _always: ClassVar[frozenset[str]] = frozenset({"version", "description"})

    version: Literal["1.0.0"] = DDO_VERSION
    type: AssetType
    name: _Line
    description: _Description = ""
    image: _Image | None = None
    external_url: _Home | None = None
    author: _Line | None = None
    created: _Moment | None = None
    license: _LicenceReference
    tags: Annotated[tuple[_Line, ...], _Array, Field(max_length=64)] = ()
    content: Content | None = None
    licences: Annotated[tuple[LicenceText, ...], _Array, Field(max_length=256)] = ()
    parents: Annotated[tuple[_DIDField, ...], _Array, Field(max_length=MAX_PARENTS)] = ()
    conforms_to: Annotated[tuple[_CIDField, ...], _Array, Field(max_length=16)] = Field(
        default=(), validation_alias="conformsTo", serialization_alias="conformsTo"
    )
    made_by: _CIDField | None = Field(default=None, validation_alias="madeBy", serialization_alias="madeBy")
    additional: _ObjectField = Field(default_factory=FrozenDict)

    @field_validator("tags", "parents", "conforms_to")
    @classmethod
    def _no_repeats(cls, values: tuple[Hashable, ...]) -> tuple[Hashable, ...]:
        _refuse_repeats(values)
        return values

    @field_validator("licences")
    @classmethod
    def _names_are_unique(cls, licences: tuple[LicenceText, ...]) -> tuple[LicenceText, ...]:
        _refuse_repeats([licence.name for licence in licences], suffix="/name")
        return licences

    @classmethod
    def from_bytes(cls, data: bytes) -> DDO:
        """Read canonical bytes; the result writes the same bytes again.

        Raises `DDOTooLarge` over 1 MiB, and `InvalidDDO` with every fault found.
        """
        if not isinstance(data, bytes):
            raise InvalidDDO([Fault("", f"is {type(data).__name__}, not bytes")])
        if len(data) > MAX_BYTES:
            raise DDOTooLarge(len(data), MAX_BYTES)
        value, faults = parse_json(data)
        if value is None and faults:
            raise InvalidDDO(faults)
        ddo = cls._from_json(value, faults)
        if ddo.to_bytes() != data:
            raise InvalidDDO(_differences(value, ddo.to_dict()) or [_spelling_fault(data, ddo.to_bytes())])
        return ddo

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> DDO:
        """Read a parsed JSON object; unlike `from_bytes`, empty fields and missing defaults are fine."""
        return cls._from_json(value, json_faults(value))

    @classmethod
    def _from_json(cls, value: Any, faults: list[Fault]) -> DDO:
        if not isinstance(value, Mapping):
            raise InvalidDDO([*faults, Fault("", "is not a JSON object")])
        try:
            # Names that cannot be encoded are among the faults already, and would hide the rest from pydantic.
            ddo = cls(**{key: item for key, item in value.items() if isinstance(key, str) and printable(key) == key})
        except InvalidDDO as error:
            # The two lookers may find the same fault; the first names it.
            found = {fault.pointer for fault in faults}
            raise InvalidDDO([*faults, *(fault for fault in error.faults if fault.pointer not in found)]) from None
        if faults:
            raise InvalidDDO(faults)
        return ddo

    def to_bytes(self) -> bytes:
        """Return the canonical bytes (RFC 8785, UTF-8); raises `DDOTooLarge` over 1 MiB."""
        data = canonical_bytes(self.to_dict())
        if len(data) > MAX_BYTES:
            raise DDOTooLarge(len(data), MAX_BYTES)
        return data

    @property
    def digest(self) -> Digest:
        """sha2-256 of the canonical bytes, as the registry stores it."""
        return Digest(hashlib.sha256(self.to_bytes()).digest())

    @property
    def cid(self) -> CID:
        """CIDv1 (raw, sha2-256) of the canonical bytes."""
        return CID.raw(self.to_bytes())

    def did_document(self, did: DID, controller: str) -> dict[str, Any]:
        """Return the W3C DID Core document of the asset published as `did` and owned by account `controller`.

        The controller is named by did:pkh, which stands for a key and for a contract alike; the services
        lead to this document and to its content on IPFS. Raises `InvalidAddress`.
        """
        services = [{"id": f"{did}#ddo", "type": "AssetDocument", "serviceEndpoint": f"ipfs://{self.cid}"}]
        if self.content is not None:
            endpoint = f"ipfs://{self.content.cid}"
            services.append({"id": f"{did}#content", "type": "AssetContent", "serviceEndpoint": endpoint})
        if self.external_url is not None:
            services.append({"id": f"{did}#home", "type": "AssetHome", "serviceEndpoint": self.external_url})
        return {
            "@context": ["https://www.w3.org/ns/did/v1"],
            "id": str(did),
            "controller": f"did:pkh:eip155:{did.chain_id}:{to_address(controller)}",
            "service": services,
        }


def ddo_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the documents, for editors and for other languages.

    It says what a schema can say; the rules about names, URLs and repeats are checked by `DDO` alone.
    """
    schema = DDO.model_json_schema(by_alias=True)
    schema["required"] = sorted({*schema["required"], "version", "description"})
    schema["title"] = f"Asset document {DDO_VERSION}"
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


# --- Faults --------------------------------------------------------------------------------------

_MESSAGES: Final = {"extra_forbidden": "is not a known field", "missing": "is missing"}


def faults_of(error: ValidationError) -> list[Fault]:
    """Return what pydantic found wrong, each under its RFC 6901 pointer."""
    faults: list[Fault] = []
    for detail in error.errors(include_url=False, include_input=False):
        at = pointer(detail["loc"])
        cause = detail.get("ctx", {}).get("error")
        if isinstance(cause, _FieldError):
            faults.extend(Fault(at + fault.pointer, fault.message) for fault in cause.faults)
        elif isinstance(cause, ValueError):
            faults.append(Fault(at, str(cause)))
        else:
            faults.append(Fault(at, _MESSAGES.get(detail["type"], _lower_first(printable(detail["msg"])))))
    return faults


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


def _differences(read: Any, written: Any, path: tuple[str | int, ...] = ()) -> list[Fault]:
    """Return what the document as read has otherwise than it would be written."""
    if isinstance(read, Mapping) and isinstance(written, Mapping):
        faults = [Fault(pointer([*path, key]), "has no value; leave it out") for key in read if key not in written]
        faults += [Fault(pointer([*path, key]), "is missing") for key in written if key not in read]
        for key in written:
            if key in read:
                faults += _differences(read[key], written[key], (*path, key))
        return faults
    if isinstance(read, list) and isinstance(written, list):
        pairs = enumerate(zip(read, written, strict=True))
        return [fault for place, (a, b) in pairs for fault in _differences(a, b, (*path, place))]
    return [] if read == written else [Fault(pointer(path), "is not in its usual form")]


def _spelling_fault(data: bytes, canonical: bytes) -> Fault:
    place = next((i for i, (a, b) in enumerate(zip(data, canonical, strict=False)) if a != b), len(canonical))
    return Fault("", f"is not canonical JSON (RFC 8785) from byte {place} on")
