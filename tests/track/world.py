"""Random exchanges of a few hosts behind a NAT, seen inside, outside or on both sides of it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import NamedTuple

from sensor.schema.rows import Observation
from sensor.schema.words import Confidence, Kind, TeredoPacket, Transport
from sensor.wire import icmpv6, ipv6
from sensor.wire import tcp as tcp_wire
from sensor.wire.addresses import packed
from tests.track.rows import (
    ACK,
    BROKER,
    CLIENT,
    FIN,
    LINK_LOCAL,
    MAPPED,
    NATIVE,
    NATIVE2,
    NEIGHBOUR,
    OTHER_MAPPED,
    PRIVATE,
    RELAY,
    RST,
    SECOND,
    SERVER,
    SITE,
    START,
    STRANGER,
    SYN,
    End,
    address_of,
    advertisement,
    bare,
    bubble,
    decoded,
    direct,
    echo,
    gre,
    message,
    named,
    solicitation,
    tcp,
    udp,
    unfollowed,
    unreachable_frame,
)

# A second port of the client, which has its address from the first.
EXTRA: End = (CLIENT[0], 62736)
# Ends inside and what the NAT makes of them; the last two reach the Internet as they are.
MAPPINGS: list[tuple[End, End]] = [
    (CLIENT, MAPPED),
    (EXTRA, (MAPPED[0], EXTRA[1])),
    (NEIGHBOUR, OTHER_MAPPED),
    ((packed("10.0.0.7"), 5000), (packed("203.0.113.9"), 6000)),
    ((packed("10.0.0.7"), 5001), (packed("203.0.113.9"), 6001)),
    ((packed("fd00::7"), 1000), (NATIVE, 3544)),
    ((packed("203.0.113.40"), 7000), (packed("203.0.113.40"), 7000)),
    (STRANGER, STRANGER),
]
PEER: End = (packed("203.0.113.8"), 48017)
# Who meets the client behind a symmetric NAT at another port of it, in some worlds.
REMAPPED = {RELAY: 60000, STRANGER: 60001, PEER: 60002}
FARS = [RELAY, RELAY, SERVER, SECOND, (packed("192.0.2.11"), 3545), STRANGER]
OWN = [SITE, packed("fd00::22"), packed("fe80::22"), packed("2a00:db8:1::10")]
NATIVES = [NATIVE, NATIVE, NATIVE2, packed("fd00::99"), packed("ff02::fb")]
PORTS = [22, 80, 8080, 161]
REMOTE_PORTS = [49138, 40000, 53]
FLAGS = [SYN, SYN, SYN, SYN | ACK, SYN | ACK, ACK, ACK, RST, RST | ACK, FIN | ACK, SYN | RST]
# Kinds over UDP that are no Teredo, and a server of each.
SCHEMES: list[tuple[Kind, End]] = [
    (Kind.AYIYA, (packed("192.0.2.20"), 5072)),
    (Kind.AYIYA, (packed("192.0.2.20"), 8374)),
    (Kind.TSP, (packed("192.0.2.21"), 3653)),
    (Kind.TSP, (packed("192.0.2.21"), 3653)),
    (Kind.L2TP6, (packed("192.0.2.22"), 1701)),
    (Kind.SIXBED4, (packed("192.0.2.23"), 25790)),
    (Kind.SIXA44, (packed("192.88.99.2"), 1027)),
]
STEPS = [0, 1_000, 1_000_000, 1_000_000, 30_000_000, 500_000_000, 999_999_999, 3_000_000_000]
PAUSES = [31, 61, 301, 400, 3_700]  # seconds
VLANS = [0, 0, 0, 8, 8, 5]


class Talk(NamedTuple):
    """Two ends of an inner conversation and the tunnel that it runs in."""

    client: End
    outside: End  # what the NAT makes of the client
    far: End
    own: bytes
    native: bytes
    remote_port: int
    port: int


Shown = tuple[list[Observation], bytes]  # the rows of one frame, and its octets where they matter


class World:
    """``frames`` may be asked once; times go forwards but for some frames that come late."""

    def __init__(self, seed: int, busy: bool = False, natives: int = 0) -> None:
        """``busy``: hardly ever silent; ``natives``: so many more remote addresses."""
        self._chance = random.Random(seed)
        self._busy = busy
        self._natives = NATIVES + [
            packed("2a00:db8:2::")[:8] + number.to_bytes(8) for number in range(natives)
        ]
        self._symmetric = self._chance.random() < 0.5
        self._talks: list[Talk] = []
        self._asked: list[tuple[Talk, int, int]] = []
        self._frame = 0
        self._now = START

    def frames(self, count: int) -> Iterator[Shown]:
        """``count`` exchanges, most of them seen twice or more."""
        for _ in range(count):
            self._wait()
            made, data = self._exchange()
            yield from self._seen(made, data)
            again = _from_extra(made[0])
            if again is not None and self._chance.random() < 0.3:
                yield from self._seen([again], data)

    def _wait(self) -> None:
        self._now += self._chance.choice(STEPS[:4] if self._busy else STEPS)
        if not self._busy and self._chance.random() < 0.004:
            self._now += self._chance.choice(PAUSES) * 1_000_000_000

    def _seen(self, made: list[Observation], data: bytes) -> Iterator[Shown]:
        """The frame as each side of the NAT shows it, if it does; a mirrored copy now and then."""
        identification = self._chance.choice([0, self._chance.getrandbits(16)])
        views = [(0, False), (1, True)]
        self._chance.shuffle(views)
        if self._chance.random() < 0.3:
            views = views[:1]
        for source, outside in views:
            outer = mapped(made[0], self._symmetric) if outside else made[0]
            for _ in range(self._chance.choice([1, 1, 1, 1, 2])):
                self._frame += 1
                time = self._now + self._chance.choice(
                    [0, 1_000, 2_000_000, -1_500_000, 40_000_000]
                )
                if self._chance.random() < 0.01:
                    time += self._chance.choice([-3_000_000_000, 2_500_000_000])
                rows = [outer._replace(outer_id=identification), *made[1:]]
                yield (
                    [one._replace(frame=self._frame, time=time, source=source) for one in rows],
                    data,
                )

    # what is exchanged

    def _talk(self) -> Talk:
        """One of the last few, mostly: its packets follow one another."""
        pick = self._chance.choice
        if self._talks and self._chance.random() < 0.8:
            return pick(self._talks)
        client, outside = pick(MAPPINGS)
        address = address_of(MAPPED if client == EXTRA else outside)
        own = pick([address, address, *OWN])
        ports = pick(REMOTE_PORTS), pick(PORTS)
        far, native = pick(FARS), pick(self._natives)
        if self._chance.random() < 0.1:  # two of ours
            far, public = pick(MAPPINGS)
            native = address_of(public)
        elif self._chance.random() < 0.2:
            far, native = PEER, address_of(PEER)
        talk = Talk(client, outside, far, own, native, *ports)
        self._talks = [*self._talks[-5:], talk]
        return talk

    def _exchange(self) -> Shown:
        pick, talk = self._chance.choice, self._talk()
        kind = self._chance.random()
        if kind < 0.1:
            made = self._setup(talk)
        elif kind < 0.15:
            ends = self._way(talk)[:4]
            if self._chance.random() < 0.2:  # a relay asks a server for the client
                ends = RELAY, SERVER, talk.native, talk.own
            made = bubble(*ends)._replace(inner_length=pick([40, 40, 44]))
        elif kind < 0.65:
            made = self._tcp(talk)
        elif kind < 0.75:
            source, destination, inner, other, ports = self._way(talk)
            made = udp(source, destination, inner, other, ports)
        elif kind < 0.83:
            made = self._echo(talk)
        elif kind < 0.88:
            data = unreachable(talk)
            return [self._varied(decoded(data)[0])], data
        else:
            return self._other(talk), b""
        return [self._varied(made)], b""

    def _way(self, talk: Talk) -> tuple[End, End, bytes, bytes, tuple[int, int]]:
        """Outer and inner ends and ports of a packet from inside or to it."""
        if self._chance.random() < 0.5:
            return talk.client, talk.far, talk.own, talk.native, (talk.port, talk.remote_port)
        return talk.far, talk.client, talk.native, talk.own, (talk.remote_port, talk.port)

    def _varied(self, made: Observation) -> Observation:
        pick, chance = self._chance.choice, self._chance
        made = made._replace(
            vlan=pick(VLANS),
            flow_label=pick([0, 0, chance.getrandbits(20)]),
            trailer_count=pick([0] * 9 + [3]),
            tail_length=pick([0] * 9 + [17]),
            anomalies=pick([0] * 19 + [1 << chance.randrange(31)]),
            inner_digest=chance.getrandbits(64),
        )
        return bare(made) if chance.random() < 0.05 else made

    def _setup(self, talk: Talk) -> Observation:
        nonce = self._chance.choice([None, bytes(8), self._chance.randbytes(8), b"the same"])
        server = self._chance.choice([SERVER, SECOND])
        if self._chance.random() < 0.5:
            return solicitation(talk.client, server, nonce, cone=self._chance.random() < 0.5)
        origin = self._chance.choice([talk.outside, talk.outside, None, MAPPED])
        return advertisement(talk.client, server, nonce, origin)

    def _tcp(self, talk: Talk) -> Observation:
        pick, flags = self._chance.choice, self._chance.choice(FLAGS)
        source, destination, inner, other, ports = self._way(talk)
        if flags in (SYN, ACK) and self._chance.random() < 0.8:
            source, destination, inner, other = talk.far, talk.client, talk.native, talk.own
            ports = talk.remote_port, talk.port
        return tcp(
            source, destination, inner, other, ports, flags,
            tcp_sequence=pick([1000, 1000, 1000, 2000, 3000, 5000, self._chance.getrandbits(32)]),
            tcp_acknowledgement=pick([1001, 1001, 1009, 2001]),
            payload_length=pick([0, 0, 8]),
        )  # fmt: skip

    def _echo(self, talk: Talk) -> Observation:
        """A request that may be a connectivity test, or mostly the reply to one of the last."""
        pick = self._chance.choice
        if self._asked and self._chance.random() < 0.5:
            talk, *number = pick(self._asked)
            ends = talk.far, talk.client, talk.native, talk.own
            return echo(*ends, icmpv6.ECHO_REPLY, *number)
        number = [pick([7, 8]), pick([1, 2, self._chance.getrandbits(16)])]
        self._asked = [*self._asked[-2:], (talk, number[0], number[1])]
        packet = pick([TeredoPacket.CONNECTIVITY_TEST] * 2 + [TeredoPacket.DATA])
        ends = talk.client, talk.far, talk.own, talk.native
        return echo(*ends, icmpv6.ECHO_REQUEST, *number)._replace(teredo_packet=packet)

    def _other(self, talk: Talk) -> list[Observation]:
        """Another kind than Teredo, without UDP, nested, or both."""
        inside = self._varied(self._tcp(talk))
        if self._chance.random() < 0.5:
            return self._newer(talk, inside)
        sort = self._chance.random()
        if sort < 0.3:
            return [self._varied(direct(inside))]
        ends = self._chance.choice([(PRIVATE, BROKER), (BROKER, PRIVATE), (PRIVATE, RELAY)])
        around = direct(
            udp(*ends, talk.own, NATIVE, (53, 8080)),
            self._chance.choice([Kind.SIXINFOUR, Kind.SIXTOFOUR, Kind.ISATAP]),
        )
        around = around._replace(inner_digest=inside.inner_digest, vlan=inside.vlan)
        if sort < 0.6:
            return [around, inside._replace(depth=1)]
        nested = inside._replace(
            depth=1, kind=Kind.IP6_IN_IP6, kinds=1 << Kind.IP6_IN_IP6, outer_version=6,
            outer_source=LINK_LOCAL, outer_destination=NATIVE,
        )  # fmt: skip
        if sort < 0.8:
            return [around, nested]
        return [around, direct(inside)._replace(depth=1), nested._replace(depth=2)]

    def _newer(self, talk: Talk, inside: Observation) -> list[Observation]:
        """In GRE or with a sign of another kind; messages, quotations, and what is no tunnel."""
        pick, digest = self._chance.choice, self._chance.getrandbits(64)
        kind, server = SCHEMES[(talk.port + talk.remote_port + talk.client[1]) % len(SCHEMES)]
        out = self._chance.random() < 0.5
        ends = (talk.client, server) if out else (server, talk.client)
        inner = (talk.own, talk.native) if out else (talk.native, talk.own)
        ports = (talk.port, talk.remote_port) if out else (talk.remote_port, talk.port)
        asks = echo(*ends, *inner, icmpv6.ECHO_REQUEST)
        carried = self._varied(pick([asks, *[tcp(*ends, *inner, ports, pick(FLAGS))] * 3]))
        over_tcp = message(*ends, Kind.TSP, outer_transport=Transport.TCP, inner_digest=digest)
        quotation = [carried, named(inside, kind)._replace(depth=1, quoted=1)]
        return pick(
            [
                [gre(inside, pick([0, 5, 1 << 31]))],
                [named(carried, kind)],
                [named(carried, kind)],
                [carried],
                [bare(carried, pick([Confidence.WEAK, Confidence.STRONG]))],
                [message(*ends, kind, confidence=pick(list(Confidence)), inner_digest=digest)],
                [over_tcp],
                [unfollowed(*ends)],
                [named(carried, kind)._replace(quoted=1)],
                quotation,
                [gre(inside, 5), message(*ends, kind, depth=1)],
            ]
        )


def unreachable(talk: Talk) -> bytes:
    """A frame in which the inside says that nobody is where the talk's opening went."""
    segment = tcp_wire.build(
        talk.native, talk.own, talk.remote_port, talk.port,
        sequence=1000, acknowledgement=0, flags=SYN,
    )  # fmt: skip
    quoted = ipv6.build(talk.native, talk.own, tcp_wire.PROTOCOL, segment)
    client, far = (end if len(end[0]) == 4 else CLIENT for end in (talk.client, talk.far))
    return unreachable_frame(quoted, client, far)


