"""Packed keys of the table's maps: octets, so that nobody can make two of them collide at will."""

from __future__ import annotations

from sensor.schema.rows import Observation
from sensor.schema.words import PORTED, End
from sensor.track.conversation import ICMPV6
from sensor.track.slots import NO_PARENT, Ends
from sensor.wire.addresses import is_global6

_SERIAL_SIZE = 8
_GRE_KEY_SIZE = 4


def source_of(row: Observation) -> Ends:
    return row.outer_source, row.outer_source_port


def destination_of(row: Observation) -> Ends:
    return row.outer_destination, row.outer_destination_port


def ends_of(row: Observation, end: End) -> tuple[Ends, Ends]:
    """The client's end and the far one, with the client at ``end``."""
    source, destination = source_of(row), destination_of(row)
    return (source, destination) if end is End.SOURCE else (destination, source)


def end_key(end: Ends) -> bytes:
    return end[0] + end[1].to_bytes(2)


def flow_key(row: Observation) -> bytes:
    """An outer flow, whichever way it runs."""
    ends = sorted((end_key(source_of(row)), end_key(destination_of(row))))
    return bytes([row.outer_version]) + ends[0] + ends[1]


def client_key(row: Observation, client: Ends, far: Ends, parent: int) -> bytes:
    """Over UDP and TCP a tunnel is its client's endpoint, else the unordered pair of ends.

    GRE keeps several between two ends apart by their keys. A nested tunnel is one of its
    ``parent``, by serial: what a packet carries inside may name any ends, those of other tunnels
    too.
    """
    carrier = bytes([row.outer_transport, row.outer_version])
    around = b"" if parent == NO_PARENT else _serial_key(parent)
    if row.outer_transport in PORTED:
        return carrier + end_key(client) + around
    ends = b"".join(sorted((client[0], far[0])))
    return carrier + ends + row.outer_key.to_bytes(_GRE_KEY_SIZE) + around


def conversation_key(row: Observation, tunnel: int) -> bytes:
    """An inner conversation, whichever way it runs; an echo's identifier stands at both ends."""
    echo = row.inner_transport == ICMPV6
    destination_port = row.inner_source_port if echo else row.inner_destination_port
    ends = sorted(
        (
            end_key((row.inner_source, row.inner_source_port)),
            end_key((row.inner_destination, destination_port)),
        )
    )
    return _serial_key(tunnel) + bytes([row.inner_transport]) + ends[0] + ends[1]


def moved_key(key: bytes, tunnel: int) -> bytes:
    """The key of the same inner conversation in another tunnel."""
    return _serial_key(tunnel) + key[_SERIAL_SIZE:]


def exposure_key(transport: int, service: Ends, tunnel: int) -> bytes:
    """A global address is the same service through whatever tunnel; others are not."""
    around = b"" if is_global6(service[0]) else _serial_key(tunnel)
    return bytes([transport]) + end_key(service) + around


def _serial_key(tunnel: int) -> bytes:
    return tunnel.to_bytes(_SERIAL_SIZE)
