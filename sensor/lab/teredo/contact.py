"""What a client remembers about one peer (RFC 4380 section 5.2, RFC 6081 sections 5.2 to 5.6)."""

from __future__ import annotations

from sensor.lab.teredo.peers import VALID, Peer
from sensor.schema.records import Endpoint

NOWHERE = Endpoint(bytes(4), 0)
LOCAL_VALID = 600.0  # seconds from the last discovery bubble of a local peer


class Contact(Peer):
    """A peer, and the own end that reaches it; times in seconds."""

    __slots__ = (
        "bubbled",
        "former",
        "knocker",
        "lan",
        "lan_heard",
        "local",
        "nonce_received",
        "nonce_sent",
        "random_port",
        "trials",
    )

    def __init__(self, address: bytes, local: Endpoint, now: float) -> None:
        super().__init__(address, NOWHERE, now)
        self.local = local  # the own end that its packets come to and ours leave from
        self.former: Endpoint | None = None  # another end that it proved, still good
        self.knocker: Endpoint | None = None  # who brought packets of it that wait for a trial
        self.trials: tuple[bytes, ...] = ()  # bodies of the echo requests under way
        self.bubbled = now  # when the first of the counted bubbles left
        self.lan: Endpoint | None = None  # where local discovery found it
        self.lan_heard = now
        self.nonce_sent: bytes | None = None  # in our indirect bubbles (RFC 6081 section 5.2)
        self.nonce_received: bytes | None = None  # in its indirect bubbles
        self.random_port: int | None = None  # that it listens on for us (RFC 6081 section 5.4)

    def local_end(self, now: float) -> Endpoint | None:
        """Where it is on the client's own network, if it was found there lately."""
        return self.lan if now - self.lan_heard < LOCAL_VALID else None

    def proved(self, end: Endpoint) -> bool:
        """Whether packets from ``end`` may be taken for this peer's."""
        return self.trusted and end in (self.mapped, self.former)

    def expire(self, now: float) -> None:
        """It has to be reached anew before anything is sent to it."""
        self.heard = now - VALID
