"""The command line in this process, with what it prints apart from what it complains about.

Whatever a command answers is held against its schema, also where a test asks for no JSON.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from functools import cache
from typing import Any
from unittest.mock import patch

import click
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from registry.cli import ALIASES
from registry.cli.console import Console, plain

__all__ = ["runner"]

# From click 8.2 on the two are always apart, and the option is gone.
_APART = {"mix_stderr": False} if "mix_stderr" in inspect.signature(CliRunner).parameters else {}


def runner() -> CliRunner:
    return _Runner(**_APART)


class _Runner(CliRunner):
    def invoke(self, *args: Any, **options: Any) -> Result:
        faults: list[str] = []
        with (
            patch.object(Console, "result", _held(Console.result, 1, faults)),
            patch.object(Console, "answer", _held(Console.answer, 2, faults)),
            patch.object(Console, "document", _held(Console.document, 1, faults)),
        ):
            ended = super().invoke(*args, **options)
        assert not faults, "\n".join(faults)
        return ended


def _held(write: Callable[..., None], place: int, faults: list[str]) -> Callable[..., None]:
    def held(*args: Any, **options: Any) -> None:
        if not args[0]._silent:  # as are commands within a proposal
            command = click.get_current_context().command_path.partition(" ")[2]
            command = ALIASES.get(command, command)
            wrong = best_match(_schema(command).iter_errors(json.loads(json.dumps(plain(args[place])))))
            faults.extend([f"registry {command} --json: {wrong.json_path}: {wrong.message[:400]}"] if wrong else [])
        write(*args, **options)

    return held


@cache
def _schema(command: str) -> Draft202012Validator:
    from registry.cli.json_schemas import schema_of

    return Draft202012Validator(schema_of(command))
