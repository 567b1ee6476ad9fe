"""What was handed in is wrong, or names what is not there."""

from __future__ import annotations

from collections.abc import Sequence

from registry.errors.base import Fault, RegistryError, told


class InputError(RegistryError, ValueError):
    """A value handed in is wrong; nothing was done with it."""

    hint = "Correct the value and try again."


class InvalidDID(InputError):
    """Not a ``did:nft:`` identifier of an asset."""

    hint = "It looks like did:nft:eip155:<chain>_erc721:<registry address>_<asset number>."

    def __init__(self, did: str, reason: str) -> None:
        self.did = did
        super().__init__(f"{did!r} is not the DID of an asset: {reason}.")


class InvalidCID(InputError):
    """Not a content identifier, or not of a kind that can be verified here."""

    hint = "It looks like bafkrei... or bafybei... (CIDv1) or Qm... (CIDv0)."

    def __init__(self, cid: object, reason: str) -> None:
        self.cid = cid
        super().__init__(f"{cid!r} is not a usable CID: {reason}.")


class AmbiguousAsset(InputError):
    """A name that several assets have."""

    def __init__(self, name: str, choices: Sequence[str]) -> None:
        self.name, self.choices = name, tuple(choices)
        listed = ", ".join(self.choices[:5]) + (", ..." if len(self.choices) > 5 else "")
        super().__init__(f"{len(self.choices)} assets are called {name!r}.", hint=f"Name one of: {listed}.")


class InvalidNumber(InputError):
    """A number, moment or span of time that could be read in two ways, or in none."""

    hint = "Write digits, with a point before decimals and, if wanted, _ between thousands."

    def __init__(self, text: str, what: str, reason: str) -> None:
        self.text, self.reason = text, reason
        super().__init__(f"{text[:80]!r} is not a {what}: {reason}.")


class InvalidAmount(InputError):
    """An amount of money that has no exact value in its token."""

    hint = 'Write it as "12.5 USDC", a Decimal, or an integer of the smallest unit.'

    def __init__(self, amount: object, reason: str) -> None:
        self.amount = amount
        super().__init__(f"{amount!r} is not an amount: {reason}.")


class InvalidLicence(InputError):
    """Licence terms that contradict each other or do not fit their fields."""

    hint = "Make one with Licence.hold, Licence.period or Licence.uses."

    def __init__(self, name: str, reason: str, *, hint: str = "") -> None:
        self.name = name
        super().__init__(f"Licence {name!r}: {reason}.", hint=hint)


class InvalidAddress(InputError):
    """Not a 20-byte address, or one with a wrong checksum."""

    hint = "It has 0x and 40 hexadecimal digits."

    def __init__(self, address: object, reason: str) -> None:
        self.address = address
        super().__init__(f"{address!r} is not an address: {reason}.")


class InvalidDDO(InputError):
    """A document that is not a DDO; `faults` lists all that is wrong with it."""

    hint = "Mend these fields and try again."

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        listed = told(self.faults)
        super().__init__(f"The document has {len(self.faults)} fault{'s' * (len(self.faults) != 1)}: {listed}.")


class DDOTooLarge(InputError):
    """A DDO over the limit of one block."""

    hint = "Move long texts and images into the content folder and refer to them."

    def __init__(self, size: int, limit: int) -> None:
        self.size, self.limit = size, limit
        super().__init__(f"The DDO has {size:,} bytes; at most {limit:,} fit in one block.")


class InvalidRecord(InputError):
    """A run record, or the lock of an environment, that is none; `faults` lists all that is wrong with it."""

    hint = "Make it anew with 'registry run' or 'registry sandbox lock'; they are not written by hand."

    def __init__(self, what: str, faults: Sequence[Fault]) -> None:
        self.what, self.faults = what, tuple(faults)
        listed = told(self.faults)
        super().__init__(f"{what} has {len(self.faults)} fault{'s' * (len(self.faults) != 1)}: {listed}.")


