"""Two networks behind two routers that only IPv4 joins.

::

    2001:2::2           192.0.2.1       192.0.2.2           2001:3::2
      near ─────────── gate ═════ IPv4 ═════ door ─────────── far

Both routers forward; whatever tunnel there is between them, the test starts it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from .lab import Lab, Namespace

GATE, DOOR = "192.0.2.1", "192.0.2.2"
NEAR, FAR = "2001:2::", "2001:3::"
WIRE = "wire"


class Site(NamedTuple):
    """A host, its address, and the router that it is behind."""

    host: Namespace
    address: str
    router: Namespace


class Sites:
    """``prefixes`` are those of the near and the far network, both of 64 bits."""

    def __init__(self, lab: Lab, folder: Path, prefixes: tuple[str, str] = (NEAR, FAR)) -> None:
        self._capture = folder / "wire.pcap"
        gate, door = lab.namespace("gate"), lab.namespace("door")
        _join(gate, door)
        self.near = _site(lab.namespace("near"), prefixes[0], gate)
        self.far = _site(lab.namespace("far"), prefixes[1], door)

    @contextmanager
    def watched(self) -> Iterator[Path]:
        """What passes between the routers is captured as long as this lasts."""
        options = ["--immediate-mode", "-U", "-s", "2048", "-B", "131072", "-Z", "root"]
        command = ["tcpdump", "-n", "-i", WIRE, "-w", str(self._capture), *options, "ip"]
        program = self.near.router.start("tcpdump", *command)
        program.wait_for("listening on")
        yield self._capture
        assert program.stop() == 0, program.log
        assert re.search(r"\b0 packets dropped by kernel", program.log), program.log


def _join(gate: Namespace, door: Namespace) -> None:
    gate.ip(f"link add {WIRE} type veth peer name {WIRE} netns {door.name}")
    for router, ip in ((gate, GATE), (door, DOOR)):
        router.sysctl(f"net.ipv6.conf.{WIRE}.disable_ipv6", 1)
        router.ip(f"address add {ip}/24 dev {WIRE}")
        router.ip(f"link set {WIRE} up")


def _site(host: Namespace, prefix: str, router: Namespace) -> Site:
    """A network of one host, which knows no other way than its router."""
    router.sysctl("net.ipv6.conf.all.forwarding", 1)
    router.ip(f"link add site type veth peer name eth0 netns {host.name}")
    router.ip(f"-6 address add {prefix}1/64 dev site nodad")
    router.ip("link set site up")
    host.ip(f"-6 address add {prefix}2/64 dev eth0 nodad")
    host.ip("link set eth0 up")
    host.ip(f"-6 route add default via {prefix}1")
    return Site(host, f"{prefix}2", router)
