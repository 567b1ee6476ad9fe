"""Asking key gateways: one by one for what an owner does, and as many at once as a key needs for those who read.

A gateway is a stranger. Its answers have a size and a time, its signature is checked, and what it gives is believed
only as part of a key that is the right one.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from registry.documents.ddo import KeyGateway
from registry.errors import ContentError, GatewayError, InputError, PrivateAddress, RegistryError, SignerError
from registry.gated.identity import Identity, unseal
from registry.gated.protocol import (
    MAX_BODY,
    MAX_KEPT,
    SIGN_IN_SECONDS,
    Auth,
    Deposit,
    ErrorAnswer,
    Gateway,
    Invitation,
    Nonce,
    NonceRequest,
    Release,
    ReleaseRequest,
    Revocation,
    SignedInvitation,
    Stored,
    domain_of,
    sign_in_text,
)
from registry.gated.shares import Combined, combine, commitment
from registry.ipfs.hosts import NetworkReach, normal_url
from registry.ipfs.http import Http
from registry.text.letters import one_line
from registry.text.waits import waiting_for

__all__ = ["GatewayClient", "Gathered", "Wallet", "gather"]

DEADLINE: Final = 20.0
"""Seconds for one answer of a gateway."""

HEDGE: Final = 2.0
"""Seconds after which a further gateway is asked beside one that has not answered."""

_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Wallet:
    """Who signs in: `account`, by whatever signs its messages; one message at a time, since people answer them, and
    with `patience`, the seconds that they may take for it."""

    account: str
    chain_id: int
    sign: Callable[[bytes], bytes]
    patience: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)


class GatewayClient:
    """One gateway, by its base URL, which a stranger's document may have named: `reach` says how far it may lead.

    `deadline` (seconds) bounds each answer. Raises `InputError` for a URL that is no plain address of a service, and
    `GatewayError`.
    """

    def __init__(self, url: str, reach: NetworkReach, *, deadline: float = DEADLINE) -> None:
        self.url: Final = normal_url(url)
        self._http: Final = Http(self.url, name=self.url, deadline=deadline, connections=2, reach=reach, public=True)

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def about(self) -> Gateway:
        """Who the gateway is."""
        about: Gateway = self._ask("GET", "/v1/gateway", Gateway)
        return about

    def deposit(self, deposit: Deposit, wallet: Wallet) -> None:
        """Give it a share to keep."""
        auth = self._sign_in(wallet, deposit.did, deposit.resource(), f"Deposit a key share of {deposit.did}.")
        self._ask("POST", "/v1/shares", Stored, deposit.model_copy(update={"auth": auth}))

    def invite(self, invitation: SignedInvitation) -> None:
        """Hand in an owner's invitation."""
        self._ask("POST", "/v1/invitations", None, invitation)

    def revoke(self, invitation: Invitation, wallet: Wallet) -> None:
        """End an invitation that has not started."""
        wanted = Revocation(did=invitation.did, id=invitation.id)
        auth = self._sign_in(wallet, wanted.did, wanted.resource(), f"Revoke an invitation to {wanted.did}.")
        self._ask("DELETE", f"/v1/invitations/{wanted.id}", None, wanted.model_copy(update={"auth": auth}))

    def release(self, request: ReleaseRequest, wallet: Wallet) -> Release:
        """Ask for its share."""
        auth = self._sign_in(wallet, request.did, request.resource(), f"Open {request.did}.")
        release: Release = self._ask("POST", "/v1/releases", Release, request.model_copy(update={"auth": auth}))
        return release

    def _sign_in(self, wallet: Wallet, did: str, resource: str, statement: str) -> Auth:
        nonce = self._ask("POST", "/v1/nonce", Nonce, NonceRequest(account=wallet.account))
        now = int(time.time())
        text = sign_in_text(
            domain=domain_of(self.url),
            account=wallet.account,
            uri=self.url,
            chain_id=wallet.chain_id,
            nonce=nonce.nonce,
            issued_at=now,
            expires_at=now + SIGN_IN_SECONDS,
            resources=(did, resource),
            statement=statement,
        )
        with wallet.lock:
            signature = wallet.sign(text.encode("utf-8"))
        return Auth(message=text, signature="0x" + signature.hex())

    def _ask(self, method: str, path: str, answer: type[_Model] | None, body: BaseModel | None = None) -> Any:
        content = None if body is None else [body.model_dump_json(by_alias=True).encode("utf-8")]
        headers = {"Accept": "application/json", **({"Content-Type": "application/json"} if content else {})}
        try:
            with self._http.ask(method, path, f"{method} {path}", headers=headers, content=content) as got:
                data, status = got.body(MAX_BODY), got.status
        except PrivateAddress as error:
            raise GatewayError(self.url, error.message.rstrip("."), code="private", hint=error.hint) from error
        except ContentError as error:
            reason = "; ".join(getattr(error, "causes", ())) or error.message
            reason = reason.removeprefix(self.url).lstrip(": ").rstrip(".")
            raise GatewayError(self.url, f"it is not there ({reason})", code="unavailable") from error
        if not 200 <= status < 300:
            raise _refusal(self.url, status, data)
        if answer is None:
            return None
        try:
            return answer.model_validate_json(data)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = "/".join(map(str, first["loc"])) or "it"
            raise GatewayError(
                self.url, f"its answer is malformed ({where}: {first['msg'][:120]})", code="malformed"
            ) from None


