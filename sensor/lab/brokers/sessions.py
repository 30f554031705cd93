"""The clients that a TSP broker speaks with, and the addresses of those that have a tunnel."""

from __future__ import annotations

from collections import Counter

from sensor.lab.brokers.dialogue import BrokerDialogue
from sensor.lab.brokers.tunnel import Agreement
from sensor.lab.framing.clients import Clients
from sensor.schema.records import Endpoint
from sensor.wire import tsp

SETTLED = 180.0  # seconds of silence: three of the longest intervals between two keep-alives


class Session:
    """One client's end, its dialogue, the last request with its reply, and its tunnel."""

    def __init__(self, end: Endpoint, dialogue: BrokerDialogue, now: float) -> None:
        self.end = end
        self.dialogue = dialogue
        self.request: tsp.Header | None = None
        self.reply = b""
        self.heard = now
        self.tunnel: Agreement | None = None


class Sessions:
    """Sessions by end, and those with a tunnel by its IPv6 address too."""

    def __init__(self, limit: int, drops: Counter[str]) -> None:
        self._clients: Clients[Endpoint, Session] = Clients(limit, SETTLED, drops)
        self._addresses: dict[bytes, Session] = {}
        self.get = self._clients.get
        self.due = self._clients.due

    def __len__(self) -> int:
        return len(self._clients)

    def of_address(self, address: bytes) -> Session | None:
        """The session whose client has an IPv6 address."""
        return self._addresses.get(address)

    def begin(self, session: Session) -> None:
        """Enter one that is new; Refused if there is no room."""
        evicted = self._clients.begin(session.end, session)
        if evicted is not None:
            self._forget(evicted)

    def settle(self, session: Session, tunnel: Agreement) -> None:
        """Its client has a tunnel, and whoever had its address before has none."""
        former = self._addresses.get(tunnel.address)
        if former is not None:
            self.end(former)
        session.tunnel = tunnel
        self._clients.settle(session.end)
        self._addresses[tunnel.address] = session

    def heard(self, session: Session, now: float) -> None:
        self._clients.heard(session.end, now)

    def end(self, session: Session) -> None:
        """Forget a client."""
        self._clients.remove(session.end)
        self._forget(session)

    def take_silent(self, now: float) -> list[Session]:
        """End all that were silent for too long."""
        silent = self._clients.take_silent(now)
        for session in silent:
            self._forget(session)
        return silent

    def _forget(self, session: Session) -> None:
        if session.tunnel is not None:
            del self._addresses[session.tunnel.address]
        session.dialogue.end()
