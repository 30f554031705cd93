"""Look-ups of names that belong to tunnels: who asked whom, and what was told."""

# No annotations as texts: typing would compile each of them at every start.

from typing import NamedTuple


class Witness(NamedTuple):
    """One question, or one answer, about one name.

    ``asker`` and ``teller`` are addresses of 4 or 16 octets: where a question came from and went
    to, where an answer went to and came from. A question to a group is one to the group's address.
    ``asker`` is empty where nobody asked: who registers a name claims it, and things are told to
    everybody.
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
    claim: bool = False  # of who registers a name, an answer to nobody

    @property
    def key(self) -> tuple[bytes, bytes, str, str, bool, tuple[bytes, ...], bool]:
        """Equal for messages that say the same."""
        ends = self.asker, self.teller
        return *ends, self.protocol, self.name, self.answer, self.addresses, self.claim

    @property
    def question(self) -> tuple[str, str, bytes]:
        """Equal for a question and its answers."""
        return self.protocol, self.name, self.asker
