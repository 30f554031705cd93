"""What hostile senders say to ends of automatic tunnels, and what none of these may ever send."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from hypothesis import strategies as st

from sensor.lab.inner.packets import is_whole
from sensor.lab.machine import OuterPacket
from sensor.lab.sixinfour.places import is_unicast4
from sensor.schema.words import Kind
from sensor.wire import checksum, icmpv4, icmpv6, ipv4, sixinfour
from sensor.wire.addresses import ALL_NODES, ALL_ROUTERS, is_multicast6, packed
from sensor.wire.icmpv6 import Option, PrefixInformation
from tests.lab.sixinfour.site import NATIVE, PREFIX, advertisement, data, neighbour

STRANGE = [
    ALL_NODES,
    ALL_ROUTERS,
    NATIVE,
    bytes(16),
    *map(packed, ("::1", "ff0e::1", "fe80::1", "fe80:1::1", "::10.1.1.2", "2002:a01:1::1")),
]
prefixes = st.builds(
    PrefixInformation,
    st.sampled_from([64, 64, 64, 0, 48, 128]),
    st.integers(0, 255),
    st.sampled_from([0, 1, 30, 7_201, 2_592_000, 0xFFFFFFFF]),
    st.sampled_from([0, 1, 20, 604_800, 0xFFFFFFFF]),
    st.sampled_from([PREFIX + bytes(8), bytes(16), packed("fe80::"), packed("ff02::")])
    | st.binary(min_size=16, max_size=16),
)
options = st.lists(
    st.builds(
        Option, st.sampled_from([1, 2, 5, 25]), st.sampled_from([6, 14]).map(lambda n: bytes(n))
    ),
    max_size=2,
).map(tuple)
lifetimes = st.sampled_from([0, 1, 7, 300, 1_800, 65_535])


def coherent(ips: Sequence[bytes], addresses: Sequence[bytes]) -> st.SearchStrategy[Any]:
    """Steps of a sender whose IPv6 source follows from its IPv4 one, so that much of it passes."""
    senders, targets = st.sampled_from(list(ips)), st.sampled_from([*addresses, *STRANGE])
    said = st.lists(prefixes, max_size=12)
    places = st.tuples(st.integers(1, 2), senders).map(lambda t: bytes([t[0], 1, 0, 0]) + t[1])
    return (
        st.tuples(st.just("advertise"), senders, said, lifetimes, options)
        | st.tuples(
            st.just("neighbour"),
            senders,
            st.integers(133, 137),
            targets,
            st.integers(0, 255),
            places | st.binary(max_size=16),
        )
        | st.tuples(st.just("data"), senders, targets)
    )


class Cast:
    """Who takes part: IPv4 addresses, and IPv6 ones of them and of strangers."""

    def __init__(self, ips: Sequence[bytes], addresses: Sequence[bytes]) -> None:
        self.ips = st.sampled_from(list(ips)) | st.binary(min_size=4, max_size=4)
        self.addresses = st.sampled_from([*addresses, *STRANGE])
        self.wellformed = (
            st.builds(data, self.addresses, self.addresses, st.binary(max_size=30))
            | self._advertisements()
            | self._neighbours()
        )

    def _advertisements(self) -> st.SearchStrategy[bytes]:
        said = st.lists(prefixes, max_size=3)
        return st.tuples(self.addresses, self.addresses, said, lifetimes, options).map(
            lambda drawn: advertisement(
                drawn[0], drawn[1], *drawn[2], lifetime=drawn[3], options=drawn[4]
            )
        )

    def _neighbours(self) -> st.SearchStrategy[bytes]:
        place = self.ips.map(lambda ip: bytes([1, 1, 0, 0]) + ip)
        target_place = self.ips.map(lambda ip: bytes([2, 1, 0, 0]) + ip)
        return st.builds(
            neighbour,
            self.addresses,
            self.addresses,
            st.integers(133, 137),
            self.addresses,
            st.integers(0, 255),
            place | target_place | st.binary(max_size=16),
        )

    @property
    def packets(self) -> st.SearchStrategy[bytes]:
        return self.wellformed | mutated(self.wellformed) | st.binary(max_size=100)


@st.composite
def mutated(draw: st.DrawFn, origins: st.SearchStrategy[bytes]) -> bytes:
    """A packet with some octets changed, cut or lengthened."""
    packet = bytearray(draw(origins))
    for _ in range(draw(st.integers(1, 3))):
        packet[draw(st.integers(0, len(packet) - 1))] = draw(st.integers(0, 255))
    return bytes(packet[: draw(st.integers(0, len(packet)))]) + draw(st.binary(max_size=3))


def error_about(sent: OuterPacket, kind: int, code: int, rest: bytes, length: int) -> bytes:
    """An ICMP error that quotes so many octets of a packet."""
    whole = ipv4.build(sent.source, sent.destination, sent.protocol, sent.payload)
    return icmpv4.build_error(kind, code, whole, rest=rest, quote=length)


def check_sent(
    sent: Sequence[OuterPacket], own: bytes, kind: Kind, groups: Collection[bytes] = ()
) -> None:
    """Well-formed IPv6 in IPv4, from the own address to another host or a group of the site."""
    for packet in sent:
        assert packet.source == own
        assert packet.protocol == sixinfour.PROTOCOL
        assert packet.kind is kind
        assert packet.destination != own
        assert is_whole(packet.payload)
        multicast = is_multicast6(packet.payload[24:40])
        if multicast:
            assert packet.destination[:2] == bytes([239, 192])
            assert packet.destination[2:] == packet.payload[38:40]
        else:
            assert is_unicast4(packet.destination)
        if packet.payload[6] == icmpv6.PROTOCOL and 133 <= packet.payload[40] <= 137:
            _check_discovery(packet.payload)


def _check_discovery(packet: bytes) -> None:
    message = packet[40:]
    pseudo = checksum.pseudo_ipv6(packet[8:24], packet[24:40], icmpv6.PROTOCOL, len(message))
    assert checksum.verify(pseudo, message)
    assert packet[7] == 255
    assert not is_multicast6(packet[8:24])
