"""A host of jobs on a port."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Final

from registry.compute.host_escrow import HostBonds
from registry.compute.host_protocol import HostAbout
from registry.compute.job_desk import JobDesk
from registry.gated.protocol import ErrorAnswer, Problem, domain_of
from registry.gateway.audit_log import AuditLog
from registry.gateway.database import Database
from registry.gateway.nonces import Nonces
from registry.gateway.rate_limit import RateLimit
from registry.gateway.signin import Doorkeeper
from registry.host.host_api import HostRooms, host_app
from registry.host.host_workers import HostWorkers
from registry.ipfs.hosts import normal_url
from registry.money import Amount
from registry.session import Session
from registry.system.connections import counted
from registry.system.serving import Serving

__all__ = ["HostServer"]

FILE: Final = "host.sqlite"
"""Used nonces and the audit log, beside the journal of the desk."""

_GRACE: Final = 30
_TOO_MANY: Final = (
    ErrorAnswer(error=Problem(code="too_many", message="This address has too many connections."))
    .model_dump_json()
    .encode()
)


class HostServer(Serving):
    """The desk of a session's account on one socket, with workers, while the server runs; `url` is the address that
    clients use, which sign-in messages name. With `bonds`, one for each token, it takes jobs in escrow, whose results
    may be looked at for `review`. Raises `InputError` for an address that no client could use, and for no amounts."""

    def __init__(
        self,
        session: Session,
        desk: JobDesk,
        sock: socket.socket,
        url: str,
        *,
        workers: int = 1,
        proxies: tuple[str, ...] = (),
        bonds: Sequence[str | Amount] = (),
        review: str | int = "1 day",
        rate: float = 20.0,
        burst: int = 100,
    ) -> None:
        self.url: Final = normal_url(url)
        self._database = Database(desk.folder / FILE)
        self._workers = HostWorkers(desk, workers)
        chain_id, registry = session.chain.chain_id, session.deployment.registry
        self.audit: Final = AuditLog(self._database)
        put_up = HostBonds(tuple(map(session.amount, bonds)), review)
        self.about: Final = HostAbout(
            chain_id=chain_id, registry=registry, signer=session.address, bonds=tuple(map(str, put_up.amounts))
        )
        rooms = HostRooms(
            about=self.about,
            desk=desk,
            bonds=put_up,
            workers=self._workers,
            doorkeeper=Doorkeeper(domain=domain_of(self.url), url=self.url, chain_id=chain_id),
            nonces=Nonces(self._database, 600),
            audit=self.audit,
            rate=RateLimit(rate, burst),
        )
        super().__init__(
            host_app(rooms),
            sock,
            name="The host",
            grace=_GRACE,
            http=counted(64, 32, proxies, _TOO_MANY),
            lifespan="off",
            proxy_headers=bool(proxies),
            forwarded_allow_ips=list(proxies),
            limit_concurrency=1000,
        )

    def run(self) -> None:
        """Serve and work until it is told to end; what runs then is left for the next time."""
        self.audit.write("start", url=self.url)
        try:
            with self._workers:
                super().run()
        finally:
            self.audit.write("stop")

    def __exit__(self, *raised: object) -> None:
        super().__exit__(*raised)
        self.close()

    def close(self) -> None:
        """Close its files, once it serves no more."""
        self._database.close()
