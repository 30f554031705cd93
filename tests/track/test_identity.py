"""Identities that a second replay repeats."""

from __future__ import annotations

import hashlib

from sensor.track.identity import ID_LENGTH, identity


def test_it_is_the_start_of_a_digest_over_lengths_and_parts() -> None:
    expected = hashlib.sha256(b"\0\0\0\x01a\0\0\0\x02bc").hexdigest()[:ID_LENGTH]
    assert identity(b"a", b"bc") == expected
    assert len(expected) == 16


def test_no_two_lists_of_parts_read_the_same() -> None:
    made = {
        identity(b"ab"), identity(b"a", b"b"), identity(b"", b"ab"), identity(b"ab", b""),
        identity(b"b", b"a"), identity(),
    }  # fmt: skip
    assert len(made) == 6
