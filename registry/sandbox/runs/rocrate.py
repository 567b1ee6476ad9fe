"""A run as an RO-Crate, for journals and archives: one folder with code, outputs, records, and what they have to do
with each other, as the profile "Process Run Crate" says it.

https://w3id.org/ro/crate/1.1 and https://w3id.org/ro/wfrun/process/0.5
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any, Final

from registry.errors import InputError
from registry.ipfs.cid import CID, DAG_PB
from registry.ipfs.store import BlockSource, fetch
from registry.ipfs.unixfs import export
from registry.sandbox.runs.record import Input, RunRecord
from registry.system.disk import refuse_taken

__all__ = ["write_crate"]

METADATA: Final = "ro-crate-metadata.json"
_CRATE: Final = "https://w3id.org/ro/crate/1.1"
_PROCESS: Final = "https://w3id.org/ro/wfrun/process/0.5"

Entity = dict[str, Any]


def write_crate(
    record: RunRecord, source: BlockSource, target: Path, *, license: str, name: str = "", author: str = ""
) -> Path:
    """Write the crate of a run to the folder `target`, which is missing or empty, and return the path of its metadata.

    It holds the code (``code/``), the outputs (``outputs/``), the record and the lock; inputs are named by DID and
    CID, and not copied. `license` is that of the whole, an SPDX identifier or a URL. Raises `InputError` for a target
    that is taken or without a licence, and the content errors."""
    if not license:
        raise InputError("A crate says under which licence it may be used.", hint="Name one: CC-BY-4.0, say.")
    refuse_taken(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{target.name[:64]}-", dir=target.parent))
    try:
        # What may be a file under a name of its own is laid in a folder.
        code = export(
            record.code.cid, source, staging / "code" if _is_folder(record) else staging / "code" / record.code.entry
        )
        outputs = export(record.result, source, staging / "outputs")
        (staging / "run-record.json").write_bytes(record.to_bytes())
        if record.environment.lock is not None:
            (staging / "run.lock.json").write_bytes(fetch(record.environment.lock, source))
        program = f"code/{record.code.entry}"
        paths = [f"code/{file.path}" if file.path else program for file in code]
        graph = _graph(record, program, paths, [f"outputs/{file.path}" for file in outputs], license, name, author)
        text = json.dumps({"@context": f"{_CRATE}/context", "@graph": graph}, indent=2, ensure_ascii=False)
        (staging / METADATA).write_text(text + "\n", encoding="utf-8")
        staging.chmod(0o755)
        if target.exists():
            target.rmdir()
        staging.rename(target)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    return target / METADATA


def _is_folder(record: RunRecord) -> bool:
    return record.code.cid.codec == DAG_PB and record.code.name != record.code.entry


def _graph(
    record: RunRecord, program: str, code: list[str], outputs: list[str], license: str, name: str, author: str
) -> list[Entity]:
    """The entities of the crate, each once."""
    title = name or f"Run of {record.code.name}"
    papers = ["run-record.json", *(["run.lock.json"] if record.environment.lock is not None else [])]
    by: Entity = {"@id": "#author"} if author else {}
    parts = [*code, *outputs, *papers, *map(_id_of, record.inputs)]
    return [
        {"@id": METADATA, "@type": "CreativeWork", "about": {"@id": "./"}, "conformsTo": {"@id": _CRATE}},
        {
            "@id": "./",
            "@type": "Dataset",
            "name": title,
            "description": f"What {record.code.entry} made of {_inputs_in_words(record)}, with all that runs it again.",
            "datePublished": record.created,
            "license": {"@id": _license(license)},
            "conformsTo": {"@id": _PROCESS},
            "hasPart": [{"@id": path} for path in parts],
            "mentions": [{"@id": "#run"}],
            **({"author": [by]} if by else {}),
        },
        {"@id": _PROCESS, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"},
        {"@id": _license(license), "@type": "CreativeWork", "name": license},
        _action(record, program, outputs, title, by),
        *_software(record, program, papers[1:]),
        *(_file(path, path) for path in code if path != program),
        *(
            _file(f"outputs/{entry.path}", entry.path)
            | {"contentSize": str(entry.size), "identifier": _ipfs(entry.cid)}
            for entry in record.outputs
        ),
        *map(_input, record.inputs),
        *(_parameter(key, value) for key, value in sorted(record.params.items())),
        *_papers(record),
        *([{**by, "@type": "Person", "name": author}] if by else []),
    ]


def _action(record: RunRecord, program: str, outputs: list[str], title: str, by: Entity) -> Entity:
    """What was run, on what, and what it made."""
    params = [f"#param-{key}" for key in sorted(record.params)]
    return {
        "@id": "#run",
        "@type": "CreateAction",
        "name": title,
        "description": f"Took {record.usage.seconds:g} s in tier {record.usage.tier} of the sandbox.",
        "instrument": {"@id": program},
        "object": [{"@id": at} for at in (*map(_id_of, record.inputs), *params)],
        "result": [{"@id": path} for path in outputs],
        "endTime": record.created,
        "actionStatus": {"@id": "http://schema.org/CompletedActionStatus"},
        **({"agent": by} if by else {}),
    }


def _software(record: RunRecord, program: str, lock: list[str]) -> list[Entity]:
    """The program, and the Python that it ran on."""
    return [
        {
            "@id": program,
            "@type": ["File", "SoftwareSourceCode"],
            "name": record.code.entry,
            "programmingLanguage": {"@id": "#python"},
            "softwareRequirements": [{"@id": "#python"}, *({"@id": path} for path in lock)],
            "url": record.code.did or _ipfs(record.code.cid),
            "encodingFormat": _format(program),
        },
        {
            "@id": "#python",
            "@type": ["ComputerLanguage", "SoftwareApplication"],
            "name": f"Python {record.environment.python}",
            "version": record.environment.python,
            "url": "https://www.python.org/",
        },
    ]


def _file(path: str, name: str) -> Entity:
    return {"@id": path, "@type": "File", "name": name, "encodingFormat": _format(path)}


def _input(entry: Input) -> Entity:
    return {
        "@id": _id_of(entry),
        "@type": "Dataset",
        "name": entry.name,
        "identifier": _ipfs(entry.cid),
        "contentSize": str(entry.size),
        **({"version": str(entry.version)} if entry.version else {}),
    }


def _parameter(key: str, value: Any) -> Entity:
    plain = value if isinstance(value, str | int | float | bool) else json.dumps(value)
    return {"@id": f"#param-{key}", "@type": "PropertyValue", "name": key, "value": plain}


def _papers(record: RunRecord) -> list[Entity]:
    """The record, and the lock where there is one."""
    papers = [
        _file("run-record.json", "run record")
        | {"description": "All that it takes to run it again; its CID names it.", "identifier": _ipfs(record.cid)}
    ]
    if record.environment.lock is not None:
        papers.append(_file("run.lock.json", "locked environment") | {"identifier": _ipfs(record.environment.lock)})
    return papers


def _ipfs(cid: CID) -> str:
    return f"ipfs://{cid}"


def _id_of(entry: Input) -> str:
    return entry.did or _ipfs(entry.cid)


def _inputs_in_words(record: RunRecord) -> str:
    return ", ".join(entry.name for entry in record.inputs) or "nothing but its parameters"


def _license(text: str) -> str:
    return text if "://" in text else f"https://spdx.org/licenses/{text}"


def _format(path: str) -> str:
    kinds = {".py": "text/x-python", ".json": "application/json", ".csv": "text/csv", ".md": "text/markdown"}
    kinds |= {".toml": "application/toml", ".ipynb": "application/x-ipynb+json", ".txt": "text/plain"}
    return kinds.get(Path(path).suffix.lower(), "application/octet-stream")
