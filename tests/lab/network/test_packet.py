"""Labels tell a tunnel's packet from an error that only quotes one."""

from __future__ import annotations

from sensor.lab.network.packet import Label
from sensor.schema.words import Kind, TeredoPacket


def test_an_error_carries_the_label_of_what_it_quotes() -> None:
    label = Label(Kind.TEREDO, TeredoPacket.BUBBLE, "client")
    assert not label.quoted
    assert label.quoted_by("peer") == Label(Kind.TEREDO, TeredoPacket.BUBBLE, "peer", True)
