"""When a difference has a reason, and when it has none."""

from __future__ import annotations

from typing import Any

import pytest

from sensor.inspect.layers import Layers
from sensor.inspect.reasons import known_reason

from .test_layers import AYIYA, REDIRECTED, made

BOTH = ("one", "another")
ABSENT = ("one", None)
ENDS = {"source": {"ip": "2001:db8::1"}, "destination": {"ip": "2001:db8::2"}}


NO_LAYERS = Layers([])
REDIRECT = made("eth ip icmp ip ipv6 _ws.malformed", **REDIRECTED)
MOBILITY = made("ip ipv6 hip", hip={"proto": "6"})
LATE = made("eth mpls DATA pwethcw eth ip ipv6", eth={"src": "00:01:81:00:00:09"})
AS_IPV6 = made("ip udp ipv6", ipv6=AYIYA)
IN_AYIYA = {"kind": "ayiya", "kinds": ["ayiya"], "stack": ["ethernet", "ipv4", "udp", "ayiya"]}


def reason(
    name: str, values: tuple[str | None, str | None], layers: Layers = NO_LAYERS, **row: Any
) -> str:
    """The known reason for a difference of a row; empty if there is none."""
    whole = {"kind": "teredo", "kinds": ["teredo"], "stack": []} | row
    whole["inner"] = ENDS | row.get("inner", {})
    return known_reason(whole, name, values, layers) or ""


@pytest.mark.parametrize(
    ("name", "values", "row", "words"),
    [
        ("outer.source.ip", BOTH, {"anomalies": ["fragment-overlap"]}, "contradict each other"),
        ("stack", BOTH, {"anomalies": ["too-many-layers"]}, "beyond the limit"),
        (
            "outer.source.ip",
            BOTH,
            {"kind": "none", "anomalies": ["too-many-layers"]},
            "beyond the limit",
        ),
        (
            "teredo.source.port",
            BOTH,
            {"teredo": {"source": {"legacy": True}}},
            "former Teredo prefix",
        ),
        (
            "teredo.auth.nonce",
            (None, "00"),
            {"kind": "ip6-in-udp", "kinds": ["ip6-in-udp"]},
            "nothing but an authentication or origin header",
        ),
        (
            "teredo.origin.ip",
            (None, "192.0.2.1"),
            {"kind": "tsp", "kinds": ["tsp"]},
            "takes every IPv6 packet in UDP for Teredo",
        ),
        (
            "teredo.origin.ip",
            BOTH,
            {"teredo": {}, "anomalies": ["duplicate-origin"]},
            "which of them counts is not defined",
        ),
        (
            "teredo.auth.nonce",
            BOTH,
            {"teredo": {}, "anomalies": ["indicator-order"]},
            "which of them counts is not defined",
        ),
        (
            "inner.hop_limit",
            ABSENT,
            {"kinds": ["ayiya"], "inner": {"hop_limit": 1}},
            "only if its operation is to forward",
        ),
        ("inner.source.ip", BOTH, {"anomalies": ["fragment-incomplete"]}, "whole again"),
        ("inner.source.port", ABSENT, {"inner": {"fragment": {"id": 1}}}, "whole again"),
        ("inner.source.port", ABSENT, {"anomalies": ["truncated"]}, "the packet is cut off"),
        ("inner.source.port", ABSENT, {"quoted": True}, "the error quotes no more"),
    ],
)
def test_a_known_reason_is_told(
    name: str, values: tuple[str | None, str | None], row: dict[str, Any], words: str
) -> None:
    assert words in reason(name, values, **row)


