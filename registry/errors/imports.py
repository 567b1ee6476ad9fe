"""What lies elsewhere and could not be imported."""

from __future__ import annotations

from collections.abc import Mapping

from registry.errors.base import RegistryError


class ImportFailed(RegistryError):
    """Something could not be imported. What was fetched and checked stays, and is not fetched again."""

    hint = "Run it again: it goes on where it stopped."

    def __init__(self, source: str, reason: str, *, hint: str = "") -> None:
        self.source, self.reason = source, reason
        super().__init__(f"{source} cannot be imported: {reason.rstrip('.')}.", hint=hint)


class SourceNotFound(ImportFailed, LookupError):
    """There is no such repository, revision or file, or it is private and nobody says so."""

    hint = "Check the name and the revision; for a private one, name your token in HF_TOKEN."


class SourceClosed(ImportFailed, PermissionError):
    """A repository is there, and not for whoever asks: gated, private or disabled."""

    hint = "Ask for access at its page, then name your token in HF_TOKEN."


class SourceDiffers(ImportFailed, ValueError):
    """A file is not what the source promised before it was fetched: another hash, another size. Nothing was kept."""

    hint = "Try again later or through another network; if it stays, tell the owner of the source."

    def __init__(self, source: str, path: str, reason: str) -> None:
        self.path = path
        super().__init__(source, f"its file {path!r} {reason}")


class SourceIncomplete(ImportFailed):
    """Some repositories of an account cannot be imported; `faults` says why, by their names. Nothing was fetched."""

    hint = "Settle them (--license, --accept-licence), or leave them out with --leave-out NAME, all of them --partial."

    def __init__(self, source: str, faults: Mapping[str, str], *, hint: str = "") -> None:
        self.faults = dict(faults)
        told = "; ".join(f"{name}: {reason.rstrip('.')}" for name, reason in list(faults.items())[:20])
        more = "; ..." if len(faults) > 20 else ""
        hint = f"{type(self).hint} {hint}" if hint else ""
        super().__init__(source, f"of its repositories {len(faults):,} cannot be taken ({told}{more})", hint=hint)


class LicenceUnclear(ImportFailed, ValueError):
    """The source does not say under which licence it may be published, or names one that SPDX does not have."""

    hint = "Read its licence, then name it: --license SPDX-ID."
