"""What is proposed, before it is on chain: a title, a body in Markdown, and the calls.

On chain stands a short description: the title, the CID of the body, and who proposes. The body is canonical JSON (RFC
8785) of at most one block, with the calls in words and the code hashes of their targets as they were when it was
written, so that a voter on another machine can see what its author saw.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from registry.chain.call import Call
from registry.documents.canonical import canonical_bytes, parse_json
from registry.errors import DescriptionTooLong, InvalidDraft, RegistryError, UnpinnedBody
from registry.ipfs.cid import CID
from registry.text.html import Shown
from registry.text.letters import unseen
from registry.types import Address, to_address

FORMAT: Final = "registry.dao.proposal.v1"

MAX_BODY: Final = 2**20
"""Bytes of a body: one block."""

MAX_TITLE: Final = 200
MAX_ACTIONS: Final = 100
"""More calls than fit in a transaction."""

_DESCRIPTION: Final = re.compile(r"# (?P<title>[^\n]*)\n\nipfs://(?P<cid>[a-z0-9]+)\n\n#proposer=(0x[0-9a-fA-F]{40})")


@dataclass(frozen=True, slots=True)
class Action:
    """One call of a proposal; `code_hash` is its target's when it was drafted (0x and 64 digits; empty without code).

    `words` says what it does, as its author saw it.
    """

    call: Call
    code_hash: str
    words: str = ""


@dataclass(frozen=True)
class ProposalDraft(Shown):
    """A proposal that can be simulated and submitted. Made by `Deciding.draft`, or from a file by `read_draft`."""

    chain_id: int
    governor: Address
    proposer: Address
    title: str
    body: str = field(repr=False)
    actions: tuple[Action, ...]

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls, in order."""
        return tuple(action.call for action in self.actions)

    @cached_property
    def document(self) -> bytes:
        """The body as it is pinned; raises `DescriptionTooLong` if it is larger than one block."""
        made = canonical_bytes(
            {
                "format": FORMAT,
                "chainId": self.chain_id,
                "governor": self.governor,
                "title": self.title,
                "body": self.body,
                "actions": [
                    {
                        "target": action.call.to,
                        "value": str(action.call.value),
                        "data": "0x" + action.call.data.hex(),
                        "codeHash": action.code_hash,
                        "words": action.words,
                        **({"abi": list(action.call.abi)} if action.call.abi else {}),
                    }
                    for action in self.actions
                ],
            }
        )
        if len(made) > MAX_BODY:
            raise DescriptionTooLong(len(made), MAX_BODY)
        return made

    @property
    def cid(self) -> CID:
        """CID of the body."""
        return CID.raw(self.document)

    @property
    def description(self) -> str:
        """What stands on chain."""
        return f"# {self.title}\n\nipfs://{self.cid}\n\n#proposer={self.proposer.lower()}"

    def __str__(self) -> str:
        return f"proposal {self.title!r} of {len(self.actions)} call{'s' * (len(self.actions) != 1)}"


@dataclass(frozen=True, slots=True)
class Body(Shown):
    """The body of a proposal as it was pinned."""

    title: str
    text: str
    actions: tuple[Action, ...]

    @property
    def abi(self) -> tuple[str, ...]:
        """What its author calls functions of strangers' contracts."""
        return tuple(signature for action in self.actions for signature in action.call.abi)

    def fits(self, calls: Sequence[Call]) -> bool:
        """Whether it describes these calls."""
        return tuple(action.call for action in self.actions) == tuple(calls)


def check_title(title: str) -> str:
    """Return a title of one line; raises `InvalidDraft`."""
    found = " ".join(title.split())
    if not found or len(found) > MAX_TITLE or not found.isprintable() or unseen(found):
        raise InvalidDraft("The proposal", f"its title has {len(found)} characters, not 1 to {MAX_TITLE} that print")
    return found


def read_description(description: str) -> tuple[str, CID | None]:
    """Return title and CID of the body in a description; proposals made elsewhere may have no such CID."""
    found = _DESCRIPTION.fullmatch(description)
    if found is not None:
        try:
            return found["title"], CID.parse(found["cid"])
        except RegistryError:
            pass
    first = next((line.lstrip("# ").strip() for line in description.splitlines() if line.strip()), "")
    return first[:MAX_TITLE] or "(no title)", None


def read_body(data: bytes, cid: CID, *, chain_id: int, governor: str) -> Body:
    """Read a pinned body; raises `UnpinnedBody` for what is none, or is one for another DAO."""
    value, faults = parse_json(data)
    try:
        if faults:
            raise ValueError(str(faults[0]))
        if value["format"] != FORMAT:
            raise ValueError(f"its format is not {FORMAT}")
        if (value["chainId"], value["governor"]) != (chain_id, governor):
            raise ValueError("it is for another DAO")
        actions = tuple(_action(entry) for entry in value["actions"])
        return Body(str(value["title"]), str(value["body"]), actions)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnpinnedBody(cid, f"what is there is no body of this DAO ({error})") from error


def _action(entry: Mapping[str, Any]) -> Action:
    data, abi = bytes.fromhex(entry["data"][2:]), tuple(map(str, entry.get("abi", ())))
    call = Call(to_address(entry["target"]), data, int(entry["value"]), abi=abi)
    return Action(call, str(entry["codeHash"]), str(entry["words"]))
