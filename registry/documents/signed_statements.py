"""What people say of an asset and sign: comments, likes, requests for access and the answers to these.

A statement has one spelling (RFC 8785), and the CID of those bytes is its name, whoever keeps it and whichever
signature came with it. What is signed is the same in EIP-712, with the text itself, so that a wallet shows all of it;
the domain names chain and registry, the message the account and the asset, so that it is good for nothing else.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from registry.did import DID
from registry.documents.canonical import canonical_bytes, parse_json, thaw
from registry.documents.typed_data import typed_data
from registry.errors import InputError, InvalidDID
from registry.ipfs.cid import CID
from registry.text.html import Shown
from registry.text.letters import turns_writing, unseen

__all__ = [
    "AccessAnswer",
    "AccessRequest",
    "Comment",
    "Fold",
    "Like",
    "SignedStatement",
    "TalkStatement",
    "Withdrawal",
    "read_statement",
]

MOST_TEXT: Final = 10_000
"""Bytes of a text."""

MOST_SIGNATURE: Final = 8_192
"""Bytes of a signature: a Safe's has 65 for each owner."""

MOST: Final = 2 * MOST_TEXT + 2 * MOST_SIGNATURE + 2_000
"""Bytes of a signed statement: JSON spells a quotation mark and a break of lines with two."""

NONE: Final = "0x" + "0" * 64
"""In the place of the statement that a comment answers: it answers none."""


def _plain(text: str) -> str:
    """A text that is as it looks. Raises `ValueError`."""
    if len(text.encode("utf-8", "surrogatepass")) > MOST_TEXT:
        raise ValueError(f"has more than {MOST_TEXT:,} bytes")
    odd = turns_writing(text) or any(
        unicodedata.category(one) in ("Cc", "Cs", "Zl", "Zp") for one in set(text) - {"\n"}
    )
    if odd or unseen(text) is not None:
        raise ValueError("has letters that nobody sees, or that turn the direction of writing")
    return text


def _whole(text: str) -> str:
    if not text.strip():
        raise ValueError("says nothing")
    return text


def _asset(text: str) -> str:
    try:
        same = str(DID.parse(text)) == text
    except InvalidDID as error:
        raise ValueError(error.message) from None
    if not same:
        raise ValueError("is another spelling of a DID")
    return text


_Text = Annotated[str, AfterValidator(_plain)]
_SomeText = Annotated[str, AfterValidator(_plain), AfterValidator(_whole)]
_Asset = Annotated[str, Field(max_length=256), AfterValidator(_asset)]
_Account = Annotated[str, Field(pattern=r"^0x[0-9a-f]{40}$")]
_Hash = Annotated[str, Field(pattern=r"^0x[0-9a-f]{64}$")]
_Count = Annotated[int, Field(ge=0, le=2**53 - 1)]


