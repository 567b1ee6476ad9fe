"""The API of a hub as OpenAPI 3.1, made of the table that requests are checked by."""

from __future__ import annotations

import re
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from registry.documents.signed_statements import SignedStatement
from registry.hub.judging import Judgement, Writing
from registry.hub.operations import OPERATIONS, Operation
from registry.index.models import HubFacts, HubProblem

_REFERENCE: Final = "#/components/schemas/{model}"
_WORDS: Final = {
    "304": "It is as it was.",
    "404": "There is no such thing here.",
    "413": "It is too long.",
    "422": "A parameter is wrong.",
    "429": "Too many requests.",
    "503": "Not now: busy, stopping, or the index cannot be read.",
}


def document(*, url: str, version: str) -> dict[str, Any]:
    """The OpenAPI document of a hub at `url`, by `version` of the package."""
    models = {operation.model for operation in OPERATIONS if operation.model is not None} | {
        HubFacts,
        HubProblem,
        Judgement,
    }
    listed: list[Any] = sorted(((model, "serialization") for model in models), key=lambda one: str(one[0].__name__))
    listed += [(SignedStatement, "validation"), (Writing, "validation")]
    names, schemas = models_json_schema(listed, ref_template=_REFERENCE)

    def content(model: type[BaseModel]) -> dict[str, Any]:
        return {"application/json": {"schema": names[model, "serialization"]}}

    paths = {operation.path: {"get": _operation(operation, content)} for operation in OPERATIONS}
    paths["/v1/hub"] = {
        "get": _plain("get_hub", "What the hub is, and how far.", content(HubFacts), content(HubProblem))
    }
    paths["/v1/statements"]["post"] = _taking(names, content(HubProblem))
    paths["/v1/check"] = {"post": _checking(names, content(Judgement), content(HubProblem))}
    health = {"application/json": {"schema": {"type": "object"}}}
    paths["/v1/health"] = {"get": _plain("get_health", "Whether the hub is well.", health, content(HubProblem))}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Hub of an asset registry",
            "version": version,
            "description": "An index of a registry. Check what it says: digests against documents, the rest on chain.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": url}],
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": schemas["$defs"]},
    }


def _taking(names: Any, problem: dict[str, Any]) -> dict[str, Any]:
    """How a signed statement is handed in."""
    named = {"application/json": {"schema": {"type": "object"}}}
    refusals = {one: {"description": _WORDS[one], "content": problem} for one in ("413", "422", "429", "503")}
    return {
        "operationId": "post_statements",
        "summary": "Hand in a signed statement, spelled as RFC 8785 has it.",
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": names[SignedStatement, "validation"]}},
        },
        "responses": {
            "200": {"description": "It was here already.", "content": named},
            "201": {"description": "It was taken.", "content": named},
            **refusals,
        },
    }


def _checking(names: Any, answer: dict[str, Any], problem: dict[str, Any]) -> dict[str, Any]:
    """How what somebody writes is judged."""
    refusals = {one: {"description": _WORDS[one], "content": problem} for one in ("413", "422", "429", "503")}
    return {
        "operationId": "post_check",
        "summary": "Judge a document and its licences as a publication would be; nothing is kept.",
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": names[Writing, "validation"]}},
        },
        "responses": {"200": {"description": "Done.", "content": answer}, **refusals},
    }


def _operation(operation: Operation, content: Any) -> dict[str, Any]:
    done: dict[str, Any] = {"description": "Done.", "headers": {"etag": {"schema": {"type": "string"}}}}
    if operation.model is not None:
        done["content"] = content(operation.model)
    else:
        binary = {"type": "string", "format": "binary"}
        done["content"] = {operation.media: {"schema": {"type": "object"} if "json" in operation.media else binary}}
    refusals = ["304", "422", "429", "503"] + (["404"] if "{" in operation.path else [])
    return {
        "operationId": "get_" + re.sub(r"\W+", "_", operation.path.removeprefix("/v1/")).strip("_"),
        "summary": operation.words,
        "parameters": [
            {
                "name": one.name,
                "in": "path" if one.in_path else "query",
                "required": one.in_path,
                "description": one.words,
                "schema": dict(one.schema),
            }
            for one in operation.parameters
        ],
        "responses": {
            "200": done,
            **{
                status: {"description": _WORDS[status], **({} if status == "304" else {"content": content(HubProblem)})}
                for status in sorted(refusals)
            },
        },
    }


def _plain(name: str, words: str, answer: dict[str, Any], problem: dict[str, Any]) -> dict[str, Any]:
    refusals = {status: {"description": _WORDS[status], "content": problem} for status in ("429", "503")}
    return {
        "operationId": name,
        "summary": words,
        "responses": {"200": {"description": "Done.", "content": answer}, **refusals},
    }
