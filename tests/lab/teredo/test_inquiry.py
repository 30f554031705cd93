"""A solicitation is repeated twice, each time after 4 seconds."""

from __future__ import annotations

from sensor.lab.teredo.arrival import read_arrival
from sensor.lab.teredo.inquiry import Inquiry
from sensor.schema.records import Endpoint
from sensor.schema.words import TeredoPacket
from tests.lab.teredo.world import LOCAL, MAPPED, SECOND, SERVER, advertisement, link


def test_it_asks_three_times_and_then_gives_up() -> None:
    made = link()
    inquiry = Inquiry(made, SERVER, 100.0, cone=False)
    asked = [inquiry.sent]
    while inquiry.handle_timer(inquiry.due):
        asked.append(inquiry.sent)
    assert asked == [100.0, 104.0, 108.0]
    assert inquiry.due == 112.0
    sent = made.outbox.take_datagrams()
    assert [(d.destination, d.packet) for d in sent] == [
        (SERVER, TeredoPacket.ROUTER_SOLICITATION)
    ] * 3
    assert len({d.payload for d in sent}) == 1  # a late answer to the first is still good


def test_it_asks_from_the_end_it_is_about() -> None:
    made, end = link(), Endpoint(LOCAL.ip, 40_001)
    Inquiry(made, SECOND, 0.0, cone=False, end=end)
    (sent,) = made.outbox.take_datagrams()
    assert (sent.source, sent.destination) == (end, SECOND)


def test_its_answer_is_checked() -> None:
    made = link()
    inquiry = Inquiry(made, SERVER, 0.0, cone=False)
    payload = advertisement(inquiry.solicitation.payload, MAPPED)
    arrival = read_arrival(payload, SERVER, LOCAL)
    message = arrival.message()
    assert message is not None
    assert inquiry.receive(arrival, message.body).mapped == MAPPED
