"""Connectivity tests of Teredo clients that nobody answered yet (RFC 4380 section 5.2.9)."""

from __future__ import annotations

from collections import Counter, OrderedDict

from sensor.schema.rows import Observation
from sensor.track.conversation import ICMPV6
from sensor.track.limits import TESTS_KEPT

_ECHO_REPLY = 129

_Test = tuple[bytes, bytes, bytes, int, int]


class ConnectivityTests:
    """By the client's IPv4 and Teredo address, address asked, identifier and sequence number.

    Not by its port: a symmetric NAT shows the server one, and the relay that answers another. But
    by its IPv4, for anybody may say anybody's Teredo address.
    """

    def __init__(self, limits_hit: Counter[str]) -> None:
        self._limits_hit = limits_hit
        self._asked: OrderedDict[_Test, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._asked)

    def ask(self, client: bytes, row: Observation) -> None:
        """Remember a test; the oldest makes room."""
        own, asked = row.inner_source, row.inner_destination
        test = client, own, asked, row.inner_source_port, row.icmp_sequence
        if test in self._asked:
            return
        if len(self._asked) >= TESTS_KEPT:
            self._limits_hit["tests"] += 1
            self._asked.popitem(last=False)
        self._asked[test] = None

    def answer(self, client: bytes, row: Observation) -> bool:
        """Whether a packet answers a test, which is over then."""
        if not row.has_transport or row.inner_transport != ICMPV6 or row.icmp_type != _ECHO_REPLY:
            return False
        own, asked = row.inner_destination, row.inner_source
        test = client, own, asked, row.inner_source_port, row.icmp_sequence
        known = test in self._asked
        self._asked.pop(test, None)
        return known
