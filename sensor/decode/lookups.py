"""What a message of a name service says of names that belong to tunnels: the second look.

The decoder picks frames by hashes (``sensor.decode.names``); here messages are read and names are
compared as texts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from sensor.decode.located import located
from sensor.decode.names import name_service
from sensor.decode.scalar import Frame
from sensor.decode.settings import DecodeSettings
from sensor.errors import DecodeError
from sensor.schema.witness import Witness
from sensor.wire import dns, nbns
from sensor.wire.ports import DNS_PORT, LLMNR_PORT, MDNS_PORT, NETBIOS_PORT

RoleOf = Callable[[str], str | None]

MAX_ADDRESSES = 16  # told for one name; those behind them in order are left out
_MAX_ALIASES = 16  # one leading to the other

_PROTOCOLS = {DNS_PORT: "dns", MDNS_PORT: "mdns", LLMNR_PORT: "llmnr", NETBIOS_PORT: "nbns"}
_ADDRESS_LENGTHS = {dns.TYPE_A: 4, dns.TYPE_AAAA: 16}
_TELLING = frozenset({dns.TYPE_CNAME, *_ADDRESS_LENGTHS})


class Said(NamedTuple):
    """One name of a message, what is behind it, and the addresses that are told in an answer."""

    name: str
    role: str
    answer: bool
    addresses: tuple[bytes, ...] = ()
    claim: bool = False  # told by who registers the name


def witnesses(frame: Frame, settings: DecodeSettings, role_of: RoleOf) -> list[Witness]:
    """What the name-service message in a frame says of names that ``role_of`` knows.

    ``role_of`` is given lower-case dotted names and answers None for those that do not matter.
    Hostile bytes are data: this never raises.
    """
    datagram = located(frame, settings)
    if datagram is None:
        return []
    outer, payload = datagram
    port = name_service(outer.source_port, outer.destination_port)
    found = []
    for name, role, answer, addresses, claim in said(payload, port, role_of):
        asker, teller = outer.source, outer.destination
        if answer:
            asker, teller = b"" if claim else teller, asker
        found.append(
            Witness(
                source=frame.source,
                frame=frame.number,
                time=frame.time,
                protocol=_PROTOCOLS[port],
                answer=answer,
                name=name,
                role=role,
                asker=asker,
                teller=teller,
                addresses=addresses,
                claim=claim,
            )
        )
    return found


def said(payload: bytes, port: int, role_of: RoleOf) -> list[Said]:
    """The names in the payload of the name service at ``port`` that ``role_of`` knows."""
    try:
        if port == NETBIOS_PORT:
            return _said_netbios(nbns.parse(payload), role_of)
        return _said(dns.parse(payload), role_of) if port in _PROTOCOLS else []
    except DecodeError:
        return []


def _said_netbios(message: nbns.Message, role_of: RoleOf) -> list[Said]:
    """Who registers a name sends no response, but tells addresses all the same."""
    role = role_of(message.name)
    if role is None:
        return []
    claim = not message.response and bool(message.addresses)
    return [Said(message.name, role, message.response or claim, _kept(message.addresses), claim)]


def _said(message: dns.Message, role_of: RoleOf) -> list[Said]:
    """A name that another one of the message leads to is a part of that one's answer."""
    names = [question.name for question in message.questions]
    if message.response:
        names += [record.name for record in message.answers if record.type in _TELLING]
    roles = {name: role for name in names if (role := role_of(name)) is not None}
    if not message.response:
        return [Said(name, role, False) for name, role in roles.items()]
    found: list[Said] = []
    passed: set[str] = set()
    for name, role in roles.items():
        if name not in passed:
            chain = _chain(name, message.answers)
            passed |= chain
            found.append(Said(name, role, True, _kept(_addresses(chain, message.answers))))
    return found


def _chain(name: str, records: Sequence[dns.Record]) -> set[str]:
    """The name and the aliases it leads to."""
    aliases = {record.name: record.target for record in records if record.type == dns.TYPE_CNAME}
    chain = {name}
    for _ in range(_MAX_ALIASES):
        target = aliases.get(name)
        if target is None:
            break
        name = target
        chain.add(name)
    return chain


def _addresses(names: set[str], records: Sequence[dns.Record]) -> set[bytes]:
    return {
        record.data
        for record in records
        if record.name in names and len(record.data) == _ADDRESS_LENGTHS.get(record.type)
    }


def _kept(addresses: Iterable[bytes]) -> tuple[bytes, ...]:
    """In one order, whichever way a server turned them."""
    return tuple(sorted(set(addresses))[:MAX_ADDRESSES])
