"""What is said in one conversation, frame by frame, and how traffic is mixed of conversations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import NamedTuple

from sensor.wire.icmpv6 import ECHO_REPLY, ECHO_REQUEST
from sensor.wire.tcp import ACK, FIN, PSH, SYN

MILLISECOND = 1_000  # all times are microseconds


class Carrier(Enum):
    """What the packet travels in."""

    NONE = auto()
    RELAY = auto()  # Teredo, between a client and a relay
    SERVER = auto()  # Teredo, between a client and its server
    FORGED = auto()  # Teredo, from a client that does not exist
    PROTOCOL_41 = auto()


class Message(Enum):
    """What the innermost packet holds."""

    ARP = auto()
    TCP = auto()
    UDP = auto()
    ECHO = auto()
    SOLICITATION = auto()
    ADVERTISEMENT = auto()
    BUBBLE = auto()


class Content(Enum):
    """What the octets behind the transport header look like."""

    RANDOM = auto()
    QUIC = auto()  # random behind a first octet 0x40 to 0x7f: a quarter begins as IPv6 does
    RTP = auto()
    DNS_QUERY = auto()
    DNS_ANSWER = auto()


@dataclass(frozen=True)
class Shape:
    """Frames that differ in values only: the same headers, the same length."""

    message: Message
    carrier: Carrier = Carrier.NONE
    payload: int = 0
    version: int = 6  # of the innermost packet
    vlan: bool = False
    content: Content = Content.RANDOM


class Step(NamedTuple):
    """One frame of a conversation.

    ``word`` holds the TCP flags, the ICMPv6 type or the ARP operation; ``sequence`` and
    ``acknowledgement`` count from the initial numbers of the two sides, without octets for ICMPv6.
    """

    shape: Shape
    outbound: bool
    word: int = 0
    sequence: int = 0
    acknowledgement: int = 0


@dataclass(frozen=True)
class Script:
    """``ports`` are those of the side that serves, ``gap`` the time between two frames."""

    steps: tuple[Step, ...]
    ports: tuple[int, ...] = (443,)
    from_outside: bool = False
    gap: int | None = None


class Share(NamedTuple):
    """How many of a capture's frames belong to conversations of a script (any unit)."""

    script: Script
    frames: float


def _tcp(
    shape: Shape, said: Sequence[tuple[bool, int]], from_outside: bool = False
) -> tuple[Step, ...]:
    """A whole connection; ``said`` lists (by the opener?, octets), 0 octets: a bare ACK."""
    steps: list[Step] = []
    sent = {True: 0, False: 0}

    def send(by_opener: bool, flags: int, octets: int = 0) -> None:
        steps.append(
            Step(
                replace(shape, payload=octets),
                by_opener is not from_outside,
                flags,
                sent[by_opener],
                sent[not by_opener] if flags & ACK else 0,
            )
        )
        sent[by_opener] += octets + bool(flags & (SYN | FIN))

    send(True, SYN)
    send(False, SYN | ACK)
    send(True, ACK)
    for by_opener, octets in said:
        send(by_opener, ACK | PSH if octets else ACK, octets)
    send(True, FIN | ACK)
    send(False, FIN | ACK)
    send(True, ACK)
    return tuple(steps)


