"""Addresses, routes and links of this machine, asked of the kernel itself (rtnetlink).

Not by ioctl, which cannot give a route its source address; a host-specific relay needs that.
"""

from __future__ import annotations

import os
import socket
import struct
from dataclasses import dataclass

_NEW_LINK, _NEW_ADDRESS, _DELETE_ADDRESS, _NEW_ROUTE, _DELETE_ROUTE = 16, 20, 21, 24, 25
_ERROR = 2  # the type of an answer, also where all went well
_REQUEST, _ACKNOWLEDGE, _CREATE, _REPLACE, _ALONE = 0x1, 0x4, 0x400, 0x100, 0x200
_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port

_LINK = struct.Struct("=BxHiII")  # family, type, index, flags, which of them change
_LINK_MTU, _LINK_QUEUE = 4, 13
_UP = 0x1

_ADDRESS = struct.Struct("=BBBBi")  # family, prefix length, flags, scope, index
_ADDRESS_REMOTE, _ADDRESS_LOCAL = 1, 2
_NO_DETECTION = 0x2  # of duplicates: a TUN device has no neighbours to ask

_ROUTE = struct.Struct("=8BI")  # family, lengths of destination and source, 5 more, flags
_ROUTE_DESTINATION, _ROUTE_DEVICE, _ROUTE_METRIC, _ROUTE_SOURCE = 1, 4, 6, 7
_MAIN_TABLE, _STATIC, _EVERYWHERE, _UNICAST = 254, 4, 0, 1

_PATIENCE = 5.0  # seconds; the kernel answers before the request returns
_ANSWER = 65_536


@dataclass(frozen=True, slots=True)
class Route:
    """Where packets for a prefix (16 bytes, bits) go; ``source`` is theirs unless they have one.

    ``shared``: other links may lead there with the same metric. None of theirs is ever replaced.
    """

    prefix: bytes
    bits: int
    metric: int
    source: bytes | None = None
    shared: bool = False


def raise_link(index: int, *, mtu: int, queue: int) -> None:
    """Set a link's MTU (bytes) and queue (packets) and bring it up; OSError if refused."""
    body = _LINK.pack(socket.AF_UNSPEC, 0, index, _UP, _UP)
    body += _attribute(_LINK_MTU, struct.pack("=I", mtu))
    _request(_NEW_LINK, 0, body + _attribute(_LINK_QUEUE, struct.pack("=I", queue)))


def add_address(index: int, address: bytes, bits: int) -> None:
    """Give a link an IPv6 address with its prefix length; OSError if refused."""
    _request(_NEW_ADDRESS, _CREATE | _REPLACE, _address(index, address, bits))


def remove_address(index: int, address: bytes, bits: int) -> None:
    """Take an IPv6 address away from a link; OSError if it is not there."""
    _request(_DELETE_ADDRESS, 0, _address(index, address, bits))


def add_route(index: int, route: Route) -> None:
    """Lead a prefix to a link; OSError if refused.

    FileExistsError if such a route is there: of any link, or of this one if it is ``shared``.
    """
    _request(_NEW_ROUTE, _CREATE if route.shared else _CREATE | _ALONE, _route(index, route))


def remove_route(index: int, route: Route) -> None:
    """Lead a prefix no longer to a link; OSError if it was not."""
    _request(_DELETE_ROUTE, 0, _route(index, route))


def _address(index: int, address: bytes, bits: int) -> bytes:
    head = _ADDRESS.pack(socket.AF_INET6, bits, _NO_DETECTION, _EVERYWHERE, index)
    return head + _attribute(_ADDRESS_LOCAL, address) + _attribute(_ADDRESS_REMOTE, address)


def _route(index: int, route: Route) -> bytes:
    body = _ROUTE.pack(
        socket.AF_INET6, route.bits, 0, 0, _MAIN_TABLE, _STATIC, _EVERYWHERE, _UNICAST, 0
    )
    body += _attribute(_ROUTE_DESTINATION, route.prefix)
    body += _attribute(_ROUTE_DEVICE, struct.pack("=i", index))
    body += _attribute(_ROUTE_METRIC, struct.pack("=I", route.metric))
    return body + (_attribute(_ROUTE_SOURCE, route.source) if route.source else b"")


def _attribute(kind: int, value: bytes) -> bytes:
    """A value of a multiple of 4 bytes, as all of these are."""
    return struct.pack("=HH", 4 + len(value), kind) + value


def _request(kind: int, flags: int, body: bytes) -> None:
    flags |= _REQUEST | _ACKNOWLEDGE
    header = _HEADER.pack(_HEADER.size + len(body), kind, flags, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
        kernel.settimeout(_PATIENCE)
        kernel.send(header + body)
        answer = kernel.recv(_ANSWER)
    _, kind, _, _, _, code = struct.unpack_from("=IHHIIi", answer)
    if kind != _ERROR or code:
        raise OSError(-code, os.strerror(-code))
