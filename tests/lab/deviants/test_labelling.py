"""Honest flow labels: stable in a conversation, different between conversations."""

from __future__ import annotations

from sensor.lab.deviants.labelling import StableLabels
from sensor.schema.words import TeredoPacket
from sensor.wire import ipv6, udp
from sensor.wire.cursor import Cursor
from tests.lab.deviants.carried import ALICE, BOB, BUBBLE, leaving


def label(stack: StableLabels, port: int, text: bytes) -> int:
    packet = ipv6.build(ALICE, BOB, udp.PROTOCOL, udp.build(ALICE, BOB, port, 53, text))
    sent = stack.leaving(leaving(packet)).payload
    assert sent[4:] == packet[4:]
    return ipv6.parse(Cursor(sent)).flow_label


def test_a_conversation_has_one_label() -> None:
    stack = StableLabels(b"a key")
    assert label(stack, 1_000, b"first") == label(stack, 1_000, b"second") != 0


def test_others_have_others() -> None:
    stack = StableLabels(b"a key")
    labels = {label(stack, port, b"text") for port in range(1_000, 1_032)}
    assert len(labels) == 32
    assert label(stack, 1_000, b"text") != label(StableLabels(b"another"), 1_000, b"text")


def test_bubbles_have_none() -> None:
    bubble = leaving(BUBBLE, TeredoPacket.BUBBLE)
    assert StableLabels(b"a key").leaving(bubble) == bubble
