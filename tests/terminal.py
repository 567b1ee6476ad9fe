"""The command line in this process, with what it prints apart from what it complains about."""

from __future__ import annotations

import inspect

from click.testing import CliRunner

__all__ = ["runner"]

# From click 8.2 on the two are always apart, and the option is gone.
_APART = {"mix_stderr": False} if "mix_stderr" in inspect.signature(CliRunner).parameters else {}


def runner() -> CliRunner:
    return CliRunner(**_APART)
