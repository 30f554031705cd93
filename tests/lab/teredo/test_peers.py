"""The table of peers stays within its limits, whoever fills it."""

from __future__ import annotations

from collections import Counter

from sensor.lab.teredo.peers import EVICTED, NO_ROOM, QUEUE_LOST, SECOND_CHANCES, VALID, Peer, Peers
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
        peers.queue(first, packet)
    peers.queue(second, b"d" * 6)
    assert drops[NO_ROOM] == 2
    assert peers.trust(first, 101.0) == [b"a" * 10, b"b" * 10]
    assert peers.queued_octets == 0


def test_who_went_is_told() -> None:
    peers: Peers[Peer] = Peers(PeerLimits(peers=2), Counter())
    first, second = peer(1), peer(2)
    assert peers.add(first) is None
    assert peers.add(second) is None
    assert peers.add(peer(3)) is first


def test_the_queue_of_who_goes_makes_room() -> None:
    peers: Peers[Peer] = Peers(PeerLimits(peers=1, queued_octets=10), Counter())
    first, second = peer(1), peer(2)
    peers.add(first)
    peers.queue(first, b"a" * 10)
    peers.add(second)
    assert peers.queued_octets == 0
    peers.queue(second, b"b" * 10)
    assert peers.queued_octets == 10
    peers.remove(second)
    assert (peers.queued_octets, len(peers)) == (0, 0)


def test_in_a_full_table_of_trusted_peers_turns_are_taken() -> None:
    """Only so many are asked at a time, the same ones not again before all the others."""
    count = 2 * SECOND_CHANCES
    peers: Peers[Peer] = Peers(PeerLimits(peers=count), Counter())
    for number in range(count):
        known = peer(number)
        peers.add(known)
        peers.trust(known, 200.0 - number)
    # Silent longest of the first half, then of the second.
    assert peers.add(peer(count)) is not None
    assert peers.get((SECOND_CHANCES - 1).to_bytes(16)) is None
    replacing = peers.get(count.to_bytes(16))
    assert replacing is not None
    peers.trust(replacing, 300.0)
    peers.add(peer(count + 1))
    assert peers.get((count - 1).to_bytes(16)) is None


def test_trust_lasts_as_long_as_packets_come() -> None:
    known = peer(1)
    assert not known.valid(100.0)
    peers: Peers[Peer] = Peers(PeerLimits(), Counter())
    peers.add(known)
    peers.trust(known, 100.0)
    assert known.valid(100.0 + VALID - 0.1)
    assert not known.valid(100.0 + VALID)
    known.heard = 150.0
    assert known.valid(150.0)
    assert peers.all() == [known]


def test_trust_ends_the_count_of_bubbles() -> None:
    peers: Peers[Peer] = Peers(PeerLimits(), Counter())
    known = peer(1)
    known.bubbles = 3
    peers.add(known)
    assert peers.trust(known, 100.0) == []
    assert (known.bubbles, known.trusted, known.heard) == (0, True, 100.0)


def test_what_waited_for_one_that_went_is_counted() -> None:
    drops: Counter[str] = Counter()
    peers: Peers[Peer] = Peers(PeerLimits(peers=1), drops)
    first = peer(1)
    peers.add(first)
    peers.queue(first, b"a")
    peers.queue(first, b"b")
    peers.add(peer(2))
    assert drops == {EVICTED: 1, QUEUE_LOST: 2}
    assert peers.queued_octets == 0
    peers.remove(peer(2))
    assert drops[QUEUE_LOST] == 2
