"""A small Internet of namespaces: a Teredo client behind a NAT, and all it needs outside.

::

    192.168.0.2        203.0.113.2                       198.51.100.1 and .2 (2a00:db8::3)
      inside ───────────── nat ─────────┐           ┌───── server
                                     internet ──────┼───── relay   192.0.2.10 (2a00:db8::1)
                                    (a bridge)      └───── native  192.0.2.20 (2a00:db8::2)

Every host sees every other on one link, IPv4 and native IPv6 alike; only ``inside`` has no IPv6.
The native prefix is no documentation prefix: nothing may take it for a tunnel's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from .lab import Lab, Namespace, Program

SERVER, SECONDARY = "198.51.100.1", "198.51.100.2"
RELAY, RELAY_IPV6 = "192.0.2.10", "2a00:db8::1"
NATIVE, NATIVE_IPV6 = "192.0.2.20", "2a00:db8::2"
PUBLIC, INSIDE = "203.0.113.2", "192.168.0.2"
MOVED_PORT = 50_000


class Nat(Enum):
    """How the NAT maps; all of them let in only what was asked for, from where it was asked."""

    PRESERVING = "masquerade"  # the inside port, where it is free: Linux's default
    MOVING = f"masquerade to :{MOVED_PORT}"  # another port, whoever is spoken to
    SYMMETRIC = "masquerade fully-random"  # another port for everyone spoken to


# A packet that nobody asked for is dropped: if it were refused, or had its entry, the client's own
# packet to its sender would be mapped to another port.
RULES = """
table ip interop {{
    chain out {{
        type nat hook postrouting priority srcnat;
        oifname "outside" meta l4proto udp {mapping}
        oifname "outside" masquerade
    }}
    chain in {{
        type filter hook input priority filter;
        iifname "outside" ct state new drop
    }}
    chain through {{
        type filter hook forward priority filter;
        iifname "outside" ct state new drop
    }}
}}
"""


class Taps(NamedTuple):
    """The captures of both sides of the NAT."""

    inside: Path
    outside: Path


class World:
    """Namespaces as drawn above, without any Teredo program yet."""

    def __init__(self, lab: Lab, folder: Path, nat: Nat = Nat.PRESERVING) -> None:
        self.folder = folder
        self.lab = lab
        self.mapping = nat
        self.internet = lab.namespace("internet")
        self.internet.ip("link add bridge type bridge forward_delay 0 mcast_snooping 0")
        self.internet.ip("link set bridge up")
        self.server = self.host("server", SERVER, "2a00:db8::3")
        self.server.ip(f"address add {SECONDARY}/32 dev eth0")
        self.relay = self.host("relay", RELAY, RELAY_IPV6)
        self.relay.sysctl("net.ipv6.conf.all.forwarding", 1)
        self.native = self.host("native", NATIVE, NATIVE_IPV6)
        self.native.ip(f"-6 route add default via {RELAY_IPV6}")
        # The server hands connectivity tests to the native Internet, forged source and all.
        self.server.ip(f"-6 route add default via {RELAY_IPV6}")
        self.nat = self._nat()
        self.inside = self._inside()

    def host(self, name: str, ip: str, ipv6: str | None = None) -> Namespace:
        """A host with a public address, to which every other one is a neighbour."""
        host = self.lab.namespace(name)
        self._plug(host, "eth0", name)
        host.ip(f"address add {ip}/32 dev eth0")
        host.ip("route add default dev eth0")
        if ipv6 is not None:
            host.ip(f"address add {ipv6}/64 dev eth0 nodad")
        return host

    @contextmanager
    def watched(self) -> Iterator[Taps]:
        """Both sides of the NAT are captured as long as this lasts."""
        taps = Taps(self.folder / "inside.pcap", self.folder / "outside.pcap")
        programs = [self._tap(path) for path in taps]
        yield taps
        for program in programs:
            assert program.stop() == 0, program.log
            assert re.search(r"\b0 packets dropped by kernel", program.log), program.log

    def forget_mappings(self) -> None:
        """As if the NAT were switched off and on: the kernel drops those of a device that goes."""
        self.nat.ip("link set outside down")
        self.nat.ip("link set outside up")
        self.nat.ip("route add default dev outside")

    def _plug(self, host: Namespace, interface: str, plug: str) -> None:
        self.internet.ip(f"link add {plug} type veth peer name {interface} netns {host.name}")
        self.internet.ip(f"link set {plug} master bridge up")
        host.ip(f"link set {interface} up")

    def _nat(self) -> Namespace:
        nat = self.lab.namespace("nat")
        self._plug(nat, "outside", "nat")
        nat.ip(f"address add {PUBLIC}/32 dev outside")
        nat.ip("route add default dev outside")
        nat.sysctl("net.ipv4.ip_forward", 1)
        nat.run("nft", RULES.format(mapping=self.mapping.value))
        return nat

    def _inside(self) -> Namespace:
        inside = self.lab.namespace("inside")
        self.nat.ip(f"link add inside type veth peer name eth0 netns {inside.name}")
        self.nat.ip("address add 192.168.0.1/24 dev inside")
        self.nat.ip("link set inside up")
        inside.ip(f"address add {INSIDE}/24 dev eth0")
        inside.ip("link set eth0 up")
        inside.ip("route add default via 192.168.0.1")
        return inside

    def _tap(self, path: Path) -> Program:
        # In this mode each frame takes the snap length in the buffer: 65,536 frames have room.
        options = ["--immediate-mode", "-U", "-s", "2048", "-B", "131072", "-Z", "root"]
        command = ["tcpdump", "-n", "-i", path.stem, "-w", str(path), *options, "udp"]
        program = self.nat.start("tcpdump", *command)
        program.wait_for("listening on")
        return program
