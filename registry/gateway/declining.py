"""A refusal as its caller gets it over HTTP, from a key gateway or a host of jobs."""

from __future__ import annotations

from typing import Final

from starlette.responses import JSONResponse, Response

from registry.gated.protocol import ErrorAnswer, Problem
from registry.gateway.refusal import Refusal

__all__ = ["HEADERS", "answer_of"]

HEADERS: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
"""Of every answer."""


def answer_of(error: Refusal) -> Response:
    """The answer that says it."""
    problem = Problem(code=error.code, message=error.message[:2000], hint=error.hint[:2000])
    headers = dict(HEADERS)
    if error.retry_after is not None:
        headers["retry-after"] = str(error.retry_after)
    if error.close:
        headers["connection"] = "close"
    return JSONResponse(ErrorAnswer(error=problem).to_dict(), error.status, headers)