def _refusal(url: str, status: int, data: bytes) -> GatewayError:
    try:
        problem = ErrorAnswer.model_validate_json(data).error
    except ValidationError:
        return GatewayError(url, f"it answered {status}", status=status)
    reason = one_line(problem.message, _SAID).rstrip(".")
    return GatewayError(url, reason, code=problem.code, status=status, hint=one_line(problem.hint, _SAID))


# --- Gathering a key -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Gathered:
    """What asking gateways gave: the key, if it could be put together; `shares`, from how many; `causes`, by gateway,
    what each did that gave no right share; `liars`, whose shares are not of the key; `too_fresh`, whether one says that
    access, or a use that was given for it, is there but not deep enough in the chain yet; `unpaid`, whether one would
    give its share if somebody else handed the receipt in; `hint`, what helps where waiting did not."""

    found: Combined | None
    shares: int
    causes: dict[str, str]
    liars: tuple[str, ...] = ()
    too_fresh: bool = False
    unpaid: bool = False
    hint: str = ""


def gather(
    request: ReleaseRequest,
    identity: Identity,
    gateways: Sequence[KeyGateway],
    threshold: int,
    key: str,
    wallet: Wallet,
    check: Callable[[KeyGateway, ReleaseRequest, Release], bool],
    reach: NetworkReach,
    *,
    deadline: float = DEADLINE,
    hedge: float = HEDGE,
    first: int = 0,
    lead: bool = False,
) -> Gathered:
    """Ask gateways for shares of the key whose recipient is `key`, until they make it.

    `threshold` are asked at once, from the `first` on; with `lead` that one alone until it has given its share, for a
    receipt that it is to hand in: of several that do so all but one pay for nothing. Each that fails, refuses, lies or
    takes longer than `hedge` seconds brings in one more. `identity` opens what they seal to `request.recipient`;
    `check` says whether an answer has the gateway's signature, `reach` how far their addresses may lead. All ends
    `deadline` seconds after the last was asked, whatever they do.
    """
    answers: queue.SimpleQueue[_Answer] = queue.SimpleQueue()

    def ask(gateway: KeyGateway) -> None:
        run = (answers, gateway, request, identity, wallet, check, reach, deadline)
        threading.Thread(target=_ask_one, args=run, name="gateway", daemon=True).start()

    gathering = _Gathering(gateways, threshold, key, ask, limit=deadline + wallet.patience, first=first, lead=lead)
    with waiting_for(f"shares of the key from {len(gateways)} gateways", deadline + wallet.patience):
        found = gathering.wait(answers, hedge + wallet.patience)
    return gathering.told(found) if found else gathering.failed(f"it did not answer within {deadline:g} s")


_Answer = tuple[KeyGateway, list[str] | RegistryError]


