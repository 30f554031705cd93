"""Shapes of settings: what a node may hold, and how it becomes plain data.

``read(node, path, places)`` of a shape answers with str, int, list and dict only, notes where each
value was written, and raises ConfigError with the fix in its text.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from sensor.config.nodes import Node, Place, quoted, wrong
from sensor.data.known import TRANSPORTS
from sensor.wire.addresses import packed

Places = dict[str, Place]

_MAX_TEXT = 64
_NAMED = 12  # keys of a section, where a text says what it may hold
_MAX_DIGITS = 20  # with sign and underscores; every limit is smaller


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value; ``parse`` gives it as plain data or raises ValueError, whose text may add a hint.

    ``type`` demands one of YAML's types; without it every text that ``parse`` takes will do.
    """

    expects: str
    parse: Callable[[str], str | int]
    type: str | None = None

    def read(self, node: Node, path: str, places: Places) -> str | int:
        hint = ""
        if isinstance(node.value, str) and self.type in (None, node.type):
            try:
                return self.parse(node.value)
            except ValueError as error:
                hint = f" ({error})" if error.args else ""
        elif isinstance(node.value, str) and self.type == "str" and node.type != "null":
            hint = " (put it in quotes)"
        raise wrong(node.place, path, f"found {node.found}, expected {self.expects}{hint}")


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of equal shapes without repetitions."""

    item: Scalar | Section
    at_least: int = 0

    def read(self, node: Node, path: str, places: Places) -> list[Any]:
        if not isinstance(node.value, list):
            expected = f"expected a list of: {self.item.expects}"
            raise wrong(node.place, path, f"found {node.found}, {expected}")
        if len(node.value) < self.at_least:
            expected = f"expected at least {self.at_least}: {self.item.expects}"
            raise wrong(node.place, path, f"found an empty list, {expected}")
        values: list[Any] = []
        for index, item in enumerate(node.value):
            item_path = f"{path}[{index}]"
            value = _read(self.item, item, item_path, places)
            if value in values:
                raise wrong(item.place, item_path, f"{value} stands there twice")
            values.append(value)
        return values


@dataclass(frozen=True, slots=True)
class MapOf:
    """A mapping from names that the user chooses to equal shapes."""

    name: str
    item: Section

    def read(self, node: Node, path: str, places: Places) -> dict[str, Any]:
        values = {}
        for name, child in mapping(node, path, "a mapping with names as keys").items():
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", name):
                expected = "expected at most 64 letters, digits, '-' and '_'"
                raise wrong(child.place, path, f"found the name {quoted(name)}, {expected}")
            values[name] = _read(self.item, child, _join(path, name), places)
        return values


@dataclass(frozen=True, slots=True)
class Section:
    """A mapping with declared keys."""

    keys: tuple[Key, ...]

    @property
    def expects(self) -> str:
        names = [key.name for key in self.keys]
        more = f" and {len(names) - _NAMED} more: see `sensor config schema`"
        return "a mapping with " + ", ".join(names[:_NAMED]) + more * (len(names) > _NAMED)

    @property
    def defaults(self) -> dict[str, Any]:
        return {key.name: key.fallback for key in self.keys if key.fallback is not None}

    def read(self, node: Node, path: str, places: Places) -> dict[str, Any]:
        """Values by key; a key that is neither given nor has a default is left out."""
        shapes = {key.name: key.shape for key in self.keys}
        values = self.defaults
        for name, child in mapping(node, path, self.expects).items():
            if name not in shapes:
                raise wrong(child.place, _join(path, _shown(name)), _unknown(name, shapes))
            values[name] = _read(shapes[name], child, _join(path, name), places)
        for key in self.keys:
            if key.required and key.name not in values:
                raise wrong(node.place, path, f"the key {key.name!r} is missing")
        return {name: values[name] for name in shapes if name in values}


@dataclass(frozen=True, slots=True)
class Later:
    """A key of the documented settings that this version does not read."""

    def read(self, node: Node, path: str, places: Places) -> None:
        raise wrong(node.place, path, "this version does not read this key yet: remove it")


Shape = Scalar | ListOf | MapOf | Section | Later


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a section; ``default`` is plain data, None for none."""

    name: str
    shape: Shape
    description: str
    default: Any = None
    required: bool = False

    @property
    def fallback(self) -> Any:
        return self.shape.defaults if isinstance(self.shape, Section) else self.default


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _read(shape: Shape, node: Node, path: str, places: Places) -> Any:
    places[path] = node.place
    return shape.read(node, path, places)


