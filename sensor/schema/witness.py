"""Look-ups of names that belong to tunnels: who asked whom, and what was told."""

# No annotations as texts: typing would compile each of them at every start.

from typing import NamedTuple


class Witness(NamedTuple):
    """One question, or one answer, about one name.

    ``asker`` and ``teller`` are addresses of 4 or 16 octets: where a question came from and went
    to, where an answer went to and came from. Of questions and answers to a group one is the
    group's address. Who registers a name tells it, unasked.
    """

    source: int  # index of the capture
    frame: int  # of the first such message, counted from 1 in its capture
    time: int  # nanoseconds since 1970 UTC
    protocol: str  # dns, mdns, llmnr, nbns
    answer: bool
    name: str  # in lower case, without the last dot
    role: str  # what is behind the name: teredo-server, isatap-router and so on
    asker: bytes
    teller: bytes
    addresses: tuple[bytes, ...]  # told, ascending; none in a question or a denial

    @property
    def key(self) -> tuple[bytes, bytes, str, str, bool, tuple[bytes, ...]]:
        """Equal for messages that say the same."""
        return self.asker, self.teller, self.protocol, self.name, self.answer, self.addresses

    @property
    def question(self) -> tuple[str, str, bytes]:
        """Equal for a question and its answers, if they are not sent to a group."""
        return self.protocol, self.name, self.asker
