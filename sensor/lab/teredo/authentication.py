"""The authentication value of secure qualification (RFC 4380 section 5.2.2)."""

from __future__ import annotations

import hmac


def digest(secret: bytes, nonce: bytes, confirmation: int, origin: bytes, packet: bytes) -> bytes:
    """HMAC-SHA1, 20 octets; ``origin`` is the whole origin indication, empty where there is none.

    The client's identifier is not covered, nor are trailers or the headers around the payload.
    """
    covered = nonce + bytes([confirmation]) + origin + packet
    return hmac.digest(secret, covered, "sha1")
