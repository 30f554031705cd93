"""What Wireshark reads in a capture of one client: an independent eye on both ends' packets."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from .programs import RELAY_PORT, SERVER_PORT

NO_NEXT_HEADER, ICMPV6 = 59, 58
ECHO_REQUEST, SOLICITATION, ADVERTISEMENT = 128, 133, 134
UDP_HEADER = 8

FIELDS = (
    "ip.src", "udp.srcport", "ip.dst", "udp.dstport", "udp.length",
    "ipv6.src", "ipv6.dst", "ipv6.hlim", "ipv6.nxt", "ipv6.plen", "icmpv6.type",
    "teredo.auth.nonce", "teredo.orig.addr", "teredo.orig.port",
)  # fmt: skip


class End(NamedTuple):
    """An IPv4 address and UDP port."""

    ip: str
    port: int


class Frame(NamedTuple):
    """One datagram; ``size`` is its UDP payload in octets, ``length`` the inner one."""

    source: End
    destination: End
    size: int
    inner_source: str
    inner_destination: str
    hop_limit: int
    next_header: int
    length: int
    icmpv6: int | None
    nonce: str
    origin: End | None

    @property
    def trailing(self) -> int:
        """Octets behind the inner packet, where nothing stands before it."""
        return self.size - 40 - self.length

    @property
    def is_bubble(self) -> bool:
        return self.next_header == NO_NEXT_HEADER and self.length == 0

    @property
    def is_trial(self) -> bool:
        """A connectivity test on its way to the server."""
        return self.icmpv6 == ECHO_REQUEST and self.destination.port == SERVER_PORT


class Conversation:
    """The datagrams of a capture that are no TCP, from the sight of the client's end."""

    def __init__(self, capture: Path, client_ip: str) -> None:
        self.capture = capture
        self.client_ip = client_ip
        self.client_port = _first_port(capture, client_ip)
        self.frames = list(self._frames())

    def of(self, icmpv6: int) -> list[Frame]:
        return [frame for frame in self.frames if frame.icmpv6 == icmpv6]

    def trials(self) -> list[Frame]:
        return [frame for frame in self.frames if frame.is_trial]

    def sent(self) -> list[Frame]:
        return [frame for frame in self.frames if frame.source.ip == self.client_ip]

    def bubbles_out(self) -> list[Frame]:
        """Those of the client."""
        return [frame for frame in self.sent() if frame.is_bubble]

    def bubbles_in(self) -> list[Frame]:
        return [f for f in self.frames if f.is_bubble and f.destination.ip == self.client_ip]

    def malformed(self) -> str:
        """The frames that Wireshark finds damaged, or does not take for Teredo at all.

        Random octets in TCP look like many a damaged protocol; no tunnel's end made them.
        """
        damaged = "_ws.malformed and not tcp.len > 0"
        return self._tshark("-Y", f"({damaged}) or not teredo or not ipv6")

    def _frames(self) -> Iterator[Frame]:
        fields = [word for name in FIELDS for word in ("-e", name)]
        options = ("-E", "separator=;", "-E", "occurrence=f", "-T", "fields", *fields)
        for line in self._tshark("-Y", "teredo and not tcp", *options).splitlines():
            yield _frame(line.split(";"))

    def _tshark(self, *options: str) -> str:
        command = ["tshark", "-n", "-r", str(self.capture)]
        for port in (self.client_port, RELAY_PORT):
            command += ["-d", f"udp.port=={port},teredo"]
        command += options
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _first_port(capture: Path, client_ip: str) -> int:
    """The client's end is the first that speaks."""
    command = ["tshark", "-n", "-r", str(capture), "-c", "1", "-T", "fields", "-e", "ip.src"]
    done = subprocess.run(
        [*command, "-e", "udp.srcport"], capture_output=True, text=True, check=True
    )
    ip, port = done.stdout.split()
    assert ip == client_ip
    return int(port)


def _frame(values: list[str]) -> Frame:
    source, sport, destination, dport, size, inner, towards, hops, header, length = values[:10]
    icmpv6, nonce, origin, origin_port = values[10:]
    return Frame(
        source=End(source, int(sport)),
        destination=End(destination, int(dport)),
        size=int(size) - UDP_HEADER,
        inner_source=inner,
        inner_destination=towards,
        hop_limit=int(hops),
        next_header=int(header),
        length=int(length),
        icmpv6=int(icmpv6) if icmpv6 else None,
        nonce=nonce,
        origin=End(origin, int(origin_port)) if origin else None,
    )
