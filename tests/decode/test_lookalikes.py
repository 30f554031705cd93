"""Datagrams of other protocols, some of which begin like IPv6 or a Teredo header: no tunnels."""

from __future__ import annotations

import random
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sensor.capture.files import CaptureFile
from sensor.decode.scalar import Frame, decode_batch, decode_frame
from sensor.decode.settings import DecodeSettings
from sensor.schema.words import Confidence, Reason

from .. import build
from ..build import CLIENT, NATIVE, OTHER, PEER, echo6, ethernet, udp_frame

SETTINGS = DecodeSettings()
COOKIE = bytes.fromhex("2112a442")
NAME = b"\x07example\x03com\x00"


def verdict(payload: bytes) -> tuple[Reason, Confidence]:
    """What became of the datagram, and the highest confidence of its rows."""
    data = udp_frame(CLIENT, PEER, payload)
    reason, rows = decode_frame(Frame(data, 1, len(data)), SETTINGS)
    return reason, Confidence(max((row.confidence for row in rows), default=0))


def reasons(payloads: Iterator[bytes]) -> set[str]:
    """What became of them; fails if one is taken for a tunnel."""
    found = set()
    for payload in payloads:
        reason, confidence = verdict(payload)
        assert confidence < Confidence.STRONG, payload.hex()
        found.add(reason.text)
    return found


def stun(kind: int, attributes: bytes, transaction: bytes) -> bytes:
    return struct.pack("!HH", kind, len(attributes)) + COOKIE + transaction + attributes


@pytest.mark.parametrize("kind", [0x0001, 0x0101, 0x0111, 0x0000])
@pytest.mark.parametrize("filler", ["zeros", "letters", "random", "ipv6"])
def test_stun(kind: int, filler: str) -> None:
    """The message type of a request is also the indicator of an authentication header."""
    dice = random.Random(1)
    fill: dict[str, Callable[[int], bytes]] = {
        "zeros": bytes,
        "letters": lambda n: (b"abcdefghijklmno" * 21)[:n],
        "random": dice.randbytes,
        "ipv6": lambda n: (echo6() * 5)[:n],
    }
    messages = (stun(kind, fill[filler](n), dice.randbytes(12)) for n in range(301))
    assert reasons(messages) == {"stun"}


def dns(identifier: int, flags: int, counts: tuple[int, ...], body: bytes) -> bytes:
    return struct.pack("!HH4H", identifier, flags, *counts) + body


def answers(count: int) -> bytes:
    return (b"\xc0\x0c" + struct.pack("!HHIH", 28, 1, 300, 16) + NATIVE) * count


@pytest.mark.parametrize("first", [0x00, *range(0x60, 0x70)])
def test_dns(first: int) -> None:
    """Identifiers 0 and 1 read like an indicator, 0x6... like the version of IPv6."""
    question = NAME + struct.pack("!HH", 28, 1)
    padded = b"\x3f" + b"a" * 63 + question

    def messages() -> Iterator[bytes]:
        for second in range(256):
            identifier = first << 8 | second
            yield dns(identifier, 0x0100, (1, 0, 0, 0), question)
            yield dns(identifier, 0x0100, (1, 0, 0, 1), padded + bytes(11))
            yield dns(identifier, 0x8180, (1, 1, 0, 0), question + answers(1))
            yield dns(identifier, 0x8180, (1, 9, 0, 0), question + answers(9))
            yield dns(identifier, 0x8183, (1, 0, 1, 0), question + bytes(60))

    expected = {"udp", "udp-short", "udp-implausible", "udp-length"}
    assert reasons(messages()) <= expected


def test_multicast_dns() -> None:
    """An identifier and flags of zero read like an origin indication."""
    question = b"\x05_http\x04_tcp\x05local\x00" + struct.pack("!HH", 12, 1)
    payloads = [
        dns(0, flags, counts, body)
        for flags in (0x0000, 0x8400)
        for counts, body in (
            ((1, 0, 0, 0), question * 3),
            ((0, 1, 0, 2), answers(4)),
            ((0, 0, 0, 0), b"`" * 80),
            ((9, 3, 0, 0), question * 9 + answers(3)),
        )
    ]
    assert reasons(iter(payloads)) <= {"udp", "udp-short", "udp-length", "udp-implausible"}


def test_rpc() -> None:
    """Transaction identifiers that begin with 6; bytes 4 to 7 tell a call from a reply."""
    dice = random.Random(2)
    calls = [
        bytes([0x60 | dice.randrange(16)])
        + dice.randbytes(3)
        + struct.pack("!5I", dice.randrange(2), 2, 100003, 3, dice.randrange(22))
        + bytes(dice.randrange(16, 400))
        for _ in range(2000)
    ]
    assert reasons(iter(calls)) <= {"udp-short", "udp-implausible", "udp-length"}


GENEVE = bytes.fromhex("000086dd00004200")


def test_geneve_around_ipv6() -> None:
    inner = [
        echo6(),
        build.tcp6(payload=b"GET /"),
        build.solicitation(),
        build.bubble(build.LINK_LOCAL, NATIVE),
        build.six_in_six(echo6()),
        build.udp((NATIVE, 53), (OTHER, 53), bytes(40)),
    ]
    assert reasons(GENEVE + packet for packet in inner) == {"geneve"}


