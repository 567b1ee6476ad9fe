"""What runs code when it is loaded, by the names of files: said when it comes in, and never refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from registry.text.warned import warn_caller

__all__ = ["CodeWarning", "in_words", "say_of_code"]

_PICKLES: Final = (".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".joblib", ".dill", ".npy.pkl", ".p")
_MODELS_OF_CODE: Final = (".h5", ".hdf5", ".keras", ".mar", ".nemo", ".rds", ".rdata")
_PROGRAMS: Final = (".py", ".ipynb", ".sh", ".bat", ".ps1", ".js", ".jar", ".so", ".dll", ".dylib", ".exe", ".whl")
_NAMED: Final = 5


class CodeWarning(UserWarning):
    """Files of an import run code of their author when they are loaded or opened."""


def in_words(paths: Iterable[str]) -> tuple[str, ...]:
    """A sentence for each kind of file that runs code."""
    listed = list(paths)
    kinds: tuple[tuple[str, Callable[[str], bool]], ...] = (
        ("pickles, which run code when they are loaded", lambda p: p.endswith(_PICKLES) or _is_old_weights(p)),
        ("models that may hold code, which runs when they are loaded", lambda p: p.endswith(_MODELS_OF_CODE)),
        ("programs", lambda p: p.endswith(_PROGRAMS)),
    )
    told = []
    for what, fits in kinds:
        found = [path for path in listed if fits(path.lower())]
        if found:
            more = f" and {len(found) - _NAMED:,} more" if len(found) > _NAMED else ""
            told.append(f"There are {what}: {', '.join(map(repr, found[:_NAMED]))}{more}.")
    return tuple(told)


def _is_old_weights(path: str) -> bool:
    """Whether a file is weights of PyTorch under their old name, a pickle in a ZIP."""
    name = path.rpartition("/")[2]
    return name.endswith(".bin") and (
        "model" in name or name in ("training_args.bin", "optimizer.bin", "scheduler.bin")
    )


def say_of_code(paths: Iterable[str]) -> tuple[str, ...]:
    """Warn (`CodeWarning`) of what runs code, and return the sentences."""
    told = in_words(paths)
    for sentence in told:
        warn_caller(f"{sentence} Open them in the sandbox alone.", CodeWarning)
    return told
