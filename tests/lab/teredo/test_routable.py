"""Which addresses the native side can have."""

from __future__ import annotations

import pytest

from sensor.lab.teredo.routable import ANYWHERE, Routable
from sensor.wire.addresses import TEREDO_PREFIX, packed


@pytest.mark.parametrize(
    "text",
    ["2001:db8::1", "2a00::1", "2002:cb00:7101::1", "2001:1::1", "fd00::1", "64:ff9b::1.2.3.4"],
)
def test_native_addresses_anywhere(text: str) -> None:
    assert packed(text) in Routable(ANYWHERE, TEREDO_PREFIX)


@pytest.mark.parametrize(
    "text",
    [
        "::", "::1", "::1.2.3.4", "::ffff:1.2.3.4", "2001:0:cb00:7101::1", "3ffe:831f::1",
        "fe80::1", "febf::1", "fec0::1", "ff02::1", "ff0e::1",
    ],
)  # fmt: skip
def test_never_native(text: str) -> None:
    assert packed(text) not in Routable(ANYWHERE, TEREDO_PREFIX)


def test_a_teredo_prefix_of_ones_own_is_not_native_either() -> None:
    laboratory = packed("2001:db8::")[:4]
    assert packed("2001:db8::1") not in Routable(ANYWHERE, laboratory)
    assert packed("2001:db9::1") in Routable(ANYWHERE, laboratory)


def test_only_what_is_served() -> None:
    served = Routable(((packed("2001:db8:1::5"), 48), (packed("2a00::7"), 128)), TEREDO_PREFIX)
    inside = ("2001:db8:1::9", "2001:db8:1:ffff::", "2a00::7")
    outside = ("2001:db8:2::9", "2a00::8", "2001:db8::")
    assert all(packed(text) in served for text in inside)
    assert not any(packed(text) in served for text in outside)
