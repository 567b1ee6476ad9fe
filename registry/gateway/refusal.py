"""How a gateway says no."""

from __future__ import annotations

from registry.errors import RegistryError


class Refusal(RegistryError):
    """An answer that is not a 2xx: `status` of HTTP, `code` for machines, and when it may be worth to ask again; with
    `close` it is the last on its connection.

    What it says is for whoever asked. It quotes nothing that a gateway keeps secret, and is not logged.
    """

    hint = "docs/key-gateway.md says of each code what to do."

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        hint: str = "",
        retry_after: int | None = None,
        close: bool = False,
    ) -> None:
        self.status = status
        self.code = code
        self.retry_after = retry_after
        self.close = close
        super().__init__(message, hint=hint)
