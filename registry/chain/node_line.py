"""The line to a node: asked again as it wishes, in parts that it takes, and never of a time that is over.

A node that limits who asks is left alone for as long as it says, within the time that a question has. One that refuses
many questions at once is asked fewer, down to one. And of several nodes behind one address some are behind: what was
seen in a block is looked for there or later, whoever answers.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any, Final, cast

import requests
from web3 import HTTPProvider
from web3.exceptions import BadResponseFormat, CannotHandleRequest, ProviderConnectionError, Web3RPCError
from web3.middleware import Web3Middleware
from web3.providers import BaseProvider
from web3.types import RPCEndpoint, RPCResponse

from registry.chain.node_answers import (
    in_refusal,
    is_answer,
    is_limited,
    is_shaped,
    is_unwell,
    lacks_block,
    quantity,
    said,
    wait_of,
)
from registry.chain.reverts import raise_revert
from registry.errors import ConnectionFailed, RegistryError
from registry.errors.redaction import redacted, shown
from registry.system.turns import end_turn
from registry.text.waits import waiting_for

Question = tuple[str, Sequence[Any]]
"""A method of JSON-RPC and its parameters."""

SEEN_SECONDS: Final = 30.0
"""How long after a transaction all reads are of its block or later; by then every node has it."""

BEHIND_SECONDS: Final = 10.0
"""How long a node may be behind what was seen."""

KEPT_STATES: Final = 128
"""Of how many of the last blocks every node has the state: one of those that is missing is not there yet."""

TURNED_BACK_SECONDS: Final = 2.0
"""The same on chains for tests, which may have been turned back."""

_READS: Final = frozenset(
    f"eth_{name}"
    for name in ("blockNumber", "chainId", "gasPrice", "getBalance", "getBlockByNumber", "getCode", "getStorageAt")
) | {"eth_getTransactionByHash", "eth_getTransactionReceipt"}
"""Questions that a node which is well answers: an error says something of the node, and nothing of the chain."""

_MAY_BE_NULL: Final = frozenset(
    {"eth_getTransactionByHash", "eth_getTransactionReceipt", "eth_feeHistory", "eth_maxPriorityFeePerGas"}
)

_PLACES: Final = {"eth_call": 1, "eth_getBalance": 1, "eth_getCode": 1, "eth_getStorageAt": 2}
"""Where the block stands among the parameters of what is asked of the state."""

_HEAD: Final[Question] = ("eth_blockNumber", ())
_TRIES: Final = 3
_PAUSE: Final = 0.1
_PAUSE_MAX: Final = 5.0

TOO_LARGE: Final = 413
"""What HTTP says of a question that is too large, and errors here of one over a web socket, and of an answer."""

_PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
"""What HTTP says of a server that may answer in a moment; the rest of its refusals stay."""


_BROKEN: Final = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)
"""A connection that was lost, before the answer or in its middle."""


class NodeLine:
    """The line to the node behind `provider`, whose `url` is what errors call it; a question has `seconds` in all.

    `send` hands one question over. With `turns_back` a chain that ends before what was seen is taken to have been
    turned back, which is done to chains for tests. Methods raise `ConnectionFailed`.
    """

    def __init__(self, provider: BaseProvider, url: str, seconds: float) -> None:
        self.turns_back = False
        self.send: Callable[[RPCEndpoint, Any], RPCResponse] = provider.make_request
        self._provider: Any = provider
        self._url = url
        self._seconds = seconds
        self._named = f"the node at {shown(url) if '://' in url else url}"
        self._most = 1_000 if isinstance(provider, HTTPProvider) else 1
        self._block, self._until = 0, 0.0
        self._held = _Held()

    def saw(self, block: int) -> None:
        """From now on, and for a while, the chain is read at this block or later."""
        self._block, self._until = max(self.seen, block), time.monotonic() + SEEN_SECONDS

    def ask(self, method: str, params: Sequence[Any]) -> RPCResponse:
        """The answer of the node, of the last block or one that was seen."""
        held = self._held.answers.get(_name(method, params)) if self._held.answers else None
        if held:
            return held.pop()
        place = _PLACES.get(method)
        if not self.seen:
            return self._asked(method, params)
        if method == "eth_blockNumber" or (method == "eth_getBlockByNumber" and params[0] == "latest"):
            return self._head(method, params)
        if place is not None and params[place : place + 1] in ([], ["latest"], (), ("latest",)):
            return self._state(method, params, place)
        if method == "eth_getLogs" and _number(params[0].get("toBlock")) >= self.seen:
            return self._logs(params)
        return self._asked(method, params)

    def ask_many(self, questions: Sequence[Question], *, patient: bool = True) -> list[RPCResponse]:
        """The answers to several questions, in their order and as they come: in one request, or in as many as the node
        wants. Who is not `patient` asks again himself."""
        answers: list[RPCResponse] = []
        while len(answers) < len(questions):
            part = questions[len(answers) : len(answers) + self._most]
            if len(part) == 1:
                answers.append(self._asked(*part[0], patient=patient))
                continue
            given = self._together(part, patient)
            if given is None:
                self._most = len(part) // 2
                continue
            answers += given
        return answers

    def ask_states(self, questions: Sequence[Question]) -> list[RPCResponse]:
        """The answers to questions about the states that blocks left, each named by its number: one that who answers
        does not have yet is asked for again, for a while."""
        answers, began = self.ask_many(questions), time.monotonic()
        while missing := [place for place, answer in enumerate(answers) if lacks_block(answer)]:
            passed = time.monotonic() - began
            numbered = (params[_PLACES.get(method, 1)] for method, params in (questions[place] for place in missing))
            newest = max(map(_number, numbered))
            if passed > (TURNED_BACK_SECONDS if self.turns_back else BEHIND_SECONDS):
                break
            if _number(self._asked(*_HEAD).get("result")) - newest >= KEPT_STATES:
                break
            with waiting_for(f"block {newest} of {self._named}", BEHIND_SECONDS, since=began):
                time.sleep(_PAUSE)
            again = self.ask_many([questions[place] for place in missing])
            answers = [again.pop(0) if place in missing else answer for place, answer in enumerate(answers)]
        return answers

    @contextmanager
    def ahead(self, questions: Sequence[Question]) -> Iterator[None]:
        """Ask these in one request now. Within, whoever of this thread asks one of them gets that answer, as often as
        it stands here; what has no answer that says something is asked again then."""
        before = self._held.answers
        missing = [(method, params) for method, params in questions if not before.get(_name(method, params))]
        if missing and self._most > 1:
            self._held.answers = {**before, **self._now(missing)}
        try:
            yield
        finally:
            self._held.answers = before

    def _now(self, questions: Sequence[Question]) -> dict[str, list[RPCResponse]]:
        """The answers to some questions by their names, of a block that was seen or later."""
        often = Counter(_name(method, params) for method, params in questions)
        once = {_name(method, params): (method, params) for method, params in questions}
        began, again = time.monotonic(), False
        while True:
            seen = self.seen
            asked = [_of_block(method, params, seen) for method, params in once.values()]
            found = self.ask_many([_HEAD, *asked] if seen else asked)
            answers, number = (found[1:], _number(found[0].get("result"))) if seen else (found, 0)
            if seen and (number < seen or any(lacks_block(answer) for answer in answers)):
                self._wait_for(seen, began)
            elif number > seen and seen and not again and asked != list(once.values()):
                self._block, again = max(self._block, number), True
            else:
                break
        told = zip(once, answers, strict=True)
        return {name: [answer] * often[name] for name, answer in told if not _says_nothing(answer, seen)}

    # --- Not before what was seen ----------------------------------------------------------------

    @property
    def seen(self) -> int:
        """The block that was seen lately, 0 for none."""
        return self._block if time.monotonic() < self._until else 0

    def _state(self, method: str, params: Sequence[Any], place: int) -> RPCResponse:
        """What is asked of the state: by the number of a block, which whoever answers has or has not."""
        began, again = time.monotonic(), False
        while seen := self.seen:
            asked = [*params[:place], hex(seen), *params[place + 1 :]]
            number, answer = self.ask_many([_HEAD, (method, asked)])
            head = _number(number.get("result"))
            if head > seen and not again:
                # Others have gone on since: once more, as of then.
                self._block, again = max(self._block, head), True
                continue
            if not lacks_block(answer):
                return answer
            self._wait_for(seen, began)
        return self._asked(method, params)

    def _head(self, method: str, params: Sequence[Any]) -> RPCResponse:
        began = time.monotonic()
        while True:
            answer = self._asked(method, params)
            found = answer.get("result")
            head = _number(found.get("number") if isinstance(found, dict) else found)
            seen = self.seen
            if head >= seen or answer.get("error") is not None:
                self._block = max(self._block, head)
                return answer
            self._wait_for(seen, began)

    def _logs(self, params: Sequence[Any]) -> RPCResponse:
        """Logs up to a block that not every node has: one that has not gives fewer, without a word."""
        began = time.monotonic()
        while True:
            logs, block = self.ask_many(
                [("eth_getLogs", params), ("eth_getBlockByNumber", [params[0]["toBlock"], False])]
            )
            if block.get("result") is not None and not lacks_block(logs):
                return logs
            seen = self.seen
            if not seen or _number(params[0]["toBlock"]) > seen:
                return logs
            self._wait_for(seen, began)

    def _wait_for(self, block: int, began: float) -> None:
        passed = time.monotonic() - began
        if self.turns_back and passed > TURNED_BACK_SECONDS:
            self._block = 0
        elif passed > BEHIND_SECONDS:
            raise ConnectionFailed(self._url, f"it is behind block {block}, which was seen already")
        with waiting_for(f"block {block} of {self._named}, which was seen already", BEHIND_SECONDS, since=began):
            time.sleep(_PAUSE)

    # --- Once more -------------------------------------------------------------------------------

    def _asked(self, method: str, params: Sequence[Any], *, patient: bool = True) -> RPCResponse:
        may_repeat = patient and "send" not in method.lower() and method.startswith(("eth_", "net_", "web3_"))
        answer = self._patiently(lambda: self.send(RPCEndpoint(method), params), method, may_repeat)
        if not is_answer(answer):
            raise ConnectionFailed(self._url, "it does not answer like an Ethereum node")
        return cast(RPCResponse, answer)

    def _together(self, questions: Sequence[Question], patient: bool) -> list[RPCResponse] | None:
        """The answers to all of some questions in one request; None if the node does not take so many."""
        asked = [(RPCEndpoint(method), params) for method, params in questions]

        def send() -> Any:
            try:
                return self._provider.make_batch_request(asked)
            except (KeyError, TypeError, AttributeError, BadResponseFormat):
                return None  # answers that have no numbers, or are none

        try:
            answers = self._patiently(send, questions[0][0], patient)
        except ConnectionFailed as error:
            if error.status is None or error.status in _PASSING:
                raise
            return None
        if not isinstance(answers, list) or len(answers) != len(questions):
            return None
        return answers if all(is_answer(one) and not is_limited(one) for one in answers) else None

    def _patiently(self, send: Callable[[], Any], what: str, may_repeat: bool) -> Any:
        """What comes back, once the node wants to answer; raises what `failed` makes of what it does instead."""
        end_turn()
        began = time.monotonic()
        for tries in count(1):
            try:
                with waiting_for(self._named, self._seconds, since=began):
                    answer = send()
                if not is_limited(answer) or not may_repeat:
                    return answer
                failure = ConnectionFailed(self._url, f"it limits who asks ({redacted(said(answer))[:200]!r})")
                limited = True
            except RegistryError:
                raise
            except Exception as error:
                told = in_refusal(error) if isinstance(error, requests.HTTPError) else None
                failure = _failed(self._url, what, error)
                limited = failure.status == 429 or is_limited(told) or failure.retry_after is not None
                if told is not None and not limited:
                    return told
                broken = isinstance(error, _BROKEN) and not isinstance(error, requests.Timeout)
                passing = limited or ((broken or failure.status in _PASSING) and tries < _TRIES)
                if not may_repeat or not passing:
                    raise failure from None
            pause = max(failure.retry_after or 0.0, min(_PAUSE * 2 ** (tries - 1), _PAUSE_MAX))
            if time.monotonic() + pause > began + self._seconds:
                raise failure from None
            with waiting_for(self._named, self._seconds, since=began):
                time.sleep(pause)
        raise AssertionError("the last try returns or raises")


def _failed(url: str, what: str, error: Exception) -> ConnectionFailed:
    """What stands for an exception of the libraries below: what they say has the whole address in it."""
    if isinstance(error, requests.HTTPError):
        status = None if error.response is None else error.response.status_code
        return ConnectionFailed(url, f"it answers {short(error)}", status=status, retry_after=wait_of(error))
    if isinstance(error, requests.Timeout):
        return ConnectionFailed(url, f"{what} took too long")
    if isinstance(error, (BadResponseFormat, CannotHandleRequest, ValueError)):
        return ConnectionFailed(url, f"it does not answer like an Ethereum node ({short(error)})")
    if isinstance(error, (OSError, EOFError, ProviderConnectionError, requests.RequestException)):
        return ConnectionFailed(url, short(error))
    # The kinds of the web socket library, which is loaded only when it is used.
    if type(error).__module__.partition(".")[0] not in ("websockets", "asyncio", "concurrent", "web3", "urllib3"):
        raise error
    too_big = "message too big" in str(error)
    return ConnectionFailed(url, short(error), status=TOO_LARGE if too_big else None)


def short(error: BaseException) -> str:
    """Return at most 200 characters on why a connection failed, without secrets."""
    text = redacted(" ".join(str(error).split()) or type(error).__name__)
    if "Connection refused" in text:
        return "nothing listens there"
    if "RemoteDisconnected" in text:
        return "it closed the connection without an answer"
    return text if len(text) <= 200 else text[:197] + "..."


def _number(found: Any) -> int:
    """A number as nodes write them, 0 for anything else."""
    try:
        return quantity(found)
    except (TypeError, ValueError):
        return 0


class _Held(threading.local):
    """What a thread has asked ahead, by the names of the questions."""

    def __init__(self) -> None:
        self.answers: dict[str, list[RPCResponse]] = {}


def _name(method: str, params: Sequence[Any]) -> str:
    """A question as text; of the last block, whether that is said or not."""
    place = _PLACES.get(method, 1 if method == "eth_estimateGas" else None)
    told = params[:place] if place is not None and list(params[place:]) == ["latest"] else params
    return f"{method} {json.dumps(told, sort_keys=True)}".lower()


def _of_block(method: str, params: Sequence[Any], seen: int) -> Question:
    """A question about the state, asked of a block that was seen; others as they are."""
    place = _PLACES.get(method)
    if not seen or place is None or list(params[place:]) not in ([], ["latest"]):
        return method, params
    return method, [*params[:place], hex(seen)]


def _says_nothing(answer: RPCResponse, seen: int) -> bool:
    """Whether it is an answer that has to be asked for again: a node that is not well, or a block before one that was
    seen."""
    found = answer.get("result")
    if answer.get("error") is not None:
        return is_unwell(answer)
    return found is None or (isinstance(found, dict) and "gasLimit" in found and _number(found.get("number")) < seen)


# --- For web3 ------------------------------------------------------------------------------------


def asking(line: NodeLine, url: str, *, trusted: bool) -> type[Web3Middleware]:
    """Make the middleware that asks by `line`, and turns failures of `url` into the package's errors; one that is
    `trusted` answers in this process, in values of Python."""

    class Asking(Web3Middleware):
        def wrap_make_request(self, make_request: Any) -> Any:
            line.send = make_request  # with what the provider itself puts around its own

            def request(method: RPCEndpoint, params: Any) -> RPCResponse:
                response = _clean(line.ask(method, params))
                if method in ("eth_call", "eth_estimateGas"):
                    raise_revert(response)
                _refuse_nonsense(url, method, params, response)
                result = response.get("result")
                if not trusted and result is not None and not is_shaped(method, result):
                    raise ConnectionFailed(url, f"it answers {str(result)[:100]!r} to {method}")
                return response

            return request

    return Asking


def _clean(response: RPCResponse) -> RPCResponse:
    """An answer whose error does not quote the address that was asked, as those of proxies do."""
    error = response.get("error")
    told = error.get("message") if isinstance(error, dict) else error
    if not isinstance(told, str) or redacted(told) == told:
        return response
    clean = {**error, "message": redacted(told)} if isinstance(error, dict) else redacted(told)
    return cast(RPCResponse, {**response, "error": clean})


def _refuse_nonsense(url: str, method: str, params: Any, response: RPCResponse) -> None:
    """Raise `ConnectionFailed` for an answer that no node gives which is well."""
    error = response.get("error")
    if error is not None:
        told = error.get("message") if isinstance(error, dict) else error
        tried = method in ("eth_call", "eth_estimateGas")
        # What a node says of a transaction comes under the same codes; the sender reads it.
        if method in _READS or (tried and is_unwell(response)):
            raise ConnectionFailed(url, f"it answers {str(told)[:200]!r} to {method}")
        if tried:
            # web3 would look for a revert here once more, and raise errors of its own.
            raise Web3RPCError(str(told), rpc_response=response)
        return
    # A block of a number may not be there; the first and the last always are.
    numbered = method == "eth_getBlockByNumber" and str(params[0]).startswith("0x") and int(params[0], 16) > 0
    may_be_null = numbered or method in _MAY_BE_NULL
    if response.get("result") is None and method.startswith("eth_") and not may_be_null:
        raise ConnectionFailed(url, f"it answers nothing to {method}")
