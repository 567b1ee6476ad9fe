"""What a DAO is to start with, written down in YAML.

``examples/dao.yaml`` has all that such a file can say. Only allocations are needed; the rest has the defaults of
`Foundation` and `GovernorRules`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from registry.chain.foundation import EntitlementList, Foundation, GovernorRules
from registry.errors import InvalidSettings
from registry.governance.entitlements import Entitlements, read_csv, tokens
from registry.governance.yaml_file import YamlFile
from registry.system import disk
from registry.text.numbers import moment, seconds, whole
from registry.types import Address, to_address

if TYPE_CHECKING:
    from yaml.nodes import Node

    from registry.money import Amount

_FIELDS: Final = {"token", "allocations", "treasury", "distribution", "rules", "timelock-delay", "bonds"}

_RULES: Final[dict[str, Callable[[str], Any]]] = {
    "voting-delay": seconds,
    "voting-period": seconds,
    "proposal-threshold": tokens,
    "quorum-percent": whole,
    "quorum-floor": tokens,
    "late-quorum-extension": seconds,
    "guardian": to_address,
    "guardian-until": moment,
}


def read_foundation(path: str | Path, amount: Callable[[str], Amount]) -> tuple[Foundation, Entitlements | None]:
    """Read a file: what the DAO starts with, and the list of its distribution if there is one.

    `amount` reads the bonds, as `Registry.amount` does. Raises `InvalidSettings` with the line at fault, and
    `InvalidEntitlements` for the list.
    """
    return _Reader(path, amount).read()


class _Reader:
    def __init__(self, path: str | Path, amount: Callable[[str], Amount]) -> None:
        self._file = YamlFile(path, lambda reason, line, hint: InvalidSettings(path, reason, line=line, hint=hint))
        self._amount = amount

    def read(self) -> tuple[Foundation, Entitlements | None]:
        root = self._file.root()
        fields = self._file.fields(root, _FIELDS)
        if "allocations" not in fields and "distribution" not in fields:
            raise self._file.fault(
                root, "no tokens are allocated to anybody", "Add 'allocations', or a 'distribution'."
            )
        given: dict[str, Any] = {"allocations": {}}
        listed: Entitlements | None = None
        if "token" in fields:
            names = self._file.fields(fields["token"], {"name", "symbol"})
            given |= {name: self._file.text(node) for name, node in names.items()}
        if "allocations" in fields:
            given["allocations"] = self._allocations(fields["allocations"])
        if "treasury" in fields:
            given["treasury"] = self._file.located(fields["treasury"], tokens)
        if "distribution" in fields:
            listed, end = self._distribution(fields["distribution"])
            given["listed"] = EntitlementList(listed.root, listed.total, end)
        if "rules" in fields:
            given["rules"] = self._rules(fields["rules"])
        if "timelock-delay" in fields:
            given["delay"] = self._file.located(fields["timelock-delay"], seconds)
        if "bonds" in fields:
            given["bonds"] = dict(self._bond(node) for node in self._file.items(fields["bonds"]))
        return Foundation(**given), listed

    def _allocations(self, node: Node) -> dict[Address, int]:
        found: dict[Address, int] = {}
        for name, value in self._file.fields(node).items():
            account = self._file.located(value, lambda _text, name=name: to_address(name))  # type: ignore[misc]
            if account in found:
                raise self._file.fault(value, f"{account} is there twice")
            found[account] = self._file.located(value, tokens)
        return found

    def _distribution(self, node: Node) -> tuple[Entitlements, int]:
        fields = self._file.fields(node, {"file", "until"})
        for name in ("file", "until"):
            if name not in fields:
                raise self._file.fault(node, f"a distribution needs {name!r}")
        name = self._file.text(fields["file"])
        try:
            listed = read_csv(disk.beside(self._file.path, name))
        except OSError as error:
            raise self._file.fault(fields["file"], f"the list {name!r} cannot be read ({error.strerror})") from error
        return listed, self._file.located(fields["until"], moment)

    def _rules(self, node: Node) -> GovernorRules:
        fields = self._file.fields(node, _RULES)
        if ("guardian" in fields) != ("guardian-until" in fields):
            raise self._file.fault(node, "a guardian needs an end, and an end needs a guardian")
        values = {name.replace("-", "_"): self._file.located(at, _RULES[name]) for name, at in fields.items()}
        return GovernorRules(**values)

    def _bond(self, node: Node) -> tuple[Address, int]:
        bond = self._file.located(node, self._amount)
        if bond.token.address is None:
            raise self._file.fault(node, "bonds are taken in tokens, not in the native coin")
        return bond.token.address, bond.units
