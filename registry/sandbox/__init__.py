"""Strangers' code and files: one place where they run and are read, and the records by which a run is run again.

`run` takes a `Spec` and gives an `Outcome`; `call` runs one function of ours on a stranger's file. Both start a fresh
process that sees what it was given, reaches nobody, and ends within its `Limits`. How much stands between it and this
machine is a `Tier`; the caller names the least one and never gets less. `runs` stands on them: code with its locked
environment, run records, and their reproduction.
"""

from registry.sandbox.calling import call
from registry.sandbox.machine import Reach, reach
from registry.sandbox.process import run
from registry.sandbox.spec import Limits, Outcome, OutputFile, Spec, Tier

__all__ = ["Limits", "Outcome", "OutputFile", "Reach", "Spec", "Tier", "call", "reach", "run"]