class InvalidSettings(InputError):
    """A file of settings that cannot be used; `line` is where, 0 if no line is at fault."""

    hint = "Mend it and try again; nothing was sent."

    def __init__(self, source: object, reason: str, *, line: int = 0, hint: str = "") -> None:
        self.source, self.reason, self.line = source, reason, line
        where = f"{source}, line {line}" if line else str(source)
        super().__init__(f"{where}: {reason}.", hint=hint)


class InvalidEntitlements(InputError):
    """A list of who may claim what, or its proofs, that is wrong; `faults` lists every line at fault."""

    hint = "Mend these lines and try again."

    def __init__(self, source: object, faults: Sequence[Fault]) -> None:
        self.source, self.faults = source, tuple(faults)
        super().__init__(f"{source} is not a list of entitlements: {told(self.faults)}.")


class InvalidContent(InputError):
    """A path that cannot be published as it is."""

    hint = "Correct the folder, or leave the path out of it."

    def __init__(self, path: object, reason: str, *, hint: str = "") -> None:
        self.path, self.reason = path, reason
        super().__init__(f"{str(path)!r} cannot be published: {reason}.", hint=hint)


class WouldOverwrite(InputError, FileExistsError):
    """A file or folder that is there already, and is not what would be written; it was left as it is."""

    hint = "Name another place, or move what is there away first; nothing was written."

    def __init__(self, path: object, what: str = "with other content") -> None:
        self.path = str(path)
        super().__init__(f"{self.path!r} exists already{what and ', ' + what}.")


class Immutable(InputError, PermissionError):
    """A write to a place that cannot change, as all that has a CID."""

    hint = "Write to a new place, and publish what comes out as a new version."

    def __init__(self, path: str, reason: str = "content that has an address never changes", *, hint: str) -> None:
        self.path = path
        super().__init__(f"{path!r} cannot be written: {reason}.", hint=hint)


class NotAFile(InputError, IsADirectoryError):
    """A folder, or a symbolic link, where a file is needed."""

    hint = "Name a file in it."

    def __init__(self, path: str, kind: str, *, hint: str = "") -> None:
        self.path, self.kind = path, kind
        super().__init__(f"{path!r} is a {kind}, not a file.", hint=hint)


class NotAFolder(InputError, NotADirectoryError):
    """A file, or a symbolic link, where a folder is needed."""

    hint = "Read it instead."

    def __init__(self, path: str, kind: str) -> None:
        self.path, self.kind = path, kind
        super().__init__(f"{path!r} is a {kind}, not a folder.")


class NotFoundError(RegistryError, LookupError):
    """What was asked for does not exist."""

    hint = "Check the name and the network."


class AssetNotFound(NotFoundError):
    """No asset has this identifier on this chain."""

    hint = "Check the DID and the network."

    def __init__(self, did: str, reason: str = "no such asset was published") -> None:
        self.did = did
        super().__init__(f"Asset {did} was not found: {reason}.")


class LicenceNotFound(NotFoundError):
    """The asset has no such licence."""

    hint = "Choose one of those that the error lists."

    def __init__(self, did: str, licence: object, known: Sequence[str]) -> None:
        self.did, self.licence, self.known = did, licence, tuple(known)
        super().__init__(f"Asset {did} has no licence {licence!r}.", hint=f"It has: {', '.join(self.known) or 'none'}.")


class FileNotInAsset(NotFoundError, FileNotFoundError):
    """The asset's content has no such file."""

    hint = "Choose one of those that the error lists."

    def __init__(self, path: str, known: Sequence[str]) -> None:
        self.path, self.known = path, tuple(known)
        shown = ", ".join(self.known[:8]) + (" and others" if len(self.known) > 8 else "")
        super().__init__(f"There is no file {path!r}.", hint=f"There are: {shown or 'none'}.")
