"""Two who use a tunnel, or its set-up, to carry a message that is none of its traffic.

The message goes in pieces, its length in two octets in front; both ends agreed on when it begins.
"""

from __future__ import annotations

from collections import Counter

from sensor.lab.deviants.channels import Channel
from sensor.lab.deviants.disguise import Disguise, Passing

LENGTH_OCTETS = 2
HEARD_KEPT = 4_096  # octets

NOT_KEPT = "heard-too-much"


class Teller(Disguise):
    """Hides what it was told to say in the packets that leave."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._left = b""

    @property
    def done(self) -> bool:
        """Whether all is said."""
        return not self._left

    def say(self, message: bytes) -> None:
        """Begin a message with the next packet that has a place for it."""
        self._left = len(message).to_bytes(LENGTH_OCTETS) + message

    def leaving(self, passing: Passing) -> Passing:
        if self.done or passing.packet not in self._channel.carriers:
            return passing
        room = self._channel.room
        piece, self._left = self._left[:room], self._left[room:]
        label, becomes = passing.label, self._channel.becomes
        if label is not None and becomes is not None:
            label = label._replace(packet=becomes, flawed=True)
        return passing._replace(payload=self._channel.hide(passing.payload, piece), label=label)

    def arriving(self, passing: Passing) -> Passing:
        return passing._replace(payload=self._channel.restored(passing.payload))


class Hearer(Disguise):
    """Reads the pieces, and gives the endpoint behind it what an honest one would have sent."""

    def __init__(self, channel: Channel) -> None:
        self.drops: Counter[str] = Counter()
        self._channel = channel
        self._heard = bytearray()
        self._listening = False

    def listen(self) -> None:
        """From now on each packet with a place for a piece has one."""
        self._listening = True

    @property
    def message(self) -> bytes | None:
        """What was said, None until all of it has come."""
        length = int.from_bytes(self._heard[:LENGTH_OCTETS])
        text = bytes(self._heard[LENGTH_OCTETS:][:length])
        return text if len(self._heard) >= LENGTH_OCTETS and len(text) == length else None

    def arriving(self, passing: Passing) -> Passing:
        if self._listening:
            self._hear(self._channel.find(passing.payload))
        return passing._replace(payload=self._channel.bare(passing.payload))

    def _hear(self, piece: bytes) -> None:
        if len(self._heard) + len(piece) > HEARD_KEPT:
            self.drops[NOT_KEPT] += 1
        else:
            self._heard += piece
