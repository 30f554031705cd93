"""What earlier packets say of a row: a mirrored copy, or one more of a flow seen to tunnel."""

from __future__ import annotations

from collections import Counter, OrderedDict

from sensor.schema.rows import Observation
from sensor.schema.words import Confidence, Evidence, Kind, TeredoPacket, Transport
from sensor.track.keys import flow_key
from sensor.track.limits import COPIES_KEPT, SECOND
from sensor.track.recent import Recent, Sighting, copy_key
from sensor.track.settings import TrackLimits


class Marks:
    """Remembers recent packets and learned flows; rows must come in packet-time order."""

    def __init__(self, limits: TrackLimits, limits_hit: Counter[str]) -> None:
        self._limits = limits
        self._limits_hit = limits_hit
        self._copies = Recent(limits.copy_window_ns, COPIES_KEPT)
        # Outer flow -> kind learned, when last seen.
        self._flows: OrderedDict[bytes, tuple[int, int]] = OrderedDict()

    def mark(self, row: Observation, above: Observation) -> Observation:
        """Name learned flows and mirrored copies; ``above`` is the frame's row before this one."""
        if not is_traffic(row):
            return row
        if row.depth:
            return row._replace(copy_of=above.copy_of) if above.copy_of else row
        row = self._learn(row)
        if not accepted(row):
            return row
        key = copy_key(row)
        seen = self._copies.find(key, row.time)
        if seen is not None:
            return row._replace(copy_of=seen.of)
        if self._copies.add(key, Sighting(row.time, row.frame)):
            self._limits_hit["sightings"] += 1
        return row

    def _learn(self, row: Observation) -> Observation:
        """Flows seen to tunnel make their later, barer packets credible, never earlier ones.

        The first kind that a packet named stays: a single forged packet renames no flow.
        """
        if row.outer_transport != Transport.UDP:
            return row
        key = flow_key(row)
        kind, last = self._flows.get(key, (Kind.NONE, 0))
        known = kind != Kind.NONE and row.time - last <= self._limits.teredo_idle_ns
        strong = row.confidence >= Confidence.STRONG
        named = row.kind != Kind.IP6_IN_UDP
        if strong and (not known or (named and kind == Kind.IP6_IN_UDP)):
            self._remember_flow(key, row.kind, row.time)
            return row
        if not known:
            return row
        self._remember_flow(key, kind, row.time)
        return row if strong and named else _as_learned(row, kind)

    def _remember_flow(self, key: bytes, kind: int, time: int) -> None:
        _, before = self._flows.get(key, (kind, time))
        self._flows[key] = kind, time
        if time // SECOND != before // SECOND:
            self._flows.move_to_end(key)
        if len(self._flows) > self._limits.flows:
            self._flows.popitem(last=False)
            self._limits_hit["flows"] += 1

    def expire(self, now: int) -> None:
        """Forget flows that have been silent for longer than a Teredo tunnel may be."""
        while self._flows and now - self._oldest() > self._limits.teredo_idle_ns:
            self._flows.popitem(last=False)

    def _oldest(self) -> int:
        return next(iter(self._flows.values()))[1]


def is_traffic(row: Observation) -> bool:
    """Whether a row may be traffic at all: no quotation, and no walk that met no tunnel.

    What became of a frame whose outermost row is none of traffic the decoder alone says.
    """
    return row.kind != Kind.NONE and not row.quoted


def accepted(row: Observation) -> bool:
    """Whether a row is a tunnel's: weak ones only on a flow that was seen to tunnel."""
    if row.kind == Kind.NONE:
        return False
    return row.confidence > Confidence.WEAK or bool(row.reasons & Evidence.LEARNED_FLOW)


def counts(row: Observation) -> bool:
    """Whether a row is traffic of a tunnel, seen for the first time."""
    return is_traffic(row) and accepted(row) and not row.copy_of


def shown(row: Observation) -> bool:
    """Whether people are shown a row: tunnels, quoted ones too, and what was not followed."""
    return accepted(row) or row.kind == Kind.NONE


def _as_learned(row: Observation, kind: int) -> Observation:
    """A row of a learned flow; one that itself has a sign of some kind stays what it is."""
    if row.kind == Kind.IP6_IN_UDP:
        packet = TeredoPacket.DATA if kind == Kind.TEREDO else TeredoPacket.NONE
        row = row._replace(kind=kind, kinds=_kinds(kind), teredo_packet=packet)
    return row._replace(reasons=row.reasons | Evidence.LEARNED_FLOW)


def _kinds(kind: int) -> int:
    """The labels of a bare packet of a kind; of TSP it is the data that was set up."""
    return 1 << kind | (1 << Kind.V6UDPV4 if kind == Kind.TSP else 0)
