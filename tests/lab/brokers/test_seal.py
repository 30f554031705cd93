"""Signatures of AYIYA."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sensor.errors import DecodeError
from sensor.lab.brokers.seal import SKEW, ahead, check_method, check_seal, seal
from sensor.lab.inner.refusal import Refused
from sensor.wire import ayiya
from sensor.wire.cursor import Cursor
from tests.lab.brokers.parties import EPOCH, SECRET
from tests.lab.framing.parties import ALICE, NATIVE, data

BODY = data(ALICE, NATIVE)
SEALED = seal(ALICE, SECRET, ayiya.FORWARD, 41, BODY, EPOCH + 0.9)


def opened(payload: bytes) -> tuple[ayiya.Header, bytes]:
    cursor = Cursor(payload)
    return ayiya.parse(cursor), cursor.rest()


def test_the_packet_octet_by_octet() -> None:
    """As SixXS's programs built it: first the secret's digest, then over it the packet's."""
    fixed = bytes.fromhex("41521129") + int(EPOCH).to_bytes(4) + ALICE
    digest = hashlib.sha1(fixed + hashlib.sha1(SECRET).digest() + BODY).digest()
    assert fixed + digest + BODY == SEALED


def test_it_proves_who_and_when() -> None:
    header, body = opened(SEALED)
    check_method(header)
    check_seal(header, body, SECRET, EPOCH)
    assert header.sound


@pytest.mark.parametrize("position", [*range(44), 44, len(SEALED) - 1])
def test_each_octet_is_signed(position: int) -> None:
    damaged = bytearray(SEALED)
    damaged[position] ^= 1
    with pytest.raises((Refused, DecodeError)):
        check_seal(*opened(bytes(damaged)), SECRET, EPOCH)


def test_another_secret_proves_nothing() -> None:
    with pytest.raises(Refused, match="bad-signature"):
        check_seal(*opened(SEALED), b"bob's", EPOCH)


@pytest.mark.parametrize("skew", [-SKEW, 0, SKEW])
def test_clocks_may_differ_a_little(skew: int) -> None:
    check_seal(*opened(SEALED), SECRET, EPOCH + skew)


@pytest.mark.parametrize("skew", [-SKEW - 1, SKEW + 1, 1 << 31])
def test_and_not_more(skew: int) -> None:
    with pytest.raises(Refused, match="clock-differs"):
        check_seal(*opened(SEALED), SECRET, EPOCH + skew)


def test_the_clock_wraps_in_2106() -> None:
    late = seal(ALICE, SECRET, ayiya.NOOP, 59, b"", (1 << 32) - 10)
    check_seal(*opened(late), SECRET, (1 << 32) + 10)


@pytest.mark.parametrize(
    "change", [{"identity_type": 2}, {"hash_method": ayiya.MD5}, {"authentication": 2}]
)
def test_other_methods_are_refused(change: dict[str, Any]) -> None:
    header, _ = opened(SEALED)
    with pytest.raises(Refused, match="unknown-method"):
        check_method(replace(header, **change))


def test_headers_are_those_that_sixxs_sent(captures: Path) -> None:
    """The first octets of a packet of theirs, up to the time."""
    assert SEALED[:4] in (captures / "zeek" / "ayiya3.pcap").read_bytes()


@pytest.mark.parametrize(
    ("epoch", "other", "seconds"),
    [(5, 5, 0), (7, 5, 2), (5, 7, -2), (1, (1 << 32) - 1, 2), ((1 << 32) - 1, 1, -2)],
)
def test_epochs_go_round(epoch: int, other: int, seconds: int) -> None:
    assert ahead(epoch, other) == seconds
