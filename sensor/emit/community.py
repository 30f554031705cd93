"""Community ID version 1, seed 0: one name for a flow that other tools compute alike.

https://github.com/corelight/community-id-spec
"""

from __future__ import annotations

import base64
import hashlib
import struct

from sensor.schema.records import Endpoint

ICMPV6 = 58
_PORTED = frozenset({6, 17, ICMPV6, 132})
_SEED = bytes(2)

# ICMPv6 messages that answer each other; the specification treats the pair as ports.
_PAIRS = ((128, 129), (130, 131), (133, 134), (135, 136), (139, 140), (144, 145))
_COUNTERPARTS = dict(_PAIRS) | {answer: question for question, answer in _PAIRS}


def community_id(protocol: int, source: Endpoint, destination: Endpoint) -> str:
    """The identity of a flow; for protocols without ports, of a pair of addresses."""
    if protocol not in _PORTED:
        return _without_ports(protocol, source.ip, destination.ip, b"")
    return _with_ports(protocol, source, destination)


def community_id_icmpv6(source: bytes, destination: bytes, type_: int, code: int) -> str:
    """The identity of an ICMPv6 exchange; a message that has no answer keeps its direction."""
    answer = _COUNTERPARTS.get(type_)
    if answer is None:
        return _digest(ICMPV6, source, destination, struct.pack("!HH", type_, code))
    return _with_ports(ICMPV6, Endpoint(source, type_), Endpoint(destination, answer))


def community_id_suricata(protocol: int, source: bytes, destination: bytes) -> str:
    """What Suricata writes for a protocol without ports: it hashes two zero ports as well."""
    return _without_ports(protocol, source, destination, bytes(4))


def _with_ports(protocol: int, *ends: Endpoint) -> str:
    (low, low_port), (high, high_port) = sorted(ends)
    return _digest(protocol, low, high, struct.pack("!HH", low_port, high_port))


def _without_ports(protocol: int, one: bytes, other: bytes, padding: bytes) -> str:
    return _digest(protocol, min(one, other), max(one, other), padding)


def _digest(protocol: int, first: bytes, second: bytes, ports: bytes) -> str:
    data = _SEED + first + second + bytes([protocol, 0]) + ports
    digest = hashlib.sha1(data, usedforsecurity=False).digest()
    return "1:" + base64.b64encode(digest).decode()
