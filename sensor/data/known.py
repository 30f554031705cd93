"""Public servers and well-known services, from the dated files beside this module.

Each file is read once, when first asked for; one that is not as expected raises SensorError.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterator, Mapping, Set
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple

from sensor.data import resource
from sensor.errors import SensorError

TEREDO_SERVER = "teredo-server"
ROLES = frozenset(
    {
        TEREDO_SERVER,
        "teredo-relay",
        "6to4-relay",
        "6in4-server",
        "tsp-broker",
        "tunnel-broker",
        "isatap-router",
    }
)
GROUPS = frozenset({"remote-administration", "file-sharing", "database"})
TRANSPORTS = {"tcp": 6, "udp": 17}  # IP protocol numbers

# Compiled when first asked for: no start needs all of them.
_HOST_NAME = r"([a-z0-9-]{1,63}\.)+[a-z]{2,63}"
_LABEL = r"[a-z0-9_-]{1,63}"
_SERVICE_NAME = r"[a-z0-9]+(-[a-z0-9]+)*"
_YEARS = r"\d{4}(-\d{4})?"
_DATE = r"\d{4}-\d\d-\d\d"


class ListedNames(NamedTuple):
    """Texts of which each name that ``name_role`` knows is one, starts with one, or has the rest.

    Lower-case dotted names, single labels, and dotted names of which one label more may be known.
    """

    names: frozenset[str]
    labels: frozenset[str]
    parents: frozenset[str]


class _Pattern(NamedTuple):
    """First labels of names with one parent."""

    label: re.Pattern[str]
    role: str


class _Service(NamedTuple):
    name: str
    group: str | None


def known_servers() -> frozenset[bytes]:
    """IPv4 addresses (4 bytes) that public Teredo servers have been seen to use."""
    return frozenset(ip for ip, role in _addresses().items() if role == TEREDO_SERVER)


def listed_names() -> ListedNames:
    """What to look for in name services before ``name_role`` is asked."""
    return ListedNames(frozenset(_names()), frozenset(_labels()), frozenset(_patterns()))


def name_role(name: str) -> str | None:
    """What a host looks for behind a lower-case dotted name, one of ``ROLES``, None if unknown."""
    label, _, parent = name.partition(".")
    role = _names().get(name) or _labels().get(label)
    if role is not None:
        return role
    patterns = _patterns().get(parent, ())
    return next((role for known, role in patterns if known.fullmatch(label)), None)


def service_name(transport: int, port: int) -> str | None:
    """What people call the service at a port of an IP protocol (6 TCP, 17 UDP), None if unknown."""
    service = _services().get((transport, port))
    return service.name if service else None


def service_group(transport: int, port: int) -> str | None:
    """Why the service is worse to expose than others, one of ``GROUPS``, or None."""
    service = _services().get((transport, port))
    return service.group if service else None


@cache
def _addresses() -> Mapping[bytes, str]:
    entries = _entries("servers.json", "addresses", {"ip", "role", "operator", "seen"})
    roles: dict[bytes, str] = {}
    for entry in entries:
        address = _address(entry)
        _expect(address not in roles, entry, "the address stands there twice")
        roles[address] = _role(entry)
    return MappingProxyType(roles)


@cache
def _names() -> Mapping[str, str]:
    entries = _entries("servers.json", "names", {"name", "role", "operator", "seen"})
    roles: dict[str, str] = {}
    for entry in entries:
        name = _matching(_HOST_NAME, entry, "name")
        _expect(name not in roles, entry, "the name stands there twice")
        roles[name] = _role(entry)
    return MappingProxyType(roles)


@cache
def _labels() -> Mapping[str, str]:
    entries = _entries("servers.json", "labels", {"label", "role", "operator", "seen"})
    roles: dict[str, str] = {}
    for entry in entries:
        label = _matching(_LABEL, entry, "label")
        _expect(label not in roles, entry, "the label stands there twice")
        roles[label] = _role(entry)
    return MappingProxyType(roles)


@cache
def _patterns() -> Mapping[str, tuple[_Pattern, ...]]:
    """By the parent."""
    keys = {"pattern", "parent", "role", "operator", "seen"}
    patterns: dict[str, tuple[_Pattern, ...]] = {}
    for entry in _entries("servers.json", "patterns", keys):
        parent = _matching(_HOST_NAME, entry, "parent")
        found = _Pattern(_expression(entry), _role(entry))
        patterns[parent] = (*patterns.get(parent, ()), found)
    return MappingProxyType(patterns)


@cache
def _services() -> Mapping[tuple[int, int], _Service]:
    entries = _entries("services.json", "services", {"port", "transports", "name"}, {"group"})
    services: dict[tuple[int, int], _Service] = {}
    for entry in entries:
        group = entry.get("group")
        _expect(group is None or str(group) in GROUPS, entry, "unknown group")
        service = _Service(_matching(_SERVICE_NAME, entry, "name"), group)
        for key in _ports(entry):
            _expect(key not in services, entry, "the port stands there twice")
            services[key] = service
    return MappingProxyType(services)


def _entries(
    file: str, key: str, required: Set[str], optional: Set[str] = frozenset()
) -> list[dict[str, Any]]:
    """The entries under one key of a bundled file, each a mapping with these keys alone."""
    document = _document(file)
    entries = document.get(key)
    if not isinstance(entries, list) or not entries:
        raise SensorError(f"bundled file {file}: {key!r} is not a list of entries")
    for entry in entries:
        whole = isinstance(entry, dict) and required <= entry.keys() <= required | optional
        _expect(whole, entry, f"an entry of {file} needs {', '.join(sorted(required))}")
    return entries


@cache
def _document(file: str) -> dict[str, Any]:
    try:
        document = json.loads(resource(file).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SensorError(f"bundled file {file}: {error}") from error
    dated = document.get("dated") if isinstance(document, dict) else None
    if not isinstance(dated, str) or not re.fullmatch(_DATE, dated):
        raise SensorError(f"bundled file {file}: 'dated' is not a date")
    assert isinstance(document, dict)
    return document


def _address(entry: dict[str, Any]) -> bytes:
    try:
        return ipaddress.IPv4Address(str(entry["ip"])).packed
    except ValueError as error:
        raise _malformed(entry, str(error)) from error


def _expression(entry: dict[str, Any]) -> re.Pattern[str]:
    try:
        return re.compile(str(entry["pattern"]))
    except re.error as error:
        raise _malformed(entry, str(error)) from error


def _role(entry: dict[str, Any]) -> str:
    role, operator = entry["role"], entry["operator"]
    _expect(str(role) in ROLES, entry, "unknown role")
    _expect(isinstance(operator, str) and operator != "", entry, "no operator")
    _matching(_YEARS, entry, "seen")
    return str(role)


def _ports(entry: dict[str, Any]) -> Iterator[tuple[int, int]]:
    port, transports = entry["port"], entry["transports"]
    _expect(type(port) is int and 0 < port < 1 << 16, entry, "no port from 1 to 65535")
    _expect(isinstance(transports, list) and transports != [], entry, "no list of transports")
    for transport in transports:
        _expect(str(transport) in TRANSPORTS, entry, "unknown transport")
        yield TRANSPORTS[transport], port


def _matching(pattern: str, entry: dict[str, Any], key: str) -> str:
    text = str(entry[key])
    _expect(re.fullmatch(pattern, text) is not None, entry, f"{key!r} is not as expected")
    return text


def _expect(holds: bool, entry: object, problem: str) -> None:
    if not holds:
        raise _malformed(entry, problem)


def _malformed(entry: object, problem: str) -> SensorError:
    return SensorError(f"bundled data: {problem}: {entry!r}")
