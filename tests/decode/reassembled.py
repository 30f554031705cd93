"""Fragments played into reassembly, and what came of their frames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from sensor.capture.batch import batch_of
from sensor.decode.decoded import Run, Whole
from sensor.decode.reassembly import Reassembly
from sensor.decode.scalar import Frame, decode_batch, decode_frame
from sensor.decode.settings import DecodeSettings, FragmentLimits
from sensor.schema.rows import Observation, unpack
from sensor.schema.words import Anomaly, Reason
from sensor.wire import link, sixinfour

from ..build import (
    CLIENT,
    NATIVE,
    RELAY,
    TEREDO,
    V4A,
    V4B,
    ethernet,
    tcp6,
    udp,
)
from ..fragments import ipv4_fragments, ipv6_fragments, spans

SECOND = 1_000_000_000
DEFAULTS = FragmentLimits()
RAW, UNKNOWN = link.LINKTYPE_RAW, 147
INCOMPLETE, OVERLAP, LENGTHS, TRUNCATED = (
    Anomaly.FRAGMENT_INCOMPLETE,
    Anomaly.FRAGMENT_OVERLAP,
    Anomaly.LENGTH_MISMATCH,
    Anomaly.TRUNCATED,
)
OUTERMOST = sixinfour.encapsulate(V4A, V4B, tcp6(payload=bytes(range(100))))
SYN = udp(RELAY, CLIENT, tcp6(NATIVE, TEREDO, (49138, 8080)))


@dataclass(slots=True)
class Seen:
    """Frames as they are in the end, by number."""

    reasons: dict[int, Reason] = field(default_factory=dict)
    rows: dict[int, list[Observation]] = field(default_factory=dict)
    whole: dict[int, Whole] = field(default_factory=dict)
    late: list[int] = field(default_factory=list)
    order: list[int] = field(default_factory=list)
    limits_hit: dict[str, int] = field(default_factory=dict)

    def see(self, run: Run) -> None:
        numbers = range(run.batch.first_frame, run.batch.first_frame + len(run.batch))
        for number, reason in zip(numbers, run.decoded.reasons.tolist(), strict=True):
            assert run.late == (number in self.reasons)
            if run.late:
                assert self.reasons[number] is Reason.FRAGMENT
                self.late.append(number)
            self.order.append(number)
            self.reasons[number] = Reason(reason)
            self.rows[number] = []
        for row in unpack(run.decoded.rows):
            self.rows[row.frame].append(row)
        for number, whole in run.whole.items():
            assert number in numbers
            self.whole[number] = whole

    def only(self, number: int) -> Observation:
        (row,) = self.rows[number]
        return row

    def anomalies(self, number: int) -> Anomaly:
        return Anomaly(self.only(number).anomalies)


def played(
    frames: Sequence[bytes],
    times: Iterable[int] | None = None,
    linktype: int = 1,
    limits: FragmentLimits = DEFAULTS,
    batches: int = 1,
    missing: int = 0,
) -> Seen:
    """All frames, in so many batches; ``missing`` octets of the last one were not captured."""
    settings = DecodeSettings(fragments=limits)
    reassembly = Reassembly(settings)
    whole = batch_of(frames, linktype, None if times is None else list(times))
    whole.captured[-1] -= missing
    edges = [len(frames) * i // batches for i in range(batches + 1)]
    seen = Seen()
    for start, stop in pairwise(edges):
        part = whole.slice(start, stop)
        if len(part):
            for run in reassembly.take(part, decode_batch(part, settings)):
                seen.see(run)
    for run in reassembly.finish():
        seen.see(run)
    assert not reassembly.waiting
    seen.limits_hit = dict(reassembly.limits_hit)
    return seen


def content(rows: Sequence[Observation]) -> list[Observation]:
    """Without what tells how the frame was made, and not what it holds."""
    return [row._replace(frame=0, time=0, wire_length=0, captured_length=0) for row in rows]


def decoded(data: bytes) -> list[Observation]:
    return decode_frame(Frame(data, 1, len(data)), DecodeSettings())[1]


def ethernets(packets: Iterable[bytes]) -> list[bytes]:
    return [ethernet(packet) for packet in packets]


def outer(packet: bytes, *cuts: int, identification: int = 77) -> list[bytes]:
    """Frames with the fragments of an IPv4 packet."""
    return ethernets(ipv4_fragments(packet, spans(len(packet) - 20, *cuts), identification))


def inner(packet: bytes, *cuts: int, carry: bytes = V4A, identification: int = 77) -> list[bytes]:
    """Frames of 6in4 with the fragments of an IPv6 packet."""
    pieces = ipv6_fragments(packet, spans(len(packet) - 40, *cuts), identification)
    return ethernets(sixinfour.encapsulate(carry, V4B, piece) for piece in pieces)
