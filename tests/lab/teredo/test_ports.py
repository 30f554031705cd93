"""Extra ends: whose, how many, and how long."""

from __future__ import annotations

from sensor.lab.teredo.contact import Contact
from sensor.lab.teredo.link import Link
from sensor.lab.teredo.ports import NO_PORT, PORTS_OPEN, REFRESH, REFRESHES, Ports
from sensor.schema.records import Endpoint
from sensor.schema.words import NatType, TeredoPacket
from tests.lab.teredo.world import LOCAL, PUBLIC, RELAY, link


def preserving(**settings: object) -> tuple[Link, Ports]:
    made = link(**settings)
    made.mapped, made.nat = Endpoint(PUBLIC, LOCAL.port), NatType.SYMMETRIC
    return made, Ports(made)


def contact(number: int = 1) -> Contact:
    return Contact(number.to_bytes(16), LOCAL, 0.0)


def use(peer: Contact, end: Endpoint, now: float) -> None:
    peer.trusted, peer.mapped, peer.local, peer.heard = True, RELAY, end, now


def test_a_peer_gets_one_end_of_the_dynamic_ports() -> None:
    _, ports = preserving()
    one, two = contact(1), contact(2)
    end = ports.open(one, 0.0)
    assert end is not None
    assert (end.ip, ports.open(one, 1.0)) == (LOCAL.ip, end)
    assert 49_152 <= end.port <= 65_535
    assert ports.open(two, 1.0) not in (None, end)
    assert len(ports.ends) == 2


def test_only_a_symmetric_nat_that_keeps_ports_is_worth_it() -> None:
    made, ports = preserving()
    made.mapped = Endpoint(PUBLIC, LOCAL.port + 1)
    assert ports.open(contact(), 0.0) is None
    for nat in (NatType.RESTRICTED, NatType.CONE, NatType.UNKNOWN):
        made, ports = preserving()
        made.nat = nat
        assert ports.open(contact(), 0.0) is None
    _, ports = preserving(port_preserving=False)
    assert ports.open(contact(), 0.0) is None


def test_there_are_no_more_than_the_limit_and_those_in_use_stay() -> None:
    made, ports = preserving()
    users = [contact(number) for number in range(PORTS_OPEN)]
    for user in users:
        end = ports.open(user, 0.0)
        assert end is not None
        use(user, end, 0.0)
    assert ports.open(contact(99), 1.0) is None
    assert made.drops == {NO_PORT: 1}
    users[3].expire(1.0)
    assert ports.open(contact(99), 1.0) is not None
    assert len(ports.ends) == PORTS_OPEN
    assert ports.of(users[3]) is None
    assert users[3].local == LOCAL


def test_an_end_nobody_answered_on_is_closed() -> None:
    _, ports = preserving()
    ports.open(contact(), 0.0)
    assert ports.due == REFRESH
    ports.handle_timer(REFRESH - 1)
    assert len(ports.ends) == 1
    ports.handle_timer(REFRESH)
    assert ports.ends == []
    assert ports.due is None


def test_an_end_in_use_is_refreshed_for_a_bounded_time_without_data() -> None:
    made, ports = preserving()
    peer = contact()
    end = ports.open(peer, 0.0)
    assert end is not None
    peer.sent = -100.0
    rounds = 0
    while ports.due is not None:
        use(peer, end, ports.due)
        ports.handle_timer(ports.due)
        rounds += 1
    sent = made.outbox.take_datagrams()
    assert rounds == REFRESHES + 1
    assert len(sent) == REFRESHES
    assert {(d.source, d.destination, d.packet) for d in sent} == {
        (end, RELAY, TeredoPacket.BUBBLE)
    }
    assert (peer.local, peer.trusted) == (LOCAL, True)


def test_data_keeps_it_open_without_bubbles() -> None:
    made, ports = preserving()
    peer = contact()
    end = ports.open(peer, 0.0)
    assert end is not None
    for _ in range(3 * REFRESHES):
        assert ports.due is not None
        use(peer, end, ports.due)
        peer.sent = ports.due
        ports.handle_timer(ports.due)
    assert ports.ends == [end]
    assert made.outbox.datagrams == []


def test_all_are_closed_with_the_address() -> None:
    _, ports = preserving()
    for number in range(5):
        ports.open(contact(number), 0.0)
    ports.close_all(1.0)
    assert ports.ends == []


def test_who_was_reached_on_an_end_that_closes_has_to_be_reached_anew() -> None:
    _, ports = preserving()
    user = contact()
    end = ports.open(user, 0.0)
    assert end is not None
    use(user, end, 9.0)
    ports.close_all(10.0)
    assert (user.local, user.valid(10.0)) == (LOCAL, False)


def test_answers_leave_from_the_peers_own_end_or_the_one_for_service() -> None:
    _, ports = preserving()
    one, two = contact(1), contact(2)
    end = ports.open(one, 0.0)
    assert end is not None
    assert ports.answering(one, end) == end
    assert ports.answering(one, LOCAL) == ports.answering(two, end) == LOCAL