def _from_extra(made: Observation) -> Observation | None:
    """The same bubble of the client from its second port."""
    source = made.outer_source, made.outer_source_port
    if source != (CLIENT[0].ljust(16, b"\0"), CLIENT[1]):
        return None
    if made.teredo_packet != TeredoPacket.BUBBLE:
        return None
    return made._replace(outer_source_port=EXTRA[1])


def mapped(made: Observation, symmetric: bool = False) -> Observation:
    """The same packet on the other side of the NAT."""
    source = made.outer_source, made.outer_source_port
    destination = made.outer_destination, made.outer_destination_port
    for client, outside in MAPPINGS:
        ip, other = client[0].ljust(16, b"\0"), outside[0].ljust(16, b"\0")
        udp_client = bool(made.outer_source_port or made.outer_destination_port)
        port = outside[1] * udp_client
        inside = ip, client[1] * udp_client
        if inside == source:
            port = _remapped(outside, destination) if symmetric and port else port
            return made._replace(outer_source=other, outer_source_port=port)
        if inside == destination:
            port = _remapped(outside, source) if symmetric and port else port
            return made._replace(outer_destination=other, outer_destination_port=port)
    return made


def _remapped(outside: End, far: End) -> int:
    """The port of the NAT for a far end."""
    ports = {(ip.ljust(16, b"\0"), port): new for (ip, port), new in REMAPPED.items()}
    return ports.get(far, outside[1]) if outside == MAPPED else outside[1]
