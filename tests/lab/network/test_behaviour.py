"""The ready-made NATs are what their names say."""

from __future__ import annotations

import pytest

from sensor.lab.network import behaviour
from sensor.lab.network.behaviour import Dependence, NatBehaviour, PortChoice

ANY, ADDRESS, PORT = Dependence


@pytest.mark.parametrize(
    ("nat", "mapping", "filtering", "ports"),
    [
        (behaviour.CONE, ANY, ANY, PortChoice.RANDOM),
        (behaviour.ADDRESS_RESTRICTED, ANY, ADDRESS, PortChoice.RANDOM),
        (behaviour.PORT_RESTRICTED, ANY, PORT, PortChoice.RANDOM),
        (behaviour.SYMMETRIC, PORT, PORT, PortChoice.RANDOM),
        (behaviour.PORT_PRESERVING, PORT, PORT, PortChoice.PRESERVING),
        (behaviour.SEQUENTIAL, PORT, PORT, PortChoice.SEQUENTIAL),
    ],
)
def test_ready_made_ones(
    nat: NatBehaviour, mapping: Dependence, filtering: Dependence, ports: PortChoice
) -> None:
    assert (nat.mapping, nat.filtering, nat.ports) == (mapping, filtering, ports)
    assert nat.symmetric is (mapping is not ANY)
    assert nat.lifetime >= 120.0  # RFC 4787, REQ-5
    assert nat.passes == frozenset()
