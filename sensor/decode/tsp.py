"""Is this the setup of a tunnel by TSP? Its words tell (RFC 5572 section 4)."""

from __future__ import annotations

from sensor.decode.trace import Trace
from sensor.decode.verdict import Outer, Verdict, datagram_anomalies, of_kind
from sensor.errors import DecodeError
from sensor.schema.words import Anomaly, Confidence, Evidence, Kind
from sensor.wire import tsp
from sensor.wire.cursor import Cursor
from sensor.wire.ports import TSP_PORT


def _on_port(outer: Outer) -> bool:
    return TSP_PORT in (outer.source_port, outer.destination_port)


def judge_segment(text: bytes, from_broker: bool, trace: Trace) -> Verdict | None:
    """TCP on the port of TSP: a segment that begins with its words, None if it does not.

    Servers of mail and files reply alike, and a client of theirs may have that port.
    """
    setup = trace.check("begins as a TSP command does", tsp.is_setup(text))
    reply = from_broker and tsp.is_reply(text)
    if not setup and not trace.check("begins as a TSP reply from its port does", reply):
        return None
    confidence = Confidence.CERTAIN if setup else Confidence.STRONG
    return of_kind(Kind.TSP, confidence, Evidence.TSP | Evidence.SCHEME_PORT, Anomaly(0))


def judge_datagram(payload: bytes, outer: Outer, trace: Trace) -> Verdict | None:
    """UDP on any port: a signalling header and words; a bare reply only from the port of TSP."""
    try:
        tsp.parse(Cursor(payload))
    except DecodeError:
        return None
    text = payload[tsp.HEADER_LENGTH :]
    expected = _on_port(outer)
    setup = tsp.is_setup(text)
    reply = outer.source_port == TSP_PORT and tsp.is_reply(text)
    if not trace.check("is TSP signalling", setup or reply):
        return None
    evidence = Evidence.TSP | (Evidence.SCHEME_PORT if expected else Evidence(0))
    certain = setup and expected
    confidence = Confidence.CERTAIN if certain else Confidence.STRONG
    return of_kind(Kind.TSP, confidence, evidence, datagram_anomalies(outer))
