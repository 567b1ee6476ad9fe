"""Where the runs of jobs are executed: on this machine, or on others that a scheduler of tasks has.

An engine is told of one run and answers how it ended. It schedules, and never isolates: wherever the run lands, our own
runner starts it in its own sandbox, whose tier and limits are those of the terms.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from registry.sandbox import Limits, Outcome, Tier
from registry.sandbox.runs.code import Code
from registry.sandbox.runs.running import Workshop

__all__ = ["LocalEngine", "RunEngine", "RunTask"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTask:
    """One run, by what lies ready below the folder of its host: see `Workshop.execute`. What it leaves goes to
    `outputs`, which is not there yet; `spool` is a folder of its own, gone when it ended."""

    program: Code
    inputs: Mapping[str, Path]
    params: Mapping[str, Any]
    variables: Mapping[str, str]
    outputs: Path
    limits: Limits
    spool: Path
    least: Tier


class RunEngine(Protocol):
    """What executes runs."""

    def execute(self, workshop: Workshop, task: RunTask, cancel: threading.Event) -> Outcome:
        """Execute a run to its end, or until `cancel` is set. Raises what `Workshop.execute` raises, and where other
        machines are asked `EngineFailed` for what failed on their side, which the program of the run is not at fault
        for."""


class LocalEngine:
    """This machine."""

    def execute(self, workshop: Workshop, task: RunTask, cancel: threading.Event) -> Outcome:
        """Run it here."""
        return workshop.execute(
            task.program,
            task.inputs,
            params=task.params,
            arguments=task.program.arguments,
            variables=task.variables,
            outputs=task.outputs,
            limits=task.limits,
            spool=task.spool,
            least=task.least,
            cancel=cancel,
        )
