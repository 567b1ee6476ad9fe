"""The asset that a page is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.errors import InputError
from registry.hub.unanswered import Unanswered
from registry.ipfs.hosts import normal_url

if TYPE_CHECKING:
    from registry.documents.ddo import DDO, Content, ContentFile, Encryption
    from registry.hub.pages.desk import Asked, Desk
    from registry.index.models import Hit
    from registry.index.tables import Row

__all__ = ["Subject", "chosen_gateways", "file_of", "openable", "subject"]


@dataclass(frozen=True, slots=True)
class Subject:
    """An asset, for all of its pages: what the index knows, and its document if it is here."""

    id: int
    hit: Hit
    document: DDO | None
    row: Row

    @property
    def base(self) -> str:
        """The address of its page."""
        return f"/a/{self.id}"

    @property
    def name(self) -> str:
        """Its name, or its number."""
        return self.hit.name or f"Asset {self.id}"

    @property
    def content(self) -> Content | None:
        """What its document says of its content."""
        return self.document.content if self.document is not None else None

    @property
    def files(self) -> tuple[ContentFile, ...]:
        """Its files, as far as its document lists them."""
        return self.content.files if self.content is not None else ()

    @property
    def items(self) -> int:
        """How many items it has; 0 for what is no collection."""
        return int(self.row.get("size", 0))

    @property
    def gated(self) -> bool:
        """Whether its content is encrypted: then nothing of it is looked into."""
        return self.content is not None and self.content.encryption is not None

    @property
    def hidden(self) -> bool:
        """Whether even the names of its files are hidden."""
        return self.content is not None and self.content.encryption is not None and self.content.encryption.hidden

    @property
    def names(self) -> list[str]:
        """Paths of its files, as many as links in its README may lead to."""
        return [one.path for one in self.files[:2_000]]


def subject(desk: Desk, asked: Asked) -> Subject:
    """The asset that a page is about. Raises `Unanswered` for a number that none has."""
    id = int(asked.path["id"])
    hit = desk.hit(id)
    return Subject(id, hit, desk.document(bytes.fromhex(hit.digest)), desk.row("asset", id) or {})


def file_of(it: Subject, path: str) -> ContentFile:
    """A file that the document lists. Raises `Unanswered`."""
    found = next((one for one in it.files if one.path == path), None)
    if found is None:
        raise Unanswered(404, "not_found", "The asset has no such file.")
    return found


def chosen_gateways(asked: Asked, encryption: Encryption) -> list[str]:
    """The key gateways of the document that the reader chose in the form. Raises `Unanswered` for too few."""
    chosen = {value for name, value in asked.form if name == "key"}
    keys = [one.url for one in encryption.gateways if one.url in chosen]
    if len(keys) < encryption.threshold:
        raise Unanswered(
            422,
            "invalid",
            "Fewer key gateways are chosen than make the key.",
            hint=f"{encryption.threshold} of those that the document names make it.",
        )
    return keys


def openable(desk: Desk, asked: Asked) -> tuple[Subject, Encryption]:
    """An asset whose key a page can ask of key gateways, and how it is encrypted. Raises `Unanswered`."""
    it = subject(desk, asked)
    encryption = it.content.encryption if it.content is not None else None
    if encryption is None:
        raise Unanswered(404, "not_here", "Its content is not encrypted.", hint=f"Its files: {it.base}/files")
    if not encryption.gateways:
        hint = f"Its owner opens it with the command: registry download {it.id}"
        raise Unanswered(404, "not_here", "No key gateway serves it, so a page cannot open it.", hint=hint)
    try:
        for one in encryption.gateways:
            normal_url(one.url)
    except InputError as error:
        raise Unanswered(404, "not_here", error.message, hint=error.hint) from error
    return it, encryption
