"""Echo requests in a tunnel."""

from __future__ import annotations

import pytest

from sensor.lab.brokers.keepalive import answer, ask, is_answer
from sensor.wire import icmpv6, ipv6
from sensor.wire.icmpv6 import Echo
from tests.lab.framing.parties import ALICE, BROKER, NATIVE, data

ECHO = Echo(1, 2, b"data")
REQUEST = ask(ALICE, BROKER, ECHO)


def test_a_request_is_answered() -> None:
    reply = answer(REQUEST)
    assert reply is not None
    assert (reply[8:24], reply[24:40]) == (BROKER, ALICE)
    assert is_answer(reply, ECHO)
    assert not is_answer(reply, ECHO._replace(sequence=3))
    assert not is_answer(REQUEST, ECHO)
    assert answer(reply) is None


@pytest.mark.parametrize(
    "packet",
    [
        data(ALICE, NATIVE),
        REQUEST[:-1] + b"?",
        ipv6.build(ALICE, BROKER, icmpv6.PROTOCOL, b""),
        ipv6.build(ALICE, BROKER, icmpv6.PROTOCOL, b"\x80\0"),
        ipv6.build(ALICE, BROKER, icmpv6.PROTOCOL, icmpv6.build(ALICE, BROKER, 128, 0, b"")),
    ],
)
def test_nothing_else_is(packet: bytes) -> None:
    assert answer(packet) is None
    assert not is_answer(packet, ECHO)