def _request(asked: int, told: int) -> list[tuple[bool, int]]:
    """Four frames: a question, an answer, its acknowledgement, a last word."""
    return [(True, asked), (False, told), (True, 0), (False, told // 2)]


def _dialogue(shape: Shape, asked: int, told: int, rounds: int) -> tuple[Step, ...]:
    """Datagrams in turn."""
    both = [(True, asked), (False, told)] * rounds
    return tuple(Step(replace(shape, payload=octets), out) for out, octets in both)


def _echoes(carrier: Carrier, rounds: int) -> tuple[Step, ...]:
    shape = Shape(Message.ECHO, carrier, payload=56)
    kinds = [(True, ECHO_REQUEST), (False, ECHO_REPLY)]
    return tuple(Step(shape, out, kind, turn) for turn in range(rounds) for out, kind in kinds)


def _each(
    sizes: Sequence[tuple[int, int]], build: Callable[[int, int], Script], frames: float
) -> list[Share]:
    """The same script with several sizes of question and answer, in equal shares."""
    return [Share(build(*pair), frames / len(sizes)) for pair in sizes]


# Every tunnel of Teredo begins so: an exchange with the server, then a bubble through it and one
# straight to the relay (RFC 4380 sections 5.2.1 and 5.2.4).
QUALIFICATION = Script(
    (
        Step(Shape(Message.SOLICITATION, Carrier.SERVER), True),
        Step(Shape(Message.ADVERTISEMENT, Carrier.SERVER), False),
        Step(Shape(Message.BUBBLE, Carrier.SERVER), False),
        Step(Shape(Message.BUBBLE, Carrier.RELAY), True),
    ),
)
FORGED = Script((Step(Shape(Message.TCP, Carrier.FORGED), True, SYN),))

_INSIDE_SERVICES = (22, 445, 3389, 8080)
# Octets of question and answer.
_SMALL = ((24, 48), (40, 160), (96, 320), (160, 480))
_LARGER = ((60, 200), (120, 400), (200, 640), (300, 1000))


def tunnelled(frames: float) -> list[Share]:
    """Inner conversations of about 10 frames, 88 % in Teredo; ``frames``: their share in all."""

    def connection(carrier: Carrier) -> Callable[[int, int], Script]:
        shape = Shape(Message.TCP, carrier)
        return lambda asked, told: Script(_tcp(shape, _request(asked, told)), ports=(443, 993))

    def exposed(asked: int, told: int) -> Script:
        steps = _tcp(Shape(Message.TCP, Carrier.RELAY), _request(asked, told), from_outside=True)
        return Script(steps, ports=_INSIDE_SERVICES, from_outside=True)

    def datagrams(carrier: Carrier) -> Callable[[int, int], Script]:
        shape = Shape(Message.UDP, carrier, content=Content.QUIC)
        return lambda asked, told: Script(_dialogue(shape, asked, told, 5))

    part = frames / 100
    return [
        *_each(_SMALL, connection(Carrier.RELAY), 60 * part),
        *_each(_SMALL[:2], exposed, 5 * part),
        *_each(_SMALL[1:], datagrams(Carrier.RELAY), 13 * part),
        Share(Script(_echoes(Carrier.RELAY, 5)), 8 * part),
        Share(QUALIFICATION, 2 * part),
        *_each(_SMALL, connection(Carrier.PROTOCOL_41), 8 * part),
        *_each(_SMALL[1:], datagrams(Carrier.PROTOCOL_41), 2 * part),
        Share(Script(_echoes(Carrier.PROTOCOL_41, 5)), 2 * part),
    ]


_QUESTION_LENGTH = 12 + 13 + 13 + 4
_ANSWER_LENGTH = _QUESTION_LENGTH + 16
_VOICE = 12 + 160  # 20 ms of G.711


def ordinary(frames: float) -> list[Share]:
    """What fills a site's uplink; ``frames``: its share in all."""

    def transfer(version: int, vlan: bool) -> Callable[[int, int], Script]:
        shape = Shape(Message.TCP, version=version, vlan=vlan)

        def build(asked: int, told: int) -> Script:
            # Every other frame is a bare acknowledgement.
            said = [(True, asked), (False, 0), (False, told), (True, 0), (False, told), (True, 0)]
            return Script(_tcp(shape, said * 3), ports=(443, 443, 993, 22))

        return build

    def quic(asked: int, told: int) -> Script:
        shape = Shape(Message.UDP, version=4, content=Content.QUIC)
        return Script(_dialogue(shape, asked, told, 12))

    voice = Shape(Message.UDP, version=4, payload=_VOICE, content=Content.RTP)
    spoken = tuple(Step(voice, bool(turn % 2), sequence=turn // 2) for turn in range(50))
    arp = Shape(Message.ARP, version=4)
    part = frames / 100
    return [
        *_each(_LARGER, transfer(4, vlan=False), 48 * part),
        *_each(_LARGER, transfer(4, vlan=True), 4 * part),
        *_each(_LARGER, transfer(6, vlan=False), 10 * part),
        *_each(((40, 120), (60, 300), (80, 600)), quic, 18 * part),
        Share(Script(spoken, (16384, 16386), gap=10 * MILLISECOND), 12 * part),
        Share(Script((_dns(Content.DNS_QUERY), _dns(Content.DNS_ANSWER)), (53,)), 6 * part),
        Share(Script((Step(arp, True, 1), Step(arp, False, 2))), 2 * part),
    ]


def _dns(content: Content) -> Step:
    asks = content is Content.DNS_QUERY
    length = _QUESTION_LENGTH if asks else _ANSWER_LENGTH
    return Step(Shape(Message.UDP, payload=length, version=4, content=content), asks)
