"""What a working tunnel must carry, whoever made its ends."""

from __future__ import annotations

import sys
from pathlib import Path

from .lab import Namespace
from .world import NATIVE_IPV6, World

SERVICE = str(Path(__file__).with_name("service.py"))
PORT = 8080
OCTETS = 10_000_000
PINGS = 3


def ping(host: Namespace, address: str) -> None:
    """So many answers within half a minute: the first may wait until the way is open."""
    host.run("ping", "-6", "-n", "-c", str(PINGS), "-i", "0.3", "-w", "30", address)


def ping_both_ways(world: World, address: str) -> None:
    """The native side first: to it the client is behind a NAT that nobody has opened yet."""
    ping(world.native, address)
    ping(world.inside, NATIVE_IPV6)


def call_the_service(world: World, address: str, octets: int = OCTETS) -> None:
    """The native side reaches a TCP service of the inside host, which hears it and is heard."""
    call(world.native, world.inside, address, octets)


def call(caller: Namespace, host: Namespace, address: str, octets: int = OCTETS) -> None:
    """A TCP service of ``host`` hears so many octets and says them again, not one of them other."""
    service = host.start("service", sys.executable, SERVICE, "serve", str(PORT))
    service.wait_for("listening")
    told = caller.run(sys.executable, SERVICE, "call", address, str(PORT), str(octets), seconds=180)
    assert service.finish() == 0, service.log
    said, heard = told.splitlines()
    assert said.split()[1] == str(octets)
    assert heard.split()[1:] == said.split()[1:]
    assert service.log.splitlines()[-1].split() == ["heard", *said.split()[1:]]
