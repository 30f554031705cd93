"""The longest prefix wins."""

from __future__ import annotations

import pytest

from sensor.lab.network.routes import EVERYWHERE, Routes
from sensor.wire.addresses import packed

PREFIXES = [("2001::", 32), ("2001:0:c633:6401::", 64), ("2001:db8::1", 128)]


@pytest.mark.parametrize(
    ("address", "target"),
    [
        ("2001:0:1:2::3", "2001::"),
        ("2001:0:c633:6401::7", "2001:0:c633:6401::"),
        ("2001:db8::1", "2001:db8::1"),
        ("2001:db8::2", None),
        ("2001:1::1", None),
    ],
)
def test_the_longest_prefix_wins(address: str, target: str | None) -> None:
    routes: Routes[str] = Routes()
    for prefix, bits in PREFIXES:
        routes.add((packed(prefix), bits), prefix)
    assert routes.find(packed(address)) == target
    routes.add(EVERYWHERE, "default")
    assert routes.find(packed(address)) == (target or "default")


def test_the_last_of_equal_prefixes_holds() -> None:
    routes: Routes[str] = Routes()
    routes.add((packed("2001:0:ffff::"), 32), "first")
    routes.add((packed("2001::1"), 32), "second")
    assert routes.find(packed("2001::")) == "second"
