"""Our endpoints as guests of a machine: what they may do, and what they leave behind."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .lab import Program
from .programs import DEVICE, sensor_client, sensor_relay, sensor_server
from .world import World

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
