"""What client and broker tell each other of a tunnel (RFC 5572 section 4.7.1)."""

from __future__ import annotations

from typing import NamedTuple

from sensor.lab.brokers import markup
from sensor.lab.brokers.markup import Element
from sensor.lab.inner.refusal import Refused
from sensor.wire.addresses import packed, text

V6V4 = "v6v4"
V6UDPV4 = "v6udpv4"

CREATE = "create"
INFO = "info"
ACCEPT = "accept"

BAD_TUNNEL = "bad-tunnel"

_LONGEST_NUMBER = 9  # digits


class End(NamedTuple):
    """One end of a tunnel: its IPv4 and IPv6 address, where they are told."""

    ip: bytes | None = None
    address: bytes | None = None


class Tunnel(NamedTuple):
    """A message about a tunnel; ``lifetime`` and ``keepalive`` in seconds.

    ``keepalive`` is how often the client is to ask the server for an echo.
    """

    action: str
    type: str = ""
    server: End = End()
    client: End = End()
    lifetime: int | None = None
    keepalive: int | None = None

    def build(self) -> bytes:
        """Its XML."""
        attributes = _attribute("type", self.type) + _attribute("lifetime", self.lifetime)
        server = _element("server", _build_end(self.server))
        client = _element("client", _build_end(self.client) + self._build_keepalive())
        return f'<tunnel action="{self.action}"{attributes}>{server}{client}</tunnel>\r\n'.encode()

    def _build_keepalive(self) -> str:
        if self.keepalive is None:
            return ""
        asked = _build_end(End(address=self.server.address or bytes(16)))
        return f'<keepalive interval="{self.keepalive}">{asked}</keepalive>'


class Agreement(NamedTuple):
    """A tunnel as both sides have it; ``keepalive`` in seconds, 0 for a tunnel without."""

    type: str
    address: bytes  # the client's IPv6 address
    ip: bytes
    broker_address: bytes
    broker_ip: bytes
    keepalive: int

    def offer(self, lifetime: int) -> Tunnel:
        """What the broker says of it."""
        return Tunnel(
            INFO,
            self.type,
            server=End(self.broker_ip, self.broker_address),
            client=End(self.ip, self.address),
            lifetime=lifetime,
            keepalive=self.keepalive or None,
        )


def parse(octets: bytes) -> Tunnel:
    """Read a message; Refused if it is none, or has an address or number that is none."""
    root = markup.parse(octets)
    if root.name != "tunnel":
        raise Refused(BAD_TUNNEL)
    client = root.first("client")
    keepalive = client and client.first("keepalive")
    return Tunnel(
        action=root.attributes.get("action", ""),
        type=root.attributes.get("type", ""),
        server=_read_end(root.first("server")),
        client=_read_end(client),
        lifetime=_number(root.attributes.get("lifetime")),
        keepalive=_number(keepalive.attributes.get("interval")) if keepalive else None,
    )


def _attribute(name: str, value: str | int | None) -> str:
    return f' {name}="{value}"' if value else ""


def _element(name: str, content: str) -> str:
    return f"<{name}>{content}</{name}>" if content else ""


def _build_end(end: End) -> str:
    addresses = (("ipv4", end.ip), ("ipv6", end.address))
    return "".join(
        f'<address type="{kind}">{text(address)}</address>'
        for kind, address in addresses
        if address is not None
    )


def _read_end(element: Element | None) -> End:
    return End(_address(element, "ipv4", 4), _address(element, "ipv6", 16))


def _address(element: Element | None, kind: str, length: int) -> bytes | None:
    """The first address of a kind that an end is told to have."""
    told = element.all("address") if element else ()
    found = next((each.text for each in told if each.attributes.get("type") == kind), None)
    if found is None:
        return None
    try:
        address = packed(found)
    except ValueError:
        raise Refused(BAD_TUNNEL) from None
    if len(address) != length:
        raise Refused(BAD_TUNNEL)
    return address


def _number(digits: str | None) -> int | None:
    if digits is None:
        return None
    if not (digits.isdecimal() and len(digits) <= _LONGEST_NUMBER):
        raise Refused(BAD_TUNNEL)
    return int(digits)
