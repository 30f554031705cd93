"""The clients that a TSP broker speaks with, and the addresses of those that have a tunnel."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from sensor.lab.brokers.dialogue import BrokerDialogue
from sensor.lab.brokers.tunnel import Agreement
from sensor.lab.framing.clients import Clients
from sensor.schema.records import Endpoint
from sensor.wire import tsp

SETTLED = 180.0  # seconds of silence: three of the longest intervals between two keep-alives


class Request(NamedTuple):
    """What a client said, by which it is known again when it is repeated."""

    header: tsp.Header
    words: bytes


class Session:
    """One client's end, its dialogue, the last request with its reply, and its tunnel."""

    def __init__(self, end: Endpoint, dialogue: BrokerDialogue, now: float) -> None:
        self.end = end
        self.dialogue = dialogue
        self.request: Request | None = None
        self.reply = b""
        self.heard = now
        self.tunnel: Agreement | None = None


class Sessions:
    """Sessions by end, and those with a tunnel by its IPv6 address too.

    An end may have two: its tunnel stays until the dialogue about the next one has led to that.
    """

    def __init__(self, limit: int, drops: Counter[str]) -> None:
        self._clients: Clients[Session, Session] = Clients(limit, SETTLED, drops)
        self._begun: dict[Endpoint, Session] = {}
        self._settled: dict[Endpoint, Session] = {}
        self._addresses: dict[bytes, Session] = {}
        self.begun = self._begun.get
        self.settled = self._settled.get
        self.due = self._clients.due

    def __len__(self) -> int:
        return len(self._clients)

    def get(self, end: Endpoint) -> Session | None:
        """The one that a request from an end belongs to."""
        return self._begun.get(end) or self._settled.get(end)

    def of_address(self, address: bytes) -> Session | None:
        """The session whose client has an IPv6 address."""
        return self._addresses.get(address)

    def begin(self, session: Session) -> None:
        """Enter one that is new, for what its end has begun before; Refused if there is no room."""
        self._end(self._begun.get(session.end))
        evicted = self._clients.begin(session, session)
        if evicted is not None:
            self._forget(evicted)
        self._begun[session.end] = session

    def settle(self, session: Session, tunnel: Agreement) -> None:
        """Its client has a tunnel; another at its end, or with its address, is over."""
        self._end(self._settled.get(session.end))
        self._end(self._addresses.get(tunnel.address))
        del self._begun[session.end]
        session.tunnel = tunnel
        self._clients.settle(session)
        self._settled[session.end] = self._addresses[tunnel.address] = session

    def heard(self, session: Session, now: float) -> None:
        self._clients.heard(session, now)

    def end(self, session: Session) -> None:
        """Forget a client."""
        self._clients.remove(session)
        self._forget(session)

    def _end(self, former: Session | None) -> None:
        if former is not None:
            self.end(former)

    def take_silent(self, now: float) -> list[Session]:
        """End all that were silent for too long."""
        silent = self._clients.take_silent(now)
        for session in silent:
            self._forget(session)
        return silent

    def _forget(self, session: Session) -> None:
        if session.tunnel is None:
            del self._begun[session.end]
        else:
            del self._settled[session.end], self._addresses[session.tunnel.address]
        session.dialogue.end()
