"""The engines that a host may choose, by their names."""

from __future__ import annotations

from registry.compute.dask_engine import DaskEngine
from registry.compute.run_engine import LocalEngine, RunEngine
from registry.errors import InputError

__all__ = ["engine_named"]


def engine_named(name: str) -> RunEngine:
    """The engine of a name: ``local``, or ``dask``, by itself with the scheduler of Dask's own configuration, or with
    the address of one, as in ``dask:tcp://10.0.0.5:8786``. Raises `InputError`."""
    if name == "local":
        return LocalEngine()
    kind, _, address = name.partition(":")
    if kind == "dask":
        return DaskEngine(address)
    raise InputError(f"There is no engine {name!r}.", hint="Take local, dask, or dask:tcp://HOST:PORT.")
