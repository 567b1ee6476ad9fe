"""What the chain says, at its head and at a depth below it, asked by many at once in few requests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from registry.chain.batch import Read, read_many
from registry.chain.connection import Block, Chain
from registry.errors import ChainError, ContractError, TransactionReverted
from registry.gateway.refusal import Refusal
from registry.gateway.signin import SKEW, utc
from registry.types import Address

Said = bytes | ContractError | TransactionReverted

_MOST_READS: Final = 512
"""Reads in one request to the node."""


@dataclass(frozen=True, slots=True)
class Question:
    """A call of a contract; `to` None runs code as `registry.chain.signatures.wallet_check` makes it."""

    to: Address | None
    data: bytes


@dataclass(frozen=True, slots=True)
class Answers:
    """What was said to each question at the `head`, and at the block `deep` below it."""

    head: Block
    deep: int
    at_head: tuple[Said, ...]
    at_depth: tuple[Said, ...]


class ChainView:
    """One node's view of one chain. Questions that come while a request is under way go together in the next.

    `depth` is how many blocks below the head is asked too, `head_age` how many seconds old the head may be (None: any,
    also one of a time to come).
    """

    def __init__(
        self, chain: Chain, depth: int, *, head_age: int | None, clock: Callable[[], float] = time.time
    ) -> None:
        self.chain = chain
        self.depth = depth
        self._head_age = head_age
        self._clock = clock
        self._waiting: list[tuple[Sequence[Question], asyncio.Future[Answers]]] = []
        self._asking: asyncio.Task[None] | None = None

    async def ask(self, *questions: Question) -> Answers:
        """Ask each question at both blocks; raises `Refusal` (503) if the node cannot say, or lags behind."""
        future: asyncio.Future[Answers] = asyncio.get_running_loop().create_future()
        self._waiting.append((questions, future))
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._work())
        return await future

    async def _work(self) -> None:
        while self._waiting:
            taken: list[tuple[Sequence[Question], asyncio.Future[Answers]]] = []
            reads = 0
            while self._waiting and (not taken or reads + 2 * len(self._waiting[0][0]) <= _MOST_READS):
                taken.append(self._waiting.pop(0))
                reads += 2 * len(taken[-1][0])
            taken = [one for one in taken if not one[1].done()]
            try:
                answers = await asyncio.to_thread(self._read, [questions for questions, _ in taken])
                for (_, future), answer in zip(taken, answers, strict=True):
                    if not future.done():
                        future.set_result(answer)
            except Exception as error:
                for _, future in taken:
                    if not future.done():
                        future.set_exception(_unanswered(error))

    def _read(self, asked: Sequence[Sequence[Question]]) -> list[Answers]:
        head = self.chain.block()
        self._check_times(head)
        # A chain younger than the depth: at its first block there is no registry, so nobody has access.
        deep = max(0, head.number - self.depth)
        blocks = (head.number, deep) if deep != head.number else (head.number,)
        reads = [Read(q.to, q.data, block) for block in blocks for questions in asked for q in questions]
        said = read_many(self.chain, reads)
        total = len(reads) // len(blocks)
        first, second = said[:total], said[-total:] if total else []
        found, at = [], 0
        for questions in asked:
            end = at + len(questions)
            found.append(Answers(head, deep, tuple(first[at:end]), tuple(second[at:end])))
            at = end
        return found

    def _check_times(self, head: Block) -> None:
        """Raise `Refusal` where the chain and the gateway do not agree on the time: by a clock that is behind, sign-ins
        and invitations that are over would be good still."""
        if self._head_age is None:
            return
        ahead = self._clock() - head.timestamp
        if -SKEW <= ahead <= self._head_age:
            return
        hint = "It lags behind, or the gateway's clock is ahead" if ahead > 0 else "The gateway's clock is behind"
        raise Refusal(
            503,
            "chain",
            f"The node's last block is of {utc(head.timestamp)}, and here it is {utc(head.timestamp + ahead)}.",
            hint=f"{hint}; try another gateway, or later.",
            retry_after=15,
        )


def _unanswered(error: Exception) -> Exception:
    if isinstance(error, ChainError):
        return Refusal(
            503, "chain", "The chain cannot be asked.", hint="Try another gateway, or this one later.", retry_after=5
        )
    return error


def number_of(said: Said) -> int | None:
    """The first word of an answer; None if there is none, or the contract refused."""
    return int.from_bytes(said[:32], "big") if isinstance(said, bytes) and len(said) >= 32 else None
