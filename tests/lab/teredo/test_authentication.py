"""The digest of secure qualification, against its definition written out (RFC 2104, RFC 4380)."""

from __future__ import annotations

import hashlib

from sensor.lab.teredo.authentication import digest

SECRET, NONCE, ORIGIN, PACKET = b"key", bytes(range(8)), b"origin..", b"packet"


def sha1(data: bytes) -> bytes:
    return hashlib.sha1(data).digest()


def test_it_is_hmac_sha1_over_nonce_confirmation_origin_and_packet() -> None:
    block = SECRET.ljust(64, b"\0")
    inner = bytes(octet ^ 0x36 for octet in block)
    outer = bytes(octet ^ 0x5C for octet in block)
    covered = NONCE + b"\x01" + ORIGIN + PACKET
    assert digest(SECRET, NONCE, 1, ORIGIN, PACKET) == sha1(outer + sha1(inner + covered))


def test_each_part_counts() -> None:
    values = {
        digest(SECRET, NONCE, 0, ORIGIN, PACKET),
        digest(SECRET, NONCE, 0, b"", PACKET),
        digest(SECRET, NONCE, 1, ORIGIN, PACKET),
        digest(SECRET, bytes(8), 0, ORIGIN, PACKET),
        digest(SECRET, NONCE, 0, ORIGIN, PACKET + b"\0"),
        digest(b"other", NONCE, 0, ORIGIN, PACKET),
    }
    assert len(values) == 6
    assert {len(value) for value in values} == {20}
