"""What the ports of a datagram say, from one small table: most say nothing."""

from __future__ import annotations

import numpy as np

from sensor.decode.compiled.datagram import OF_A_CARRIER, OF_NAMES
from sensor.decode.compiled.octets import Array, Number, Word, part
from sensor.jit import inlined, pointer_to
from sensor.wire.ports import (
    DNS_PORT,
    GENEVE_PORT,
    GRE_PORT,
    GTPU_PORT,
    GUE_PORT,
    L2TP_PORT,
    LLMNR_PORT,
    MDNS_PORT,
    NETBIOS_PORT,
    SIXA44_PORT,
    VXLAN_LINUX_PORT,
    VXLAN_PORT,
)

_SINK_BIT = 2
_OF_A_SINK = OF_A_CARRIER << _SINK_BIT  # a carrier whose datagrams go to its port from any other
_OF_ANY = OF_A_CARRIER | OF_NAMES
_SORTS = {
    OF_A_CARRIER: (GTPU_PORT, L2TP_PORT, GUE_PORT, SIXA44_PORT),
    OF_NAMES: (DNS_PORT, MDNS_PORT, LLMNR_PORT, NETBIOS_PORT),
    _OF_A_SINK: (VXLAN_PORT, VXLAN_LINUX_PORT, GENEVE_PORT, GRE_PORT),
}
# With these, each of the ports has a place of its own in the table.
_PLACES, _FACTOR, _SHIFT = 16, 83, 4
_SORT_BITS = 8
_SORT_MASK = (1 << _SORT_BITS) - 1


def table() -> Array:
    """Each port with its sort, at its place; ``_place`` itself is for compiled code to call."""
    entries = np.zeros(_PLACES, np.int64)
    for sort, ports in _SORTS.items():
        for port in ports:
            entries[port * _FACTOR >> _SHIFT & _PLACES - 1] = port << _SORT_BITS | sort
    return entries


@inlined
def said_by_ports(ports: Array, head: Word) -> Number:
    """Of what a datagram with this UDP header may be."""
    source = _sort(ports, part(head, 48, 0xFFFF))
    destination = _sort(ports, part(head, 32, 0xFFFF))
    # A sort is its bit, and so is what ``suspicion`` answers; a sink's bit is moved to a carrier's.
    return (source | destination) & _OF_ANY | destination >> _SINK_BIT


@inlined
def _sort(ports: Array, port: Number) -> Number:
    found = np.int64(pointer_to(ports)[_place(port)])
    return (found & _SORT_MASK) * (found >> _SORT_BITS == port)


@inlined
def _place(port: Number) -> Number:
    return port * _FACTOR >> _SHIFT & _PLACES - 1
