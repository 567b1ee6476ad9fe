"""Running a record again, from what is pinned and with no index, and saying of each output whether it is the same."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

from registry.errors import AccessDenied, CannotReproduce, ContentError, NotFoundError, RegistryError, WrongEnvironment
from registry.ipfs.cid import CID
from registry.ipfs.store import NullSink, fetch
from registry.ipfs.unixfs import add_file, export
from registry.sandbox.calling import call
from registry.sandbox.runs.code import Code, Compare, read_code
from registry.sandbox.runs.hardware import kernel_of_blas, libc, machine
from registry.sandbox.runs.lock import Lock, python_version
from registry.sandbox.runs.record import Input, RunRecord
from registry.sandbox.runs.running import Laid, Workshop, observed, spool_of
from registry.sandbox.spec import MIB, Limits, Outcome, Tier
from registry.text.html import Shown

__all__ = [
    "CANNOT",
    "DIFFERS",
    "SAME",
    "Reproduction",
    "Verdict",
    "compared_with",
    "limits_of",
    "read_record",
    "reproduce",
]

SAME: Final = 0
DIFFERS: Final = 4
CANNOT: Final = 5
"""Exit codes of 'registry reproduce'."""

MOST: Final = Limits(
    seconds=12 * 3600,
    memory=16 * 1024 * MIB,
    processes=512,
    output=16 * 1024 * MIB,
    files=100_000,
    scratch=4 * 1024 * MIB,
    log=MIB,
)
"""What a record that was written by somebody else may ask for, unless more is allowed."""

Word = Literal["same", "close", "differs", "missing", "extra", "not comparable"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an output: the `word`, `why` in words, how it was `compared`, and the first `places` that differ,
    each with what is recorded and what was made now."""

    path: str
    word: Word
    why: str
    compared: str
    places: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Reproduction(Shown):
    """A record that was run again: a verdict for each output, and `notes` on what was not as it was then. Run here, it
    has an `outcome`; run as a job, where data stay with their owner, the `receipt` of its host."""

    record: CID
    verdicts: tuple[Verdict, ...]
    notes: tuple[str, ...]
    outcome: Outcome | None = None
    receipt: bytes | None = None

    @property
    def word(self) -> Word:
        """The verdict on the whole: the gravest of all."""
        order: tuple[Word, ...] = ("same", "close", "not comparable", "extra", "missing", "differs")
        return max((verdict.word for verdict in self.verdicts), key=order.index, default="missing")

    @property
    def exit(self) -> int:
        """`SAME` if all outputs are the same or close, `CANNOT` if some cannot be compared, else `DIFFERS`."""
        if self.word in ("same", "close"):
            return SAME
        return CANNOT if self.word == "not comparable" else DIFFERS


def read_record(cid: CID, workshop: Workshop) -> RunRecord:
    """A record by its CID. Raises `InvalidRecord` and the content errors."""
    return RunRecord.from_bytes(fetch(cid, workshop.store))


def reproduce(
    record: RunRecord,
    workshop: Workshop,
    *,
    outputs: Path,
    on: Mapping[str, str | Path] | None = None,
    variables: Mapping[str, str] | None = None,
    least: Tier = Tier.BUBBLEWRAP,
    limits: Mapping[str, Any] | None = None,
    on_log: Callable[[bytes], object] | None = None,
    cancel: threading.Event | None = None,
) -> Reproduction:
    """Run a record again into the folder `outputs`, and compare.

    All that it needs is fetched first, and each byte is checked, so nothing runs on something else: `on` names where
    inputs are that were files of somebody's machine, and they must be the same. `limits` replace some of the record's,
    which count up to `MOST`. `variables` replace some of the recorded ones.

    Raises `CannotReproduce` with all that is missing, and what `Workshop.execute` raises.
    """
    with ExitStack() as stack:
        spool = spool_of(stack)
        notes: list[str] = []
        program, inputs = _fetched(record, workshop, spool, on or {})
        asked = {**_texts(record), **(variables or {})}
        _suit(asked, record, notes)
        try:
            outcome = workshop.execute(
                program,
                inputs,
                params=record.params,
                arguments=record.code.arguments,
                variables=asked,
                outputs=outputs,
                limits=replace(limits_of(record), **(limits or {})),
                spool=spool,
                least=least,
                on_log=on_log,
                cancel=cancel,
            )
        except WrongEnvironment as error:
            raise CannotReproduce(f"The run of {record.code.name}", [error.reason], hint=error.hint) from error
        if not outcome.ok:
            notes.append(f"the program {outcome.in_words()}")
        notes += _changed(record, outcome)
        verdicts = compared_with(record, [file.path for file in outcome.outputs], outputs, workshop, spool)
    return Reproduction(record.cid, verdicts, tuple(notes), outcome)


