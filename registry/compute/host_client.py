"""A host of jobs, asked over HTTP: a stranger, whose answers have a size and a time and are checked."""

from __future__ import annotations

import time
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError

from registry.compute.host_offer import HostOffer
from registry.compute.host_protocol import HostAbout, HostedJob, JobRequest, job_resource
from registry.compute.job_document import JobOrder
from registry.compute.job_log import MOST_LOG
from registry.compute.sealed_result import MOST_SEALED
from registry.content.uses import SignedReceipt
from registry.errors import ContentError, HostError, InvalidRecord, JobRefused
from registry.gated.protocol import (
    MAX_BODY,
    SIGN_IN_SECONDS,
    Auth,
    ErrorAnswer,
    Nonce,
    NonceRequest,
    domain_of,
    sign_in_text,
)
from registry.gated.share_client import Wallet
from registry.ipfs.hosts import NetworkReach, normal_url
from registry.ipfs.http import Http
from registry.text.letters import one_line

__all__ = ["HostClient"]

DEADLINE: Final = 60.0
"""Seconds for one answer of a host."""

MOST_RECEIPT: Final = 2**20

_Model = TypeVar("_Model", bound=BaseModel)


class HostClient:
    """One host, by its base URL, which a stranger's document may have named: `reach` says how far it may lead.

    `deadline` (seconds) bounds each answer. Raises `InputError` for a URL that is no plain address of a service, and
    `HostError`.
    """

    def __init__(self, url: str, reach: NetworkReach, wallet: Wallet, *, deadline: float = DEADLINE) -> None:
        self.url: Final = normal_url(url)
        self._http: Final = Http(self.url, name=self.url, deadline=deadline, connections=2, reach=reach, public=True)
        self._wallet = wallet
        self._signed: dict[str, tuple[Auth, float]] = {}

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def about(self) -> HostAbout:
        """Who the host is."""
        return self._read(HostAbout, self._ask("GET", "/v1/host"))

    def submit(self, order: JobOrder) -> HostedJob:
        """Hand in an order; the same again finds its job. Raises `JobRefused` with the host's reasons."""
        return self._read(HostedJob, self._ask("POST", "/v1/jobs", order.to_bytes(), of=order.job.id))

    def offer(self, order: JobOrder, licence: int) -> HostOffer:
        """What the host offers to run a job in escrow for, under a licence for runs. Raises `JobRefused` with its
        reasons."""
        data = self._ask("POST", f"/v1/offers?licence={licence}", order.to_bytes(), of=order.job.id)
        try:
            return HostOffer.from_bytes(data)
        except InvalidRecord as error:
            raise HostError(self.url, "its offer is malformed", code="malformed") from error

    def status(self, order: JobOrder) -> HostedJob:
        """Where the job is."""
        return self._read(HostedJob, self._of_job(order, "status"))

    def cancel(self, order: JobOrder) -> HostedJob:
        """End a job that has no result yet."""
        return self._read(HostedJob, self._of_job(order, "cancel"))

    def sign(self, order: JobOrder, use: SignedReceipt) -> HostedJob:
        """Hand in the use of one more minute. Raises `JobRefused` with the host's reasons."""
        body = use.to_json().encode()
        return self._read(HostedJob, self._ask("POST", f"/v1/jobs/{order.job.id}/minute", body, of=order.job.id))

    def receipt(self, order: JobOrder) -> bytes:
        """The receipt of a job that is delivered."""
        return self._of_job(order, "receipt", MOST_RECEIPT)

    def result(self, order: JobOrder) -> bytes:
        """The sealed result of a job that is delivered."""
        return self._of_job(order, "result", MOST_SEALED)

    def log(self, order: JobOrder) -> bytes:
        """The sealed log of a job that is over. Raises `JobRefused` for one that the owner of the data keeps."""
        return self._of_job(order, "log", MOST_LOG, of=order.job.id)

    def _of_job(self, order: JobOrder, act: str, most: int = MAX_BODY, of: str = "") -> bytes:
        auth = self._sign_in(order.job.offering, job_resource(order.job.id, act))
        body = JobRequest(auth=auth).model_dump_json().encode()
        return self._ask("POST", f"/v1/jobs/{order.job.id}/{act}", body, most=most, of=of)

    def _sign_in(self, did: str, resource: str) -> Auth:
        """A sign-in message; one that is good yet is used again, since people may be asked for each."""
        now = int(time.time())
        known = self._signed.get(resource)
        if known is not None and known[1] > now + 30:
            return known[0]
        asked = NonceRequest(account=self._wallet.account).model_dump_json().encode()
        nonce = self._read(Nonce, self._ask("POST", "/v1/nonce", asked))
        text = sign_in_text(
            domain=domain_of(self.url),
            account=self._wallet.account,
            uri=self.url,
            chain_id=self._wallet.chain_id,
            nonce=nonce.nonce,
            issued_at=now,
            expires_at=now + SIGN_IN_SECONDS,
            resources=(did, resource),
            statement="Ask for a job.",
        )
        with self._wallet.lock:
            signature = self._wallet.sign(text.encode())
        auth = Auth(message=text, signature="0x" + signature.hex())
        self._signed[resource] = auth, min(nonce.expires_at, now + SIGN_IN_SECONDS)
        return auth

    def _ask(self, method: str, path: str, body: bytes | None = None, *, most: int = MAX_BODY, of: str = "") -> bytes:
        headers = {"Accept": "*/*", **({"Content-Type": "application/json"} if body else {})}
        content = None if body is None else [body]
        try:
            with self._http.ask(method, path, f"{method} {path}", headers=headers, content=content) as got:
                data, status = got.body(most), got.status
        except ContentError as error:
            reason = "; ".join(getattr(error, "causes", ())) or error.message
            raise HostError(self.url, f"it is not there ({reason.rstrip('.')})", code="unavailable") from error
        if 200 <= status < 300:
            return data
        try:
            problem = ErrorAnswer.model_validate_json(data).error
        except ValidationError:
            raise HostError(self.url, f"it answered {status}", status=status) from None
        said = one_line(problem.message, 1_000).rstrip(".")
        if problem.code == "refused" and of:
            raise JobRefused(of, [said], hint=one_line(problem.hint, 500))
        raise HostError(self.url, said, code=problem.code, status=status, hint=one_line(problem.hint, 500))

    def _read(self, model: type[_Model], data: bytes) -> _Model:
        try:
            return model.model_validate_json(data)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            raise HostError(self.url, f"its answer is malformed ({first['msg'][:120]})", code="malformed") from None
