"""Running code on data, and writing the record of it. No chain and no money: where things come from is handed in."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Protocol

from registry.documents.canonical import json_faults
from registry.errors import InputError, InvalidCID, RunFailed
from registry.ipfs.cid import CID
from registry.ipfs.nesting import load_json
from registry.ipfs.store import BlockStore, NullSink, keep, writing
from registry.ipfs.unixfs import add_file, add_tree, content_size, export
from registry.sandbox.calling import CALM, INSIDE, PROGRAMS
from registry.sandbox.process import run
from registry.sandbox.runs.code import Code, read_code, read_lock
from registry.sandbox.runs.environment import PYCACHE
from registry.sandbox.runs.environment import environment as make_environment
from registry.sandbox.runs.hardware import kernel_of_blas, libc, machine
from registry.sandbox.runs.lock import Lock, fetch_wheels, platform, python_version
from registry.sandbox.runs.record import Environment, Finding, Input, Output, Program, RunRecord, Usage
from registry.sandbox.spec import NOTES, OUT, SOCKET, Limits, Outcome, Spec, Tier
from registry.text.html import Shown

__all__ = [
    "FoundAsset",
    "Laid",
    "Made",
    "Nowhere",
    "Places",
    "Workshop",
    "calm_variables",
    "lock_of",
    "observed",
    "spool_of",
]

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class FoundAsset:
    """An asset's content: its DID, version and name, the `cid` of its content, its bytes, whether that is encrypted,
    and the name of its only file."""

    did: str
    version: int
    name: str
    cid: CID
    size: int
    gated: bool = False
    file: str = ""


class Places(Protocol):
    """Where assets are found: a registry, or nothing."""

    def find(self, did: str, version: int | None = None) -> FoundAsset:
        """The content of an asset. Raises what the registry raises."""

    def download(self, found: FoundAsset, target: Path) -> None:
        """Write the content, decrypted, to `target`. Raises `AccessDenied` and the content errors."""


class Nowhere:
    """No registry: what is named by a DID cannot be found."""

    def find(self, did: str, version: int | None = None) -> FoundAsset:
        """Raise `InputError`."""
        raise InputError(
            f"{did} is an asset, and no chain was named to look it up.", hint="Add --rpc, or set REGISTRY_RPC."
        )

    def download(self, found: FoundAsset, target: Path) -> None:
        """Raise `InputError`."""
        self.find(found.did)


@dataclass(frozen=True, slots=True)
class Laid:
    """Content that lies ready to be read: where, its `cid`, its bytes, and the asset that it is of."""

    path: Path
    cid: CID
    size: int
    did: str | None = None
    version: int | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Made(Shown):
    """A run: its `outcome`, its `record`, and the folder with its outputs."""

    outcome: Outcome
    record: RunRecord
    outputs: Path


class Workshop:
    """Runs code: blocks come from and go to `store`, assets from `places`, environments are kept below `home`."""

    def __init__(
        self,
        store: BlockStore,
        home: Path,
        places: Places | None = None,
        progress: Progress = lambda *_: None,
    ) -> None:
        self.store, self.home, self.progress = store, home, progress
        self.places: Places = places or Nowhere()

    # --- Laying out ------------------------------------------------------------------------------

    def lay(self, what: str | Path, folder: Path, *, stored: bool = False, version: int | None = None) -> Laid:
        """Content by the path of a folder or file, a DID or a CID, ready to be read; `folder` takes what is fetched.

        What is on this machine is read where it is; with `stored` it is also kept in the store. Raises `InputError`
        for what is none of these, and the content errors."""
        text = str(what)
        if text.startswith("did:"):
            found = self.places.find(text, version)
            self.places.download(found, folder / "content")
            path = _opened_up(_renamed(folder / "content", found.file))
            cid = self._hash(path) if found.gated else found.cid
            return Laid(path, cid, content_size(path), found.did, found.version, found.name)
        path = Path(what)
        if path.exists():
            with writing(self.store):
                sink = self.store if stored else NullSink()
                added = add_tree(path, sink) if path.is_dir() else add_file(path, sink)
                keep(sink, {added.cid: f"content of {path}"})
            return Laid(path, added.cid, added.size, name=path.name)
        try:
            cid = CID.parse(text.removeprefix("ipfs://"))
        except InvalidCID:
            raise InputError(f"{text!r} is no file, no folder, no DID and no CID.", hint="Check the name.") from None
        export(cid, self.store, folder / "content", progress=lambda done: self.progress(f"fetching {text}", done, 0))
        path = _opened_up(folder / "content")
        return Laid(path, cid, content_size(path), name=str(cid))

    def _hash(self, path: Path) -> CID:
        return (add_tree(path, NullSink()) if path.is_dir() else add_file(path, NullSink())).cid

    # --- Running ---------------------------------------------------------------------------------

    def run(
        self,
        code: str | Path,
        on: Mapping[str, str | Path] | None = None,
        *,
        outputs: Path,
        params: Mapping[str, Any] | None = None,
        arguments: Sequence[str] | None = None,
        environment: str | Path | None = None,
        limits: Mapping[str, Any] | None = None,
        seed: int = 0,
        keep_inputs: bool = False,
        least: Tier = Tier.BUBBLEWRAP,
        tier: Tier | None = None,
        on_log: Callable[[bytes], object] | None = None,
        cancel: threading.Event | None = None,
    ) -> Made:
        """Run code on data, leave what it makes in the folder `outputs`, and record how.

        `code` and each of the inputs is a path, a DID or a CID. The inputs lie at ``{inputs}/<name>``, and `params` in
        the file ``{params}``. `environment` has the lock, by default the code's own. `limits` replace some of those
        that the code has. Code, outputs, lock and record are kept in the store; folders that are inputs only with
        `keep_inputs`.

        Raises `RunFailed` if it does not finish, and what `lay`, `read_code`, `fetch_wheels`, `environment` and
        `registry.sandbox.run` raise."""
        with ExitStack() as stack:
            spool = spool_of(stack)
            laid = self.lay(code, spool / "code", stored=True)
            outside = None if environment is None else self.lay(environment, spool / "environment", stored=True)
            program = read_code(laid.path, unlocked=outside is not None)
            if outside is not None:
                program = replace(program, lock=read_lock(outside.path))
            if program.lock is not None:
                fetch_wheels(program.lock, self.store, self.progress)
            on = on or {}
            inputs = {name: self.lay(what, spool / "in" / name, stored=keep_inputs) for name, what in on.items()}
            variables = calm_variables(seed)
            arguments = program.arguments if arguments is None else arguments
            outcome = self.execute(
                program,
                {name: entry.path for name, entry in inputs.items()},
                params=params or {},
                arguments=arguments,
                variables=variables,
                outputs=outputs,
                limits=replace(program.limits, **(limits or {})),
                spool=spool,
                least=least,
                tier=tier,
                on_log=on_log,
                cancel=cancel,
            ).check()
            findings = _findings(outcome) + ([] if keep_inputs else _of_this_machine(inputs, on))
            findings += _unpublished(code, laid, program)
            record = self._record(
                program, laid, outside, inputs, outcome, outputs, params or {}, arguments, variables, findings
            )
        return Made(outcome, record, outputs)

    def execute(
        self,
        program: Code,
        inputs: Mapping[str, Path],
        *,
        params: Mapping[str, Any],
        arguments: Sequence[str],
        variables: Mapping[str, str],
        outputs: Path,
        limits: Limits,
        spool: Path,
        least: Tier = Tier.BUBBLEWRAP,
        tier: Tier | None = None,
        on_log: Callable[[bytes], object] | None = None,
        cancel: threading.Event | None = None,
    ) -> Outcome:
        """Run code that lies ready on data that lies ready; returns however it ends.

        Raises `InputError` for an app, which has no end, and what `spec` and `registry.sandbox.run` raise.
        """
        if program.serves is not None:
            raise InputError(f"{program.entry!r} is an app, and comes to no end.", hint="Start it: registry app run")
        spec = self.spec(
            program,
            inputs,
            params=params,
            arguments=arguments,
            variables=variables,
            outputs=outputs,
            limits=limits,
            spool=spool,
            least=least,
        )
        return run(spec, tier=tier, on_log=on_log, cancel=cancel)

    def spec(
        self,
        program: Code,
        inputs: Mapping[str, Path],
        *,
        params: Mapping[str, Any],
        arguments: Sequence[str],
        variables: Mapping[str, str],
        outputs: Path | None,
        limits: Limits,
        spool: Path,
        least: Tier = Tier.BUBBLEWRAP,
    ) -> Spec:
        """What is to be run for code and data that lie ready, its environment built; for an app, what serves it.

        Raises `InputError` for names and parameters that cannot be written down, and what
        `registry.sandbox.runs.environment.environment` raises.
        """
        if faults := json_faults(dict(params)):
            raise InputError(f"The parameters cannot be written down: {faults[0]}.")
        built = make_environment(lock_of(program), self.store, self.home, progress=self.progress)
        asked = spool / "params.json"
        asked.write_text(json.dumps(dict(params), sort_keys=True))
        asked.chmod(0o644)
        code = CODE if program.root.is_dir() else f"{CODE}/{program.entry}"
        starter: tuple[str, ...] = ("start.py", code, program.entry)
        where = {"REGISTRY_INPUTS": INPUTS, "REGISTRY_OUTPUTS": OUT, "REGISTRY_PARAMS": PARAMS, "REGISTRY_NOTES": NOTES}
        if program.serves is not None:
            starter = ("serve.py", code, program.entry, program.serves)
            where["REGISTRY_SOCKET"] = f"{NOTES}/{SOCKET}"
        return Spec(
            command=(f"{ENV}/bin/python", "-s", "-P", "-B", "-u", f"{INSIDE}/{starter[0]}", *starter[1:], *arguments),
            mounts={INSIDE: PROGRAMS, ENV: built, PARAMS: asked, code: program.root, **_mounted(inputs)},
            python=(built / "bin" / "python").resolve(),
            variables={**variables, **where, "PYTHONPYCACHEPREFIX": f"{ENV}/{PYCACHE}"},
            limits=limits,
            least=least,
            outputs=outputs,
        )

    def _record(
        self,
        program: Code,
        laid: Laid,
        outside: Laid | None,
        inputs: Mapping[str, Laid],
        outcome: Outcome,
        outputs: Path,
        params: Mapping[str, Any],
        arguments: Sequence[str],
        variables: Mapping[str, str],
        findings: Sequence[Finding],
    ) -> RunRecord:
        if not outcome.outputs:
            raise RunFailed("left nothing in its folder of outputs", outcome.text()[-2_000:])
        with writing(self.store):
            added = add_tree(outputs, self.store)
            record = RunRecord(
                created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                code=Program(
                    name=laid.name or program.entry,
                    cid=laid.cid,
                    entry=program.entry,
                    arguments=tuple(arguments),
                    did=laid.did,
                    version=laid.version,
                ),
                environment=self._environment(program, outside, outcome, variables),
                machine=machine(observed(outcome)),
                inputs=tuple(
                    Input(name=name, cid=entry.cid, size=entry.size, did=entry.did, version=entry.version)
                    for name, entry in sorted(inputs.items())
                ),
                params=dict(params),
                limits={name: getattr(outcome.limits, name) for name in Limits.__slots__},
                outputs=tuple(
                    Output(path=path, size=file.size, cid=file.cid, compared=program.compared(path))
                    for path, file in sorted({file.path: file for file in added.files}.items())
                ),
                result=added.cid,
                usage=_usage(outcome),
                findings=tuple(findings[:100]),
            )
            self._keep(record, program.lock)
        return record

    def _environment(
        self, program: Code, outside: Laid | None, outcome: Outcome, variables: Mapping[str, str]
    ) -> Environment:
        return Environment(
            python=str(observed(outcome).get("python") or (program.python or python_version())),
            platform=platform(),
            libc=libc(),
            lock=self.put(program.lock) if program.lock else None,
            variables=dict(variables),
            did=outside.did if outside else None,
            version=outside.version if outside else None,
        )

    def _keep(self, record: RunRecord, lock: Lock | None) -> None:
        """Keep a record, and what it names; code and inputs are kept where they were laid, if they are to be."""
        self.put(record)
        kept = {record.cid: f"run of {record.code.name}", record.result: f"outputs of {record.code.name}"}
        if lock is not None:
            kept[lock.cid] = f"lock of {record.code.name}"
            kept |= {wheel.cid: wheel.name for wheel in lock.wheels}
        keep(self.store, kept)

    def put(self, document: Lock | RunRecord) -> CID:
        """Keep a document of runs in the store."""
        data = document.to_bytes()
        self.store.put(document.cid, data)
        return document.cid


CODE: Final = "/code"
ENV: Final = "/env"
INPUTS: Final = "/data/in"
PARAMS: Final = "/data/params.json"


def lock_of(program: Code) -> Lock:
    """The lock of a program; one without packages where it has none."""
    return program.lock or Lock(python=program.python or python_version(), platform=platform(), wheels=())


def spool_of(stack: ExitStack, place: Path | None = None) -> Path:
    """A folder for what a run is fetched, gone with the stack; below `place`, or where the system keeps such."""
    folder = Path(stack.enter_context(TemporaryDirectory(prefix="asset-registry-run-", dir=place)))
    folder.chmod(0o755)
    return folder


def _renamed(path: Path, name: str) -> Path:
    """A file under its own name; a folder as it is."""
    return path.rename(path.with_name(name)) if path.is_file() and name and "/" not in name else path


def _opened_up(path: Path) -> Path:
    """Let an account of its own read what was fetched for a run."""
    for entry in (path, *path.rglob("*")):
        entry.chmod(0o755 if entry.is_dir() else 0o644)
    return path


def _usage(outcome: Outcome) -> Usage:
    return Usage(
        seconds=round(outcome.seconds, 3),
        cpu_seconds=round(outcome.cpu_seconds, 3),
        memory=outcome.memory,
        tier=outcome.tier.value,
    )


def calm_variables(seed: int) -> dict[str, str]:
    """What makes two runs of the same code on the same data go alike, as far as variables can."""
    seeds = {"PYTHONHASHSEED": str(seed), "REGISTRY_SEED": str(seed)}
    return {**CALM, "OPENBLAS_CORETYPE": kernel_of_blas(), **seeds}


def _mounted(inputs: Mapping[str, Path]) -> dict[str, Path]:
    """Where inputs lie inside; raises `InputError` for a name that is none of a file."""
    for name in inputs:
        if not name.replace("-", "").replace("_", "").replace(".", "").isalnum() or name.startswith("."):
            raise InputError(f"{name!r} cannot be the name of an input.", hint="Use letters, digits, dots, - and _.")
    return {f"{INPUTS}/{name}": path for name, path in inputs.items()}


def _unpublished(code: str | Path, laid: Laid, program: Code) -> list[Finding]:
    if laid.did is not None or not Path(str(code)).exists():
        return []
    return [Finding(kind="code", where=program.entry, what="is not published as an asset")]


def _of_this_machine(inputs: Mapping[str, Laid], on: Mapping[str, str | Path]) -> list[Finding]:
    return [
        Finding(kind="input", where=name, what="is a file of this machine, and not pinned")
        for name, entry in inputs.items()
        if entry.did is None and Path(str(on[name])).exists()
    ]


def observed(outcome: Outcome) -> dict[str, Any]:
    """What was noticed inside, if anything was."""
    try:
        value = load_json(outcome.notes)
        return value if isinstance(value, dict) else {}
    except ValueError:
        return {}


def _findings(outcome: Outcome) -> list[Finding]:
    """What was noticed inside, believed as far as it can be said."""
    kinds = ("clock", "network", "randomness")
    findings = []
    for entry in observed(outcome).get("findings", [])[:50]:
        if isinstance(entry, list) and len(entry) == 3 and entry[0] in kinds:
            where, what = ("".join(c for c in str(part) if c.isprintable())[:200] for part in entry[1:])
            findings.append(Finding(kind=entry[0], where=where, what=what))
    return findings
