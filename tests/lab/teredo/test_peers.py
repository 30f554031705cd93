"""The table of peers stays within its limits, whoever fills it."""

from __future__ import annotations

from collections import Counter

from sensor.lab.teredo.peers import EVICTED, NO_ROOM, Peer, Peers
from sensor.lab.teredo.settings import PeerLimits
from sensor.schema.records import Endpoint

END = Endpoint(bytes([192, 0, 2, 1]), 4000)


def peer(number: int, now: float = 100.0) -> Peer:
    return Peer(number.to_bytes(16), END, now)


def test_strangers_go_before_those_who_proved_themselves() -> None:
    drops: Counter[str] = Counter()
    peers: Peers[Peer] = Peers(PeerLimits(peers=3), drops)
    known = peer(1)
    peers.add(known)
    peers.trust(known, 100.0)
    for number in range(2, 50):
        peers.add(peer(number))
    assert peers.get(known.address) is known
    assert len(peers) == 3
    assert drops[EVICTED] == 46


def test_of_trusted_peers_the_longest_silent_goes() -> None:
    peers: Peers[Peer] = Peers(PeerLimits(peers=3), Counter())
    for number, heard in ((1, 30.0), (2, 10.0), (3, 20.0)):
        known = peer(number)
        peers.add(known)
        peers.trust(known, heard)
    peers.add(peer(4))
    assert [number for number in range(1, 5) if peers.get(number.to_bytes(16))] == [1, 3, 4]


def test_queues_are_bounded_for_one_peer_and_for_all() -> None:
    drops: Counter[str] = Counter()
    peers: Peers[Peer] = Peers(PeerLimits(queued_packets=2, queued_octets=25), drops)
    first, second = peer(1), peer(2)
    peers.add(first)
    peers.add(second)
    for packet in (b"a" * 10, b"b" * 10, b"c"):
        peers.queue(first, packet, 100.0)
    peers.queue(second, b"d" * 6, 100.0)
    assert drops[NO_ROOM] == 2
    assert peers.trust(first, 101.0) == [b"a" * 10, b"b" * 10]
    assert peers.queued_octets == 0
