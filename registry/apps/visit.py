"""One visitor of an app: what their wallet is asked, and what is believed of the answers.

Whatever comes from the page may come from anybody, so nothing of it counts but signatures of what was asked here. No
key of the server signs for a visitor: their client has a signer that asks their wallet, and sends no transactions.
"""

from __future__ import annotations

import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar

from registry.chain.batch import Read, read_many
from registry.chain.journal import Journal
from registry.chain.signatures import VALID, recover, text_digest, wallet_check
from registry.client import Registry
from registry.errors import InputError, SignerError
from registry.gated.key_store import MemoryKeys
from registry.gated.protocol import sign_in_text
from registry.ipfs.hosts import is_loopback
from registry.text.letters import one_line
from registry.types import Address, to_address

__all__ = ["Visit", "VisitorSigner", "own_domain"]

ASKED_SECONDS: Final = 600
"""How long a question to the wallet may be answered."""

SIGNED_IN_SECONDS: Final = 12 * 3600
"""How long a sign-in lasts, if the app does not end before."""

SETTLE_SECONDS: Final = 60.0
"""Seconds for what is worked on before it asks the wallet, or ends."""

LARGEST: Final = 16_384
"""Letters of a signature; those of contracts are the longest."""

_HOST: Final = re.compile(r"[A-Za-z0-9.\-]{1,253}(:\d{1,5})?|\[[0-9a-fA-F:]{2,45}\](:\d{1,5})?")

_T = TypeVar("_T")


def own_domain(host: str, domain: str | None) -> str:
    """The name that sign-in messages give this app: `domain`, or else `host`, as the browser named it, if that is this
    machine's.

    A browser's word alone does not do: whoever shows our messages on a page of theirs would have us name it.
    Raises `InputError`.
    """
    if domain:
        return domain
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
    if is_loopback(name.strip("[]")):
        return host
    raise InputError(
        f"The browser calls this app {one_line(host, 100)!r}, and the app does not know whether that is its name.",
        hint='Say where it is: sign_in(domain="app.example").',
    )


@dataclass(frozen=True, eq=False, slots=True)
class WalletQuestion:
    """What the wallet is asked to sign. `known` is one that the visitor has just asked for, `until` the seconds of this
    process's clock at which it is too late."""

    method: str
    params: list[str]
    text: str
    known: bool = False
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    until: float = field(default_factory=lambda: time.monotonic() + ASKED_SECONDS)
    answer: SimpleQueue[bytes | None] = field(default_factory=SimpleQueue)
    seen: threading.Event = field(default_factory=threading.Event)

    def told(self) -> dict[str, Any]:
        """For the page."""
        return {name: getattr(self, name) for name in ("id", "method", "params", "text", "known")}


class VisitorSigner:
    """The wallet of somebody who signed in: signs messages, each after they agreed, and no transactions."""

    patience: Final = float(ASKED_SECONDS)

    def __init__(self, address: Address, ask: Callable[[WalletQuestion], bytes]) -> None:
        self.address: Final = address
        self._ask = ask

    def __repr__(self) -> str:
        return f"VisitorSigner({self.address})"

    def sign_text(self, message: bytes) -> bytes:
        """The wallet's signature of a personal message. Raises `SignerError` if there is none."""
        text = message.decode("utf-8", "backslashreplace")
        return self._ask(WalletQuestion("personal_sign", ["0x" + message.hex(), self.address], text))

    def sign_typed_data(self, full_message: dict[str, Any]) -> bytes:
        """The wallet's signature of an EIP-712 message. Raises `SignerError` if there is none."""
        said = {name: str(value) if type(value) is int else value for name, value in full_message["message"].items()}
        # As text: scripts read numbers as doubles, and would have another one signed from 2**53 on.
        text, shown = (
            json.dumps({**full_message, "message": said}, default=_hexed, indent=indent) for indent in (None, 1)
        )
        return self._ask(WalletQuestion("eth_signTypedData_v4", [self.address, text], shown))

    def sign_transaction(self, tx: dict[str, Any]) -> bytes:
        """Raises `SignerError`: wallets of browsers send transactions themselves."""
        raise SignerError("A visitor's wallet sends its own transactions.", hint="Use buy() of the app.")


def _hexed(value: Any) -> str:
    """Bytes as wallets take them."""
    return "0x" + bytes(value).hex()


