"""A client's standing with its server: qualified, kept so, lost, tried again (RFC 4380 5.2.5).

The mapping is refreshed when the interval since the last solicitation is over, whatever else the
server sent since: at least as often as the RFC asks, and nobody who forges the server's address
can put it off.
"""

from __future__ import annotations

from sensor.lab.inner.refusal import Refused
from sensor.lab.teredo.arrival import Arrival
from sensor.lab.teredo.inquiry import Inquiry
from sensor.lab.teredo.link import Link, end_text
from sensor.lab.teredo.qualification import Qualification, Verdict
from sensor.lab.teredo.solicitation import Advertised
from sensor.schema.words import NatType
from sensor.wire import addresses

UNSOLICITED = "unsolicited-advertisement"

STARTING = "starting"
QUALIFIED = "qualified"
OFF_LINE = "off-line"
STOPPED = "stopped"

_RANDOM_FLAGS = addresses.FLAG_RANDOM1 | addresses.FLAG_RANDOM2


class Maintenance:
    """Keeps ``address``, ``mapped`` and ``nat`` of the link true."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.state = STARTING
        self.interval = link.settings.refresh  # seconds
        self._qualification: Qualification | None = None
        self._refresh: Inquiry | None = None
        self._next: float | None = None  # refresh or trial
        self._formed: tuple[Advertised, bool, bytes] | None = None

    @property
    def due(self) -> float | None:
        if self._qualification is not None:
            return self._qualification.due
        return self._refresh.due if self._refresh is not None else self._next

    def start(self, now: float) -> None:
        if self.state == STOPPED:
            self.state = STARTING
        self._qualification = Qualification(self._link, now)

    def stop(self) -> None:
        self.state = STOPPED
        self._link.address = None
        self._qualification = self._refresh = self._next = None

    def handle_timer(self, now: float) -> None:
        if self._qualification is not None:
            self._conclude(self._qualification.handle_timer(now), now)
        elif self._refresh is not None:
            if not self._refresh.handle_timer(now):
                server = addresses.text(self._link.server.ip)
                self._go_off_line(f"no answer from {server}", self._refresh.sent)
        elif self.state == OFF_LINE:
            self.start(now)
        else:
            cone = self._link.nat is NatType.CONE
            self._refresh = Inquiry(self._link, self._link.server, now, cone=cone)

    def receive(self, arrival: Arrival, body: bytes, now: float) -> None:
        """An advertisement; Refused if nothing asked for it, or not for this one."""
        if self._qualification is not None:
            self._conclude(self._qualification.receive(arrival, body, now), now)
        elif self._refresh is not None:
            advertised = self._refresh.receive(arrival, body)
            self._schedule(self._refresh.sent)
            self._renew(advertised)
        else:
            raise Refused(UNSOLICITED)

    def _conclude(self, verdict: Verdict | None, now: float) -> None:
        if verdict is None or self._qualification is None:
            return
        asked = self._qualification.asked
        if verdict.nat not in (NatType.UNKNOWN, self._link.nat):
            self._link.nat = verdict.nat
            self._link.tell("nat-type", f"NAT {verdict.nat.text}")
        if verdict.advertised is None:
            self._go_off_line(verdict.reason, asked)
            return
        self._schedule(asked)
        self.state = QUALIFIED
        self._form(verdict.advertised)
        self._tell_qualified()

    def _tell_qualified(self) -> None:
        link = self._link
        address = addresses.text(link.address or b"")
        server = addresses.text(link.server.ip)
        text = f"qualified, NAT {link.nat.text}, address {address}, via {server}"
        link.tell("qualified", text, link.address, link.mapped)

    def _schedule(self, asked: float) -> None:
        self._qualification = self._refresh = None
        self._next = asked + self.interval * self._link.rng.uniform(*self._link.style.jitter)

    def _go_off_line(self, reason: str, asked: float) -> None:
        self._qualification = self._refresh = None
        self._next = asked + self._link.settings.retry
        self._link.address = None
        self.state = OFF_LINE
        self._link.tell("off-line", f"off-line, {reason}", end=self._link.server)

    def _renew(self, advertised: Advertised) -> None:
        before = self._link.mapped
        self._form(advertised)
        if before is None or before == advertised.mapped:
            return
        change = f"mapping changed from {end_text(before)} to {end_text(advertised.mapped)}"
        address = addresses.text(self._link.address or b"")
        text = f"{change}, address {address}"
        self._link.tell("mapping-changed", text, self._link.address, advertised.mapped)

    def _form(self, advertised: Advertised) -> None:
        """Take the address of a mapping; the former one again if it was of the same mapping."""
        cone = self._link.nat is NatType.CONE
        if self._formed is None or self._formed[:2] != (advertised, cone):
            self._formed = (advertised, cone, self._new_address(advertised, cone))
        self._link.mapped = advertised.mapped
        self._link.address = self._formed[2]

    def _new_address(self, advertised: Advertised, cone: bool) -> bytes:
        link, mapped = self._link, advertised.mapped
        flags = addresses.FLAG_CONE if cone else 0
        if link.style.random_flags:
            flags |= link.rng.getrandbits(16) & _RANDOM_FLAGS
        legacy = advertised.prefix == addresses.LEGACY_TEREDO_PREFIX
        found = addresses.TeredoAddress(link.server.ip, flags, mapped.port, mapped.ip, legacy)
        return found.build()
