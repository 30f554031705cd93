"""Our endpoints as guests of a machine: what they may do, and what they leave behind."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from .exchanges import ping_both_ways
from .lab import Program
from .programs import (
    DEVICE,
    QUALIFIED,
    sensor_client,
    sensor_relay,
    sensor_server,
    start_sensor_client,
)
from .world import Nat, World

pytestmark = pytest.mark.slow

NET_ADMIN = 1 << 12  # a new mapping is a new address of the client's interface


def status(program: Program, name: str) -> list[str]:
    """A line of the kernel's account of a process."""
    text = Path(f"/proc/{program.pid}/status").read_text()
    found = re.search(rf"^{name}:\s*(.*)$", text, re.MULTILINE)
    assert found is not None
    return found[1].split()


def test_privileges_are_dropped_and_nothing_stays(world: World) -> None:
    server, relay = sensor_server(world), sensor_relay(world)
    client = sensor_client(world).program
    for program, capabilities in ((server, 0), (relay, 0), (client, NET_ADMIN)):
        assert "0" not in status(program, "Uid") + status(program, "Gid")
        assert status(program, "NoNewPrivs") == ["1"]
        for kind in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
            assert int(status(program, kind)[0], 16) & ~capabilities == 0
    for program in (client, relay, server):
        assert program.stop() == 0
    for host in (world.inside, world.relay):
        assert DEVICE not in host.ip("link")


def test_another_mapping_is_another_address_of_the_interface(
    behind: Callable[[Nat], World],
) -> None:
    world = behind(Nat.SYMMETRIC)
    sensor_server(world)
    sensor_relay(world)
    client = start_sensor_client(world.inside, "--set", "client.refresh=2")
    before = client.wait_for(QUALIFIED)["address"]
    ping_both_ways(world, before)
    world.forget_mappings()
    changed = client.wait_for(r"mapping changed from \S+ to \S+, address (?P<address>[0-9a-f:]+)")
    addresses = world.inside.ip(f"-6 address show dev {DEVICE}")
    assert changed["address"] in addresses
    assert before not in addresses
    ping_both_ways(world, changed["address"])
    assert client.stop() == 0