class Visit:
    """A visitor: `account` once they have signed in; `note` and `tone`, what they are told; `walletless` once their
    page found no wallet.

    `domain` is the name in sign-in messages; None takes the page's word for it, which does where whoever reaches this
    process may do anything in it, as in a notebook. `watchers` are called when something is to be shown. `hears` are
    the seconds within which the page must say that it shows a question, 0 for any time.
    """

    def __init__(self, registry: Registry, domain: str | None, *, hears: float = 0.0) -> None:
        self.registry: Final = registry.signed_by(None)
        self.domain: Final = domain
        self.hears: Final = hears
        self.watchers: Final[list[Callable[[], None]]] = []
        self.note, self.tone = "", ""
        self.walletless = False
        self._account: Address | None = None
        self._client: Registry | None = None
        self._until = 0.0
        self._asked: WalletQuestion | None = None
        self._wrong_chain = False
        self._asking: Address | None = None
        self._answered = ""
        self._errands: dict[object, _Errand] = {}
        self._one = threading.Lock()
        self._moved = threading.Condition()

    @property
    def account(self) -> Address | None:
        """Who signed in, None for nobody, and after half a day."""
        if self._account is not None and time.monotonic() > self._until:
            self._leave("Signed out after a while. Sign in again.")
        return self._account

    def told(self) -> dict[str, Any]:
        """What the page shows."""
        account = self.account
        asked = self._question()
        return {
            "chain": self.registry.chain.chain_id,
            "hears": self.hears > 0,
            "account": account or "",
            "note": self.note,
            "tone": self.tone,
            "switch": self._wrong_chain and account is None,
            "ask": asked.told() if asked is not None else None,
        }

    # --- What the page says ----------------------------------------------------------------------

    def heard(self, said: object) -> None:
        """Take what the page says; what makes no sense is passed over."""
        if not isinstance(said, Mapping):
            return
        take = {
            "account": self._connected,
            "signed": self._signed,
            "failed": self._failed,
            "moved": self._account_moved,
            "leave": self._left,
            "acted": self._acted,
            "seen": self._seen,
        }.get(str(said.get("kind")))
        if take is not None:
            if take != self._seen:
                self._say("", "")
            take(said)
            self._changed()

    def _changed(self) -> None:
        for show in tuple(self.watchers):
            show()

    def _connected(self, said: Mapping[str, Any]) -> None:
        self._wrong_chain = False
        try:
            account = to_address(str(said.get("account"))[:100])
        except InputError:
            self._say("The wallet named no account. Choose one there.", "bad")
            return
        now, domain = int(time.time()), self.domain or said.get("host")
        if not isinstance(domain, str) or not _HOST.fullmatch(domain):
            self._say("The page does not say where it is.", "bad")
            return
        here = is_loopback(domain.rpartition(":")[0].strip("[]") or domain)
        text = sign_in_text(
            domain=domain,
            account=account,
            uri=f"{'http' if here else 'https'}://{domain}",
            chain_id=self.registry.chain.chain_id,
            nonce=secrets.token_hex(12),
            issued_at=now,
            expires_at=now + ASKED_SECONDS,
            resources=(f"eip155:{self.registry.chain.chain_id}:{self.registry.deployment.registry.lower()}",),
            statement="Show this app which account is yours. It sends no transaction, and costs nothing.",
        )
        self._asked = WalletQuestion("personal_sign", ["0x" + text.encode().hex(), account], text, known=True)
        self._asking = account

    def _signed(self, said: Mapping[str, Any]) -> None:
        asked, given = self._question(), str(said.get("signature"))
        if said.get("id") == self._answered:
            return  # hosts may hand a message on twice
        if asked is None or said.get("id") != asked.id:
            self._say("That was asked too long ago. Begin again.", "bad")
            return
        try:
            signature = bytes.fromhex(given.removeprefix("0x")) if len(given) <= LARGEST else b""
        except ValueError:
            signature = b""
        if self._account is not None:
            self._answer(signature)
            return
        self._answered, self._asked = asked.id, None
        account = self._asking
        if account is None or not is_signed(self.registry, account, asked.text.encode(), signature):
            self._say(f"Refused: the signature is not that of {account}. Nobody is signed in.", "bad")
            return
        self._account, self._until = account, time.monotonic() + SIGNED_IN_SECONDS

    def _failed(self, said: Mapping[str, Any]) -> None:
        why = said.get("why")
        if why == "declined":
            self._say("You declined in the wallet.", "calm")
        elif why == "no wallet":
            self.walletless = True
            self._say("There is no wallet in this browser. Open this page in the one that has yours.", "calm")
        elif why == "chain":
            self._wrong_chain = True
            there = one_line(str(said.get("chain")), 20)
            self._say(f"The wallet is on chain {there}, this app on chain {self.registry.chain.chain_id}.", "calm")
        else:
            self._say(one_line(str(said.get("words")), 200), "bad")
        if self._account is None:
            self._asked = None
        elif self._asked is not None:
            self._answer(None)

    def _seen(self, said: Mapping[str, Any]) -> None:
        if self._asked is not None and said.get("id") == self._asked.id:
            self._asked.seen.set()

    def _acted(self, _: Mapping[str, Any]) -> None:
        """Whoever shows what the chain says looks again."""

    def _account_moved(self, said: Mapping[str, Any]) -> None:
        now = str(said.get("account"))[:100]
        if self._account is not None and now.lower() != self._account.lower():
            self._leave(f"The wallet is at {one_line(now, 42) or 'no account'} now. Sign in again.")

    def _left(self, _: Mapping[str, Any]) -> None:
        self._leave("")

    def _leave(self, note: str) -> None:
        self._account, self._client = None, None
        if self._asked is not None:
            self._answer(None)
        self._errands.clear()
        self._say(note, "calm" if note else "")

    def _say(self, note: str, tone: str) -> None:
        self.note, self.tone = note, tone

    # --- What is asked of the wallet -------------------------------------------------------------

    def _question(self) -> WalletQuestion | None:
        if self._asked is not None and time.monotonic() > self._asked.until:
            self._answer(None)
            self._answered = ""  # whoever signs it now is told that it is too late
        return self._asked

    def _answer(self, signature: bytes | None) -> None:
        with self._moved:
            asked, self._asked = self._asked, None
            if asked is not None:
                self._answered = asked.id
                asked.answer.put(signature)

    def _ask(self, account: Address, question: WalletQuestion) -> bytes:
        """One question at a time, and none for somebody who has left."""
        with self._one:
            with self._moved:
                if account == self._account:
                    self._asked = question
                    self._moved.notify_all()
                    self._changed()
                else:
                    question.answer.put(None)
            if account == self._account and self.hears and not question.seen.wait(self.hears):
                self._answer(None)
                raise SignerError(
                    "The page cannot ask your wallet while a cell runs.",
                    hint="Sign in by a link: login(link=True).",
                )
            try:
                signature = question.answer.get(timeout=ASKED_SECONDS)
            except Empty:
                signature = None
        if signature is None:
            raise SignerError("The wallet did not sign.", hint="Confirm it in the wallet and try again.")
        return signature

    @property
    def client(self) -> Registry:
        """The registry as the visitor uses it: their wallet signs messages, and their keys are in memory alone. Raises
        `SignerError` before they have signed in."""
        account = self.account
        if account is None:
            raise SignerError("Nobody has signed in.", hint="Call sign_in() before.")
        if self._client is None:
            base = self.registry
            self._client = Registry(
                base.chain,
                base.deployment,
                signer=VisitorSigner(account, partial(self._ask, account)),
                store=base.store,
                journal=Journal.in_memory(),
                progress=base.progress if self.domain is None else None,  # an app's visitors see no line of its server
                keys=MemoryKeys(),
                names=base._names,
            )
        return self._client

    def work(self, name: object, do: Callable[[Registry], _T]) -> _T | None:
        """What `do` gives with the visitor's client; None while their wallet is asked, until it is called again under
        the name. Raises what `do` raises, and `SignerError`."""
        client = self.client
        errand = self._errands.get(name)
        if errand is None:
            errand = self._errands[name] = _Errand(lambda: do(client), self._moved)
        until = time.monotonic() + SETTLE_SECONDS
        with self._moved:
            while not errand.over and self._asked is None and time.monotonic() < until:
                self._moved.wait(1.0)
            if not errand.over:
                return None
        self._errands.pop(name, None)
        found: _T = errand.outcome()
        return found


class _Errand(threading.Thread):
    """Work beside the run of an app's script, since a wallet answers in a later run."""

    def __init__(self, do: Callable[[], Any], moved: threading.Condition) -> None:
        super().__init__(name="visitor", daemon=True)
        self._do, self._moved = do, moved
        self.over = False
        self._found: Any = None
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        """Do it, and tell that it is over."""
        try:
            self._found = self._do()
        except BaseException as error:
            self._error = error
        finally:
            with self._moved:
                self.over = True
                self._moved.notify_all()

    def outcome(self) -> Any:
        """What came of it; raises what it raised."""
        if self._error is not None:
            raise self._error
        return self._found


def is_signed(registry: Registry, account: Address, message: bytes, signature: bytes) -> bool:
    """Whether an account signed a personal message: by its key, or, for a contract, by its word (ERC-1271). Raises
    `ConnectionFailed`."""
    digest, chain = text_digest(message), registry.chain
    if recover(digest, signature) == account:
        return True
    if not signature or not chain.has_code(account):
        return False
    block = chain.block().number
    return read_many(chain, [Read(None, wallet_check(account, digest, signature), block)]) == [VALID]
