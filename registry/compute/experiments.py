"""Runs of assets on assets: code and data from the registry, and the records behind assets that were made by a run."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from registry.assets.catalogue import Catalogue
from registry.content.kinds import shelf_for
from registry.did import DID
from registry.errors import CannotReproduce, InputError
from registry.ipfs.cid import CID
from registry.ipfs.unixfs import export
from registry.results import Asset, AssetRef
from registry.sandbox.ingress.app_server import RunningApp, serve_app
from registry.sandbox.runs.code import Code, read_code
from registry.sandbox.runs.record import RunRecord
from registry.sandbox.runs.reproducing import Reproduction, read_record, reproduce
from registry.sandbox.runs.running import FoundAsset, Made, Workshop
from registry.sandbox.spec import Tier

if TYPE_CHECKING:
    from registry.session import Session

__all__ = ["DATA", "PROGRAM", "Experiments"]

DATA: Final = "data"
"""Under which name the program of a job finds the data: ``{inputs}/data``."""

PROGRAM: Final = "program.py"
"""What a program of a job is called that is one file."""


class _Assets:
    """The places that a workshop looks in: the assets of a registry."""

    def __init__(self, registry: Session) -> None:
        self._registry = registry

    def find(self, did: str, version: int | None = None) -> FoundAsset:
        """The content of an asset, of its version today or of an earlier one."""
        catalogue = Catalogue(self._registry)
        found = catalogue.at(catalogue.get(did), version)
        ddo = found.ddo
        if ddo.content is None:
            raise InputError(f"{did} has no content.", hint="Name an asset with files.")
        return FoundAsset(
            did=str(found.did),
            version=found.version,
            name=ddo.name,
            cid=ddo.content.cid,
            size=ddo.content.size,
            gated=ddo.content.encryption is not None,
            file=ddo.content.files[0].path if len(ddo.content.files) == 1 else "",
        )

    def download(self, found: FoundAsset, target: Path) -> None:
        """Write the content of an asset, decrypted, for whoever has access to it."""
        asset = Catalogue(self._registry).get(found.did)
        if asset.version == found.version:
            shelf_for(self._registry, asset).download(asset, target)
            return
        if found.gated:
            raise InputError(
                f"Version {found.version} of {found.did} is gated, and keys are given for its version today "
                f"({asset.version}).",
                hint="Ask its owner for that version.",
            )
        shelf_for(self._registry, asset).require_access(asset)
        export(found.cid, self._registry.store, target)


class Experiments:
    """What is run on a registry's assets, used by one account; blocks and environments are those of its home."""

    def __init__(self, registry: Session) -> None:
        self._registry = registry
        home = registry.home or Path(tempfile.gettempdir()) / "asset-registry"
        self.workshop = Workshop(registry.store, home, _Assets(registry), registry.progress)

    def run(
        self,
        code: AssetRef | PathLike[str],
        on: Mapping[str, AssetRef | PathLike[str]] | None = None,
        *,
        outputs: str | PathLike[str],
        params: Mapping[str, Any] | None = None,
        arguments: Sequence[str] | None = None,
        environment: AssetRef | PathLike[str] | None = None,
        limits: Mapping[str, Any] | None = None,
        seed: int = 0,
        keep_inputs: bool = False,
        least: Tier = Tier.BUBBLEWRAP,
        on_log: Callable[[bytes], object] | None = None,
        cancel: threading.Event | None = None,
    ) -> Made:
        """Run code on data in the sandbox, leave the results in the folder `outputs`, and record how they came about.

        `code`, each input and `environment` (an asset or folder with a lock, by default the code's own) are a DID or
        number of an asset, a CID, or a path. See `Workshop.run`.

        Raises `RunFailed`, `SandboxUnavailable`, `WrongEnvironment`, `AccessDenied` and the content errors.
        """
        return self.workshop.run(
            self._named(code),
            {name: self._named(what) for name, what in (on or {}).items()},
            outputs=Path(outputs),
            params=params,
            arguments=arguments,
            environment=None if environment is None else self._named(environment),
            limits=limits,
            seed=seed,
            keep_inputs=keep_inputs,
            least=least,
            on_log=on_log,
            cancel=cancel,
        )

    def code(self, cid: CID, folder: Path) -> Code:
        """Code as a job runs it, by its CID: a file of Python, or a folder with its run.toml; laid in `folder`. Raises
        `InputError` and `InvalidRecord` for what cannot be run, and the content errors."""
        laid = self.workshop.lay(str(cid), folder)
        return read_code(laid.path.rename(laid.path.with_name(PROGRAM)) if laid.path.is_file() else laid.path)

    def serve(
        self,
        app: AssetRef | PathLike[str],
        on: Mapping[str, AssetRef | PathLike[str]] | None = None,
        **options: Any,
    ) -> AbstractContextManager[RunningApp]:
        """Run an app in the sandbox while a `with` lasts, and serve its pages to browsers of this machine.

        `app` and each input are named as for `run`; `options` are those of
        `registry.sandbox.ingress.app_server.serve_app`, and it raises the same.
        """
        inputs = {name: self._named(what) for name, what in (on or {}).items()}
        return serve_app(self.workshop, self._named(app), inputs, **options)

    def record(self, asset: AssetRef) -> RunRecord:
        """The record of the run that made an asset. Raises `CannotReproduce` if it names none, and what `get`
        raises."""
        found = Catalogue(self._registry).get(asset)
        if found.ddo.made_by is None:
            raise CannotReproduce(
                str(found.did), ["its document names no run that made it"], hint="Its owner publishes it with made_by."
            )
        return read_record(found.ddo.made_by, self.workshop)

    def reproduce(
        self,
        what: AssetRef | RunRecord,
        *,
        outputs: str | PathLike[str],
        on: Mapping[str, AssetRef | PathLike[str]] | None = None,
        least: Tier = Tier.BUBBLEWRAP,
        limits: Mapping[str, Any] | None = None,
        on_log: Callable[[bytes], object] | None = None,
        cancel: threading.Event | None = None,
    ) -> Reproduction:
        """Run the record behind an asset again, or a record, and compare. See `registry.sandbox.runs.reproducing`.

        Raises `CannotReproduce` with all that is missing, and `SandboxUnavailable`.
        """
        record = what if isinstance(what, RunRecord) else self.record(what)
        return reproduce(
            record,
            self.workshop,
            outputs=Path(outputs),
            on={name: self._named(what) for name, what in (on or {}).items()},
            least=least,
            limits=limits,
            on_log=on_log,
            cancel=cancel,
        )

    def _named(self, what: AssetRef | PathLike[str]) -> str | Path:
        if isinstance(what, Asset | DID | int):
            return str(self._registry.did(what))
        return what if isinstance(what, str) else Path(what)