def mapping(node: Node, path: str, expected: str) -> dict[str, Node]:
    """The pairs of a node that has to be a mapping."""
    if not isinstance(node.value, dict):
        raise wrong(node.place, path, f"found {node.found}, expected {expected}")
    return node.value


def _shown(name: str) -> str:
    """A key as part of a path in an error."""
    return name if re.fullmatch(r"[\w-]{1,64}", name) else quoted(name)


def _unknown(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    nearest = difflib.get_close_matches(name[:_MAX_TEXT].lower(), names, n=1)
    hint = f"did you mean {nearest[0]!r}?" if nearest else f"known here: {', '.join(names)}"
    return f"unknown key, {hint}"


def _printable(text: str) -> str:
    if not 1 <= len(text) <= _MAX_TEXT or not text.isprintable():
        raise ValueError
    return text


def _whole(lowest: int, highest: int, text: str) -> int:
    # Only plain decimals: YAML reads 010 as eight and 1:30 as ninety.
    if len(text) > _MAX_DIGITS or not re.fullmatch(r"-?(0|[1-9][0-9]*(_[0-9]+)*)", text):
        raise ValueError("written in decimal digits")
    if not lowest <= int(text) <= highest:
        raise ValueError
    return int(text)


def whole(lowest: int, highest: int) -> Scalar:
    """A whole number within bounds."""
    expects = f"a whole number from {lowest} to {highest}"
    return Scalar(expects, partial(_whole, lowest, highest), "int")


def _word(words: tuple[str, ...], text: str) -> str:
    if text not in words:
        raise ValueError
    return text


def one_of(*words: str) -> Scalar:
    """One of a few words."""
    return Scalar(" or ".join(words), partial(_word, words))


def _network(version: int | None, text: str) -> str:
    if not re.fullmatch(r"[0-9A-Fa-f.:]{2,45}(/[0-9]{1,3})?", text):
        raise ValueError
    try:
        parsed = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError from None
    if version not in (None, parsed.version):
        raise ValueError(f"this is IPv{parsed.version}")
    if packed(text.partition("/")[0]) != parsed.network_address.packed:
        raise ValueError(f"bits are set after its length: did you mean {parsed}?")
    return str(parsed)


def _ipv4(text: str) -> str:
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError:
        raise ValueError from None


def _service(text: str) -> str:
    match = re.fullmatch(r"([a-z]+)/(0|[1-9][0-9]{0,4})", text)
    if not match or match[1] not in TRANSPORTS:
        raise ValueError
    if not 1 <= int(match[2]) <= 65_535:
        raise ValueError("a port is 1 to 65535")
    return text


TEXT = Scalar(f"text of 1 to {_MAX_TEXT} printable characters", _printable, "str")
NETWORK = Scalar("a network such as 10.0.0.0/8 or fc00::/7", partial(_network, None))
NETWORK4 = Scalar("an IPv4 network such as 192.0.2.0/24", partial(_network, 4))
NETWORK6 = Scalar("an IPv6 network such as 2001:db8::/32", partial(_network, 6))
ADDRESS4 = Scalar("an IPv4 address such as 192.0.2.1", _ipv4)
SERVICE = Scalar("a service such as tcp/443 or udp/53", _service)
