"""What all errors have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from registry.errors.redaction import redacted


class RegistryError(Exception):
    """Base of every error of this package.

    `message` says what happened with the value at fault, `hint` the way out; both are shown, without what must not be
    seen of addresses. A class has a hint for those of its cases that have none nearer.
    """

    hint: str = "Look it up by its name: 'registry explain'."

    def __init__(self, message: str, *, hint: str = "") -> None:
        for name, value in vars(self).items():  # what the class at fault keeps
            setattr(self, name, redacted(value))
        self.message = redacted(message)
        self.hint = redacted(hint or self.hint)
        super().__init__(f"{self.message} {self.hint}")

    @property
    def __context__(self) -> BaseException | None:
        """What was being handled, but for what is not to be seen (``raise ... from None``): Dask has errors travel with
        all that was handled, and with it goes an address with its password."""
        return None if self.__suppress_context__ else cast(Any, BaseException.__context__).__get__(self)

    @__context__.setter
    def __context__(self, error: BaseException | None) -> None:
        cast(Any, BaseException.__context__).__set__(self, error)

    def __reduce__(self) -> tuple[Any, ...]:
        """Errors travel between processes, those of dask and data loaders say, as they are instead of made anew."""
        return _as_it_was, (type(self), self.args, self.__dict__)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a document: where (RFC 6901 JSON pointer) and what."""

    pointer: str
    message: str

    def __str__(self) -> str:
        return f"{self.pointer or '/'}: {self.message}"


def told(faults: Sequence[Fault]) -> str:
    """The first 20 of `faults` in one line, and whether there are more."""
    return "; ".join(map(str, faults[:20])) + ("; ..." if len(faults) > 20 else "")


def _as_it_was(kind: type[RegistryError], args: tuple[Any, ...], state: dict[str, Any]) -> RegistryError:
    # Whichever of the builtins beside it decides the layout.
    error = OSError.__new__(kind) if issubclass(kind, OSError) else BaseException.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error
