"""Terms of compute: whose code may run on data that stay where they are, within what, and what may come out.

Nothing in them is a pattern: code is named by its CID, an output by its path, a parameter by its name with each value
that it may have. What is not named is refused, or, with `review`, read by the owner first.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import Field, PlainValidator, WithJsonSchema, field_validator, model_validator

from registry.documents.canonical import FrozenDict, freeze, json_faults, pointer
from registry.documents.fields import (
    AddressField,
    Array,
    CIDField,
    DIDField,
    GatewayUrl,
    Line,
    Path,
    _FieldError,
    refuse_repeats,
)
from registry.documents.part import DocumentPart
from registry.errors import Fault
from registry.ipfs.cid import CID

__all__ = ["DataBudget", "ResultColumn", "ResultFile", "Terms"]

MIB: Final = 2**20

MOST_BYTES: Final = 64 * MIB
"""Of all results of a job: they are sealed in one piece."""

_MOST_VALUES: Final = 256

_Whole = Annotated[int, Field(strict=True, ge=1, le=2**53 - 1)]


class ResultColumn(DocumentPart):
    """A column of a table of results: whole numbers, finite numbers, or one of the `values` and nothing else."""

    name: Line
    kind: Literal["integer", "number", "choice"]
    values: Annotated[tuple[Line, ...], Array, Field(max_length=_MOST_VALUES)] = ()

    @field_validator("values")
    @classmethod
    def _no_repeats(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        refuse_repeats(values)
        return values

    @model_validator(mode="after")
    def _values_are_of_choices(self) -> Self:
        if (self.kind == "choice") != bool(self.values):
            raise _FieldError([Fault("/values", "belong to a choice, which needs some")])
        return self


class ResultFile(DocumentPart):
    """A file that may come out: its exact `path` and the most `bytes` that it may have.

    With `columns` it is a table in CSV with a header and at most `rows` rows. With `group` each row tells in that
    column, of whole numbers, how many subjects of the data it is made from, and must be made from `smallest` of them.
    """

    path: Path
    bytes: Annotated[int, Field(strict=True, ge=1, le=MOST_BYTES)]
    columns: Annotated[tuple[ResultColumn, ...], Array, Field(max_length=256)] = ()
    rows: _Whole | None = None
    group: Line | None = None
    smallest: Annotated[int, Field(strict=True, ge=2, le=2**31 - 1)] | None = None

    @field_validator("path")
    @classmethod
    def _names_one_file(cls, path: str) -> str:
        if set(path) & set("*?[]{}"):
            raise ValueError("is a pattern, and a path names one file")
        return path

    @field_validator("columns")
    @classmethod
    def _names_are_unique(cls, columns: tuple[ResultColumn, ...]) -> tuple[ResultColumn, ...]:
        refuse_repeats([column.name for column in columns], suffix="/name")
        return columns

    @model_validator(mode="after")
    def _rules_are_of_tables(self) -> Self:
        faults = []
        if bool(self.columns) != (self.rows is not None):
            faults.append(Fault("/rows", "belong to a table with columns, which needs the most of them"))
        if (self.group is None) != (self.smallest is None):
            faults.append(Fault("/smallest", "and group belong together"))
        counts = {column.name for column in self.columns if column.kind == "integer"}
        if self.group is not None and self.group not in counts:
            faults.append(Fault("/group", "is none of the columns of whole numbers"))
        if faults:
            raise _FieldError(faults)
        return self


class DataBudget(DocumentPart):
    """What may be taken from one version of the data, by all accounts together: `runs`, and `bytes` of results."""

    runs: Annotated[int, Field(strict=True, ge=1, le=2**31 - 1)]
    bytes: _Whole


def _read_params(value: object) -> FrozenDict:
    if not isinstance(value, Mapping):
        raise ValueError("is not an object")
    faults = json_faults(value, depth=2)
    if len(value) > 64:
        faults.append(Fault("", "has more than 64 names"))
    for name, values in value.items():
        if not isinstance(values, list | tuple) or not 1 <= len(values) <= _MOST_VALUES:
            faults.append(Fault(pointer([str(name)]), f"is not a list of 1 to {_MOST_VALUES} values"))
        elif any(isinstance(one, Mapping | list | tuple) for one in values):
            faults.append(
                Fault(pointer([str(name)]), "has a value that is neither text, a number, true, false nor null")
            )
        elif len({_told(one) for one in values}) < len(values):
            faults.append(Fault(pointer([str(name)]), "repeats a value"))
    if faults:
        raise _FieldError(faults)
    frozen: FrozenDict = freeze(value)
    return frozen


def _told(value: object) -> tuple[bool, Any]:
    """A value of JSON as it is told from others: true is not 1, and 1.0 is."""
    return (type(value) is bool, value)


_Params = Annotated[Mapping[str, Any], PlainValidator(_read_params), WithJsonSchema({"type": "object"})]


class Terms(DocumentPart):
    """What the owner of data lets others compute on them.

    ========= ==========================================================================================
    data      the asset whose content is computed on; `Registry.publish` fills it in for what it publishes
    code      CIDs of the programs (a file, or a folder with its run.toml and lock) that may run
    params    each parameter that those may be given, with a list of all values that it may have
    review    whether the owner reads other code, and jobs with other parameters, and may let one run
    outputs   the files that may come out, each with its rules; a job that leaves anything else gives nothing
    release   ``policy``: what keeps to the rules goes out; ``owner``: the owner looks at it first
    use       what one use of a licence pays for: a ``run``, or a ``minute`` of it that is begun
    log       bytes that go out of what a program of `code` wrote, by ``policy``; by default, and of others, nothing
    budget    what may be taken from one version of the data in all
    tier      the least tier of the sandbox that will do (`registry.sandbox.Tier`)
    seconds   of a run at most; `memory` its bytes, `processes` how many at the same time
    hosts     accounts that may run jobs and sign for them; by default the publisher's
    url       where orders are handed in; without one they are sent as files
    ========= ==========================================================================================

    Raises `InvalidDDO` with all that is wrong.
    """

    _always: ClassVar[frozenset[str]] = frozenset({"release", "tier", "seconds", "memory", "processes"})

    data: DIDField | None = None
    code: Annotated[tuple[CIDField, ...], Array, Field(max_length=64)] = ()
    params: _Params = Field(default_factory=FrozenDict)
    review: Annotated[bool, Field(strict=True)] = False
    outputs: Annotated[tuple[ResultFile, ...], Array, Field(min_length=1, max_length=64)]
    release: Literal["policy", "owner"] = "policy"
    use: Literal["run", "minute"] = "run"
    log: Annotated[int, Field(strict=True, ge=256, le=64 * 2**10)] | None = None
    budget: DataBudget
    tier: Annotated[int, Field(strict=True, ge=1, le=4)] = 2
    seconds: Annotated[int, Field(strict=True, ge=1, le=7 * 86_400)] = 600
    memory: Annotated[int, Field(strict=True, ge=64 * MIB, le=2**50)] = 1024 * MIB
    processes: Annotated[int, Field(strict=True, ge=1, le=100_000)] = 64
    hosts: Annotated[tuple[AddressField, ...], Array, Field(max_length=16)] = ()
    url: GatewayUrl | None = None

    @field_validator("code", "hosts")
    @classmethod
    def _no_repeats(cls, values: tuple[Hashable, ...]) -> tuple[Hashable, ...]:
        refuse_repeats(values)
        return values

    @model_validator(mode="after")
    def _something_may_run_and_come_out(self) -> Self:
        faults = []
        if not self.code and not self.review:
            faults.append(Fault("/code", "names nothing, and nothing else is reviewed"))
        # Some systems hold names apart by their letters alone, and others not.
        lowered = [one.path.casefold() for one in self.outputs]
        for place, path in enumerate(lowered):
            if path in lowered[:place]:
                faults.append(Fault(f"/outputs/{place}/path", f"repeats number {lowered.index(path)}"))
            elif any(other.startswith(path + "/") for other in lowered):
                faults.append(Fault(f"/outputs/{place}/path", "is a file and a folder of another"))
        if self.most_bytes > MOST_BYTES:
            faults.append(Fault("/outputs", f"may have {self.most_bytes:,} bytes, more than {MOST_BYTES:,}"))
        if self.log and self.release == "owner":
            faults.append(Fault("/log", "goes out by itself, and the owner looks at what goes out first"))
        if self.log and not self.code:
            faults.append(Fault("/log", "is of programs that are named, and none is"))
        if self.budget.bytes < self.most_taken:
            faults.append(Fault("/budget/bytes", f"is less than the {self.most_taken:,} that one job may take"))
        if faults:
            raise _FieldError(faults)
        return self

    @property
    def most_bytes(self) -> int:
        """Bytes that the files of one job may have at most."""
        return sum(one.bytes for one in self.outputs)

    @property
    def most_taken(self) -> int:
        """Bytes that one job may take from its budget at most: its files, and its log where that goes out."""
        return self.most_bytes + (self.log or 0)

    def outside(self, code: CID, params: Mapping[str, Any]) -> Sequence[str]:
        """What of a job is not within these terms unless its owner agrees, in words; nothing for one that is."""
        found = [] if code in self.code else [f"the code {code} is not on its list"]
        for name, value in params.items():
            if name not in self.params:
                found.append(f"the parameter {name!r} is not one of it")
            elif _told(value) not in [_told(one) for one in self.params[name]]:
                found.append(f"the parameter {name!r} may not be {str(value)[:80]!r}")
        return found

    def in_words(self) -> str:
        """The terms in a line."""
        code = f"{len(self.code)} programs by their CIDs" if self.code else "no program by itself"
        read = ", others after the owner read them" if self.review else ""
        out = ", ".join(one.path for one in self.outputs[:3]) + (", ..." if len(self.outputs) > 3 else "")
        then = "what keeps to the rules goes out" if self.release == "policy" else "the owner looks at it first"
        log = f"; of a log at most {self.log:,} bytes" if self.log else ""
        each = ", a use for each minute" if self.use == "minute" else ""
        files = f"{out} of at most {self.most_bytes:,} bytes: {then}{log}"
        return f"{code}{read}; {self.seconds:,} s{each}, tier {self.tier}; {files}"
