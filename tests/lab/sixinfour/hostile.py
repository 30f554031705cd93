"""What hostile senders say to an end of a protocol-41 tunnel, and what it may never answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from sensor.lab.inner.packets import is_whole
from sensor.lab.machine import OuterPacket, RawMachine
from sensor.lab.sixinfour.places import is_unicast4
from sensor.schema.words import Kind
from sensor.wire import icmpv4, icmpv6, ipv4, ipv6, sixinfour
from sensor.wire.addresses import SIXTOFOUR_ANYCAST, build_sixover4, build_sixtofour, packed
from tests.lab.sixinfour.ends import (
    BORDER,
    EDGE,
    FAR,
    LOCAL,
    NATIVE,
    NEAR,
    OTHER_EDGE,
    OTHER_SITE,
    OWN_SITE,
    REMOTE,
    STRANGER,
    error_about,
    home,
)
from tests.lab.teredo.parties import data, echo

MTU = 1_280
_LINK_LOCAL = build_sixover4(LOCAL)
_THERE = build_sixover4(REMOTE)
_SOLICITATION = icmpv6.build(
    _THERE, _LINK_LOCAL, icmpv6.NEIGHBOUR_SOLICITATION, 0, bytes(4) + _LINK_LOCAL
)

ADDRESSES = (
    *(NEAR, FAR, NATIVE, OWN_SITE, OTHER_SITE, build_sixtofour(STRANGER)),
    *(home(EDGE), home(OTHER_EDGE), home(BORDER), home(EDGE, 1), _LINK_LOCAL, _THERE),
    *map(packed, ("::", "::1", "::1.2.3.4", "ff02::1", "fe80::1", "2002:7f00:1::1")),
    *map(packed, ("2002:e000:1::1", "2002:c058:6301::", "2a01:e00f:ffff:f000::1")),
)
HONEST = [
    data(NEAR, FAR),
    data(FAR, NEAR),
    data(FAR, NEAR, bytes(1_240)),
    data(OWN_SITE, OTHER_SITE),
    data(OTHER_SITE, OWN_SITE),
    data(OTHER_SITE, NATIVE, hop_limit=0),
    data(NATIVE, home(EDGE)),
    data(home(EDGE), home(EDGE), hop_limit=1),
    echo(_THERE, _LINK_LOCAL),
    ipv6.build(_THERE, _LINK_LOCAL, icmpv6.PROTOCOL, _SOLICITATION, hop_limit=255),
    ipv6.build(_THERE, _LINK_LOCAL, icmpv6.PROTOCOL, _SOLICITATION, hop_limit=254),
    data(home(EDGE), NATIVE),
]

octets4 = st.binary(min_size=4, max_size=4)
sources = (
    st.sampled_from([LOCAL, REMOTE, STRANGER, EDGE, OTHER_EDGE, BORDER, SIXTOFOUR_ANYCAST])
    | octets4
)
addresses6 = (
    st.sampled_from(ADDRESSES) | octets4.map(build_sixtofour) | octets4.map(home)
    | st.binary(min_size=16, max_size=16)
)  # fmt: skip
strange = st.builds(data, addresses6, addresses6, hop_limit=st.integers(0, 255))


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """An honest packet with some octets changed, cut or lengthened."""
    packet = bytearray(draw(st.sampled_from(HONEST)))
    for _ in range(draw(st.integers(0, 4))):
        packet[draw(st.integers(0, len(packet) - 1))] = draw(st.integers(0, 255))
    end = draw(st.integers(0, len(packet)))
    return bytes(packet[:end]) + draw(st.sampled_from([b"", bytes(packet[end:]), b"\5\2\1"]))


hostile = strange | mutated() | st.binary(max_size=100)


@st.composite
def complaints(draw: st.DrawFn, others: st.SearchStrategy[bytes]) -> bytes:
    """The payload of an ICMP packet that may be an error, about what may have been sent."""
    outer = ipv4.build(
        draw(st.sampled_from([LOCAL, EDGE, BORDER]) | octets4),
        draw(others),
        draw(st.sampled_from([41, 41, 41, 47])),
        draw(hostile),
        fragment_offset=draw(st.sampled_from([0, 0, 0, 8])),
    )
    kind = draw(st.sampled_from(sorted(icmpv4.ERRORS)))
    rest = draw(octets4 | st.just(bytes(4)))
    quote = draw(st.none() | st.integers(0, len(outer)))
    message = icmpv4.build_error(kind, draw(st.integers(0, 5)), outer, rest=rest, quote=quote)
    return draw(st.sampled_from([message, message, message[:-1]]) | st.binary(max_size=80))


def stories(*others: bytes) -> st.SearchStrategy[list[Any]]:
    """What happens to an end; half of what it hears comes from ``others``, whom it may believe."""
    heard = st.sampled_from(others) | sources
    return st.lists(
        st.tuples(st.just("receive"), hostile, heard)
        | st.tuples(st.just("complain"), complaints(heard), sources)
        | st.tuples(
            st.just("complain_about_sent"),
            st.sampled_from([icmpv4.UNREACHABLE, icmpv4.TIME_EXCEEDED]),
            st.sampled_from([0, 4]),
            st.integers(0, 0xFFFF),
            st.none() | st.integers(0, 80),
        )
        | st.tuples(st.just("send"), hostile)
        | st.tuples(st.just("wait"), st.sampled_from([0.0, 0.5, 3.0, 40.0])),
        max_size=25,
    )


class Watched:
    """An end that is looked at after each step; ``longest`` is its longest timer, in seconds."""

    def __init__(self, machine: RawMachine, kind: Kind, longest: float = 0.0) -> None:
        self.machine = machine
        self.now = 1_000.0
        self._kind = kind
        self._longest = longest
        self._last: OuterPacket | None = None

    def run(self, story: list[Any]) -> None:
        for verb, *arguments in story:
            getattr(self, verb)(*arguments)

    def receive(self, packet: bytes, source: bytes) -> None:
        for own in self.machine.addresses:
            self._hear(OuterPacket(source, own, sixinfour.PROTOCOL, packet))

    def complain(self, message: bytes, source: bytes) -> None:
        for own in self.machine.addresses:
            self._hear(OuterPacket(source, own, icmpv4.PROTOCOL, message))

    def complain_about_sent(self, kind: int, code: int, mtu: int, quote: int | None) -> None:
        if self._last is not None:
            self._hear(error_about(self._last, kind, code, mtu=mtu, quote=quote))

    def send(self, packet: bytes) -> None:
        self._step(lambda: self.machine.send_ipv6(packet, self.now))

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.machine.handle_timer(self.now)
        assert self.machine.packets_to_send() == []
        due = self.machine.get_timer()
        assert due is None or self.now <= due <= self.now + self._longest

    def step(self, act: Callable[[], None]) -> None:
        """Anything else that its host does."""
        self._step(act)

    def _hear(self, packet: OuterPacket) -> None:
        self._step(lambda: self.machine.receive_packet(packet, self.now))

    def _step(self, act: Callable[[], None]) -> None:
        """One thing happens: one packet comes of it at most, or a word says why none."""
        before = sum(self.machine.drops.values())
        act()
        sent, packets = self.machine.packets_to_send(), self.machine.ipv6_to_deliver()
        assert len(sent) + len(packets) <= 1
        assert sum(self.machine.drops.values()) - before <= 1
        while self.machine.next_event() is not None:
            pass
        for outer in sent:
            self._check(outer)
            self._last = outer
        assert all(is_whole(packet) for packet in packets)

    def _check(self, outer: OuterPacket) -> None:
        """From an own address to where a host can be, as well-formed IPv6 in IPv4."""
        own = self.machine.addresses
        assert outer.source in own
        assert outer.destination not in own
        assert is_unicast4(outer.destination)
        assert (outer.protocol, outer.kind) == (sixinfour.PROTOCOL, self._kind)
        assert not outer.dont_fragment
        assert is_whole(outer.payload)
        assert len(outer.payload) <= MTU


def truncated(watched: Watched, source: bytes) -> None:
    """Every honest packet cut at every octet, both ways."""
    for packet in HONEST:
        for end in {*range(min(len(packet), 90)), len(packet)}:
            watched.receive(packet[:end], source)
            watched.send(packet[:end])
