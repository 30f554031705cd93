"""Is this UDP datagram AYIYA? Judged by its header alone, on any port."""

from __future__ import annotations

from sensor.decode.inner import Inner
from sensor.decode.verdict import (
    Outer,
    Verdict,
    datagram_anomalies,
    joined,
    of_kind,
    shape,
    shape_anomalies,
)
from sensor.schema.words import Confidence, Evidence, Kind
from sensor.wire.ayiya import Header
from sensor.wire.ports import AYIYA_OLD_PORT, AYIYA_PORT

_PORTS = frozenset((AYIYA_PORT, AYIYA_OLD_PORT))
_DAY = 86_400
_SIGNS = Evidence.EPOCH | Evidence.CHECKSUM | Evidence.EXACT_LENGTH | Evidence.SCHEME_PORT
_SECOND = 1_000_000_000


def judge(header: Header, inner: Inner, rest: int, outer: Outer, time: int) -> Verdict:
    """Weigh a packet with IPv6 inside (draft-massar-v6ops-ayiya section 4).

    ``rest`` octets follow the header; ``time`` is the frame's, in nanoseconds since 1970. A header
    of defined values alone is met by chance; a clock that is right to a day, or a right inner
    checksum, is not.
    """
    evidence = _header_evidence(header, outer, time) | shape(inner, rest)
    return of_kind(
        Kind.AYIYA,
        _weigh(evidence, inner.plausible and inner.length <= rest),
        evidence,
        shape_anomalies(inner, rest) | datagram_anomalies(outer),
    )


def judge_control(header: Header, rest: int, outer: Outer, time: int) -> Verdict:
    """Weigh a packet without one: no-ops and queries; ``rest`` octets follow the header."""
    exact = Evidence.EXACT_LENGTH if rest == 0 else Evidence(0)
    evidence = _header_evidence(header, outer, time) | exact
    return of_kind(Kind.AYIYA, _weigh_control(evidence), evidence, datagram_anomalies(outer))


def _header_evidence(header: Header, outer: Outer, time: int) -> Evidence:
    found = {
        Evidence.EPOCH: abs(header.epoch - time // _SECOND) <= _DAY,
        Evidence.SCHEME_PORT: bool({outer.source_port, outer.destination_port} & _PORTS),
    }
    return joined(found, Evidence.AYIYA)


def _weigh(evidence: Evidence, sound: bool) -> Confidence:
    """``sound``: the inner packet makes sense and fits."""
    if not sound:
        return Confidence.STRONG if evidence & Evidence.EPOCH else Confidence.WEAK
    if not evidence & _SIGNS:
        return Confidence.WEAK
    proved = evidence & (Evidence.EPOCH | Evidence.CHECKSUM)
    certain = evidence & Evidence.EXACT_LENGTH and proved
    return Confidence.CERTAIN if certain else Confidence.STRONG


def _weigh_control(evidence: Evidence) -> Confidence:
    """A header of defined values that fills its datagram is met once in some million by chance."""
    if evidence & Evidence.EXACT_LENGTH and evidence & Evidence.EPOCH:
        return Confidence.CERTAIN
    sign = evidence & (Evidence.EPOCH | Evidence.SCHEME_PORT)
    return Confidence.STRONG if sign else Confidence.WEAK
