"""A YAML file that is read node by node, so that every fault is told with its line.

All values are texts, as they are written: YAML would take an address for a number and a date for a moment.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from registry.errors import ConnectionFailed, RegistryError
from registry.system import disk

if TYPE_CHECKING:
    from yaml.nodes import Node
    from yaml.tokens import Token

T = TypeVar("T")

MAX_BYTES: Final = 2**18

MAX_DEPTH, MAX_TOKENS = 32, 50_000
"""Levels of lists and mappings, and words and signs: what people write has ten, and a tenth of that."""


class YamlFile:
    """One file; `error` makes what is raised from a reason, a line (0 if none is at fault) and a hint."""

    def __init__(self, path: str | Path, error: Callable[[str, int, str], RegistryError]) -> None:
        self.path = Path(path)
        self._error = error

    def root(self) -> Node:
        """The outermost node; raises for what cannot be read, is too large, or is not YAML."""
        import yaml

        try:
            data = disk.read(self.path, MAX_BYTES)
        except OSError as error:
            raise self._error(f"it cannot be read ({error.strerror})", 0, "Check the name of the file.") from error
        if len(data) > MAX_BYTES:
            raise self._error(f"it has more than {MAX_BYTES:,} bytes", 0, "Move what is long into files beside it.")
        try:
            self._check_shape(yaml.scan(data, Loader=yaml.SafeLoader))
            found = yaml.compose(data, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 0
            raise self._error(f"it is not YAML ({error.problem})", line, "") from error
        except (yaml.YAMLError, UnicodeError, RecursionError) as error:
            raise self._error(f"it is not YAML ({(str(error).splitlines() or [''])[0]})", 1, "") from error
        if found is None:
            raise self._error("it is empty", 1, "")
        return found

    def _check_shape(self, tokens: Iterable[Token]) -> None:
        """Refuse what grows without end, or takes longer the deeper it is, while it is still a row of tokens."""
        from yaml import tokens as kinds

        opens = (
            kinds.BlockMappingStartToken,
            kinds.BlockSequenceStartToken,
            kinds.FlowMappingStartToken,
            kinds.FlowSequenceStartToken,
        )
        closes = (kinds.BlockEndToken, kinds.FlowMappingEndToken, kinds.FlowSequenceEndToken)
        depth = 0
        for number, token in enumerate(tokens):
            line = token.start_mark.line + 1
            if isinstance(token, kinds.AliasToken):
                raise self._error("aliases are not taken", line, "Write the value out.")
            depth += isinstance(token, opens) - isinstance(token, closes)
            if depth > MAX_DEPTH:
                raise self._error(f"it is nested deeper than {MAX_DEPTH} levels", line, "")
            if number > MAX_TOKENS:
                raise self._error(f"it has more than {MAX_TOKENS:,} words and signs", line, "")

    def fault(self, node: Node, reason: str, hint: str = "") -> RegistryError:
        """What is wrong with a node."""
        return self._error(reason, node.start_mark.line + 1, hint)

    def located(self, node: Node, make: Callable[[str], T]) -> T:
        """What `make` makes of the text of a node; what it raises is told with the line."""
        try:
            return make(self.text(node))
        except ConnectionFailed:  # no line is to blame
            raise
        except RegistryError as error:
            if type(error) is type(self._error("", 0, "")):
                raise
            raise self.fault(node, error.message.rstrip("."), error.hint) from error

    def fields(self, node: Node, allowed: Collection[str] = ()) -> dict[str, Node]:
        """The values of a mapping by name, each once; with `allowed`, those names and no others."""
        from yaml.nodes import MappingNode

        if not isinstance(node, MappingNode):
            raise self.fault(node, "here are names and values, each as 'name: value'")
        found: dict[str, Node] = {}
        for key, value in node.value:
            name = self.text(key)
            if allowed and name not in allowed:
                raise self.fault(key, f"{name!r} is not known here", f"Known: {', '.join(sorted(allowed))}.")
            if name in found:
                raise self.fault(key, f"{name!r} is there twice")
            found[name] = value
        return found

    def items(self, node: Node) -> list[Node]:
        """The entries of a list."""
        from yaml.nodes import SequenceNode

        if not isinstance(node, SequenceNode):
            raise self.fault(node, "here is a list, each entry after '-' or within [ ]")
        return list(node.value)

    def text(self, node: Node) -> str:
        """The text of a single value."""
        from yaml.nodes import ScalarNode

        if not isinstance(node, ScalarNode):
            raise self.fault(node, "here is a text or a number")
        return str(node.value)
