"""Who may open an asset, and who may say so: asked of the contract's views, at the head and at the depth.

Both must say yes. What was bought a moment ago may be undone with its block, and what was lent for a moment is gone at
the other. States and delisting are not asked for: what was bought stays usable.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from eth_utils.crypto import keccak

from registry.chain.connection import Block
from registry.chain.receipt_contract import receipts_of
from registry.chain.signatures import VALID, wallet_check
from registry.did import DID
from registry.gateway.chainview import Answers, ChainView, Question, Said, number_of
from registry.gateway.refusal import Refusal
from registry.gateway.signin import CheckedSignIn, bad_signature
from registry.types import Address, to_address

EDITOR: Final = 1
"""Bit of the role that may change the document, as `Assets` has it."""

USE: Final = 2
"""The kind of a per-use licence, as `LicenceKind` has it."""

_KEPT: Final = 10_000
_WORDS: Final = 9  # of a Licence: price, amount, cap, issued, limit, paymentToken, kind, open, minimum
_KIND: Final = 6
_VERSION: Final = 2  # word of an AssetInfo

_OWNER_OF = keccak(text="ownerOf(uint256)")[:4]
_ROLES_OF = keccak(text="rolesOf(uint256,address)")[:4]
_ACCESS_OF = keccak(text="accessOf(uint256,uint256,address)")[:4]
_LICENCES_OF = keccak(text="licencesOf(uint256)")[:4]
_ASSET_INFO = keccak(text="assetInfo(uint256)")[:4]
_NONCES = keccak(text="nonces(address,uint192)")[:4]


class KeyEntitlement:
    """Asks one registry through a view of its chain."""

    def __init__(self, view: ChainView, registry: Address) -> None:
        self._view = view
        self._registry = registry
        self._receipts = receipts_of(registry)
        self._kinds: OrderedDict[int, tuple[int, ...]] = OrderedDict()

    async def reader(
        self, did: DID, sign_in: CheckedSignIn, licence: int | None, *, inviters: Sequence[str] = ()
    ) -> tuple[Block, str]:
        """The head that an account may open the asset at, and by which right: "owner", "licence" or "invitation".

        By a hold or period `licence`, or any of them, as owner, or invited by one of `inviters` who is owner now.
        Raises `Refusal`: 401 if the account did not sign, 403 if it has no access, 404 for no such asset or licence.
        """
        kinds, fresh = await self._kinds_of(did.asset_id)
        while True:
            refusal: Refusal
            try:
                return await self._reader(did, sign_in, licence, inviters, kinds)
            except Refusal as error:
                if fresh or error.status not in (403, 404):
                    raise
                refusal = error
            # There may be a licence since; and a block that was dropped may have had other ones.
            self._kinds.pop(did.asset_id, None)
            before, (kinds, fresh) = kinds, await self._kinds_of(did.asset_id)
            if kinds == before:
                raise refusal

    async def _reader(
        self, did: DID, sign_in: CheckedSignIn, licence: int | None, inviters: Sequence[str], kinds: tuple[int, ...]
    ) -> tuple[Block, str]:
        asked = [number for number, kind in enumerate(kinds) if kind != USE and licence in (None, number)]
        answers = await self._view.ask(
            *self._proof(sign_in),
            self._question(_OWNER_OF, did.asset_id),
            *(self._question(_ACCESS_OF, did.asset_id, number, int(sign_in.account, 16)) for number in asked),
        )
        head, deep = (said[len(self._proof(sign_in)) :] for said in (answers.at_head, answers.at_depth))
        self._require_proof(sign_in, answers)
        owner = number_of(head[0])
        if owner is None:
            raise _unknown(did)
        if licence is not None and licence >= len(kinds):
            raise Refusal(404, "not_found", f"Asset {did} has no licence {licence}.")
        rights_now = _rights(head, int(sign_in.account, 16), inviters)
        rights_then = _rights(deep, int(sign_in.account, 16), inviters)
        if rights_now and rights_then:
            return answers.head, rights_now[0]
        if rights_now:
            raise too_fresh(self._view.depth)
        if any(kind == USE for number, kind in enumerate(kinds) if licence in (None, number)):
            raise Refusal(
                403,
                "use_needed",
                f"{sign_in.account} has no access to {did} but by use.",
                hint="If it has uses, sign a receipt over one for this very request, and name the version.",
            )
        raise Refusal(403, "no_access", f"{sign_in.account} has no access to {did}.", hint="Buy a licence first.")

    async def prove(self, sign_in: CheckedSignIn) -> Block:
        """The head at which a contract takes the signature, if the account has no key; raises `Refusal` (401)."""
        answers = await self._view.ask(*self._proof(sign_in))
        self._require_proof(sign_in, answers)
        return answers.head

    async def editor(self, did: DID, sign_in: CheckedSignIn) -> tuple[Block, int]:
        """The head at which an account owns or edits the asset, and the asset's version there.

        Raises `Refusal` (401, 403, 404).
        """
        account = int(sign_in.account, 16)
        answers = await self._view.ask(
            *self._proof(sign_in),
            self._question(_OWNER_OF, did.asset_id),
            self._question(_ROLES_OF, did.asset_id, account),
            self._question(_ASSET_INFO, did.asset_id),
        )
        self._require_proof(sign_in, answers)

        def may(said: Sequence[Said]) -> bool:
            owner, roles = number_of(said[-3]), number_of(said[-2])
            return owner == account or bool(roles and roles & EDITOR)

        self._require_authority(did, sign_in.account, answers, may(answers.at_head), may(answers.at_depth))
        info = answers.at_head[-1]
        return answers.head, number_of(info[32 * _VERSION :]) or 0 if isinstance(info, bytes) else 0

    async def owner(self, did: DID, sign_in: CheckedSignIn) -> Block:
        """The head at which an account owns the asset; raises `Refusal` (401, 403, 404)."""
        answers = await self._view.ask(*self._proof(sign_in), self._question(_OWNER_OF, did.asset_id))
        self._require_proof(sign_in, answers)
        owns = [number_of(said[-1]) == int(sign_in.account, 16) for said in (answers.at_head, answers.at_depth)]
        self._require_authority(did, sign_in.account, answers, *owns)
        return answers.head

    async def owner_of(self, did: DID) -> Address:
        """Who owns the asset at the head; raises `Refusal` (404)."""
        said = number_of((await self._view.ask(self._question(_OWNER_OF, did.asset_id))).at_head[0])
        if said is None:
            raise _unknown(did)
        return to_address(said.to_bytes(20, "big"))

    async def receipt_nonce(self, account: str, nonce: int) -> tuple[Answers, int]:
        """Where the holder's count of receipts stands in the key of `nonce`, at the head.

        A receipt can still be handed in while the count is its nonce; when it is higher the receipt is spent.
        """
        words = (int(account, 16), nonce >> 64)
        question = Question(self._receipts, _NONCES + b"".join(word.to_bytes(32, "big") for word in words))
        answers = await self._view.ask(question)
        return answers, number_of(answers.at_head[0]) or 0

    # --- Internal --------------------------------------------------------------------------------

    async def _kinds_of(self, asset_id: int) -> tuple[tuple[int, ...], bool]:
        """The kinds of the licences, and whether they were asked for just now. They never change once they are deep."""
        known = self._kinds.get(asset_id)
        if known is not None:
            return known, False
        answers = await self._view.ask(self._question(_LICENCES_OF, asset_id))
        head, deep = _kinds(answers.at_head[0]), _kinds(answers.at_depth[0])
        if head == deep:
            self._kinds[asset_id] = head
            if len(self._kinds) > _KEPT:
                self._kinds.popitem(last=False)
        return head, True

    def _question(self, selector: bytes, *words: int) -> Question:
        return Question(self._registry, selector + b"".join(word.to_bytes(32, "big") for word in words))

    def _proof(self, sign_in: CheckedSignIn) -> tuple[Question, ...]:
        if sign_in.proven:
            return ()
        return (Question(None, wallet_check(sign_in.account, sign_in.digest, sign_in.signature)),)

    def _require_proof(self, sign_in: CheckedSignIn, answers: Answers) -> None:
        if not sign_in.proven and not answers.at_head[0] == answers.at_depth[0] == VALID:
            raise bad_signature(sign_in.signature)

    def _require_authority(self, did: DID, account: str, answers: Answers, now: bool, then: bool) -> None:
        if now and then:
            return
        if now:
            raise too_fresh(self._view.depth)
        if all(number_of(said) is None for said in answers.at_head[-1:]):
            raise _unknown(did)
        raise Refusal(403, "not_owner", f"{account} may not decide about {did}.", hint="Its owner may.")


def _unknown(did: DID) -> Refusal:
    return Refusal(404, "no_asset", f"There is no asset {did} on the chain.", hint="If it is new: ask again soon.")


def too_fresh(depth: int) -> Refusal:
    """The head says yes, and the block at the depth does not yet."""
    return Refusal(
        403,
        "too_fresh",
        f"The chain says so at its head, but not {depth} blocks below.",
        hint="Wait for some blocks and ask again.",
        retry_after=5,
    )


def _rights(said: Sequence[Said], account: int, inviters: Sequence[str]) -> list[str]:
    owner = number_of(said[0])
    found = ["licence"] if any(number_of(one) == 1 for one in said[1:]) else []
    if owner is not None and owner == account:
        found.append("owner")
    if owner is not None and owner in {int(inviter, 16) for inviter in inviters}:
        found.append("invitation")
    return found


def _kinds(said: Said) -> tuple[int, ...]:
    """The kinds in the ABI encoding of an array of licences."""
    if not isinstance(said, bytes) or len(said) < 64:
        return ()
    words = [int.from_bytes(said[at : at + 32], "big") for at in range(0, len(said), 32)]
    return tuple(words[2 + _WORDS * number + _KIND] for number in range((len(words) - 2) // _WORDS))
