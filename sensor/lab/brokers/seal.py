"""AYIYA packets under a shared secret (draft-massar-v6ops-ayiya section 4).

The signature is the SHA-1 digest of the whole packet, in which the digest of the secret stands
where the signature will be.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace

from sensor.lab.inner.refusal import Refused
from sensor.wire import ayiya

SKEW = 120  # seconds that two clocks may differ by

UNKNOWN_METHOD = "unknown-method"  # another identity, digest or proof than these endpoints use
BAD_SIGNATURE = "bad-signature"
CLOCK_DIFFERS = "clock-differs"

_INTEGER = 1  # type of an identity
_SHARED_SECRET = 1
_EPOCHS = 1 << 32


def seal(
    identity: bytes, secret: bytes, opcode: int, next_header: int, body: bytes, epoch: float
) -> bytes:
    """A signed packet; ``epoch`` is the time, in seconds since 1970."""
    header = ayiya.Header(
        identity_type=_INTEGER,
        identity=identity,
        hash_method=ayiya.SHA1,
        signature=b"",
        authentication=_SHARED_SECRET,
        opcode=opcode,
        next_header=next_header,
        epoch=int(epoch) % _EPOCHS,
    )
    return replace(header, signature=_sign(header, body, secret)).build() + body


def check_method(header: ayiya.Header) -> None:
    """Refused unless the packet is signed as ``seal`` signs."""
    methods = (header.identity_type, header.hash_method, header.authentication)
    if methods != (_INTEGER, ayiya.SHA1, _SHARED_SECRET):
        raise Refused(UNKNOWN_METHOD)


def check_seal(header: ayiya.Header, body: bytes, secret: bytes, epoch: float) -> None:
    """Refused unless it was signed with ``secret`` at about the time ``epoch``."""
    if not hmac.compare_digest(header.signature, _sign(header, body, secret)):
        raise Refused(BAD_SIGNATURE)
    if abs(ahead(header.epoch, int(epoch))) > SKEW:
        raise Refused(CLOCK_DIFFERS)


def ahead(epoch: int, other: int) -> int:
    """Seconds that a 32-bit epoch is later than another, negative if it is earlier."""
    return (epoch - other + _EPOCHS // 2) % _EPOCHS - _EPOCHS // 2


def _sign(header: ayiya.Header, body: bytes, secret: bytes) -> bytes:
    first = replace(header, signature=hashlib.sha1(secret).digest()).build()
    return hashlib.sha1(first + body).digest()
