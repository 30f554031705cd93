"""Who asks for a neighbour, and what it is told."""

from __future__ import annotations

import pytest

from sensor.lab.inner.refusal import Refused
from sensor.lab.machine import OuterPacket
from sensor.lab.sixinfour.discovery import Found, read
from sensor.lab.sixinfour.node import Node, is_somebody
from sensor.lab.sixinfour.refusal import FORGED_SOURCE, NOT_MINE
from sensor.lab.sixinfour.settings import LinkSettings
from sensor.schema.words import Kind
from sensor.wire.addresses import packed
from tests.lab.sixinfour.site import NATIVE, neighbour

IP, LOCAL, ASKING = packed("10.0.0.1"), packed("fe80::1"), packed("fe80::2")


class Plain(Node):
    """One that knows no way and takes nothing."""

    def _route(self, packet: bytes) -> bytes:
        raise Refused(NOT_MINE)

    def _take(self, packet: bytes, outer: OuterPacket, now: float) -> None:
        raise Refused(NOT_MINE)


def asked(source: bytes, target: bytes, destination: bytes = LOCAL) -> Found:
    found = read(neighbour(source, destination, 135, target))
    assert found is not None
    return found


def test_an_address_of_its_own_is_answered_for() -> None:
    node = Plain(IP, LOCAL, LinkSettings(), Kind.ISATAP)
    assert list(node.addresses) == [IP]
    answer = node._answer_neighbour(asked(ASKING, LOCAL), [LOCAL], 0x20)
    assert answer == neighbour(LOCAL, ASKING, 136, LOCAL, 0x60)


@pytest.mark.parametrize(
    ("found", "word"),
    [
        (asked(ASKING, NATIVE), NOT_MINE),
        (asked(bytes(16), LOCAL, packed("ff02::1:ff00:1")), FORGED_SOURCE),
        (asked(packed("ff02::1"), LOCAL), FORGED_SOURCE),
    ],
)
def test_nobody_is_answered_for_others_or_without_an_address(found: Found, word: str) -> None:
    node = Plain(IP, LOCAL, LinkSettings(), Kind.ISATAP)
    with pytest.raises(Refused, match=word):
        node._answer_neighbour(found, [LOCAL], 0)


def test_nobody() -> None:
    assert not is_somebody(bytes(16))
    assert not is_somebody(packed("::1"))
    assert is_somebody(packed("::2:1"))