# --- What it needs -------------------------------------------------------------------------------


def _fetched(
    record: RunRecord, workshop: Workshop, spool: Path, on: Mapping[str, str | Path]
) -> tuple[Code, dict[str, Path]]:
    """The code and the inputs of a record, by their names, all of them checked; raises `CannotReproduce`."""
    missing: list[str] = []
    code = _laid(lambda: _code(record, workshop, spool), "code", record.code.cid, missing)
    inputs = {
        entry.name: _laid(
            lambda entry=entry: _input(entry, workshop, spool, on),  # type: ignore[misc]
            f"input {entry.name!r}",
            entry.cid,
            missing,
        )
        for entry in record.inputs
    }
    lock = _lock(record, workshop, missing)
    if missing or code is None:
        stays = code is not None and len(inputs) > sum(entry is not None for entry in inputs.values())
        hint = "Where its owner offers runs on such data, they can be run again there: --at OFFERING." if stays else ""
        raise CannotReproduce(f"The run of {record.code.name}", missing, hint=hint)
    program = replace(
        read_code(code.path, record.code.entry, unlocked=True),
        lock=lock,
        python=python_version(record.environment.python),
        entry=record.code.entry,
    )
    return program, {name: entry.path for name, entry in inputs.items() if entry is not None}


def _laid(lay: Callable[[], Laid], what: str, cid: CID, missing: list[str]) -> Laid | None:
    """Something that is needed; if it cannot be found, or is not what was recorded, it is missing."""
    try:
        laid = lay()
    except AccessDenied as error:
        missing.append(f"the {what} needs access: {error.message.rstrip('.')}. {error.hint.rstrip('.')}")
    except (NotFoundError, ContentError) as error:
        missing.append(f"the {what} cannot be found: {error.message.rstrip('.')}")
    except RegistryError as error:
        missing.append(f"the {what}: {error.message.rstrip('.')}")
    else:
        if laid.cid == cid:
            return laid
        missing.append(f"the {what} is another one: {laid.cid}, and the record has {cid}")
    return None


def _code(record: RunRecord, workshop: Workshop, spool: Path) -> Laid:
    return _asset_or_blocks(record.code.did, record.code.version, record.code.cid, workshop, spool / "code")


def _input(entry: Input, workshop: Workshop, spool: Path, on: Mapping[str, str | Path]) -> Laid:
    if entry.name in on:
        return workshop.lay(on[entry.name], spool / "in" / entry.name)
    return _asset_or_blocks(entry.did, entry.version, entry.cid, workshop, spool / "in" / entry.name)


def _asset_or_blocks(did: str | None, version: int | None, cid: CID, workshop: Workshop, folder: Path) -> Laid:
    if did is not None:
        return workshop.lay(did, folder, version=version)
    return workshop.lay(str(cid), folder)


def _lock(record: RunRecord, workshop: Workshop, missing: list[str]) -> Lock | None:
    cid = record.environment.lock
    if cid is None:
        return None
    try:
        lock = Lock.from_bytes(fetch(cid, workshop.store))
    except RegistryError as error:
        missing.append(f"the lock of its environment cannot be found: {error.message.rstrip('.')}")
        return None
    gone = [wheel.name for wheel in lock.wheels if not _there(wheel.cid, workshop)]
    missing.extend(f"there is no wheel {name}" for name in gone)
    return lock


def _there(cid: CID, workshop: Workshop) -> bool:
    try:
        fetch(cid, workshop.store)
    except ContentError:
        return False
    return True


def _texts(record: RunRecord) -> dict[str, str]:
    return {name: str(value) for name, value in record.environment.variables.items()}


