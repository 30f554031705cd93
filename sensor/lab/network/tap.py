"""What a capture sees of a medium."""

from __future__ import annotations

from typing import BinaryIO, NamedTuple

from sensor.capture.writer import PcapWriter
from sensor.lab.network.medium import Interface, Medium
from sensor.lab.network.packet import Label, Packet

WHOLE = 262_144  # octets that are kept of a frame where nobody says otherwise
MIN_FRAME = 60  # octets; shorter ones are padded, as a real adapter does (IEEE 802.3)

_NANOSECONDS = 1_000_000_000


class Frame(NamedTuple):
    """A frame as captured; ``time`` in seconds of virtual time, ``label`` None if no tunnel."""

    time: float
    octets: bytes
    label: Label | None


class Tap:
    """Records the frames of a medium, no more of them than its clock allows events.

    Alone it sees every frame as it is sent, before anything delays or loses it. ``beside`` an
    interface it sees what that one sends, and what reaches it when it reaches it. Of each frame the
    capture keeps ``snaplen`` octets.
    """

    def __init__(
        self, medium: Medium, beside: Interface | None = None, snaplen: int = WHOLE
    ) -> None:
        self.frames: list[Frame] = []
        self.snaplen = snaplen
        self._beside = beside
        self._clock = medium.clock
        medium.taps.append(self)

    def sent(self, frame: bytes, packet: Packet, sender: Interface) -> None:
        """Told by the medium as a frame leaves ``sender``."""
        if self._beside in (None, sender):
            self._record(frame, packet)

    def arrived(self, frame: bytes, packet: Packet, receiver: Interface) -> None:
        """Told by the medium as a frame reaches ``receiver``, be that up or not."""
        if self._beside is receiver:
            self._record(frame, packet)

    def _record(self, frame: bytes, packet: Packet) -> None:
        self.frames.append(Frame(self._clock.now, frame.ljust(MIN_FRAME, b"\0"), packet.label))

    def write(self, stream: BinaryIO, epoch: int) -> None:
        """Write a pcap file; ``epoch`` is when the clock started, in nanoseconds since 1970."""
        writer = PcapWriter(stream, snaplen=self.snaplen)
        for frame in self.frames:
            writer.write(frame.octets, epoch + round(frame.time * _NANOSECONDS))
