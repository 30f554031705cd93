"""The scalar decoder: one frame in, its tunnel layers out.

This is the specification. The compiled kernel must give the same rows, bit for bit. A step reads
one header and answers with what stands next, or with the frame's ``Reason``, which ends the walk.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from sensor.capture.batch import FrameBatch
from sensor.decode import carriers, datagram, native
from sensor.decode.decoded import Decoded
from sensor.decode.settings import DecodeSettings
from sensor.decode.trace import SILENCE, Trace
from sensor.decode.walk import Frame, Next, Step, Walk
from sensor.schema.rows import Observation, pack
from sensor.schema.words import Reason

__all__ = ["Frame", "Walked", "decode_batch", "decode_frame", "walk_frame"]


class Walked(NamedTuple):
    """What one frame holds.

    ``fragment`` is the offset of the IP header of the outermost packet on the way that is a
    fragment and may hold a tunnel or be inside one; None if there is none.
    """

    reason: Reason
    rows: list[Observation]
    fragment: int | None


def decode_batch(batch: FrameBatch, settings: DecodeSettings) -> Decoded:
    """Decode every frame of a batch, in order.

    Returns rows of dtype ``OBSERVATION`` (a frame has none, one, or one per nested tunnel, depth
    ascending), ``uint8[len(batch)]`` of ``Reason``, and where fragments stand. Never raises for
    what a frame holds.
    """
    observations: list[Observation] = []
    fragments: list[tuple[int, int]] = []
    reasons = np.zeros(len(batch), dtype=np.uint8)
    for i in range(len(batch)):
        frame = Frame(
            data=batch.frame(i),
            link_type=int(batch.linktypes[i]),
            wire_length=int(batch.wire[i]),
            number=batch.first_frame + i,
            time=int(batch.times[i]),
            source=batch.source,
        )
        reasons[i], found, fragment = walk_frame(frame, settings)
        observations.extend(found)
        if fragment is not None:
            fragments.append((i, fragment))
    return Decoded(pack(observations), reasons, np.array(fragments, np.int64).reshape(-1, 2))


def decode_frame(
    frame: Frame, settings: DecodeSettings, trace: Trace = SILENCE
) -> tuple[Reason, list[Observation]]:
    """Decode one frame: its ``Reason`` and its tunnel layers, outermost first.

    With rows of weak confidence only, the reason is ``WEAK``: whoever knows the flow decides.
    Hostile bytes are data: this never raises.
    """
    reason, rows, _ = walk_frame(frame, settings, trace)
    return reason, rows


def walk_frame(frame: Frame, settings: DecodeSettings, trace: Trace = SILENCE) -> Walked:
    """Decode one frame, as ``decode_frame`` does, and say where in it there is a fragment."""
    walk = Walk(frame, settings, trace)
    found = native.link_header(walk)
    while isinstance(found, Next):
        found = _STEPS[found.step](walk, found)
    rows = walk.finish()
    return Walked(walk.outcome(found), rows, walk.fragment)


_STEPS: dict[Step, Callable[[Walk, Next], Next | Reason]] = {
    Step.NETWORK: carriers.network,
    Step.ETHERNET: carriers.ethernet,
    Step.PPP: carriers.ppp_frame,
    Step.GRE: carriers.gre_packet,
    Step.IP: native.ip,
    Step.IPV4: native.ipv4_packet,
    Step.IPV6: native.ipv6_packet,
    Step.PAYLOAD: native.payload,
    Step.PROTOCOL_41: native.protocol_41,
    Step.INSIDE: native.inside,
    Step.UDP: datagram.udp_datagram,
}