@pytest.mark.parametrize(
    ("name", "values", "row"),
    [
        ("outer.source.ip", BOTH, {}),
        ("outer.source.ip", BOTH, {"anomalies": ["too-many-layers"]}),
        ("outer.transport", BOTH, {"anomalies": ["truncated", "fragment-incomplete"]}),
        ("quoted", ABSENT, {"quoted": True}),
        ("teredo.source.port", BOTH, {"teredo": {"source": {"legacy": False}}}),
        ("teredo.origin.ip", ABSENT, {"teredo": {"origin": {}}}),
        ("teredo.origin.ip", BOTH, {"kind": "tsp", "kinds": ["teredo", "tsp"], "teredo": {}}),
        # An address that both read is read wrongly by one, cut off or not.
        ("inner.source.ip", BOTH, {"anomalies": ["truncated"]}),
        ("inner.source.ip", BOTH, {"inner": {"fragment": {"id": 1}}}),
        ("inner.source.port", BOTH, {"quoted": True}),
        ("inner.source.ip", ABSENT, {"quoted": True}),
        ("embedded.6to4.2002::1", ABSENT, {}),
    ],
)
def test_what_should_be_equal_has_no_reason(
    name: str, values: tuple[str | None, str | None], row: dict[str, Any]
) -> None:
    assert reason(name, values, **row) == ""


@pytest.mark.parametrize(
    ("name", "values", "layers", "row", "words"),
    [
        ("inner.source.ip", ABSENT, REDIRECT, {"quoted": True}, "reads 8 octets behind"),
        ("inner.source.port", ABSENT, REDIRECT, {"quoted": True}, "reads 8 octets behind"),
        ("embedded.6to4.2002::1", ABSENT, REDIRECT, {"quoted": True}, "reads 8 octets behind"),
        ("inner.source.port", ABSENT, MOBILITY, {}, "behind a Mobility or HIP header"),
        ("stack", ("mpls vlan ipv4 ipv6", "mpls ipv4 ipv6"), LATE, {}, "for a control word"),
        ("inner.source.ip", BOTH, AS_IPV6, IN_AYIYA, "begins with a 6"),
        ("inner.source.port", ABSENT, AS_IPV6, IN_AYIYA, "begins with a 6"),
        ("teredo.source.ip", (None, "192.0.2.1"), AS_IPV6, IN_AYIYA, "begins with a 6"),
        ("stack", ("ipv4 ayiya", "ipv4 ipv6"), AS_IPV6, IN_AYIYA, "begins with a 6"),
    ],
)
def test_what_wireshark_gets_wrong_is_told(
    name: str,
    values: tuple[str | None, str | None],
    layers: Layers,
    row: dict[str, Any],
    words: str,
) -> None:
    assert words in reason(name, values, layers, **row)


@pytest.mark.parametrize(
    ("name", "values", "layers", "row"),
    [
        ("inner.source.ip", BOTH, REDIRECT, {"quoted": True}),
        ("inner.source.ip", (None, "2001:db8::1"), REDIRECT, {"quoted": True}),
        ("stack", BOTH, REDIRECT, {"quoted": True}),
        ("outer.source.ip", BOTH, REDIRECT, {"quoted": True}),
        ("quoted", ABSENT, REDIRECT, {"quoted": True}),
        ("inner.source.ip", ABSENT, MOBILITY, {}),
        ("inner.source.port", BOTH, MOBILITY, {}),
        ("inner.source.port", (None, "1"), MOBILITY, {}),
        ("stack", BOTH, MOBILITY, {}),
        # Only that tag may be missing, and only there.
        ("stack", ("mpls vlan ipv4 ipv6", "mpls ipv4 gre ipv6"), LATE, {}),
        ("stack", ("vlan mpls ipv4 ipv6", "mpls ipv4 ipv6"), LATE, {}),
        ("stack", ("mpls vlan vlan ipv4 ipv6", "mpls ipv4 ipv6"), LATE, {}),
        ("stack", ("mpls vlan ipv4 ipv6", "mpls ipv4 ipv6"), NO_LAYERS, {}),
        ("inner.source.ip", BOTH, LATE, {}),
        # AYIYA stands elsewhere, or nowhere.
        ("outer.source.ip", BOTH, AS_IPV6, IN_AYIYA),
        ("inner.source.ip", BOTH, AS_IPV6, IN_AYIYA | {"stack": ["ipv4", "ipv4", "udp", "ayiya"]}),
        ("inner.source.ip", BOTH, AS_IPV6, {"stack": ["ipv4", "udp", "ipv6"]}),
    ],
)
def test_what_wireshark_gets_wrong_excuses_nothing_else(
    name: str, values: tuple[str | None, str | None], layers: Layers, row: dict[str, Any]
) -> None:
    assert reason(name, values, layers, **row) == ""
