"""How a hub says no."""

from __future__ import annotations

from registry.errors import RegistryError


class Unanswered(RegistryError):
    """An answer that is not a 2xx: `status` of HTTP, `code` for machines, `retry_after` in seconds."""

    hint = "See /openapi.json."

    def __init__(self, status: int, code: str, message: str, *, hint: str = "", retry_after: int | None = None) -> None:
        self.status, self.code, self.retry_after = status, code, retry_after
        super().__init__(message, hint=hint)
