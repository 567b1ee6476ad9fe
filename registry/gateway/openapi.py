"""The API of a key gateway as OpenAPI 3.1, made of the models that the requests are checked by."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from registry.gated.protocol import (
    Deposit,
    ErrorAnswer,
    Gateway,
    Nonce,
    NonceRequest,
    Release,
    ReleaseRequest,
    Revocation,
    SignedInvitation,
    Stored,
)

_REFERENCE: Final = "#/components/schemas/{model}"

Operation = tuple[str, str, str, type[BaseModel] | None, type[BaseModel], tuple[int, ...]]

OPERATIONS: Final[tuple[Operation, ...]] = (
    ("get", "/v1/gateway", "Who the gateway is.", None, Gateway, ()),
    ("post", "/v1/nonce", "A nonce for a sign-in message.", NonceRequest, Nonce, ()),
    ("post", "/v1/shares", "Keep a share, for the asset's owner or an editor.", Deposit, Stored, (401, 403, 404)),
    ("post", "/v1/invitations", "Keep an owner's invitation.", SignedInvitation, Stored, (401, 403, 404)),
    (
        "delete",
        "/v1/invitations/{id}",
        "End an invitation that has not started, for the owner.",
        Revocation,
        Stored,
        (401, 403, 404, 409),
    ),
    ("post", "/v1/releases", "Hand a share out to whoever has access.", ReleaseRequest, Release, (401, 403, 404, 409)),
)
"""Method, path, what it does, what it takes, what it answers, and with which statuses it refuses besides the usual."""

_WITH_BODY: Final = (400, 413, 422)
_ALWAYS: Final = (429, 503)
_WORDS: Final = {
    400: "The body is not JSON, or did not come in time.",
    401: "The sign-in, its nonce or its signature was refused.",
    403: "No access, or not the owner.",
    404: "No such asset, share or invitation here.",
    409: "It contradicts what was done before.",
    413: "The body is too large.",
    422: "A field is wrong.",
    429: "Too many requests.",
    503: "Not now: busy, stopping, or the chain cannot be asked.",
}


def document(*, url: str, version: str) -> dict[str, Any]:
    """The OpenAPI document of a gateway at `url`, by `version` of the package."""
    models: list[Any] = [(body, "validation") for *_, body, _, _ in OPERATIONS if body is not None]
    models += [(answer, "serialization") for *_, answer, _ in OPERATIONS]
    names, schemas = models_json_schema([*models, (ErrorAnswer, "serialization")], ref_template=_REFERENCE)

    def content(model: type[BaseModel], mode: Any) -> dict[str, Any]:
        return {"application/json": {"schema": names[model, mode]}}

    paths: dict[str, dict[str, Any]] = {}
    for method, path, words, body, answer, refusals in OPERATIONS:
        operation: dict[str, Any] = {
            "operationId": f"{method}_{path.split('/')[2]}",
            "summary": words,
            "responses": {"200": {"description": "Done.", "content": content(answer, "serialization")}},
        }
        for status in sorted({*refusals, *_ALWAYS, *(_WITH_BODY if body else ())}):
            operation["responses"][str(status)] = {
                "description": _WORDS[status],
                "content": content(ErrorAnswer, "serialization"),
            }
        if body is not None:
            operation["requestBody"] = {"required": True, "content": content(body, "validation")}
        if "{id}" in path:
            schema = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
            operation["parameters"] = [{"name": "id", "in": "path", "required": True, "schema": schema}]
        paths.setdefault(path, {})[method] = operation
    paths["/v1/health"] = {
        "get": {
            "operationId": "get_health",
            "summary": "Whether the gateway can answer.",
            "responses": {
                "200": {"description": "It can.", "content": {"application/json": {"schema": {"type": "object"}}}},
                "503": {"description": _WORDS[503], "content": content(ErrorAnswer, "serialization")},
            },
        }
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Key gateway",
            "version": version,
            "description": "Keeps a share of the keys of gated assets and hands it to those with access on chain.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": url}],
        "paths": paths,
        "components": (schemas.get("$defs") and {"schemas": schemas["$defs"]}) or {},
    }
