"""Identities that a second replay of the same packets repeats."""

from __future__ import annotations

import hashlib

ID_LENGTH = 16  # hexadecimal digits; people read the first six


def identity(*parts: bytes) -> str:
    """A short id over its parts, each with its length so that no two lists read the same."""
    named = b"".join(len(part).to_bytes(4) + part for part in parts)
    return hashlib.sha256(named).hexdigest()[:ID_LENGTH]
