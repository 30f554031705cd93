"""Rows of `sensor decode` against what Wireshark's dissectors read in the same frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sensor.capture.files import CaptureFile
from sensor.errors import CaptureError, OutputError
from sensor.inspect.wireshark import find_tshark, packets

Row = Mapping[str, Any]
Values = dict[str, str]

_PORTED = ("udp", "tcp")
_TEREDO_FIELDS = {"server": "ts_ipv4", "port": "tc_port", "ip": "tc_ipv4"}
_EMBEDDED_FIELDS = {"6to4": "6to4_gw_ipv4", "isatap": "isatap_ipv4"}
_ROLES = {"source": "src", "destination": "dst"}


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that the two read differently; None: absent. ``reason`` where it is known."""

    frame: int
    name: str
    ours: str | None
    wireshark: str | None
    reason: str | None


@dataclass(slots=True)
class Comparison:
    """What came of one capture.

    ``undecoded`` are frames with a row in which Wireshark sees no tunnel, ``unseen`` frames in
    which Wireshark alone sees one.
    """

    compared: int = 0
    undecoded: list[int] = field(default_factory=list)
    unseen: list[int] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)

    @property
    def unexplained(self) -> list[Difference]:
        return [found for found in self.differences if found.reason is None]


def cross_check(path: str, rows: Iterable[Row], tshark: str | None = None) -> Comparison:
    """Compare the rows of one capture, in file order, with Wireshark's fields.

    ConfigError without tshark; OutputError if tshark ended before the capture did.
    """
    frames, seen = _count(path), 0
    comparison = Comparison()
    waiting = iter(rows)
    row = next(waiting, None)
    for seen, packet in enumerate(packets(path, find_tshark(tshark)), start=1):
        if row is not None and row["frame"] == seen:
            _compare(row, packet.layers, comparison)
            row = next(waiting, None)
        elif _tunnel_at(packet.layers) is not None:
            comparison.unseen.append(seen)
    if seen < frames:
        raise OutputError(f"{path}: tshark ended after {seen} of {frames} frames")
    return comparison


def _count(path: str) -> int:
    """Frames up to the end of a capture or its first damage."""
    count = 0
    try:
        with CaptureFile(path) as capture:
            for batch in capture.batches():
                count += len(batch)
    except CaptureError:
        pass  # whoever made the rows has met it too, and tells
    return count


def _compare(row: Row, layers: Sequence[Any], comparison: Comparison) -> None:
    start = _tunnel_at(layers)
    if start is None:
        comparison.undecoded.append(row["frame"])
        return
    comparison.compared += 1
    ours, theirs = _ours(row), _theirs(row, layers, start)
    for name in sorted(ours.keys() | theirs.keys()):
        mine, other = ours.get(name), theirs.get(name)
        if mine != other:
            reason = _reason(row, name)
            comparison.differences.append(Difference(row["frame"], name, mine, other, reason))


def _reason(row: Row, name: str) -> str | None:
    """Why the two are known to differ in a value, None if they should not."""
    teredo, part = row.get("teredo", {}), name.split(".")
    if part[0] == "teredo" and part[1] in _ROLES and teredo.get(part[1], {}).get("legacy"):
        return "Wireshark does not decode the former Teredo prefix 3ffe:831f::/32"
    if part[0] == "teredo" and row["kind"] == "ip6-in-udp":
        return "nothing but an authentication or origin header speaks for Teredo here"
    if part[0] == "teredo" and {"duplicate-origin", "indicator-order"} & _anomalies(row):
        return "headers doubled or in the wrong order: which of them counts is not defined"
    if part[0] == "inner" and "fragment" in row["inner"]:
        return "Wireshark shows a fragmented packet where it is whole again"
    if part[0] == "inner" and {"too-many-layers", "truncated"} & _anomalies(row):
        return "layers beyond the limit, or cut off, are not followed here"
    return None


def _anomalies(row: Row) -> set[str]:
    return set(row.get("anomalies", ()))


# our values


def _ours(row: Row) -> Values:
    values = {**_ends("outer", row["outer"]), **_ends("inner", row["inner"])}
    teredo = row.get("teredo", {})
    for group in ("auth", "origin"):
        for name, value in teredo.get(group, {}).items():
            values[f"teredo.{group}.{name}"] = str(value)
    for role in _ROLES.keys() & teredo.keys():
        for name in _TEREDO_FIELDS:
            values[f"teredo.{role}.{name}"] = str(teredo[role][name])
    for found in row.get("embedded", ()):
        if found["scheme"] in _EMBEDDED_FIELDS:
            values[f"embedded.{found['scheme']}.{found['address']}"] = found["ip"]
    return values