def test_geneve_around_ethernet() -> None:
    frame = ethernet(echo6())
    assert reasons(iter([bytes.fromhex("0000655800004200") + frame])) == {"udp"}


def test_geneve_around_a_teredo_address_is_a_tunnel() -> None:
    reason, confidence = verdict(GENEVE + echo6(NATIVE, build.TEREDO))
    assert (reason, confidence) == (Reason.TUNNELLED, Confidence.STRONG)


Maker = Callable[[random.Random], bytes]


def quic_short(dice: random.Random) -> bytes:
    return bytes([0x40 | dice.randrange(64)]) + dice.randbytes(dice.randrange(20, 1400))


def quic_long(dice: random.Random) -> bytes:
    ids = b"\x08" + dice.randbytes(8) + b"\x00"
    return bytes([0xC0 | dice.randrange(64)]) + b"\0\0\0\1" + ids + dice.randbytes(1180)


def rtp(dice: random.Random) -> bytes:
    head = struct.pack("!BBHI", 0x80, dice.randrange(256), dice.randrange(65536), 160)
    return head + dice.randbytes(4) + dice.randbytes(dice.choice((20, 160, 1200)))


def ntp(dice: random.Random) -> bytes:
    """With a leap second announced, version 4 and the client's mode make the first byte 0x63."""
    first = dice.choice((0x1B, 0x23, 0x24, 0x63, 0x64, 0x65))
    head = bytes([first, dice.randrange(16), 6, 0xEC]) + bytes(4)
    return head + dice.randbytes(40)


def wireguard(dice: random.Random) -> bytes:
    kind, size = dice.choice(((1, 148), (2, 92), (3, 64), (4, 32), (4, 96), (4, 1452)))
    return bytes([kind, 0, 0, 0]) + dice.randbytes(size - 4)


def utp(dice: random.Random) -> bytes:
    first = dice.randrange(5) << 4 | 1
    return bytes([first, dice.randrange(3)]) + dice.randbytes(18 + dice.randrange(1300))


def dtls(dice: random.Random) -> bytes:
    size = dice.randrange(60, 1300)
    head = bytes([dice.randrange(20, 24)]) + b"\xfe\xfd" + bytes(7) + bytes([dice.randrange(256)])
    return head + size.to_bytes(2) + dice.randbytes(size)


def text(dice: random.Random) -> bytes:
    """Lower-case letters up to o begin with a 6."""
    return bytes(dice.choices(b"abcdefghijklmnopqrstuvwxyz \r\n", k=dice.randrange(40, 1400)))


MAKERS: list[Maker] = [quic_short, quic_long, rtp, ntp, wireguard, utp, dtls, text]


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_other_protocols(make: Maker) -> None:
    dice = random.Random(3)
    found = reasons(make(dice) for _ in range(2000))
    assert found <= {"udp", "udp-short", "udp-length", "udp-implausible", "weak"}


@pytest.mark.parametrize(
    "path", ["zeek/geneve-ipv6.pcap", "zeek/mount-unmount.pcap", "suricata-verify/dns-bug-990.pcap",
             "ndpi/telegram.pcap", "zeek/4in6.pcap", "zeek/6in6.pcap", "zeek/6in6in6.pcap"]
)  # fmt: skip
def test_captures_without_a_tunnel(captures: Path, path: str) -> None:
    with CaptureFile(str(captures / path)) as capture:
        for batch in capture.batches():
            assert len(decode_batch(batch, SETTINGS).rows) == 0


PAYLOADS = 200_000


def random_payload(dice: random.Random) -> bytes:
    """A fifth plain noise; the rest begins like IPv6, some of it with a length that fits."""
    size = min(40 + int(dice.expovariate(1 / 80)), 1400)
    payload = dice.randbytes(size)
    shape = dice.randrange(10)
    if shape < 2:
        return payload
    front = bytes([0x60 | payload[0] & 0x0F])
    if shape < 8:
        return front + payload[1:]
    return front + payload[1:4] + (size - 40).to_bytes(2) + payload[6:]


@pytest.mark.slow
def test_noise(seed: int) -> None:
    print(f"seed {seed}")
    dice = random.Random(seed)
    head = udp_frame(CLIENT, PEER, bytes(40))[:34]
    highest: Counter[int] = Counter()
    for _ in range(PAYLOADS):
        payload = random_payload(dice)
        length = (20 + 8 + len(payload)).to_bytes(2)
        datagram = struct.pack("!4H", 5000, 6000, 8 + len(payload), 0) + payload
        data = head[:16] + length + head[18:34] + datagram
        _, rows = decode_frame(Frame(data, 1, len(data)), SETTINGS)
        highest[max((row.confidence for row in rows), default=0)] += 1
    assert sum(highest.values()) == PAYLOADS
    assert highest[Confidence.WEAK] > 0  # some of it gets as far as that
    assert set(highest) <= {Confidence.NONE, Confidence.WEAK}
