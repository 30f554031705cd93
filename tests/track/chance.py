"""Random rows: some of anything, most of a small world in which packets meet again."""

from __future__ import annotations

import random
from collections.abc import Iterator

from sensor.schema.rows import OBSERVATION, STACK_LIMIT, Observation
from sensor.schema.words import Confidence, Kind, Layer, TeredoPacket, Transport
from sensor.wire.addresses import packed
from tests.track.rows import (
    BROKER,
    CLIENT,
    LINK_LOCAL,
    MAPPED,
    NATIVE,
    NATIVE2,
    NEIGHBOUR,
    OTHER_MAPPED,
    PRIVATE,
    RELAY,
    SECOND,
    SERVER,
    SITE,
    START,
    STRANGER,
    TEREDO,
    address_of,
    row,
)

OUTER = [CLIENT, NEIGHBOUR, MAPPED, OTHER_MAPPED, SERVER, SECOND, RELAY, STRANGER]
OUTER += [PRIVATE, BROKER, (NATIVE, 3544), (packed("fd00::7"), 1000)]
OUTER += [(MAPPED[0], 5072), (BROKER[0], 3653), (RELAY[0], 1701), (packed("192.88.99.2"), 1027)]
INNER = [TEREDO, address_of(OTHER_MAPPED), NATIVE, NATIVE2, SITE, LINK_LOCAL]
INNER += [packed("fd00::22"), packed("ff02::1"), packed("2002:cb00:7105::1")]
FLAGS = [2, 2, 18, 18, 16, 17, 4, 20, 0, 255]
PORTS = [53, 80, 8080, 49138, 40000]


def anything(source: random.Random) -> Observation:
    """Every field random in its range."""
    values: list[object] = []
    for name in Observation._fields:
        kind, shape = OBSERVATION[name].base, OBSERVATION[name].shape
        if shape:
            values.append(source.randbytes(shape[0]))
        elif name == "time":
            values.append(
                source.choice([0, START, -(1 << 63), (1 << 63) - 1, source.getrandbits(62)])
            )
        else:
            values.append(source.getrandbits(8 * kind.itemsize))
    made = Observation._make(values)
    return made._replace(
        kind=source.choice(list(Kind)),
        confidence=source.choice(list(Confidence)),
        outer_version=source.choice([4, 6]),
        outer_transport=source.choice(list(Transport)),
        teredo_packet=source.choice(list(TeredoPacket)),
        trailer_count=source.randrange(17),
        depth=source.choice([0, 0, 0, 1, 2, 7]),
        quoted=source.choice([0, 0, 0, 1]),
        copy_of=0,
        source=source.randrange(3),
        stack=bytes([source.choice(list(Layer))]).ljust(STACK_LIMIT, b"\0"),
    )


def likely(source: random.Random, number: int, time: int) -> Observation:
    """A packet between a few ends, with a few addresses and ports."""
    transport = source.choice([6, 6, 6, 17, 17, 58, 59, 43])
    made = row(
        source.choice(OUTER),
        source.choice(OUTER),
        frame=number,
        time=time,
        kind=source.choice([Kind.TEREDO] * 5 + [Kind.IP6_IN_UDP] * 3 + list(Kind)),
        confidence=source.choice(list(Confidence)),
        quoted=source.choice([0] * 19 + [1]),
        outer_transport=source.choice([Transport.UDP] * 6 + list(Transport)),
        outer_key=source.choice([0, 0, 5, 0xFFFFFFFF]),
        outer_id=source.choice([0, 0, number & 0xFFFF]),
        teredo_packet=source.choice([TeredoPacket.DATA] * 3 + list(TeredoPacket)),
        inner_source=source.choice(INNER),
        inner_destination=source.choice(INNER),
        inner_transport=transport,
        has_transport=source.randrange(2),
        inner_source_port=source.choice(PORTS),
        inner_destination_port=source.choice(PORTS),
        tcp_flags=source.choice(FLAGS),
        tcp_sequence=source.choice([1000, 5000]),
        tcp_acknowledgement=source.choice([1001, 5001]),
        icmp_type=source.choice([1, 3, 128, 129, 133, 134]),
        has_auth=source.randrange(2),
        nonce=source.choice([bytes(8), b"12345678", b"abcdefgh"]),
        has_origin=source.randrange(2),
        origin_ip=MAPPED[0],
        origin_port=source.choice([MAPPED[1], OTHER_MAPPED[1]]),
        auth_confirmation=source.choice([0, 0, 0, 1]),
        trailer_count=source.choice([0, 0, 0, 2]),
        trailers_offset=source.randrange(200),
        inner_offset=source.randrange(100),
        inner_length=source.choice([0, *[source.randrange(40, 200)] * 9]),
        anomalies=source.choice([0, 0, 0, source.getrandbits(18)]),
        depth=source.choice([0, 0, 0, 0, 1]),
        vlan=source.choice([0, 0, 8]),
    )
    return made._replace(kinds=1 << made.kind, source=source.randrange(2))


def rows(seed: int, count: int, wild: float = 0.05) -> Iterator[Observation]:
    """``count`` rows in packet-time order but for the wild ones, up to seconds apart."""
    source = random.Random(seed)
    time = START
    for number in range(1, count + 1):
        time += source.choice([0, 1_000, 1_000_000, 30_000_000, source.randrange(20_000_000_000)])
        made = anything(source) if source.random() < wild else likely(source, number, time)
        yield made._replace(depth=0) if number == 1 else made


def frames(seed: int, count: int, wild: float = 0.0) -> list[list[Observation]]:
    """The same rows, those of one frame together and with one time."""
    grouped: list[list[Observation]] = []
    for made in rows(seed, count, wild):
        if made.depth and grouped:
            first = grouped[-1][0]
            grouped[-1].append(
                made._replace(frame=first.frame, time=first.time, source=first.source)
            )
        else:
            grouped.append([made])
    return grouped