def _ends(group: str, ends: Mapping[str, Mapping[str, Any]]) -> Values:
    return {
        f"{group}.{role}.{name}": str(value)
        for role in _ROLES
        for name, value in ends[role].items()
    }


# Wireshark's values


def _tunnel_at(layers: Sequence[Any]) -> int | None:
    """Index of the first layer that is a tunnel: Teredo, or IPv6 directly in IPv4."""
    names = [layer.layer_name for layer in layers]
    for i, name in enumerate(names):
        if name == "teredo" and "ipv6" in names[i:]:
            return i
        if name == "ipv6" and i and names[i - 1] == "ip":
            return i
    return None


def _theirs(row: Row, layers: Sequence[Any], start: int) -> Values:
    values: Values = {}
    inner = max(i for i, layer in enumerate(layers) if layer.layer_name == "ipv6")
    values |= _addresses("inner", layers[inner])
    values |= _ports("inner", layers[inner + 1 :])
    carriers = [i for i in range(start) if layers[i].layer_name in ("ip", "ipv6")]
    if carriers:
        values |= _addresses("outer", layers[carriers[-1]])
        values |= _ports("outer", layers[carriers[-1] + 1 : start])
    teredo = next((i for i, layer in enumerate(layers) if layer.layer_name == "teredo"), None)
    if teredo is not None:
        values |= _teredo(layers[teredo])
        packet = next(layer for layer in layers[teredo:] if layer.layer_name == "ipv6")
        values |= _teredo_addresses(packet)
    for i in range(start, len(layers)):
        if layers[i].layer_name == "ipv6" and layers[i - 1].layer_name in ("ip", "teredo"):
            values |= _embedded(layers[i])
    return values


def _addresses(group: str, layer: Any) -> Values:
    return {
        f"{group}.{role}.ip": str(layer.get_field(f"{layer.layer_name}.{short}").show)
        for role, short in _ROLES.items()
    }


def _ports(group: str, layers: Sequence[Any]) -> Values:
    layer = next((layer for layer in layers if layer.layer_name in _PORTED), None)
    if layer is None:
        return {}
    return {
        f"{group}.{role}.port": str(layer.get_field(f"{layer.layer_name}.{short}port").show)
        for role, short in (("source", "src"), ("destination", "dst"))
    }


def _teredo(layer: Any) -> Values:
    return dict(
        _present(
            ("teredo.auth.nonce", _show(layer, "teredo.auth.nonce").replace(":", "")),
            ("teredo.auth.confirmation", _decimal(_show(layer, "teredo.auth.conf"))),
            ("teredo.auth.id_length", _show(layer, "teredo.auth.idlen")),
            ("teredo.auth.auth_length", _show(layer, "teredo.auth.aulen")),
            ("teredo.origin.ip", _show(layer, "teredo.orig.addr")),
            ("teredo.origin.port", _show(layer, "teredo.orig.port")),
        )
    )


def _teredo_addresses(layer: Any) -> Values:
    return dict(
        _present(
            *(
                (f"teredo.{role}.{name}", _show(layer, f"ipv6.{short}_{suffix}"))
                for role, short in _ROLES.items()
                for name, suffix in _TEREDO_FIELDS.items()
            )
        )
    )


def _embedded(layer: Any) -> Values:
    return dict(
        _present(
            *(
                (
                    f"embedded.{scheme}.{_show(layer, f'ipv6.{short}')}",
                    _show(layer, f"ipv6.{short}_{suffix}"),
                )
                for short in _ROLES.values()
                for scheme, suffix in _EMBEDDED_FIELDS.items()
            )
        )
    )


def _present(*pairs: tuple[str, str]) -> Iterator[tuple[str, str]]:
    return (pair for pair in pairs if pair[1])


def _show(layer: Any, name: str) -> str:
    """A field as Wireshark shows it; empty if the layer has none."""
    found = layer.get_field(name)
    return "" if found is None else str(found.show)


def _decimal(octet: str) -> str:
    return str(int(octet, 16)) if octet else ""
