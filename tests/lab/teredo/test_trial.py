"""Echo requests in the forms of three implementations, and which replies are theirs."""

from __future__ import annotations

import pytest

from sensor.lab.teredo.contact import Contact
from sensor.lab.teredo.link import Link
from sensor.lab.teredo.style import MIREDO, OWN, WINDOWS_7, Style
from sensor.lab.teredo.trial import Trials
from sensor.schema.words import TeredoPacket
from sensor.wire import icmpv6
from tests.lab.teredo.world import LOCAL, NATIVE, SERVER, link

NOW = 1_795_248_000.7


def asked(style: Style = OWN) -> tuple[Link, Trials, Contact, bytes]:
    """With the request that left for the server."""
    made = link(style)
    trials, contact = Trials(made), Contact(NATIVE, LOCAL, NOW)
    trials.send(contact, NOW)
    (sent,) = made.outbox.take_datagrams()
    assert (sent.destination, sent.packet) == (SERVER, TeredoPacket.CONNECTIVITY_TEST)
    return made, trials, contact, sent.payload


def reply(body: bytes, kind: int = icmpv6.ECHO_REPLY) -> icmpv6.Message:
    return icmpv6.Message(kind, 0, 0, body)


@pytest.mark.parametrize(
    ("style", "length", "hop_limit"),
    [(OWN, 64, 64), (WINDOWS_7, 52, 21), (MIREDO, 66, 128)],
    ids=["own", "windows", "miredo"],
)
def test_each_style_has_its_length_and_hop_limit(style: Style, length: int, hop_limit: int) -> None:
    made, _, contact, packet = asked(style)
    assert len(packet) == length
    assert packet[7] == hop_limit
    assert packet[8:40] == (made.address or b"") + NATIVE
    assert contact.trials == (packet[44:],)


def test_windows_data_is_a_relay_it_does_not_know() -> None:
    assert asked(WINDOWS_7)[3][-4:] == bytes(4)


def test_miredo_shares_the_time_between_sequence_and_data() -> None:
    _, trials, contact, packet = asked(MIREDO)
    assert packet[48:50] + packet[46:48] == int(NOW).to_bytes(4)
    trials.send(contact, NOW)
    assert len(set(contact.trials)) == 1  # its nonce is a digest of addresses and time


def test_two_requests_have_two_nonces() -> None:
    made, trials, contact, packet = asked()
    trials.send(contact, NOW)
    (second,) = made.outbox.take_datagrams()
    assert second.payload != packet
    assert contact.trials == (packet[44:], second.payload[44:])


@pytest.mark.parametrize("late", [0, 1])
def test_either_is_answered_for_both(late: int) -> None:
    _, trials, contact, _ = asked()
    trials.send(contact, NOW)
    bodies = contact.trials
    assert trials.answered(contact, reply(bodies[late]))
    assert not trials.answered(contact, reply(bodies[1 - late]))


@pytest.mark.parametrize("style", [OWN, WINDOWS_7, MIREDO], ids=["own", "windows", "miredo"])
def test_only_the_whole_body_in_a_reply_answers_and_only_once(style: Style) -> None:
    _, trials, contact, packet = asked(style)
    body = packet[44:]
    wrong = [
        None,
        reply(body, icmpv6.ECHO_REQUEST),
        reply(body[:-1]),
        reply(body + b"\0"),
        *(reply(body[:n] + bytes([body[n] ^ 1]) + body[n + 1 :]) for n in range(len(body))),
    ]
    assert not any(trials.answered(contact, message) for message in wrong)
    assert trials.answered(contact, reply(body))
    assert not trials.answered(contact, reply(body))


def test_nobody_is_tested_off_line() -> None:
    made = link()
    made.address = None
    contact = Contact(NATIVE, LOCAL, NOW)
    Trials(made).send(contact, NOW)
    assert made.outbox.datagrams == []
    assert contact.trials == ()
