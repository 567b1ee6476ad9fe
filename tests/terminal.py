"""The command line in this process, with what it prints apart from what it complains about, and in others.

Whatever a command answers is held against its schema, in this process also where a test asks for no JSON.
"""

from __future__ import annotations

import inspect
import json
import os
import pty
import select
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import click
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from registry.cli import ALIASES
from registry.cli.console import Console, plain

__all__ = ["first_answer", "runner", "seated"]

# From click 8.2 on the two are always apart, and the option is gone.
_APART = {"mix_stderr": False} if "mix_stderr" in inspect.signature(CliRunner).parameters else {}


def runner() -> CliRunner:
    return _Runner(**_APART)


def first_answer(command: str, process: subprocess.Popen[Any]) -> Any:
    """What a command with ``--json`` writes in a process of its own, which may go on: its first JSON value."""
    assert process.stdout is not None
    text = ""
    while True:
        line = process.stdout.readline()
        assert line, f"registry {command} ended: {process.stderr and process.stderr.read()}"
        text += line if isinstance(line, str) else line.decode()
        with suppress(ValueError):
            value = json.loads(text)
            break
    fault = _fault(command, value)
    assert fault is None, fault
    return value


def seated(
    command: Sequence[str],
    answers: Sequence[tuple[str, str]],
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> tuple[int, str]:
    """Run a command before somebody at a terminal, who sees each question to its end before it is answered, since
    what is written before is thrown away; how it ended, and all that was on the screen."""
    screen, theirs = pty.openpty()
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, cwd=folder, start_new_session=True
    )
    os.close(theirs)
    seen, asked = "", 0
    try:
        for question, answer in answers:
            while question not in seen[asked:]:
                more = _shown(screen)
                assert more, f"{question!r} was not asked: {seen}"
                seen += more
            asked = len(seen)
            os.write(screen, answer.encode() + b"\n")
        while more := _shown(screen):
            seen += more
        return process.wait(60), seen.replace("\r\n", "\n")
    finally:
        process.kill()
        process.wait(60)
        os.close(screen)


def _shown(screen: int) -> str:
    """What comes next on the screen; nothing once the program has left it, which a terminal tells as a fault."""
    assert select.select([screen], [], [], 60)[0], "nothing came for a minute"
    try:
        return os.read(screen, 4096).decode()
    except OSError:
        return ""


class _Runner(CliRunner):
    def invoke(self, *args: Any, **options: Any) -> Result:
        faults: list[str] = []
        with (
            patch.object(Console, "result", _held(Console.result, 1, faults)),
            patch.object(Console, "answer", _held(Console.answer, 2, faults)),
            patch.object(Console, "document", _held(Console.document, 1, faults)),
            patch.object(Console, "line", _held(Console.line, 2, faults)),
        ):
            ended = super().invoke(*args, **options)
        assert not faults, "\n".join(faults)
        return ended


def _held(write: Callable[..., None], place: int, faults: list[str]) -> Callable[..., None]:
    def held(*args: Any, **options: Any) -> None:
        if not args[0]._silent:  # as are commands within a proposal
            command = click.get_current_context().command_path.partition(" ")[2]
            command = ALIASES.get(command, command)
            fault = _fault(command, json.loads(json.dumps(plain(args[place]))))
            faults.extend([fault] if fault else [])
        write(*args, **options)

    return held


def _fault(command: str, value: Any) -> str | None:
    """Why a value is no answer of a command."""
    wrong = best_match(_schema(command).iter_errors(value))
    return f"registry {command} --json: {wrong.json_path}: {wrong.message[:400]}" if wrong else None


@cache
def _schema(command: str) -> Draft202012Validator:
    from registry.cli.json_schemas import schema_of

    return Draft202012Validator(schema_of(command))
