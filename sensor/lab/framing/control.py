"""The control messages without which no L2TP tunnel looks like one (RFC 2661 section 6)."""

from __future__ import annotations

from typing import NamedTuple

from sensor.lab.inner.refusal import MALFORMED, Refused
from sensor.wire.cursor import Cursor
from sensor.wire.l2tp import Attribute, parse_attributes

# Message types (RFC 2661 section 3.2)
START_REQUEST = 1
START_REPLY = 2
START_CONNECTED = 3
STOP = 4
HELLO = 6
CALL_REQUEST = 10
CALL_REPLY = 11
CALL_CONNECTED = 12
CALL_DISCONNECT = 14

NUMBERS = 1 << 16  # of Ns and Nr, tunnels and sessions

# Attribute types (RFC 2661 section 4.4)
_MESSAGE_TYPE = 0
_RESULT = 1
_VERSION = 2
_FRAMING_CAPABILITIES = 3
_HOST_NAME = 7
_TUNNEL = 9
_SESSION = 14
_SERIAL = 15
_FRAMING = 19
_SPEED = 24

_SYNCHRONOUS = (1).to_bytes(4)
_SHUTTING_DOWN = (6).to_bytes(2)
_BITS_A_SECOND = (100_000_000).to_bytes(4)
_ID_LENGTH = 2


class Message(NamedTuple):
    """What a control message says; an identifier that it does not assign is 0."""

    type: int
    tunnel: int
    session: int


def start(kind: int, host: bytes, tunnel: int) -> bytes:
    """The body of a request for a tunnel, or of the reply."""
    return _build(
        kind,
        Attribute(_VERSION, b"\1\0"),
        Attribute(_HOST_NAME, host),
        Attribute(_FRAMING_CAPABILITIES, _SYNCHRONOUS),
        Attribute(_TUNNEL, _identifier(tunnel)),
    )


def stop(tunnel: int) -> bytes:
    """The body of a good-bye."""
    number = Attribute(_TUNNEL, _identifier(tunnel))
    return _build(STOP, number, Attribute(_RESULT, _SHUTTING_DOWN))


def call_request(session: int) -> bytes:
    """The body of a request for a session."""
    serial = Attribute(_SERIAL, session.to_bytes(4))
    return _build(CALL_REQUEST, Attribute(_SESSION, _identifier(session)), serial)


def call_reply(session: int) -> bytes:
    """The body of the reply to one."""
    return _build(CALL_REPLY, Attribute(_SESSION, _identifier(session)))


def call_connected() -> bytes:
    """The body that ends the set-up of a session."""
    speed, framing = Attribute(_SPEED, _BITS_A_SECOND), Attribute(_FRAMING, _SYNCHRONOUS)
    return _build(CALL_CONNECTED, speed, framing)


def plain(kind: int) -> bytes:
    """The body of a message that says nothing but its type."""
    return _build(kind)


def read(cursor: Cursor) -> Message:
    """What is behind the header of a control message; Refused, or DecodeError, for no message."""
    attributes = parse_attributes(cursor)
    if not attributes or attributes[0].type != _MESSAGE_TYPE:
        raise Refused(MALFORMED)
    values = {each.type: _number(each) for each in attributes if each.type in _NUMBERS}
    return Message(values[_MESSAGE_TYPE], values.get(_TUNNEL, 0), values.get(_SESSION, 0))


_NUMBERS = (_MESSAGE_TYPE, _TUNNEL, _SESSION)


def _number(attribute: Attribute) -> int:
    if len(attribute.value) != _ID_LENGTH:
        raise Refused(MALFORMED)
    return int.from_bytes(attribute.value)


def _build(kind: int, *attributes: Attribute) -> bytes:
    first = Attribute(_MESSAGE_TYPE, kind.to_bytes(2))
    return b"".join(attribute.build() for attribute in (first, *attributes))


def _identifier(number: int) -> bytes:
    return number.to_bytes(_ID_LENGTH)
