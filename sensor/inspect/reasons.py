"""Why a row and Wireshark are known to differ in a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sensor.inspect.layers import ROLES, Layers, networks_before

Row = Mapping[str, Any]
Pair = tuple[str | None, str | None]  # our value and Wireshark's; None: absent

# All but Teredo's own, Wireshark calls Teredo as well.
_BARE_KINDS = frozenset({"ip6-in-udp", "tsp", "6a44", "6bed4"})
_INSIDE = frozenset({"inner", "embedded", "stack", "teredo"})
_ALL_TEREDO = "Wireshark takes every IPv6 packet in UDP for Teredo"


def known_reason(row: Row, name: str, values: Pair, layers: Layers) -> str | None:
    """Why our value and Wireshark's differ; None if they should not."""
    anomalies = set(row.get("anomalies", ()))
    if "fragment-overlap" in anomalies:
        return "the fragments contradict each other: which of them counts is not defined"
    group = name.partition(".")[0]
    if "too-many-layers" in anomalies and (group != "outer" or row["kind"] == "none"):
        return "layers beyond the limit are not followed here"
    if group not in _INSIDE:
        return None
    if _ayiya_as_ipv6(row["stack"], layers):
        return "Wireshark takes an AYIYA header that begins with a 6 for one of IPv6"
    if group == "teredo":
        return _of_teredo(row, name, anomalies)
    if group == "stack" and layers.takes_address_for_control_word and _untagged(values):
        return "Wireshark takes the first octets of an Ethernet address for a control word"
    return _of_inner(row, name, values, anomalies, layers)


def _ayiya_as_ipv6(stack: Sequence[str], layers: Layers) -> bool:
    """Whether Wireshark reads IPv6 where the row has AYIYA, in the very same octets."""
    return "ayiya" in stack and layers.takes_ayiya_for_ipv6(networks_before(stack, "ayiya"))


def _untagged(stacks: Pair) -> bool:
    """Whether they are equal but for a tag that stands directly behind labels."""
    return str(stacks[0]).replace("mpls vlan", "mpls") == stacks[1]


def _of_teredo(row: Row, name: str, anomalies: set[str]) -> str | None:
    teredo, role = row.get("teredo", {}), name.split(".")[1]
    if role in ROLES and teredo.get(role, {}).get("legacy"):
        return "Wireshark does not decode the former Teredo prefix 3ffe:831f::/32"
    if row["kind"] == "ip6-in-udp":
        return "nothing but an authentication or origin header speaks for Teredo here"
    if "teredo" not in row and _BARE_KINDS.intersection(row["kinds"]):
        return _ALL_TEREDO
    if anomalies & {"duplicate-origin", "indicator-order"}:
        return "headers doubled or in the wrong order: which of them counts is not defined"
    return None


def _of_inner(row: Row, name: str, values: Pair, anomalies: set[str], layers: Layers) -> str | None:
    inner, absent = row.get("inner", {}), None in values
    if "ayiya" in row["kinds"] and inner and not layers.sees_inner:
        return "Wireshark reads what AYIYA carries only if its operation is to forward"
    if values[1] is None and layers.stops_in_redirect:
        return "of what a redirect quotes, Wireshark reads 8 octets behind the IP header"
    if values[1] is None and name.endswith(".port") and layers.stops_at_extension:
        return "Wireshark does not go on behind a Mobility or HIP header"
    if "fragment-incomplete" in anomalies or ("fragment" in inner and absent):
        return "Wireshark shows a fragmented packet where it is whole again"
    if absent and anomalies & {"truncated", "length-mismatch"}:
        return "the packet is cut off: how much of the rest is still read differs"
    if absent and row.get("quoted") and name.endswith(".port"):
        return "the error quotes no more of the packet: how much of the rest is still read differs"
    if values[0] is None and name.endswith(".port") and layers.calls_transport_damaged:
        return "nothing is read here of a TCP or UDP header that is damaged"
    if inner and layers.goes_on_from(inner["source"]["ip"], inner["destination"]["ip"]):
        return _ALL_TEREDO
    return None
