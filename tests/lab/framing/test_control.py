"""Control messages of L2TP."""

from __future__ import annotations

import pytest

from sensor.errors import DecodeError
from sensor.lab.framing import control
from sensor.lab.framing.control import Message
from sensor.lab.inner.refusal import Refused
from sensor.wire.cursor import Cursor
from sensor.wire.l2tp import Attribute


def read(body: bytes) -> Message:
    return control.read(Cursor(body))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (control.start(control.START_REQUEST, b"lac", 7), Message(1, 7, 0)),
        (control.start(control.START_REPLY, b"lns", 8), Message(2, 8, 0)),
        (control.plain(control.START_CONNECTED), Message(3, 0, 0)),
        (control.stop(7), Message(4, 7, 0)),
        (control.plain(control.HELLO), Message(6, 0, 0)),
        (control.call_request(9), Message(10, 0, 9)),
        (control.call_reply(10), Message(11, 0, 10)),
        (control.call_connected(), Message(12, 0, 0)),
    ],
)
def test_each_is_read_as_it_was_built(body: bytes, message: Message) -> None:
    assert read(body) == message


def test_a_hello_octet_by_octet() -> None:
    assert control.plain(control.HELLO) == bytes.fromhex("8008 0000 0000 0006")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        Attribute(9, b"\0\7").build(),
        Attribute(0, b"\1").build(),
        control.plain(1) + Attribute(9, b"\0\0\7").build(),
        control.plain(1) + Attribute(14, b"").build(),
    ],
)
def test_what_says_nothing_is_refused(body: bytes) -> None:
    with pytest.raises(Refused, match="malformed"):
        read(body)


def test_cut_messages_are_refused() -> None:
    with pytest.raises(DecodeError):
        read(control.stop(7)[:-1])
