"""From the first solicitation to a verdict on NAT and mapping (RFC 4380 section 5.2.1)."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from sensor.lab.teredo.arrival import Arrival
from sensor.lab.teredo.inquiry import Inquiry
from sensor.lab.teredo.link import Link
from sensor.lab.teredo.solicitation import Advertised
from sensor.schema.words import NatType
from sensor.wire import addresses


class Phase(Enum):
    """Which of the server's addresses is asked, and whether its other one shall answer."""

    CONE = "cone"
    PRIMARY = "primary"
    SECONDARY = "secondary"


class Verdict(NamedTuple):
    """How it ended; without ``advertised`` the client is off-line, for ``reason``."""

    nat: NatType
    advertised: Advertised | None = None
    reason: str = ""


class Qualification:
    """One run of it; methods answer with the verdict as soon as there is one."""

    def __init__(self, link: Link, now: float) -> None:
        self._link = link
        self._primary: Advertised | None = None
        self._ask(Phase.CONE if link.style.cone_phase else Phase.PRIMARY, now)

    @property
    def due(self) -> float:
        return self._inquiry.due

    @property
    def asked(self) -> float:
        """When the last solicitation left."""
        return self._inquiry.sent

    def _ask(self, phase: Phase, now: float) -> None:
        link = self._link
        server = link.second if phase is Phase.SECONDARY else link.server
        self._phase = phase
        self._inquiry = Inquiry(link, server, now, cone=phase is Phase.CONE)

    def receive(self, arrival: Arrival, body: bytes, now: float) -> Verdict | None:
        advertised = self._inquiry.receive(arrival, body)
        if self._phase is Phase.CONE:
            return Verdict(NatType.CONE, advertised)
        if self._primary is not None:
            return self._compare(self._primary, advertised)
        if not self._link.style.asks_secondary:
            return Verdict(NatType.UNKNOWN, advertised)
        self._primary = advertised
        self._ask(Phase.SECONDARY, now)
        return None

    def _compare(self, primary: Advertised, secondary: Advertised) -> Verdict:
        if primary.mapped == secondary.mapped:
            return Verdict(NatType.RESTRICTED, primary)
        if self._link.extended:
            return Verdict(NatType.SYMMETRIC, primary)
        return Verdict(NatType.SYMMETRIC, reason="Unsupported symmetric NAT")

    def handle_timer(self, now: float) -> Verdict | None:
        if self._inquiry.handle_timer(now):
            return None
        if self._phase is Phase.CONE:
            self._ask(Phase.PRIMARY, now)
            return None
        server = addresses.text(self._inquiry.solicitation.server.ip)
        return Verdict(NatType.UNKNOWN, reason=f"no answer from {server}")
