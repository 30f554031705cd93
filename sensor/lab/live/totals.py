"""What passed a live endpoint, and what did not."""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Mapping


class Passed:
    """Packets one way, and their octets."""

    __slots__ = ("octets", "packets")

    def __init__(self) -> None:
        self.packets = 0
        self.octets = 0

    def add(self, octets: int) -> None:
        self.packets += 1
        self.octets += octets

    def __str__(self) -> str:
        return f"{self.packets} ({self.octets} bytes)"


class Totals:
    """``outer`` packets to and from the network, IPv6 packets to and from the native side."""

    def __init__(self, outer: str = "UDP datagrams") -> None:
        self._outer = outer
        self.received = Passed()
        self.sent = Passed()
        self.taken = Passed()
        self.delivered = Passed()
        self.refused: Counter[str] = Counter()

    def refuse(self, what: str, error: OSError) -> None:
        """Count what the kernel would not do; it is lost, as on any network."""
        name = errno.errorcode.get(error.errno or 0, "error")
        self.refused[f"{what}-{name.lower()}"] += 1

    def lines(self, drops: Mapping[str, int]) -> list[str]:
        """The whole in sentences, with what the machine dropped."""
        reasons = Counter(drops) + self.refused
        told = ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items()))
        return [
            f"{self._outer}: {self.received} in, {self.sent} out;"
            f" IPv6 packets: {self.taken} into the tunnel, {self.delivered} out of it",
            f"dropped: {told or 'nothing'}",
        ]
