"""Tells which two tunnels are one, seen from the two sides of a NAT."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from sensor.schema.rows import Observation
from sensor.schema.words import Kind, TeredoPacket, Transport
from sensor.track.conversation import TCP, UDP
from sensor.track.keys import client_key, destination_of, source_of
from sensor.track.limits import VIEWS_KEPT, VIEWS_SAMPLE, VIEWS_SURE
from sensor.track.recent import Recent, Sighting, view_key
from sensor.track.slots import TunnelSlot
from sensor.wire.addresses import parse_teredo

_SETUP = (TeredoPacket.ROUTER_SOLICITATION, TeredoPacket.ROUTER_ADVERTISEMENT)
_NOBODY = -1  # no slot's serial


class Views:
    """Remembers packets by what a NAT leaves of them; ``slots`` and ``clients`` are the table's."""

    def __init__(
        self,
        window: int,
        slots: Mapping[int, TunnelSlot],
        clients: Mapping[bytes, int],
        limits_hit: Counter[str],
    ) -> None:
        self._seen = Recent(window, VIEWS_KEPT)
        self._slots = slots
        self._clients = clients
        self._limits_hit = limits_hit

    def __len__(self) -> int:
        return len(self._seen)

    def root(self, slot: TunnelSlot) -> TunnelSlot:
        """The slot that absorbed this one, or itself."""
        return slot if slot.joined is None else self._slots[slot.joined]

    def other(self, row: Observation, slot: TunnelSlot, outbound: bool) -> TunnelSlot | None:
        """The root that showed this very packet on the other side of the NAT, if it is one tunnel.

        That may be the root of ``slot`` itself, if the two were joined before.
        """
        key = self._key(row, slot, outbound)
        if key is None:
            return None
        seen = self._seen.find(key, row.time)
        if seen is None or seen.of == slot.serial:
            self._remember(key, Sighting(row.time, slot.serial))
            return None
        met = self._slots.get(seen.of)
        if met is None:
            return None
        own, other = self.root(slot), self.root(met)
        if own is other or self._are_one(row, own, other, outbound):
            return other
        if own.local and other.local and own.client[0] == other.client[0]:
            # Which port of the host the other side of the NAT shows, nobody can tell.
            self._remember(key, Sighting(row.time, _NOBODY))
        return None

    def _key(self, row: Observation, slot: TunnelSlot, outbound: bool) -> bytes | None:
        if not _is_sought(row, slot):
            return None
        return view_key(row, destination_of(row) if outbound else source_of(row), outbound)

    def _remember(self, key: bytes, sighting: Sighting) -> None:
        if self._seen.add(key, sighting):
            self._limits_hit["sightings"] += 1

    def _are_one(
        self, row: Observation, first: TunnelSlot, second: TunnelSlot, outbound: bool
    ) -> bool:
        """One of the two is inside, and the packet names the other as what the NAT made of it."""
        if first.local == second.local:
            return False
        inside, public = (first, second) if first.local else (second, first)
        if not outbound and _is_anothers(row, inside):
            return False
        another = outbound and self._is_another_mapping(row, inside, public)
        return another or _mapping_agrees(row, first, second)

    def _is_another_mapping(self, row: Observation, inside: TunnelSlot, public: TunnelSlot) -> bool:
        """Whether a symmetric NAT gave the sender one more port of the IPv4 that it had before.

        The mapping that its address embeds must have been joined with the same inside host.
        """
        address = parse_teredo(row.inner_source) if row.kind == Kind.TEREDO else None
        if address is None or address.ip.ljust(16, b"\0") != public.client[0]:
            return False
        mapping = public.client[0], address.port
        number = self._clients.get(client_key(row, mapping, mapping, public.parent))
        return number is not None and self.root(self._slots[number]).client[0] == inside.client[0]


def _is_anothers(row: Observation, inside: TunnelSlot) -> bool:
    """Whether a packet reaches a client that is known by another address than the packet names.

    Anybody can send one packet to two ports of a NAT, of which one lets it in.
    """
    named = parse_teredo(row.inner_destination) if row.kind == Kind.TEREDO else None
    return named is not None and inside.address not in (None, row.inner_destination)


def _mapping_agrees(row: Observation, first: TunnelSlot, second: TunnelSlot) -> bool:
    """Where the packet names the client's mapping, it must be the public one of the two.

    Other kinds over UDP name none; their conversations are nobody else's.
    """
    clients = (first.client, second.client)
    if row.outer_transport != Transport.UDP:
        return True
    if row.teredo_packet in _SETUP:
        return not row.has_origin or (row.origin_ip.ljust(16, b"\0"), row.origin_port) in clients
    if row.kind != Kind.TEREDO:
        return bool(row.has_transport) and row.inner_transport in (TCP, UDP)
    return any(
        address is not None and (address.ip.ljust(16, b"\0"), address.port) in clients
        for address in (parse_teredo(row.inner_source), parse_teredo(row.inner_destination))
    )


def _is_sought(row: Observation, slot: TunnelSlot) -> bool:
    """Whether this packet may join two views; see ``limits.VIEWS_SURE``."""
    setup = row.teredo_packet in _SETUP
    if slot.packets < VIEWS_SURE or not row.inner_digest & VIEWS_SAMPLE or setup:
        return True
    return slot.joined is not None or bool(slot.views)
