"""What the host may send, and to whom."""

from __future__ import annotations

import pytest

from sensor.lab.inner import refusal
from sensor.lab.inner.refusal import Refused
from sensor.lab.machine import Datagram
from sensor.lab.teredo import transmission as words
from sensor.lab.teredo.peers import NO_ROOM
from sensor.lab.teredo.settings import PeerLimits
from sensor.lab.teredo.style import OWN, WINDOWS_XP, Style
from sensor.lab.teredo.transmission import Transmission
from sensor.schema.records import Endpoint
from sensor.schema.words import TeredoPacket
from sensor.wire.addresses import packed
from tests.lab.teredo.parties import data
from tests.lab.teredo.test_attempts import Bench
from tests.lab.teredo.world import LOCAL, MAPPED, NATIVE, RELAY, SERVER, address_of

OWN_ADDRESS = address_of(MAPPED)
PRIVATE = Endpoint(packed("10.0.0.1"), 1)


def transmission(bench: Bench) -> Transmission:
    return Transmission(bench.link, bench.peers, bench.attempts)


def to(destination: bytes, octets: bytes = b"data") -> bytes:
    return data(OWN_ADDRESS, destination, octets)


@pytest.mark.parametrize(
    ("packet", "word"),
    [
        (b"", refusal.MALFORMED),
        (b"\x45" + to(NATIVE)[1:], refusal.MALFORMED),
        (to(NATIVE)[:-1], refusal.MALFORMED),
        (to(NATIVE) + b"\0", refusal.MALFORMED),
        (to(NATIVE, bytes(1_241)), refusal.TOO_BIG),
        (data(NATIVE, NATIVE), words.SOURCE_NOT_OURS),
        (data(address_of(MAPPED, flags=0x0400), NATIVE), words.SOURCE_NOT_OURS),
        (to(packed("ff02::1")), words.DESTINATION_NOT_GLOBAL),
        (to(packed("fe80::1")), words.DESTINATION_NOT_GLOBAL),
        (to(packed("::1")), words.DESTINATION_NOT_GLOBAL),
        (to(packed("fd00::1")), words.DESTINATION_NOT_GLOBAL),
        (to(OWN_ADDRESS), words.DESTINATION_OURS),
        (to(address_of(MAPPED, flags=0x0400)), words.DESTINATION_OURS),
        (to(address_of(PRIVATE)), refusal.NOT_GLOBAL),
        (to(address_of(Endpoint(RELAY.ip, 0))), refusal.NOT_GLOBAL),
        (to(address_of(RELAY, server=PRIVATE.ip)), refusal.NOT_GLOBAL),
        (to(address_of(RELAY, server=packed("224.0.0.253"))), refusal.NOT_GLOBAL),
    ],
)
def test_what_must_not_go_is_refused_with_its_word(packet: bytes, word: str) -> None:
    bench = Bench()
    with pytest.raises(Refused, match=f"^{word}$"):
        transmission(bench).send(packet, 0.0)
    assert bench.link.outbox.datagrams == []
    assert len(bench.peers) == 0


def test_off_line_nothing_goes() -> None:
    bench = Bench()
    bench.link.address = None
    with pytest.raises(Refused, match=f"^{words.NOT_QUALIFIED}$"):
        transmission(bench).send(to(NATIVE), 0.0)


def test_packets_wait_for_their_peer_within_limits() -> None:
    bench = Bench(limits=PeerLimits(queued_packets=3))
    sender = transmission(bench)
    for number in range(5):
        sender.send(to(NATIVE, bytes([number])), 0.0)
    contact = bench.peers.get(NATIVE)
    assert contact is not None
    assert contact.queue == [to(NATIVE, bytes([number])) for number in range(3)]
    assert bench.link.drops == {NO_ROOM: 2}
    (sent,) = bench.link.outbox.take_datagrams()
    assert (sent.destination, sent.packet) == (SERVER, TeredoPacket.CONNECTIVITY_TEST)


@pytest.mark.parametrize(("style", "believed"), [(WINDOWS_XP, True), (OWN, False)])
def test_a_claimed_cone_is_believed_by_those_of_its_age_only(style: Style, believed: bool) -> None:
    bench = Bench()
    bench.link.style = style
    packet = to(address_of(RELAY, flags=0x8000))
    transmission(bench).send(packet, 0.0)
    sent = bench.link.outbox.take_datagrams()
    assert (Datagram(LOCAL, RELAY, packet, TeredoPacket.DATA) in sent) is believed
    assert len(sent) == (1 if believed else 2)