class TalkStatement(BaseModel, Shown):
    """What an `account` says of an `asset` (a DID) at a `time` (seconds since 1970, as the account has it)."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", regex_engine="python-re")

    primary: ClassVar[str]
    signed: ClassVar[dict[str, str]]
    """Name and fields of the EIP-712 message, beside asset, account and time."""

    kind: str
    asset: _Asset
    account: _Account
    time: _Count

    @classmethod
    def made(cls, **fields: Any) -> Self:
        """One with these fields. Raises `InputError` with all that is wrong."""
        try:
            return cls(**fields)
        except ValidationError as error:
            raise _refused([_in_words(one) for one in error.errors(include_url=False)[:20]]) from None

    @property
    def did(self) -> DID:
        """The asset."""
        return DID.parse(self.asset)

    def to_bytes(self) -> bytes:
        """Its one spelling."""
        return canonical_bytes(self.model_dump())

    @property
    def cid(self) -> CID:
        """Its name."""
        return CID.raw(self.to_bytes())

    @property
    def id(self) -> str:
        """The digest in its name, as other statements refer to it: 0x and 64 digits."""
        return "0x" + bytes(self.cid.digest).hex()

    def message(self) -> dict[str, Any]:
        """The EIP-712 message that the account signs."""
        did, given = self.did, self.model_dump()
        return typed_data(
            self.primary,
            {"asset": "uint256", "account": "address", **self.signed, "time": "uint64"},
            {
                "asset": did.asset_id,
                "account": self.account,
                **{one: given[one] for one in self.signed},
                "time": self.time,
            },
            name="Metahub",
            version="1",
            chain_id=did.chain_id,
            contract=did.registry,
        )


class Comment(TalkStatement):
    """A comment on a version of an asset, or an answer to the comment `parent`."""

    primary = "Comment"
    signed: ClassVar = {"version": "uint64", "parent": "bytes32", "text": "string"}

    kind: Literal["comment"] = "comment"
    version: _Count
    parent: _Hash = NONE
    text: _SomeText


class Like(TalkStatement):
    """Whether the account likes the asset; the last of an account counts."""

    primary = "Like"
    signed: ClassVar = {"liked": "bool"}

    kind: Literal["like"] = "like"
    liked: bool = True


class AccessRequest(TalkStatement):
    """A wish for units of a licence, and what for."""

    primary = "AccessRequest"
    signed: ClassVar = {"licence": "uint8", "use": "string"}

    kind: Literal["request"] = "request"
    licence: Annotated[int, Field(ge=0, le=255)]
    use: _SomeText


class AccessAnswer(TalkStatement):
    """What the owner did about a request. It gives nothing by itself: a grant is a transaction, an invitation lies with
    the key gateways."""

    primary = "AccessAnswer"
    signed: ClassVar = {"request": "bytes32", "outcome": "string", "text": "string"}

    kind: Literal["answer"] = "answer"
    request: _Hash
    outcome: Literal["granted", "invited", "declined"]
    text: _Text = ""


class Withdrawal(TalkStatement):
    """The account no longer says what it said; what it said can still be had by its CID."""

    primary = "Withdrawal"
    signed: ClassVar = {"statement": "bytes32"}

    kind: Literal["withdrawal"] = "withdrawal"
    statement: _Hash


class Fold(TalkStatement):
    """The asset's owner or the council has a comment shown folded, or no longer so; nothing is deleted."""

    primary = "Fold"
    signed: ClassVar = {"statement": "bytes32", "folded": "bool"}

    kind: Literal["fold"] = "fold"
    statement: _Hash
    folded: bool = True


class SignedStatement(BaseModel):
    """A statement with the signature of its account: r, s, v of a key, or what a contract takes (ERC-1271)."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", regex_engine="python-re")

    said: Annotated[
        Comment | Like | AccessRequest | AccessAnswer | Withdrawal | Fold,
        Field(discriminator="kind"),
    ]
    signature: Annotated[str, Field(pattern=r"^0x([0-9a-f]{2})+$", max_length=2 + 2 * MOST_SIGNATURE)]

    def to_bytes(self) -> bytes:
        """Its one spelling, as hubs hand it on."""
        return canonical_bytes(self.model_dump())


_ADAPTER: Final = TypeAdapter(SignedStatement)


def read_statement(data: bytes) -> SignedStatement:
    """A signed statement from its bytes; whose signature it is has not been looked at. Raises `InputError` with all
    that is wrong, also for another spelling of a right one."""
    if len(data) > MOST:
        raise InputError(f"The statement has {len(data):,} bytes.", hint=f"It has at most {MOST:,}.")
    value, faults = parse_json(data)
    if faults:
        raise _refused([str(fault) for fault in faults[:20]])
    try:
        found = _ADAPTER.validate_python(thaw(value))
    except ValidationError as error:
        raise _refused([_in_words(one) for one in error.errors(include_url=False)[:20]]) from None
    if found.to_bytes() != data:
        raise InputError("The statement is not spelled as RFC 8785 has it.", hint="Send the bytes that were made.")
    return found


def _in_words(error: Any) -> str:
    where = "/".join(str(part) for part in error["loc"])
    return re.sub(r"^Value error, ", "", f"{error['msg']}") + f" (/{where})"


def _refused(faults: list[str]) -> InputError:
    return InputError(
        f"It is no statement: {'; '.join(faults)}.", hint="'registry comment', 'like' and 'requests' make them."
    )
