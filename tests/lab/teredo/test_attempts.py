"""Peers under way: how often they are tried, and what becomes of what waits for them."""

from __future__ import annotations

from sensor.lab.inner.refusal import NOT_REACHED
from sensor.lab.teredo.attempts import ATTEMPTS_LIMITED, NOT_PROVED, Attempts
from sensor.lab.teredo.bubbles import Bubbles
from sensor.lab.teredo.contact import Contact
from sensor.lab.teredo.discovery import GROUP, Discovery
from sensor.lab.teredo.link import Link
from sensor.lab.teredo.peers import QUEUE_LOST, Peers
from sensor.lab.teredo.ports import Ports
from sensor.lab.teredo.settings import PeerLimits
from sensor.lab.teredo.trial import Trials
from sensor.schema.records import Endpoint
from sensor.schema.words import TeredoPacket
from sensor.wire.addresses import packed
from tests.lab.teredo.parties import data
from tests.lab.teredo.world import LOCAL, NATIVE, PUBLIC, address_of, link

PEER_END = Endpoint(packed("203.0.113.9"), 60_000)
PEER = address_of(PEER_END)


class Bench:
    """Attempts with all they work with."""

    def __init__(self, **settings: object) -> None:
        self.link: Link = link(**settings)
        self.peers: Peers[Contact] = Peers(self.link.settings.limits, self.link.drops)
        discovery = Discovery(self.link)
        bubbles, trials = Bubbles(self.link, Ports(self.link)), Trials(self.link)
        self.attempts = Attempts(self.link, self.peers, trials, bubbles, discovery)

    def begin(self, address: bytes, now: float = 0.0, *, inward: bool = False) -> Contact:
        contact = self.peers.get(address)
        if contact is None:
            contact = Contact(address, LOCAL, now)
            self.peers.add(contact)
        own = self.link.address or b""
        ends = (address, own) if inward else (own, address)
        self.peers.queue(contact, data(*ends))
        self.attempts.begin(contact, now)
        return contact

    def run(self) -> list[float]:
        """The times at which something was sent, until nobody is under way."""
        times = []
        while (due := self.attempts.due) is not None:
            self.attempts.handle_timer(due)
            if self.link.outbox.take_datagrams():
                times.append(due)
        return times


def test_a_native_peer_is_asked_four_times_and_then_unreachable() -> None:
    bench = Bench()
    contact = bench.begin(NATIVE)
    (first,) = bench.link.outbox.take_datagrams()
    assert first.packet is TeredoPacket.CONNECTIVITY_TEST
    assert bench.run() == [2.0, 4.0, 6.0]
    assert contact not in bench.attempts
    assert (contact.queue, contact.trials) == ([], ())
    assert bench.link.drops == {NOT_REACHED: 1}
    assert len(bench.link.outbox.packets) == 1


def test_a_teredo_peer_is_given_up_for_five_minutes() -> None:
    bench = Bench()
    bench.begin(PEER)
    assert len(bench.link.outbox.take_datagrams()) == 2
    assert bench.run() == [2.0, 4.0, 6.0]
    bench.begin(PEER, 100.0)
    assert bench.link.outbox.take_datagrams() == []
    assert bench.link.drops == {NOT_REACHED: 2}
    bench.begin(PEER, 300.0)
    assert len(bench.link.outbox.take_datagrams()) == 2


def test_a_neighbour_is_tried_on_the_own_network_first() -> None:
    bench = Bench(local_discovery=True)
    contact = Contact(PEER, LOCAL, 0.0)
    contact.lan, contact.lan_heard = Endpoint(packed("192.168.0.3"), 41_000), 0.0
    bench.peers.add(contact)
    bench.begin(PEER)
    sent = [d.destination for d in bench.link.outbox.take_datagrams()]
    assert sent == [contact.lan, GROUP]
    bench.attempts.handle_timer(2.0)
    sent = [d.destination for d in bench.link.outbox.take_datagrams()]
    assert sent[0] == PEER_END


def test_those_that_are_not_due_wait() -> None:
    bench = Bench()
    bench.begin(NATIVE)
    bench.begin(PEER, 1.0)
    bench.link.outbox.take_datagrams()
    bench.attempts.handle_timer(2.5)
    (sent,) = bench.link.outbox.take_datagrams()
    assert sent.packet is TeredoPacket.CONNECTIVITY_TEST
    assert bench.attempts.due == 3.0


def test_more_packets_start_no_second_attempt() -> None:
    bench = Bench()
    contact = bench.begin(NATIVE)
    bench.begin(NATIVE, 1.0)
    assert len(bench.link.outbox.take_datagrams()) == 1
    assert (len(bench.attempts), len(contact.queue)) == (1, 2)


def test_reaching_a_peer_ends_its_attempt() -> None:
    bench = Bench()
    bench.attempts.end(bench.begin(NATIVE))
    assert (len(bench.attempts), bench.attempts.due) == (0, None)


def test_inward_packets_of_who_did_not_answer_are_dropped_without_an_error() -> None:
    bench = Bench()
    contact = bench.begin(NATIVE, inward=True)
    contact.knocker = PEER_END
    bench.run()
    assert bench.link.drops == {NOT_PROVED: 1}
    assert bench.link.outbox.packets == []
    assert contact.knocker is None


def test_attempts_are_as_many_as_peers_at_most() -> None:
    bench = Bench(limits=PeerLimits(peers=4))
    for number in range(10):
        bench.begin(NATIVE[:-1] + bytes([number]))
    assert len(bench.attempts) == 4
    assert bench.link.drops[ATTEMPTS_LIMITED] == 6
    assert bench.peers.queued_octets <= 4 * len(data(NATIVE, NATIVE))


def test_who_was_put_out_of_the_table_is_tried_no_more() -> None:
    bench = Bench()
    bench.peers.remove(bench.begin(NATIVE))
    bench.link.outbox.take_datagrams()
    assert bench.run() == []
    assert bench.link.drops == {QUEUE_LOST: 1}


def test_all_end_with_the_address() -> None:
    bench = Bench()
    bench.begin(NATIVE)
    bench.begin(address_of(Endpoint(PUBLIC, 60_001)))
    bench.attempts.clear()
    assert bench.attempts.due is None
