"""What somebody writes in a browser, judged by the rules by which Python publishes. Nothing of it is kept."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from registry.documents.ddo import DDO
from registry.documents.licence import Licence
from registry.errors import DDOTooLarge, Fault, InvalidDDO, InvalidLicence
from registry.index.models import Model, Number, Short
from registry.ipfs.cid import CID
from registry.ipfs.names import writing_fault

__all__ = ["MOST_WRITTEN", "FaultShown", "Judgement", "Writing", "WrittenLicence", "check"]

MOST_WRITTEN: Final = 4 * 1024 * 1024
"""Bytes of what is judged at once."""

MOST_FAULTS: Final = 100


class WrittenLicence(Model):
    """A licence as somebody writes it: its `price` in the token of a `symbol`, "" for none; `amount` in seconds or
    uses."""

    name: Short = ""
    kind: Annotated[int, Field(ge=0, le=3)] = 0
    amount: Number = 0
    price: Short = ""
    symbol: Short = ""


class Writing(Model):
    """A document as it would be published, byte for byte, all paths of its content, and its licences."""

    document: Annotated[str, Field(max_length=2 * 1024 * 1024)]
    names: Annotated[tuple[Short, ...], Field(max_length=20_000)] = ()
    licences: Annotated[tuple[WrittenLicence, ...], Field(max_length=256)] = ()


class FaultShown(Model):
    """What is wrong, and where (RFC 6901)."""

    pointer: str
    reason: str


class Judgement(Model):
    """The document's name, what is wrong, and each licence in words."""

    cid: str
    faults: tuple[FaultShown, ...]
    licences: tuple[str, ...]


def check(written: Writing) -> Judgement:
    """What `Registry.publish` would say of it."""
    data = written.document.encode("utf-8", "surrogatepass")
    faults = [*_document(data), *_names(written.names)]
    words = []
    for place, licence in enumerate(written.licences):
        try:
            words.append(_licence(licence).in_words())
        except InvalidLicence as error:
            words.append("")
            reason = error.message.removeprefix(f"Licence {error.name!r}: ").rstrip(".")
            faults.append(Fault(f"/licences/{place}", reason))
    told = tuple(FaultShown(pointer=one.pointer, reason=one.message) for one in faults[:MOST_FAULTS])
    return Judgement(cid=str(CID.raw(data)), faults=told, licences=tuple(words))


def _document(data: bytes) -> list[Fault]:
    try:
        DDO.from_bytes(data)
    except InvalidDDO as error:
        return list(error.faults)
    except DDOTooLarge as error:
        return [Fault("", error.message)]
    return []


def _names(paths: tuple[str, ...]) -> list[Fault]:
    """Names that some system could not hold, each once."""
    faults = {fault: None for path in paths for name in path.split("/") if (fault := writing_fault(name))}
    return [Fault("/content", fault) for fault in faults]


def _licence(written: WrittenLicence) -> Licence:
    price = f"{written.price} {written.symbol}" if written.price else 0
    if written.kind == 0:
        return Licence.hold(written.name, price=price)
    if written.kind == 1:
        return Licence.period(written.name, seconds=written.amount, price=price)
    if written.kind == 2:
        return Licence.uses(written.name, uses=written.amount, price=price)
    return Licence.stream(written.name, price=price, per=written.amount)
