"""The datagram in which the walk through a frame came to its end."""

from __future__ import annotations

from sensor.decode.inner import Inner
from sensor.decode.scalar import Frame, decode_frame
from sensor.decode.settings import DecodeSettings
from sensor.decode.trace import Trace, TracedLayer
from sensor.decode.verdict import Outer
from sensor.wire import udp
from sensor.wire.ipv4 import IPv4Header
from sensor.wire.ipv6 import IPv6Header
from sensor.wire.udp import UDPHeader


def located(frame: Frame, settings: DecodeSettings) -> tuple[Outer, bytes] | None:
    """The ends and the payload of the innermost UDP datagram of a frame, None if there is none.

    The payload is what can be read of it. Walks the frame anew: for the few frames where the
    decoder's answer calls for a closer look. Never raises.
    """
    trace = Trace()
    decode_frame(frame, settings, trace)
    around: IPv4Header | IPv6Header | None = None
    found: tuple[Outer, bytes] | None = None
    for step in trace.steps:
        if not isinstance(step, TracedLayer):
            continue
        match step.header:
            case IPv4Header() | IPv6Header() as header:
                around = header
            case Inner(header=header):
                around = header
            case UDPHeader() as header if around is not None:
                found = _outer(around, header), _payload(frame.data, step.offset, header)
    return found


def _outer(ip: IPv4Header | IPv6Header, header: UDPHeader) -> Outer:
    version = 4 if isinstance(ip, IPv4Header) else 6
    return Outer(version, ip.source, ip.destination, header.source_port, header.destination_port)


def _payload(data: bytes, offset: int, header: UDPHeader) -> bytes:
    end = offset + header.length if header.length else len(data)
    return data[offset + udp.HEADER_LENGTH : end]
