"""The packets of the last moments, to tell a copy from a second packet."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from sensor.schema.rows import Observation
from sensor.schema.words import TeredoPacket


class Sighting(NamedTuple):
    """One packet as it was first seen."""

    time: int
    of: int  # the frame, for mirrored copies; the serial of its tunnel, for second views


class Recent:
    """First sightings by key, oldest first, bounded in time and number."""

    def __init__(self, window: int, limit: int) -> None:
        self._window = window
        self._limit = limit
        self._seen: OrderedDict[bytes, Sighting] = OrderedDict()

    def find(self, key: bytes, now: int) -> Sighting | None:
        sighting = self._seen.get(key)
        if sighting is None or abs(now - sighting.time) > self._window:
            return None
        return sighting

    def add(self, key: bytes, sighting: Sighting) -> bool:
        """Keep a sighting; True if there was no room for one that still mattered."""
        self._seen[key] = sighting
        self._seen.move_to_end(key)
        while sighting.time - self._oldest().time > self._window:
            self._seen.popitem(last=False)
        if len(self._seen) <= self._limit:
            return False
        self._seen.popitem(last=False)
        return True

    def _oldest(self) -> Sighting:
        return next(iter(self._seen.values()))

    def __len__(self) -> int:
        return len(self._seen)


def signature(row: Observation) -> bytes:
    """What must agree besides the digest, which is no defence against someone who makes two
    packets collide: a packet hidden this way could differ in its payload only."""
    return b" %d %d %d %d %d %d %d %d %d %d %d" % (
        row.inner_length,
        row.inner_transport,
        row.inner_source_port,
        row.inner_destination_port,
        row.tcp_flags,
        row.tcp_sequence,
        row.tcp_acknowledgement,
        row.icmp_type,
        row.has_origin,
        row.origin_port,
        row.depth,
    )


def copy_key(row: Observation) -> bytes:
    """Same inner packet, outer ends and IPv4 identification: a mirrored copy."""
    return b"%s%s%s%s%s%s" % (
        row.inner_digest.to_bytes(8),
        row.outer_source,
        row.outer_destination,
        row.inner_source + row.inner_destination + row.nonce,
        b"%d %d %d" % (row.outer_source_port, row.outer_destination_port, row.outer_id),
        signature(row),
    )


def view_key(row: Observation, far: tuple[bytes, int], outbound: bool) -> bytes | None:
    """What a packet keeps when a NAT rewrites its inside end; None: nothing tells it apart.

    Setup packets are the same for every client of a server, but for their nonce; so are messages
    without an inner packet.
    """
    if not row.inner_length:
        return None
    if row.teredo_packet in (TeredoPacket.ROUTER_SOLICITATION, TeredoPacket.ROUTER_ADVERTISEMENT):
        if not any(row.nonce):
            return None
        identity = b"n" + row.nonce
    else:
        identity = b"d" + row.inner_digest.to_bytes(8) + row.inner_source + row.inner_destination
    end = b"%s%d %d %d" % (far[0], far[1], outbound, row.teredo_packet)
    return identity + end + signature(row)
