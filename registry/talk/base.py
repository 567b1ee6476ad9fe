"""What everybody who speaks or listens stands on: one's account, the clock, and who hears it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from registry.chain.connection import Chain
from registry.did import DID
from registry.documents.signed_statements import SignedStatement, TalkStatement
from registry.errors import InputError, InvalidCID
from registry.index.conversation import AHEAD, Talk, talk_of
from registry.index.hearing import heard, heard_by
from registry.index.hubs import Hubs, asked
from registry.index.index_reader import IndexReader
from registry.ipfs.cid import CID
from registry.results import AssetRef
from registry.session import Session
from registry.text.html import Shown
from registry.types import ZERO_ADDRESS

__all__ = ["Said", "Voice", "name_of"]

S = TypeVar("S", bound=TalkStatement)
Listen = Callable[[IndexReader, Chain], Sequence[TalkStatement]]

HERE: Final = "this machine"
"""Who takes what is said without a hub."""


@dataclass(frozen=True, slots=True)
class Said(Shown):
    """What was said and signed: its name, and who took it, hubs by their URLs; see `HERE`."""

    statement: TalkStatement
    cid: CID
    taken_by: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON."""
        return {**self.statement.model_dump(), "cid": str(self.cid), "taken_by": list(self.taken_by)}

    def __str__(self) -> str:
        return f"{self.statement.kind} {self.cid} of {self.statement.asset}, taken by {', '.join(self.taken_by)}"


class Voice:
    """Signs statements, hands them in, and hears what others said.

    Each verb over it takes `hub` as `Searching` does. Without any hub the index of this process takes a statement: it
    is kept at home, where no one else sees it.
    """

    def __init__(self, session: Session) -> None:
        self.session = session

    def say(self, kind: type[S], asset: AssetRef, *, hub: Hubs = None, **fields: Any) -> Said:
        """Sign a statement about an asset and hand it in at each hub; one of them at least takes it.

        Raises `InputError` for what is none or is refused, `NoSigner`, `HubUnavailable` and `ConnectionFailed`.
        """
        session = self.session
        did = session.did(asset)
        signer = session.actor.signing("speak of an asset")
        account = session.address.lower()
        said = kind.made(asset=str(did), account=account, time=self._moment(account, hub), **fields)
        signature = "0x" + bytes(signer.sign_typed_data(said.message())).hex()
        data = SignedStatement.model_validate({"said": said.model_dump(), "signature": signature}).to_bytes()
        refusals: list[InputError] = []

        def hand_in(reader: IndexReader) -> str:
            try:
                reader.say(data)
            except InputError as error:
                refusals.append(error)
                return ""
            return reader.name or HERE

        taken = tuple(filter(None, asked(session, hub, hand_in)))
        if not taken:
            raise refusals[0]
        return Said(said, said.cid, taken)

    def _moment(self, account: str, hub: Hubs) -> int:
        """The later of this machine's time and that of the last block, in seconds since 1970, and after all that the
        account said before: of what it says twice the last counts, also within a second."""
        now = max(int(time.time()), self.session.chain.block().timestamp)
        said = self.hear(lambda reader, chain: heard_by(reader, chain, account, pages=1), hub)
        before = max((one.time for one in said), default=0)
        return max(now, before + 1) if before < now + AHEAD else now

    def hear(self, listen: Listen, hub: Hubs) -> list[TalkStatement]:
        """What `listen` hears from every reader, each statement once."""
        found: dict[str, TalkStatement] = {}
        for told in asked(self.session, hub, lambda reader: listen(reader, self.session.chain)):
            found.update((one.id, one) for one in told)
        return list(found.values())

    def about(self, did: DID, hub: Hubs) -> Talk:
        """What is said of an asset."""
        return self.talk(did, self.hear(lambda reader, chain: heard(reader, chain, did.asset_id), hub))

    def talk(self, did: DID, statements: Sequence[TalkStatement]) -> Talk:
        """What follows from statements, those about other assets left out, for the owner and the council of now."""
        about = [one for one in statements if one.asset == str(did)]
        return talk_of(about, owner=self.owner_of(did), council=self.council)

    def owner_of(self, did: DID) -> str:
        """The owner of an asset now, in lower case."""
        return str(self.session.read(did, self.session.assets.functions.assetInfo(did.asset_id))[0]).lower()

    @property
    def council(self) -> str:
        """The council of curation now, "" for none."""
        dao = self.session.deployment.dao
        if dao is None:
            return ""
        council = self.session.chain.call(self.session.chain.contract("Curation", dao.curation).functions.council())
        return "" if council == ZERO_ADDRESS else str(council).lower()


def name_of(statement: str | CID) -> str:
    """The digest in the name of a statement, as statements refer to it. Raises `InputError`."""
    if isinstance(statement, str) and statement.startswith("0x") and len(statement) == 66:
        return statement
    try:
        return "0x" + bytes(CID.parse(statement).digest).hex()
    except InvalidCID as error:
        raise InputError(
            f"{str(statement)[:80]!r} names no statement.", hint="It is a CID, as it was shown."
        ) from error
