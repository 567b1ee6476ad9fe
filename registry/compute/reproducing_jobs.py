"""A run whose data stay with their owner, run again where they are: as a job, of which the host signs what came out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from os import PathLike
from pathlib import Path
from typing import Any, Final

from registry.assets.catalogue import Catalogue
from registry.compute.experiments import DATA, Experiments
from registry.compute.order_checks import terms_of
from registry.compute.ordered_job import OrderedJob
from registry.errors import CannotReproduce, ContentError, InputError, InvalidRecord
from registry.ipfs.cid import CID
from registry.results import Asset, AssetRef
from registry.sandbox.runs.record import RunRecord
from registry.sandbox.runs.reproducing import Reproduction, compared_with
from registry.sandbox.runs.running import spool_of
from registry.session import Session

__all__ = ["reproduced_at"]

_SEED: Final = re.compile(r"0|[1-9][0-9]{0,9}")
_MOST_SEED: Final = 2**32 - 1


def reproduced_at(
    registry: Session,
    record: RunRecord,
    on: AssetRef,
    order: Callable[[CID, AssetRef, Mapping[str, Any], int], OrderedJob],
    *,
    outputs: str | PathLike[str],
    seconds: float,
) -> Reproduction:
    """Have a record run again on the data behind the offering `on`, and compare what came out, which goes to the folder
    `outputs`. `order` orders the job, of code on the offering with parameters and a seed; it is asked for none that
    cannot be the run that was recorded.

    Raises `CannotReproduce` with all that keeps it from being tried, and for a job that is not delivered; and what
    `order`, `OrderedJob.wait` and `OrderedJob.save` raise.
    """
    what = f"The run of {record.code.name}"
    workshop = Experiments(registry).workshop
    with ExitStack() as stack:
        spool = spool_of(stack)
        found = Catalogue(registry).get(on)
        missing = [*_of_data(registry, record, found), *_of_code(registry, record, spool)]
        seed = str(record.environment.variables.get("REGISTRY_SEED", "0"))
        if not _SEED.fullmatch(seed) or int(seed) > _MOST_SEED:
            missing.append(f"its seed {seed!r} is none of a job")
        if missing:
            raise CannotReproduce(what, missing, hint="Ask the owner of the data, who can run it again at home.")
        job = order(record.code.cid, on, record.params, int(seed))
        state = job.wait(seconds).state
        if state != "delivered":
            raise CannotReproduce(
                what, [f"the job {job.id[:16]} on its data is {state}"], hint="Ask the owner of the data why."
            )
        saved = job.save(outputs)
        verdicts = compared_with(record, [file.path for file in saved.files], Path(outputs), workshop, spool)
    told = f"its data stayed at the host {job.order.job.host}, whose word and signature it is that this came out"
    return Reproduction(record.cid, verdicts, (told,), receipt=saved.paper)


def _of_data(registry: Session, record: RunRecord, offering: Asset) -> list[str]:
    """Why runs on an offering are not on what was recorded."""
    if [entry.name for entry in record.inputs] != [DATA]:
        named = ", ".join(repr(entry.name) for entry in record.inputs) or "nothing"
        return [f"it read {named}, and a job reads one thing, called {DATA!r}"]
    (entry,) = record.inputs
    data = Catalogue(registry).get(terms_of(offering)[1])
    content = data.ddo.content
    if entry.did is not None and (entry.did, entry.version) != (str(data.did), data.version):
        return [f"it read {entry.did} version {entry.version}, and runs are on {data.did} version {data.version} now"]
    if entry.did is None and (content is None or content.cid != entry.cid):
        return [f"it read {entry.cid}, and runs are on {content and content.cid}"]
    return []


def _of_code(registry: Session, record: RunRecord, spool: Path) -> list[str]:
    """Why the code of a record would run otherwise as a job."""
    try:
        code = Experiments(registry).code(record.code.cid, spool / "code")
    except (InputError, InvalidRecord, ContentError) as error:
        return [f"its code: {error.message.rstrip('.')}"]
    lock = None if code.lock is None else code.lock.cid
    found = []
    if record.code.arguments != code.arguments:
        found.append(f"it was given the arguments {list(record.code.arguments)}, and a job gives those of its run.toml")
    if code.root.is_dir() and record.code.entry != code.entry:
        found.append(f"its program was {record.code.entry!r}, and a job runs {code.entry!r}")
    if record.environment.lock != lock:
        found.append("its environment was not the one that is locked with its code")
    return found
