"""What hostile senders say to a server or relay, and what neither may ever answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

from sensor.lab.machine import Datagram
from sensor.schema.records import Endpoint
from sensor.wire import teredo
from sensor.wire.addresses import is_global_unicast
from tests.lab.teredo.parties import (
    CLIENT,
    CLIENT_END,
    CONE_SOLICITING,
    NATIVE,
    NONCE,
    OTHER,
    OTHER_END,
    PRIMARY,
    RELAY_END,
    RELAY_SOURCE,
    address,
    bubble,
    data,
    echo,
    solicitation,
)

VECTORS: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parents[2] / "vectors" / "teredo.yaml").read_text()
)
GOLDEN = [bytes.fromhex(row["hex"]) for row in VECTORS["payloads"].values()]
REFUSED = [bytes.fromhex(text) for text in VECTORS["refused"].values()]
HONEST = [
    *GOLDEN,
    *REFUSED,
    solicitation(CONE_SOLICITING),
    teredo.build_authentication(NONCE, identifier=b"ann", value=bytes(20)) + solicitation(),
    bubble(CLIENT, OTHER, teredo.build_trailer_nonce(bytes(4))),
    bubble(CLIENT, RELAY_SOURCE),
    bubble(NATIVE, CLIENT),
    echo(CLIENT, NATIVE),
    data(CLIENT, NATIVE),
    data(NATIVE, CLIENT),
    data(NATIVE, OTHER, hop_limit=1),
    data(NATIVE, CLIENT, bytes(1400)),
]
ends = st.builds(Endpoint, st.binary(min_size=4, max_size=4), st.integers(0, 0xFFFF))
sources = st.sampled_from([CLIENT_END, OTHER_END, PRIMARY, RELAY_END]) | ends


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """An honest payload with some octets changed, cut, doubled or lengthened."""
    payload = bytearray(draw(st.sampled_from(HONEST)))
    for _ in range(draw(st.integers(0, 4))):
        if payload:
            payload[draw(st.integers(0, len(payload) - 1))] = draw(st.integers(0, 255))
    end = draw(st.integers(0, len(payload)))
    return bytes(payload[:end]) + draw(st.sampled_from([b"", bytes(payload[end:]), b"\5\2\1"]))


strange_clients = ends.map(lambda end: data(NATIVE, address(end)))
strange_bubbles = ends.map(lambda end: bubble(address(end), RELAY_SOURCE))
hostile = st.binary(max_size=100) | mutated() | strange_clients | strange_bubbles


def check_sent(sent: list[Datagram], own: tuple[Endpoint, ...]) -> None:
    """From an own end, to where a stranger's machine can be, as well-formed Teredo."""
    for datagram in sent:
        assert datagram.source in own
        assert is_global_unicast(datagram.destination.ip)
        assert datagram.destination.port
        assert datagram.destination not in own
        parsed = teredo.parse(datagram.payload)
        assert parsed.order_ok
        assert parsed.unparsed == 0
        # Doubled origins would be a way to forge them.
        assert len(parsed.origins) <= 1