def limits_of(record: RunRecord) -> Limits:
    """The limits to run a record within: its own, with time for a slower machine, and never more than `MOST`."""
    known = {name: record.limits[name] for name in Limits.__slots__ if name in record.limits}
    recorded = Limits(**known)
    # A slower machine is no other result; but who wrote the record does not say what this one may be used up for.
    return replace(recorded, seconds=recorded.seconds * 4 + 60).within(MOST)


def _suit(variables: dict[str, str], record: RunRecord, notes: list[str]) -> None:
    """A kernel of linear algebra that this processor has not would end the run at its first product."""
    wanted = variables.get("OPENBLAS_CORETYPE", "")
    here = kernel_of_blas()
    known = {"HASWELL": ("avx2", "fma"), "SKYLAKEX": ("avx512f",)}
    have = set(machine({}).instructions)
    if wanted and not set(known.get(wanted.upper(), ())) <= have:
        variables["OPENBLAS_CORETYPE"] = here
        notes.append(f"this processor has no {' or '.join(known[wanted.upper()])}: {here} instead of {wanted}")
    recorded = _texts(record).get("OPENBLAS_CORETYPE", "")
    if variables.get("OPENBLAS_CORETYPE", "") != recorded and not notes:
        notes.append(f"another kernel of linear algebra: {variables.get('OPENBLAS_CORETYPE')} instead of {recorded}")


def _changed(record: RunRecord, outcome: Outcome) -> list[str]:
    """What is not as it was then, where that may show in the results."""
    now = machine(observed(outcome))
    pairs = (
        ("the processor", record.machine.processor, now.processor),
        ("its instructions", " ".join(record.machine.instructions), " ".join(now.instructions)),
        ("the kernel of linear algebra", record.machine.blas or "", now.blas or ""),
        ("the C library", record.environment.libc, libc()),
        ("Python", record.environment.python, str(observed(outcome).get("python") or record.environment.python)),
    )
    return [f"{what} was {then or 'none'}, and is {here or 'none'}" for what, then, here in pairs if then != here]


# --- What came of it -----------------------------------------------------------------------------


def compared_with(
    record: RunRecord, made: Collection[str], outputs: Path, workshop: Workshop, spool: Path
) -> tuple[Verdict, ...]:
    """A verdict on each output of a record, and on what was `made` besides, paths below `outputs`. `spool` is a folder
    for what was recorded."""
    verdicts: dict[str, Verdict] = {}
    unequal = []
    for entry in record.outputs:
        how = entry.compared.in_words()
        if entry.path not in made:
            verdicts[entry.path] = Verdict(entry.path, "missing", "it was not made", how)
        elif add_file(outputs / entry.path, NullSink()).cid == entry.cid:
            verdicts[entry.path] = Verdict(entry.path, "same", "byte for byte", how)
        else:
            unequal.append(entry)
    recorded = spool / "recorded"
    for entry in unequal:
        how = entry.compared.in_words()
        try:
            export(entry.cid, workshop.store, recorded / entry.path)
        except ContentError as error:
            word: Word = "differs" if entry.compared.compare == "exact" else "not comparable"
            why = "other bytes" if word == "differs" else f"what was recorded cannot be found: {error.message}"
            verdicts[entry.path] = Verdict(entry.path, word, why, how)
    left = [entry for entry in unequal if entry.path not in verdicts]
    verdicts |= _compared({entry.path: entry.compared for entry in left}, recorded, outputs)
    extra = [
        Verdict(path, "extra", "the record has no such output", "")
        for path in sorted(set(made) - {e.path for e in record.outputs})
    ]
    return (*(verdicts[entry.path] for entry in record.outputs), *extra)


def _compared(how: Mapping[str, Compare], recorded: Path, outputs: Path) -> dict[str, Verdict]:
    """Compare files that are not equal, in the sandbox: they are a stranger's."""
    if not how:
        return {}
    for path in (recorded, *recorded.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    asked = [{"path": path, **entry.to_dict()} for path, entry in how.items()]
    answers = call(
        "compare:compare", recorded, outputs, asked, limits=Limits(seconds=300, memory=2048 * MIB, scratch=64 * MIB)
    )
    return {
        path: Verdict(path, answer["verdict"], answer["why"], how[path].in_words(), tuple(map(tuple, answer["places"])))
        for path, answer in zip(how, answers, strict=True)
    }