class _Gathering:
    """A key on its way together: who is still to be asked, what those who were asked gave, and what they did instead.

    `ask` begins to ask a gateway; `limit` are the seconds that the last one has. The rest is as of `gather`.
    """

    def __init__(
        self,
        gateways: Sequence[KeyGateway],
        threshold: int,
        key: str,
        ask: Callable[[KeyGateway], None],
        *,
        limit: float,
        first: int,
        lead: bool,
    ) -> None:
        self._gateways, self._threshold, self._key = gateways, threshold, key
        self._ask, self._limit, self._lead = ask, limit, lead
        self._waiting, self._asked = [*gateways[first:], *gateways[:first]], 0
        self._places = {gateway.url: place for place, gateway in enumerate(gateways)}
        self._answered: set[str] = set()
        self._shares: dict[str, list[str]] = {}
        self._causes: dict[str, str] = {}
        self._liars: list[str] = []
        self._too_fresh = self._unpaid = False
        self._until = time.monotonic() + limit
        self._ask_next(1 if lead else threshold)

    def wait(self, answers: queue.SimpleQueue[_Answer], hedge: float) -> Combined | None:
        """The key as soon as the answers make it, None when nobody is left to answer. Raises `SignerError`."""
        while len(self._answered) < self._asked:
            left = self._until - time.monotonic()
            if left <= 0:
                break
            try:
                gateway, answer = answers.get(timeout=min(left, hedge) if self._waiting else left)
            except queue.Empty:
                self._ask_next()
                continue
            self._answered.add(gateway.url)
            if isinstance(answer, RegistryError):
                if self._is_last(gateway, answer):
                    break
                self._ask_next()
            elif (found := self._combined(gateway, answer)) is not None:
                return found
        return None

    def told(self, found: Combined) -> Gathered:
        """What to say of a key that was found."""
        return Gathered(found, len(self._shares), self._causes, tuple(self._liars))

    def failed(self, silent: str) -> Gathered:
        """What to say where no key was found; `silent` is the cause of those that gave no answer."""
        without = (gateway for gateway in self._gateways if gateway not in self._waiting)
        self._causes |= {gateway.url: silent for gateway in without if gateway.url not in self._answered}
        if len(self._shares) >= self._threshold:
            # Where the document commits to shares these are the right ones, and it is the document that is wrong.
            unfit = "its share and the others make no key of it" if len(self._shares) > 1 else _LIE
            unfit = _PUBLISHER if self._gateways[0].commitment else unfit
            self._causes |= dict.fromkeys(self._shares, unfit)
        liars, late, unpaid = tuple(self._liars), self._too_fresh, self._unpaid
        return Gathered(None, len(self._shares), self._causes, liars, too_fresh=late, unpaid=unpaid)

    def _ask_next(self, count: int = 1) -> None:
        for gateway in self._waiting[:count]:
            self._asked += 1
            self._until = time.monotonic() + self._limit
            self._ask(gateway)
        del self._waiting[:count]

    def _is_last(self, gateway: KeyGateway, error: RegistryError) -> bool:
        """Note why a gateway gave no share; if asking others is of no use now."""
        self._causes[gateway.url] = getattr(error, "reason", error.message)
        code = getattr(error, "code", "")
        self._too_fresh |= code in (TOO_FRESH, PENDING)
        self._unpaid |= code in UNPAID
        if code == PENDING and self._lead:
            return True
        if isinstance(error, SignerError):
            raise error  # who does not sign for one will not for the others
        return False

    def _combined(self, gateway: KeyGateway, answer: list[str]) -> Combined | None:
        """Take a gateway's share; the key, if the shares make it, else further gateways are asked as needed."""
        right = _committed(answer, gateway, self._places[gateway.url], self._key)
        if not right:
            self._liars.append(gateway.url)
            self._causes[gateway.url] = _LIE
            self._ask_next()
            return None
        self._shares[gateway.url] = right
        if self._lead:
            self._lead = False
            self._ask_next(self._threshold - 1)
        if len(self._shares) < self._threshold:
            return None
        found = combine(self._shares, self._threshold, self._key, newest=gateway.url, until=self._until)
        if found is None:
            self._ask_next()
            return None
        self._liars += found.liars
        self._causes |= dict.fromkeys(found.liars, _LIE)
        return found


def _committed(answer: list[str], gateway: KeyGateway, place: int, key: str) -> list[str]:
    """Of a gateway's shares the one that the document commits to; all of them if it says nothing of it."""
    if gateway.commitment is None:
        return answer
    return [share for share in answer if commitment(share, key, place) == gateway.commitment][:1]


TOO_FRESH: Final = "too_fresh"
"""The code of a gateway for what the head of the chain says and the depth that it asks for does not yet."""

NO_ASSET: Final = "no_asset"
"""The code for an asset that is not on the chain, as far as the gateway's node knows."""

PENDING: Final = "pending"
"""The code for a use that is consumed, or on its way, and not that deep: the same request again costs no other."""

UNPAID: Final = ("hand_in", "unfunded")
"""The codes of a gateway that does not pay for handing the receipt in, and takes it once somebody has."""

_SAID: Final = 500
"""Letters of what a gateway says that are shown."""

_LIE: Final = "its share is not of this key"

_PUBLISHER: Final = "its share is the one that the document commits to, and those make no key: its publisher erred"


def _ask_one(
    answers: queue.SimpleQueue[_Answer],
    gateway: KeyGateway,
    request: ReleaseRequest,
    identity: Identity,
    wallet: Wallet,
    check: Callable[[KeyGateway, ReleaseRequest, Release], bool],
    reach: NetworkReach,
    deadline: float,
) -> None:
    client: GatewayClient | None = None
    try:
        client = GatewayClient(gateway.url, reach, deadline=deadline)
        released = client.release(request, wallet)
        if not check(gateway, request, released):
            raise GatewayError(gateway.url, "its answer is not signed by its account", code="unsigned")
        try:
            answers.put((gateway, unseal(released.sealed, identity).splitlines()[:MAX_KEPT]))
        except InputError:
            raise GatewayError(gateway.url, "its share is not sealed to the key that asked", code="malformed") from None
    except RegistryError as error:
        answers.put((gateway, error))
    except Exception as error:
        # Whatever a signer or a library throws must not leave the others waiting; its text could hold anything.
        answers.put((gateway, GatewayError(gateway.url, f"asking it failed ({type(error).__name__})")))
    finally:
        if client is not None:
            client.close()
